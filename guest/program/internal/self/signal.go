//go:build linux

package self

import (
	"os"
	"os/signal"
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

const (
	sigDefault uintptr = 0
	sigIgnore  uintptr = 1
)

func setAction(s unix.Signal, handler uintptr) error {
	act := sigaction{handler: handler}
	_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(s), uintptr(unsafe.Pointer(&act)), 0, 8, 0, 0)
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
		if err := setAction(s, sigIgnore); err != nil {
			return err
		}
	}
	return nil
}

// CatchSignals makes every signal without effect that can be, except that SIGCHLD is told on the channel. What the process starts gets the
// default for all: Go resets what is caught, and nothing is left ignored.
func CatchSignals() (<-chan os.Signal, error) {
	child, rest := make(chan os.Signal, 1), make(chan os.Signal, 1)
	for s := unix.Signal(1); s <= lastSignal; s++ {
		switch s {
		case unix.SIGKILL, unix.SIGSTOP, unix.SIGURG:
		case unix.SIGCHLD:
			signal.Notify(child, s)
		case 32, 33, 34: // the C library's own, which Go leaves alone
			if err := setAction(s, sigDefault); err != nil {
				return nil, err
			}
		default:
			signal.Notify(rest, s)
		}
	}
	return child, nil
}
