//go:build linux

package keeper

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// outsideSignals opens a descriptor on which SIGTERM and SIGINT are read; they are blocked in all threads, see self.WithMask. Go's own
// way with signals does not tell who sent them.
func outsideSignals() (*os.File, error) {
	var set unix.Sigset_t
	set.Val[0] = 1<<(unix.SIGTERM-1) | 1<<(unix.SIGINT-1)
	fd, err := unix.Signalfd(-1, &set, unix.SFD_CLOEXEC|unix.SFD_NONBLOCK)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "signals"), nil
}

// waitSignal waits for a signal from outside the sandbox. Those from inside have a process id; one that was forged is not of kill's kind.
func waitSignal(signals *os.File) error {
	var buf [unsafe.Sizeof(unix.SignalfdSiginfo{})]byte
	for {
		if _, err := signals.Read(buf[:]); err != nil {
			return err
		}
		const user = 0 // SI_USER
		if info := (*unix.SignalfdSiginfo)(unsafe.Pointer(&buf)); info.Pid == 0 && info.Code == user {
			return nil
		}
	}
}
