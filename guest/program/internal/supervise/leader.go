//go:build linux

package supervise

import (
	"sync"

	"golang.org/x/sys/unix"
)

// A leader is a command's first process, as long as its id is surely its own: whoever has it must not reap meanwhile.
type leader struct {
	mu  sync.Mutex
	pid int // 0: not started
	// reaped says that the id may be another's.
	reaped bool
	// started is closed when there is a leader; nil where nobody asks.
	started chan struct{}
}

func (l *leader) set(pid int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pid = pid
	if l.started != nil {
		close(l.started)
	}
}

// wait reaps any child that has ended.
func (l *leader) wait() (pid int, status unix.WaitStatus, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	pid, err = unix.Wait4(-1, &status, unix.WNOHANG|unix.WALL, nil)
	if pid == l.pid {
		l.reaped = true
	}
	return pid, status, err
}

// signal says whether it is still there to get a signal.
func (l *leader) signal(s unix.Signal) (there bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pid == 0 || l.reaped {
		return false, nil
	}
	return true, unix.Kill(l.pid, s)
}

// id is its process id, also when it has ended.
func (l *leader) id() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pid
}
