//go:build linux

package archive

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sandlot-dev/sandlot/guest/wire"
)

// An inotify is the kernel's queue of what happens in directories. It is bounded: where nobody reads, the kernel says so in the place of what it drops.
type inotify struct {
	file *os.File
	buf  []byte
	left []byte // of buf, and not looked at yet
}

// An event is one of the kernel's.
type event struct {
	wd           int
	mask, cookie uint32
	name         string // in the directory; empty: the directory's own
}

func (e event) is(mask uint32) bool { return e.mask&mask != 0 }

func newInotify() (*inotify, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err == unix.EMFILE || err == unix.ENFILE || err == unix.ENOMEM {
		return nil, fail(wire.KindUnavailable, "too many watches at once (see fs.inotify.max_user_instances): %w", err)
	}
	if err != nil {
		return nil, err
	}
	return &inotify{file: os.NewFile(uintptr(fd), "inotify"), buf: make([]byte, 32<<10)}, nil
}

// add watches a directory that is open. One that is watched already has the number that it had.
func (n *inotify) add(dir int, mask uint32) (wd int, err error) {
	err = n.control(func(fd int) (err error) {
		wd, err = unix.InotifyAddWatch(fd, magic(dir), mask|unix.IN_ONLYDIR)
		return err
	})
	if err == unix.ENOSPC || err == unix.ENOMEM {
		err = fail(wire.KindUnavailable, "too many directories are watched (see fs.inotify.max_user_watches): %w", err)
	}
	return wd, err
}

// remove watches a directory no more.
func (n *inotify) remove(wd int) {
	_ = n.control(func(fd int) error {
		_, err := unix.InotifyRmWatch(fd, uint32(wd))
		return err
	})
}

// control does something with the descriptor, which nobody closes meanwhile.
func (n *inotify) control(do func(fd int) error) error {
	raw, err := n.file.SyscallConn()
	if err != nil {
		return err
	}
	if outer := raw.Control(func(fd uintptr) { err = do(int(fd)) }); outer != nil {
		return outer
	}
	return err
}

// more says whether an event is there at once.
func (n *inotify) more() bool { return len(n.left) > 0 }

// next waits for an event, for as long as wait unless that is 0. False: none has come.
func (n *inotify) next(wait time.Duration) (event, bool, error) {
	if len(n.left) == 0 {
		until := time.Time{}
		if wait > 0 {
			until = time.Now().Add(wait)
		}
		_ = n.file.SetReadDeadline(until)
		read, err := n.file.Read(n.buf)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return event{}, false, nil
		}
		if errors.Is(err, os.ErrClosed) {
			err = ErrCancelled
		}
		if err != nil {
			return event{}, false, err
		}
		n.left = n.buf[:read]
	}
	if len(n.left) < unix.SizeofInotifyEvent {
		return event{}, false, errors.New("half an event")
	}
	order := binary.NativeEndian
	e := event{wd: int(int32(order.Uint32(n.left))), mask: order.Uint32(n.left[4:]), cookie: order.Uint32(n.left[8:])}
	length := unix.SizeofInotifyEvent + int(order.Uint32(n.left[12:]))
	if length > len(n.left) {
		return event{}, false, errors.New("half an event")
	}
	name, _, _ := bytes.Cut(n.left[unix.SizeofInotifyEvent:length], []byte{0})
	e.name, n.left = string(name), n.left[length:]
	return e, true, nil
}
