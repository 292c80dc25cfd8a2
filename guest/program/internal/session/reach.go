//go:build linux

package session

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sandlot-dev/sandlot/guest/wire"
)

// Package net would make the program much larger, so this is what of it is needed.

const (
	// maxName is how long the name of a unix socket may be; a zero comes behind it.
	maxName = 107
	// fullTime is how long one waits when a socket has no room for another connection: the kernel does not tell when it has.
	fullTime = 5 * time.Millisecond
)

// reach connects to what was asked for, unless the host goes before.
func reach(request *wire.DialRequest, dir string, gone <-chan struct{}) (*os.File, error) {
	if len(request.Path) > 0 {
		return reachPath(string(request.Path), dir, gone)
	}
	first := error(unix.EINVAL)
	for i, ip := range request.IPs {
		family, to := unix.AF_INET6, unix.Sockaddr(nil)
		switch len(ip) {
		case 4:
			family, to = unix.AF_INET, &unix.SockaddrInet4{Port: int(request.Port), Addr: [4]byte(ip)}
		case 16:
			to = &unix.SockaddrInet6{Port: int(request.Port), Addr: [16]byte(ip)}
		default:
			return nil, unix.EINVAL
		}
		socket, err := connect(family, to, gone)
		if err == nil {
			control(socket, func(fd int) error { return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) })
			return socket, nil
		}
		if i == 0 {
			first = err
		}
	}
	return nil, first
}

// reachPath connects to a unix socket. A path that is too long for that is shortened: its directory is held open, and named by its descriptor.
func reachPath(path, dir string, gone <-chan struct{}) (*os.File, error) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	if len(path) > maxName {
		parent, err := unix.Open(filepath.Dir(path), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, err
		}
		defer unix.Close(parent)
		if path = fmt.Sprintf("/proc/self/fd/%d/%s", parent, filepath.Base(path)); len(path) > maxName {
			return nil, unix.ENAMETOOLONG
		}
	}
	return connect(unix.AF_UNIX, &unix.SockaddrUnix{Name: path}, gone)
}

func connect(family int, to unix.Sockaddr, gone <-chan struct{}) (*os.File, error) {
	for {
		fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return nil, err
		}
		switch err := unix.Connect(fd, to); err {
		case nil:
			return os.NewFile(uintptr(fd), "connection"), nil
		case unix.EINPROGRESS, unix.EINTR:
			socket := os.NewFile(uintptr(fd), "connection")
			if err := established(socket, gone); err != nil {
				socket.Close()
				return nil, err
			}
			return socket, nil
		case unix.EAGAIN: // a unix socket whose backlog is full
			unix.Close(fd)
			select {
			case <-gone:
				return nil, unix.ECANCELED
			case <-time.After(fullTime):
			}
		default:
			unix.Close(fd)
			return nil, err
		}
	}
}

// established waits until a socket is connected, or cannot be.
func established(socket *os.File, gone <-chan struct{}) error {
	over, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		select {
		case <-gone:
			_ = socket.SetWriteDeadline(time.Now())
		case <-over:
		}
	}()
	defer func() {
		close(over)
		<-stopped
	}()
	raw, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Write(func(fd uintptr) bool {
		var errno int
		if errno, failed = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR); failed != nil {
			return true
		}
		if failed = unix.Errno(errno); errno != 0 {
			return true
		}
		_, failed = unix.Getpeername(int(fd))
		return failed != unix.ENOTCONN
	})
	if err != nil {
		return unix.ECANCELED
	}
	return failed
}
