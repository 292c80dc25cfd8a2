//go:build linux

package keeper

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// waitSignal waits for the stop signal from outside the sandbox. Senders inside have a process id; signals that say something else about
// their sender are not of kill's kind. (Real-time signals can lose their sender, this one does not.)
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
