//go:build linux

package keeper

import (
	"bufio"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sandlot-dev/sandlot/guest/program/internal/link"
	"github.com/sandlot-dev/sandlot/guest/program/internal/proc"
)

func listen(fs *proc.FS) (*os.File, error) {
	name, err := link.Name(fs)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: name}); err != nil {
		return nil, fmt.Errorf("listening at %s: %w", name, err)
	}
	if err := unix.Listen(fd, 4096); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// accept takes connections from supervisors. It never waits for one of them.
func (k *keeper) accept(listener *os.File) error {
	raw, err := listener.SyscallConn()
	if err != nil {
		return err
	}
	for {
		var fd int
		var failed error
		err := raw.Read(func(l uintptr) bool {
			fd, _, failed = unix.Accept4(int(l), unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
			return failed != unix.EAGAIN
		})
		if err != nil {
			return err
		}
		if failed != nil { // out of descriptors or memory, or gone again
			time.Sleep(10 * time.Millisecond)
			continue
		}
		peer, err := k.supervisor(fd)
		if err != nil {
			unix.Close(fd)
			continue
		}
		select {
		case k.slots <- struct{}{}:
			go k.serve(os.NewFile(uintptr(fd), "supervisor"), peer)
		default:
			unix.Close(fd)
		}
	}
}

// supervisor tells who connected. Only the engine makes processes whose parent is outside of the sandbox.
func (k *keeper) supervisor(fd int) (proc.Process, error) {
	pid, err := link.PeerPID(fd)
	if err != nil {
		return proc.Process{}, err
	}
	peer, err := k.fs.Get(pid)
	if err != nil {
		return proc.Process{}, err
	}
	if peer.Parent != 0 || pid <= 1 {
		return proc.Process{}, fmt.Errorf("process %d is no supervisor", pid)
	}
	return peer, nil
}

// registerTime is how long a supervisor has for its first message.
const registerTime = 10 * time.Second

// serve keeps a supervisor's deadline, and waits for its end.
func (k *keeper) serve(conn *os.File, peer proc.Process) {
	defer func() { <-k.slots }()
	defer conn.Close()
	r := bufio.NewReaderSize(conn, 256)
	_ = conn.SetReadDeadline(time.Now().Add(registerTime))
	var register link.Register
	if err := link.Receive(r, &register); err != nil {
		return
	}
	_ = conn.SetReadDeadline(time.Time{})
	if register.Timeout > 0 {
		timer := time.AfterFunc(register.Timeout+link.Grace, func() { k.kill(peer) })
		defer timer.Stop()
		if err := link.Send(conn, k.welcome); err == nil {
			var done link.Done
			if err := link.Receive(r, &done); err == nil {
				timer.Stop()
			}
		}
	} else {
		_ = link.Send(conn, k.welcome)
	}
	for {
		if _, err := r.ReadByte(); err != nil {
			break
		}
	}
	// What it left behind becomes ours a little after its descriptors are closed.
	for wait := time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		same, err := k.fs.Same(peer)
		if err == nil && !same {
			break
		}
		time.Sleep(wait)
	}
	select {
	case k.sweep <- struct{}{}:
	default:
	}
}

// kill ends a supervisor that has outlived its deadline, and thereby makes orphans of what it supervised.
func (k *keeper) kill(peer proc.Process) {
	if same, err := k.fs.Same(peer); err == nil && same {
		_ = unix.Kill(peer.PID, unix.SIGKILL)
	}
}
