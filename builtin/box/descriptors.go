//go:build linux

package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// Scripts own the descriptors 3 to 9. The Go runtime takes whatever is free for its own, so a shell takes these first: what a
// script has not opened holds /dev/null, which programs do not inherit.
const firstOwn, lastOwn = 3, 9

// descriptors knows which of 3 to 9 are held.
type descriptors map[int]bool

func holdDescriptors() descriptors {
	held := descriptors{}
	for fd := firstOwn; fd <= lastOwn; fd++ {
		held.hold(fd)
	}
	return held
}

// hold takes fd if it is free.
func (d descriptors) hold(fd int) {
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
		return // inherited
	}
	null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	d[fd] = true
	if null != fd {
		unix.Dup3(null, fd, unix.O_CLOEXEC)
		unix.Close(null)
	}
}

// set makes fd a copy of from that programs inherit.
func (d descriptors) set(from, fd int) error {
	if fd > 2 && !d[fd] && from != fd {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if fd > lastOwn && err != nil || err == nil && flags&unix.FD_CLOEXEC != 0 {
			return &os.PathError{Op: "dup", Path: "descriptor", Err: unix.EBADF} // this program's own, or may be soon
		}
	}
	if err := dup2(from, fd); err != nil {
		return err
	}
	delete(d, fd)
	return nil
}

// close closes one that a script opened.
func (d descriptors) close(fd int) {
	if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC != 0 {
		return
	}
	unix.Close(fd)
	if fd <= lastOwn {
		d.hold(fd)
	}
}

// dup2 makes fd a copy of from that programs started later inherit.
func dup2(from, fd int) error {
	if from == fd {
		_, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0)
		return err
	}
	return unix.Dup3(from, fd, 0)
}
