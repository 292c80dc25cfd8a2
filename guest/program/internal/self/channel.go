//go:build linux

package self

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// TakeStdio moves what came at the descriptors 0 and 1 away from there, and puts /dev/null in its place. Go ends the process that writes to a broken
// pipe at 1; and a supervisor that stays behind must not hold its channel open.
func TakeStdio() (in, out *os.File, err error) {
	if in, err = move(0, "stdin"); err != nil {
		return nil, nil, err
	}
	if out, err = move(1, "stdout"); err != nil {
		return nil, nil, err
	}
	null, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("/dev/null: %w", err)
	}
	defer unix.Close(null)
	return in, out, errors.Join(unix.Dup3(null, 0, 0), unix.Dup3(null, 1, 0))
}

// move duplicates a descriptor. Pipes and sockets, whose ends are ours alone, are made non-blocking: then waiting for them takes no thread.
func move(fd int, name string) (*os.File, error) {
	moved, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(moved, &st); err != nil {
		return nil, err
	}
	if t := st.Mode & unix.S_IFMT; t == unix.S_IFIFO || t == unix.S_IFSOCK {
		if err := unix.SetNonblock(moved, true); err != nil {
			return nil, err
		}
	}
	return os.NewFile(uintptr(moved), name), nil
}
