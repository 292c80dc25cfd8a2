//go:build linux

package session

import (
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sandlot-dev/sandlot/guest/mux"
	"github.com/sandlot-dev/sandlot/guest/program/internal/link"
	"github.com/sandlot-dev/sandlot/guest/program/internal/self"
	"github.com/sandlot-dev/sandlot/guest/program/internal/supervise"
	"github.com/sandlot-dev/sandlot/guest/wire"
)

// leaveTime is what a supervisor has for ending its tree and itself when its host is gone.
const leaveTime = 20 * time.Second

// serve gives a stream to a worker.
func (ws *workers) serve(stream *mux.Stream) {
	w, err := ws.get()
	if err != nil {
		refuse(stream, err)
		return
	}
	ws.connect(w, stream)
}

// serveFiles serves a stream about files in the session itself, where everything that comes need not go on to another process. Only one at a time: each
// blocks a thread, and there are no more than were made at the start. Others go to workers.
func (ws *workers) serveFiles(stream *mux.Stream, welcome link.Welcome, limits self.Limits) {
	ws.mu.Lock()
	if ws.own || ws.over {
		ws.mu.Unlock()
		ws.serve(stream)
		return
	}
	ws.own = true
	ws.mu.Unlock()
	supervise.Files(stream, welcome, limits, ws.stop)
	stream.Close()
	ws.mu.Lock()
	ws.own = false
	ws.settle()
	ws.mu.Unlock()
}

// connect copies between a stream and a worker until both have ended.
func (ws *workers) connect(w *worker, stream *mux.Stream) {
	defer stream.Close()
	defer w.socket.Close()
	said := make(chan struct{})
	ws.saying.Go(func() {
		defer close(said)
		copyTo(stream, w.socket, nil)
		_ = stream.CloseWrite()
	})
	copyTo(w.socket, stream, w.wake)
	// The host is gone, or has what it wanted. To a worker that works it is gone; one that stays for what it started has closed its end.
	w.closeWrite()
	w.wake()
	select {
	case <-said:
	case <-time.After(leaveTime):
		ws.kill(w)
	}
}

// wake lets a worker that somebody has stopped go on: there is something for it.
func (w *worker) wake() {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, w.pid, &info, unix.WSTOPPED|unix.WNOHANG|unix.WNOWAIT, nil)
	if err == nil && info.Signo != 0 {
		_ = unix.Kill(w.pid, unix.SIGCONT)
	}
}

func (w *worker) closeWrite() {
	if raw, err := w.socket.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { _ = unix.Shutdown(int(fd), unix.SHUT_WR) })
	}
}

// Most of the time nothing comes, and then most often little.
const few = 4 << 10

var many = sync.Pool{New: func() any { return new([64 << 10]byte) }}

// copyTo copies to the end, and goes on reading when nobody takes it any more. It says when something has come.
func copyTo(to io.Writer, from io.Reader, come func()) {
	small := make([]byte, few)
	buf, large := small, (*[64 << 10]byte)(nil)
	var failed error
	for {
		n, err := from.Read(buf)
		if n > 0 && failed == nil {
			if come != nil {
				come()
			}
			_, failed = to.Write(buf[:n])
		}
		if err != nil {
			return
		}
		switch {
		case n == few && large == nil:
			large = many.Get().(*[64 << 10]byte)
			buf = large[:]
		case n < few && large != nil:
			many.Put(large)
			buf, large = small, nil
		}
	}
}

// refuse answers on a stream for which there is no supervisor.
func refuse(stream *mux.Stream, err error) {
	defer stream.Close()
	message := "starting a supervisor: " + err.Error()
	switch err {
	case errOver:
		stream.Reset()
		return
	case syscall.EAGAIN, syscall.ENOMEM:
		message = "the sandbox has reached its limit on processes or memory"
	}
	w := wire.NewWriter(stream)
	_ = w.WriteHello(wire.Hello{Sandlot: wire.Version, PID: os.Getpid()})
	_ = w.WriteResult(wire.Result{Failure: &wire.Failure{Kind: wire.KindUnavailable, Message: message}})
}
