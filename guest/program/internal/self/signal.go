//go:build linux

package self

import (
	"errors"
	"os"
	"os/signal"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

const lastSignal = 64

// sigaction is the kernel's own, the same on amd64 and arm64.
type sigaction struct {
	handler  uintptr
	flags    uint64
	restorer uintptr
	mask     uint64
}

const sigSetSize = 8 // bytes of a signal mask

// What a sigaction's handler may be besides a function.
const (
	actionDefault uintptr = 0
	actionIgnore  uintptr = 1
)

func setAction(s unix.Signal, handler uintptr) error {
	action := sigaction{handler: handler}
	_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(s), uintptr(unsafe.Pointer(&action)), 0, sigSetSize, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// IgnoreSignals ignores every signal for good, for a process that starts no others. The first process of a sandbox gets no signal from
// inside that it does not handle; but Go's runtime handles nearly all, and dies of some. SIGCHLD ignored means that the kernel reaps.
func IgnoreSignals() error {
	for s := unix.Signal(1); s <= lastSignal; s++ {
		switch s {
		case unix.SIGKILL, unix.SIGSTOP, unix.SIGURG: // Go's runtime sends itself SIGURG
			continue
		}
		if err := setAction(s, actionIgnore); err != nil {
			return err
		}
	}
	return nil
}

// Block makes sure that a signal is blocked in all threads, also those that Go makes later: it gives them the mask that the process was
// started with, so the program executes itself anew where that mask lacks it. That works with signals that are harmless to Go's runtime: not
// with SIGTERM, say.
func Block(s unix.Signal) error {
	set, is := mask(s), unix.Sigset_t{}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &set, &is); err != nil {
		return err
	}
	if is.Val[0]&set.Val[0] != 0 {
		return nil
	}
	return unix.Exec("/proc/self/exe", os.Args, os.Environ())
}

// Unblocked does something while a blocked signal is not blocked in this thread, which the goroutine must be locked to.
func Unblocked(s unix.Signal, do func() error) error {
	set := mask(s)
	if err := unix.PthreadSigmask(unix.SIG_UNBLOCK, &set, nil); err != nil {
		return err
	}
	err := do()
	return errors.Join(err, unix.PthreadSigmask(unix.SIG_BLOCK, &set, nil))
}

func mask(s unix.Signal) (set unix.Sigset_t) {
	set.Val[0] = 1 << (s - 1)
	return set
}

// OpenSignal opens a descriptor on which a blocked signal is read, together with who sent it, which Go's own way does not tell.
func OpenSignal(s unix.Signal) (*os.File, error) {
	set := mask(s)
	fd, err := unix.Signalfd(-1, &set, unix.SFD_CLOEXEC|unix.SFD_NONBLOCK)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "signals"), nil
}

// CatchSignals makes every signal without effect that can be, except that SIGCHLD is told on the channel. What the process starts gets the
// default for all, whatever was ignored before: Go resets what is caught.
func CatchSignals() <-chan os.Signal {
	child, rest := make(chan os.Signal, 1), make(chan os.Signal, 1)
	for s := unix.Signal(1); s <= lastSignal; s++ {
		switch s {
		case unix.SIGKILL, unix.SIGSTOP, unix.SIGURG:
		case unix.SIGCHLD:
			signal.Notify(child, s)
		case 32, 34: // C libraries' own: Go neither catches nor resets them
			_ = setAction(s, actionDefault)
		case 33: // Go's own on Linux: with it, a system call is made in all threads
		default:
			signal.Notify(rest, s)
		}
	}
	return child
}
