//go:build linux

package session

import (
	"errors"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Worker is the program's argument that makes it a supervisor for a session.
const Worker = "worker"

var errOver = errors.New("the session ends")

// workers are the supervisors that live.
type workers struct {
	signals <-chan os.Signal // SIGCHLD
	stop    chan struct{}    // closed by end
	ended   chan struct{}    // closed when, after end, none is left
	saying  sync.WaitGroup   // what they have said and is not sent yet

	mu    sync.Mutex
	all   map[int]*worker // by their process id
	spare *worker         // one that has not been asked for yet
	own   bool            // the session itself serves a stream, as one of them would
	over  bool
}

// A worker is a supervisor, at the other end of a socket.
type worker struct {
	pid    int
	socket *os.File
}

func newWorkers(signals <-chan os.Signal) *workers {
	ws := &workers{signals: signals, stop: make(chan struct{}), ended: make(chan struct{}), all: make(map[int]*worker)}
	go ws.reap()
	return ws
}

// prepare starts a spare one.
func (ws *workers) prepare() error {
	w, err := ws.get()
	if err == nil {
		ws.mu.Lock()
		ws.spare = w
		ws.mu.Unlock()
	}
	return err
}

// get gives the spare one, or starts one.
func (ws *workers) get() (*worker, error) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.over {
		return nil, errOver
	}
	if w := ws.spare; w != nil {
		ws.spare = nil
		return w, nil
	}
	w, err := start()
	if err == nil {
		ws.all[w.pid] = w
	}
	return w, err
}

func start() (*worker, error) {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(ends[1])
	theirs := uintptr(ends[1])
	pid, err := syscall.ForkExec("/proc/self/exe", []string{os.Args[0], Worker}, &syscall.ProcAttr{
		Env: os.Environ(), Files: []uintptr{theirs, theirs, 2}, Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err == nil {
		err = unix.SetNonblock(ends[0], true)
	}
	if err != nil {
		unix.Close(ends[0])
		return nil, err
	}
	return &worker{pid, os.NewFile(uintptr(ends[0]), "worker")}, nil
}

// end says that no more are wanted. Those that work lose their host when the session's streams end.
func (ws *workers) end() {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.over {
		return
	}
	ws.over = true
	close(ws.stop)
	if ws.spare != nil {
		ws.spare.socket.Close()
	}
	ws.settle()
}

// settle tells when none is left.
func (ws *workers) settle() {
	if ws.over && len(ws.all) == 0 && !ws.own {
		close(ws.ended)
	}
}

// kill kills a worker, and thereby makes orphans of what it supervises, if it still lives.
func (ws *workers) kill(w *worker) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.all[w.pid] == w {
		_ = unix.Kill(w.pid, unix.SIGKILL)
	}
}

// reap waits for those that end.
func (ws *workers) reap() {
	for range ws.signals {
		ws.mu.Lock()
		for {
			pid, err := unix.Wait4(-1, nil, unix.WNOHANG|unix.WALL, nil)
			if err == unix.EINTR {
				continue
			}
			if err != nil || pid == 0 {
				break
			}
			if _, ours := ws.all[pid]; ours {
				delete(ws.all, pid)
				ws.settle()
			}
		}
		ws.mu.Unlock()
	}
}
