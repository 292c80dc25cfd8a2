//go:build linux

package supervise

import (
	"bytes"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/sandlot-dev/sandlot/guest/wire"
)

// What a terminal measures where nothing else is said.
const (
	defaultRows = 24
	defaultCols = 80
)

// openTerminal makes a terminal in the sandbox, so that programs find it where they look for it.
func (s *streams) openTerminal(request *wire.ExecRequest) error {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("/dev/ptmx: %w", err)
	}
	ours, err := pollable(fd)
	if err != nil {
		return err
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return fmt.Errorf("unlocking the terminal: %w", err)
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		return err
	}
	theirs, err := unix.Open(fmt.Sprintf("/dev/pts/%d", number), unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("opening the terminal: %w", err)
	}
	s.input = ours
	s.outputs = []*output{{file: ours, typ: wire.TypeStdout, host: s.host}}
	s.child = [3]uintptr{uintptr(theirs), uintptr(theirs), uintptr(theirs)}
	s.resize(request.Size)
	return nil
}

// resize sets the terminal's size. Without a terminal it does nothing.
func (s *streams) resize(size wire.Size) {
	if !s.tty {
		return
	}
	if size.Rows == 0 {
		size.Rows = defaultRows
	}
	if size.Cols == 0 {
		size.Cols = defaultCols
	}
	s.control(func(fd int) {
		_ = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: size.Rows, Col: size.Cols})
	})
}

// endOfFile is what a user would type to end the input: ^D, or what the terminal has in its place, once more where a line has begun, which the
// first one only ends. To a program that reads the terminal raw it is one byte.
func (s *streams) endOfFile(last byte) []byte {
	eof, count := byte(4), 1
	s.control(func(fd int) {
		t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		if err != nil {
			return
		}
		eof = t.Cc[unix.VEOF]
		if t.Lflag&unix.ICANON != 0 && last != '\n' && last != '\r' {
			count = 2
		}
	})
	return bytes.Repeat([]byte{eof}, count)
}

// control runs an ioctl on the terminal, which may be closed by now.
func (s *streams) control(f func(fd int)) {
	if raw, err := s.input.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { f(int(fd)) })
	}
}
