//go:build linux

package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sandlot-dev/sandlot/conformance/internal/answer"
)

// setDefault gives a signal its default action, under the Go runtime's nose.
func setDefault(s syscall.Signal) {
	if s == syscall.SIGKILL || s == syscall.SIGSTOP {
		return
	}
	var action [4]uint64 // SIG_DFL, no flags
	_, _, errno := syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(s), uintptr(unsafe.Pointer(&action)), 0, 8, 0, 0)
	if errno != 0 {
		fail("rt_sigaction: %v", errno)
	}
}

// burn BYTES uses memory, says how much it got each 16 MiB, and stays when it has all.
func burn(args []string) int {
	const step = 16 << 20
	all := make([]byte, number(args, 0))
	for i := 0; i < len(all); i += 4096 {
		all[i] = 1
		if (i+4096)%step == 0 {
			fmt.Printf("%d\n", i+4096)
		}
	}
	ready()
	forever()
	runtime.KeepAlive(all)
	return 0
}

// fork N makes up to N processes that do nothing, says how many it got, and ends them.
func fork(args []string) int {
	var a answer.Forked
	var pids []int
	for range number(args, 0) {
		pid, errno := idle()
		if errno != 0 {
			a.Err = errno.Error()
			break
		}
		pids = append(pids, pid)
	}
	a.Made = len(pids)
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGKILL)
		_, _ = syscall.Wait4(pid, nil, 0, nil)
	}
	return reply(a)
}

// idle forks a process that has one thread only, so that it counts as one.
//
//go:norace
//go:noinline
func idle() (int, syscall.Errno) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	pid, _, errno := syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
	if errno == 0 && pid == 0 {
		for {
			_, _, _ = syscall.RawSyscall6(syscall.SYS_PPOLL, 0, 0, 0, 0, 0, 0)
		}
	}
	return int(pid), errno
}

// spin SECONDS uses all processors for so long and says how much processor time it got.
func spin(args []string) int {
	before := throttled()
	stop := time.Now().Add(time.Duration(number(args, 0)) * time.Second)
	done := make(chan struct{})
	n := max(runtime.NumCPU(), 2)
	for range n {
		go func() {
			for time.Now().Before(stop) {
			}
			done <- struct{}{}
		}()
	}
	for range n {
		<-done
	}
	var u syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	a := answer.Spun{
		Seconds:   float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6,
		Throttled: -1,
	}
	if before >= 0 {
		a.Throttled = throttled() - before
	}
	return reply(a)
}

// throttled is how often the kernel has held the sandbox back; -1 where the cgroup does not show.
func throttled() int {
	for _, name := range []string{"/sys/fs/cgroup/cpu.stat", "/sys/fs/cgroup/cpu/cpu.stat", "/sys/fs/cgroup/cpu,cpuacct/cpu.stat"} {
		b, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(b)) {
			if v, ok := strings.CutPrefix(strings.TrimSpace(line), "nr_throttled "); ok {
				n, err := strconv.Atoi(v)
				check(err)
				return n
			}
		}
		return 0 // a cgroup that is not limited need not count
	}
	return -1
}

// attack PID tries what a process may do to another that it does not want to be seen or ended by it.
func attack(args []string) int {
	pid := number(args, 0)
	proc := fmt.Sprintf("/proc/%d/", pid)
	open := func(name string, flags int) func() error {
		return func() error {
			f, err := os.OpenFile(proc+name, flags, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = f.Read(make([]byte, 1))
			if name == "mem" && flags == os.O_RDONLY {
				return nil // opened is enough, address 0 holds nothing
			}
			return err
		}
	}
	link := func(name string) func() error {
		return func() error { _, err := os.Readlink(proc + name); return err }
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	tries := []struct {
		what string
		f    func() error
	}{
		{"ptrace attach", func() error { return unix.PtraceAttach(pid) }},
		{"ptrace seize", func() error { return unix.PtraceSeize(pid) }},
		{"process_vm_readv", func() error {
			b := make([]byte, 8)
			_, err := unix.ProcessVMReadv(pid, []unix.Iovec{{Base: &b[0], Len: 8}}, []unix.RemoteIovec{{Base: 0x400000, Len: 8}}, 0)
			return err
		}},
		{"open mem", open("mem", os.O_RDONLY)},
		{"write mem", open("mem", os.O_RDWR)},
		{"read environ", open("environ", os.O_RDONLY)},
		{"read maps", open("maps", os.O_RDONLY)},
		{"read auxv", open("auxv", os.O_RDONLY)},
		{"link exe", link("exe")},
		{"link fd/0", link("fd/0")},
		{"link root", link("root")},
	}
	out := []answer.Attempt{}
	for _, t := range tries {
		out = append(out, answer.Attempt{What: t.what, Err: errText(t.f())})
	}
	return reply(out)
}

// mount tries to mount file systems and to make namespaces.
func mount([]string) int {
	out := []answer.Attempt{}
	add := func(what string, err error) { out = append(out, answer.Attempt{What: what, Err: errText(err)}) }
	add("mount tmpfs", unix.Mount("tmpfs", "/mnt", "tmpfs", 0, ""))
	add("mount proc", unix.Mount("proc", "/mnt", "proc", 0, ""))
	add("bind /", unix.Mount("/", "/mnt", "", unix.MS_BIND, ""))
	add("remount /", unix.Mount("", "/", "", unix.MS_REMOUNT|unix.MS_BIND, ""))
	add("umount /.sandlot", unix.Unmount("/.sandlot", 0))
	return reply(out)
}

// try WHAT tries one thing that needs a privilege.
func try(args []string) int {
	var err error
	switch args[0] {
	case "raw-socket":
		_, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP)
	case "packet-socket":
		_, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
	case "chown":
		err = os.Chown(args[1], 12345, 12345)
	case "setuid":
		err = unix.Setresuid(12345, 12345, 12345)
	case "chroot":
		err = unix.Chroot("/tmp")
	case "sethostname":
		err = unix.Sethostname([]byte("probe"))
	case "settime":
		t := unix.NsecToTimeval(1)
		err = unix.Settimeofday(&t)
	case "mknod":
		err = unix.Mknod("/tmp/probe-node", unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3)))
	case "unshare-user":
		err = unix.Unshare(unix.CLONE_NEWUSER)
	case "keyctl":
		_, err = unix.KeyctlInt(unix.KEYCTL_GET_KEYRING_ID, -3, 0, 0, 0)
	case "open":
		var f *os.File
		if f, err = os.Open(args[1]); err == nil {
			_, err = f.Read(make([]byte, 1))
		}
	case "write":
		var f *os.File
		if f, err = os.OpenFile(args[1], os.O_WRONLY, 0); err == nil {
			err = f.Close()
		}
	case "create":
		var f *os.File
		if f, err = os.OpenFile(args[1], os.O_WRONLY|os.O_CREATE, 0o644); err == nil {
			err = f.Close()
		}
	case "remove":
		err = os.Remove(args[1])
	default:
		fail("try: no %q", args[0])
	}
	return reply(answer.Attempt{What: args[0], Err: errText(err)})
}
