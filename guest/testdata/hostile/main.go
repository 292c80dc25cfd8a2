//go:build linux

// Command hostile is what a command may try against its supervisor, without more than a user's rights.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sandlot-dev/sandlot/guest/wire"
)

func main() {
	tricks := map[string]func(args []string) error{
		"rabbit": rabbit, "bomb": bomb, "register": register, "trace": trace, "queue": queue, "flood": flood, "limit": limit, "block": block, "fill": fill,
		"ask-process": askProcess,
	}
	trick, ok := tricks[os.Args[1]]
	if !ok {
		fmt.Fprintln(os.Stderr, "no trick of the name", os.Args[1])
		os.Exit(2)
	}
	if err := trick(os.Args[2:]); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func fork() uintptr {
	pid, _, _ := syscall.RawSyscall(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0)
	return pid
}

// rabbit runs away from whoever looks for it: each process starts the next, in a new session, and exits.
func rabbit([]string) error {
	if fork() != 0 {
		return nil
	}
	for {
		syscall.RawSyscall(syscall.SYS_SETSID, 0, 0, 0)
		if fork() != 0 {
			syscall.RawSyscall(syscall.SYS_EXIT_GROUP, 0, 0, 0)
		}
	}
}

// bomb starts as many processes as it can, each in a session of its own and doing the same.
func bomb([]string) error {
	for {
		fork()
		syscall.RawSyscall(syscall.SYS_SETSID, 0, 0, 0)
	}
}

// askProcess asks the supervisor of a process for it, and says how that ends.
func askProcess(args []string) error {
	ns, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: "@sandlot/" + ns + "/" + args[0]}); err != nil {
		return err
	}
	said := bytes.NewBufferString(strings.Repeat("0", 32))
	if err := wire.NewWriter(said).WriteRequest(wire.Request{Process: &wire.ProcessRequest{Op: wire.OpRemove, ID: args[0]}}); err != nil {
		return err
	}
	_ = unix.Sendto(fd, said.Bytes(), unix.MSG_NOSIGNAL, nil)
	if n, err := unix.Read(fd, make([]byte, 100)); n > 0 {
		return fmt.Errorf("an answer: %w", err)
	}
	fmt.Println("hung up")
	return nil
}

// register tells the first process, at the socket named, that it is a supervisor, and hopes for an answer.
func register(args []string) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: args[0]}); err != nil {
		return err
	}
	if _, err := unix.Write(fd, []byte{0, 2, 0, 0}); err != nil { // the two bytes of a supervisor's
		return fmt.Errorf("refused: %w", err)
	}
	n, err := unix.Read(fd, make([]byte, 100))
	if n == 0 || err != nil {
		return fmt.Errorf("refused: %d bytes, %v", n, err)
	}
	return nil
}

// trace tries to get at a process's memory in every way there is. Exit code 0: one of them worked.
func trace(args []string) error {
	pid, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	var worked []error
	try := func(what string, err error) {
		if err == nil {
			worked = append(worked, errors.New(what))
		}
	}
	try("attach", unix.PtraceAttach(pid))
	try("seize", unix.PtraceSeize(pid))
	for _, file := range []string{"mem", "environ", "maps", "auxv", "syscall", "stack", "io"} {
		_, err := readSome(fmt.Sprintf("/proc/%d/%s", pid, file))
		try(file, err)
	}
	_, err = readSome(fmt.Sprintf("/proc/%d/fd/0", pid))
	try("fd", err)
	_, err = os.Readlink(fmt.Sprintf("/proc/%d/fd/0", pid))
	try("a descriptor's name", err)
	_, err = os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	try("exe", err)
	if fd, err := unix.PidfdOpen(pid, 0); err == nil {
		_, err = unix.PidfdGetfd(fd, 0, 0)
		try("pidfd_getfd", err)
	}
	remote, local := make([]byte, 8), make([]byte, 8)
	_, err = unix.ProcessVMReadv(pid, []unix.Iovec{{Base: &local[0], Len: 8}},
		[]unix.RemoteIovec{{Base: uintptr(unsafe.Pointer(&remote[0])), Len: 8}}, 0)
	if err == unix.EFAULT { // it was let in
		err = nil
	}
	try("process_vm_readv", err)
	if len(args) > 1 {
		_, err = readSome(args[1])
		try("the program's file", err)
	}
	if len(worked) > 0 {
		fmt.Println(errors.Join(worked...))
		return nil
	}
	return errors.New("nothing worked")
}

func readSome(file string) (int, error) {
	f, err := os.Open(file)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	n, err := f.Read(make([]byte, 16))
	if n > 0 {
		err = nil
	}
	return n, err
}

// queue sends every signal there is, as kill does and with a forged sender.
func queue(args []string) error {
	pid, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	for sig := 1; sig <= 64; sig++ {
		info := struct {
			signo, errno, code, _ int32
			pid, uid              int32
			_                     [104]byte
		}{signo: int32(sig), code: -1} // SI_QUEUE, from process 0
		syscall.RawSyscall(syscall.SYS_RT_SIGQUEUEINFO, uintptr(pid), uintptr(sig), uintptr(unsafe.Pointer(&info)))
		time.Sleep(time.Millisecond) // what is pending already is not sent twice
		_ = unix.Kill(pid, unix.Signal(sig))
	}
	return nil
}

// flood connects to a socket as fast as it can.
func flood(args []string) error {
	for {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			unix.CloseRange(3, 1<<20, 0)
			continue
		}
		_ = unix.Connect(fd, &unix.SockaddrUnix{Name: args[0]})
	}
}

// limit takes a process's descriptors away.
func limit(args []string) error {
	pid, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	return unix.Prlimit(pid, unix.RLIMIT_NOFILE, &unix.Rlimit{}, nil)
}

// block ignores and blocks all it can and waits.
func block([]string) error {
	all := [8]byte{255, 255, 255, 255, 255, 255, 255, 255}
	syscall.RawSyscall6(syscall.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&all)), 0, 8, 0, 0)
	time.Sleep(time.Hour)
	return nil
}

// fill writes to its output for as long as that takes anything, and leaves how much it was in a file.
func fill(args []string) error {
	if err := unix.SetNonblock(1, true); err != nil {
		return err
	}
	total, page := 0, make([]byte, 4096)
	for idle := 0; idle < 20; {
		n, err := unix.Write(1, page)
		if err == unix.EAGAIN {
			idle++
			time.Sleep(10 * time.Millisecond)
			continue
		}
		if err != nil {
			return err
		}
		total, idle = total+n, 0
	}
	return os.WriteFile(args[0], []byte(strconv.Itoa(total)), 0o600)
}
