//go:build linux

package link

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// Accept waits for a connection to a listener. failed says that there was one which could not be taken: descriptors or memory are short, or it has gone
// again. err says that there is no listener any more.
func Accept(listener syscall.RawConn) (fd int, failed, err error) {
	err = listener.Read(func(l uintptr) bool {
		fd, _, failed = unix.Accept4(int(l), unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
		return failed != unix.EAGAIN
	})
	return fd, failed, err
}
