//go:build linux

package namespaces

import (
	"fmt"
	"os"
	goruntime "runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// initName is what this program is called when it is to become a sandbox's first process.
const initName = "sandlot-namespaces-init"

// Init must be called first thing in main, or TestMain, of a program that opens this runtime: the program runs itself as the first process
// of each sandbox, and Init then does not return. Where it does, main keeps the process's first thread, so that no other goroutine enters
// a sandbox with it: what /proc says of a process is what is true of that thread.
func Init() {
	goruntime.LockOSThread()
	if len(os.Args) != 3 || os.Args[0] != initName {
		return
	}
	const complaint = 3
	unix.CloseOnExec(complaint) // closed and empty: the guest runs
	err := becomeInit(&api{dir: os.Args[1]}, os.Args[2])
	fmt.Fprint(os.NewFile(complaint, "complaint"), err)
	os.Exit(1)
}

// becomeInit builds the sandbox around this process, which has new namespaces, and executes the guest. Nothing of the image runs before.
func becomeInit(a *api, id string) error {
	s, err := a.find(id)
	if err != nil {
		return err
	}
	u, err := s.user("")
	if err != nil {
		return err
	}
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"capabilities", func() error { return s.confine(false) }}, // counts from the next program on
		{"the host name", func() error { return unix.Sethostname([]byte(s.Spec.Hostname)) }},
		{"the loopback", loopbackUp},
		{"mounts", func() error { return s.mountAll(a) }},
		{"the working directory", func() error { return os.MkdirAll(s.workingDir(), 0o755) }},
		{"the read-only root", s.closeRoot},
		{"the working directory", func() error { return os.Chdir(s.workingDir()) }},
		{"the user's groups", func() error { return syscall.Setgroups(u.Sgids) }},
		{"the user's group", func() error { return syscall.Setgid(u.Gid) }},
		{"the user", func() error { return syscall.Setuid(u.Uid) }},
		{"the guest", func() error { return unix.Exec(s.Spec.Entrypoint[0], s.Spec.Entrypoint, s.env(u.Home)) }},
	} {
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	return nil
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo)
}

// closeRoot makes the root read-only, and what is mounted in it not.
func (s *sandbox) closeRoot() error {
	if !s.Spec.ReadOnly {
		return nil
	}
	return unix.MountSetattr(unix.AT_FDCWD, "/", 0, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY})
}
