//go:build linux

// Package supervise is the guest's side of a channel: it serves the requests that come over the standard streams.
package supervise

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/sandlot-dev/sandlot/guest/program/internal/link"
	"github.com/sandlot-dev/sandlot/guest/program/internal/proc"
	"github.com/sandlot-dev/sandlot/guest/program/internal/self"
	"github.com/sandlot-dev/sandlot/guest/wire"
)

// threads is how many threads, at least, can be blocked in the kernel at once.
const threads = 3

// A server serves requests, one at a time.
type server struct {
	fs        *proc.FS
	children  <-chan os.Signal // SIGCHLD
	link      *link.Conn
	channel   *channel
	filesOnly bool            // there is nothing for commands
	many      bool            // another request may follow one of which nothing is left
	stop      <-chan struct{} // closed when the sandbox is being stopped; nil: see heedStop
	limits    self.Limits
	ooms      oomCounter
}

// Run serves one request, and stays for as long as anything lives that it started.
func Run() error {
	s, err := newServer()
	if err != nil {
		return err
	}
	s.channel.hello(wire.Hello{Sandlot: wire.Version, PID: os.Getpid()})
	var dialErr error
	s.link, dialErr = link.Dial(s.fs, link.Register{})
	select {
	case <-s.channel.gone:
	case next := <-s.channel.requests:
		if dialErr != nil {
			next.err = nil
			_ = s.channel.w.WriteResult(failed(wire.KindUnavailable, dialErr))
			s.channel.hangUp()
			return nil
		}
		s.serve(next)
	}
	return nil
}

// Work serves one request after the other for a session, which has started it. It ends, and stays for what it started, after one of which anything is left.
func Work() error {
	s, err := newServer()
	if err != nil {
		return err
	}
	s.many = true
	if s.link, err = link.Dial(s.fs, link.Register{}); err != nil {
		return err
	}
	if err := unix.Chdir("/"); err != nil {
		return err
	}
	s.heedStop()
	s.limits = self.CurrentLimits()
	s.channel.hello(wire.Hello{Sandlot: wire.Version, PID: os.Getpid(), Session: os.Getppid()})
	s.work()
	return nil
}

// Files serves one request about files after the other for the session that this process is, as [Work] does in one of its own. The process must have the
// privileges that files need, and no more; limits are those that it was started with.
func Files(conn Conn, welcome link.Welcome, limits self.Limits, stop <-chan struct{}) {
	s := &server{link: &link.Conn{Welcome: welcome}, channel: newChannel(conn), many: true, filesOnly: true, stop: stop, limits: limits}
	s.channel.hello(wire.Hello{Sandlot: wire.Version, PID: os.Getpid(), Session: os.Getpid()})
	s.work()
}

// work serves requests until there is no host, the sandbox is being stopped, or no other may follow.
func (s *server) work() {
	for {
		select {
		case <-s.channel.gone:
			return
		case <-s.stop:
			return
		case next := <-s.channel.requests:
			if again := s.serve(next); !again {
				return
			}
		}
	}
}

// heedStop notices when the sandbox is being stopped.
func (s *server) heedStop() {
	stop := make(chan struct{})
	s.stop = stop
	go func() {
		s.link.Stopping()
		close(stop)
	}()
}

func newServer() (*server, error) {
	if err := self.Harden(); err != nil {
		return nil, err
	}
	s := &server{children: self.CatchSignals()}
	if err := self.KeepThreads(threads); err != nil {
		return nil, err
	}
	var err error
	if s.fs, err = proc.Open(); err != nil {
		return nil, err
	}
	in, out, err := self.TakeStdio()
	if err != nil {
		return nil, err
	}
	s.channel = newChannel(stdio{in, out})
	return s, nil
}

// serve serves a request, and says whether we are as new.
func (s *server) serve(next request) (again bool) {
	defer next.host.data.abort() // whoever still waits for it
	if s.filesOnly && (next.Exec != nil || next.Start != nil || next.Process != nil) {
		next.err = fmt.Errorf("%w: a command where files belong", wire.ErrFrame)
	}
	if next.Dial != nil {
		next.err = fmt.Errorf("%w: a dial where a command or an archive belongs", wire.ErrFrame)
	}
	if next.err != nil { // a host that is gone is no error
		s.answer(failed(wire.KindInvalid, next.err))
		s.channel.hangUp()
		return false
	}
	if next.Start != nil {
		return s.background(next)
	}
	if next.Exec == nil {
		return s.notBegun(s.small(next), true)
	}
	e := &supervisor{server: s, host: next.host}
	result := e.exec(next.Exec)
	result.Again = s.reusable(e.clean(result))
	s.answer(result)
	if result.Again {
		return true
	}
	s.channel.hangUp()
	if !result.Left { // else the first process shall try
		e.stay()
	}
	return false
}

// reusable says whether another request may follow.
func (s *server) reusable(clean bool) bool {
	return s.many && clean && !isOver(s.stop) && s.limits == self.CurrentLimits()
}

// small serves what has no tree.
func (s *server) small(next request) wire.Result {
	if next.Process != nil {
		return s.ask(next.host, next.Process)
	}
	return s.file(next.host, next.Request)
}

// answer ends a request. When the host has the result, it may send another one.
func (s *server) answer(result wire.Result) {
	s.channel.finish(func(h *host) { h.data.close() })
	_ = s.channel.w.WriteResult(result)
}

// closeWrite closes a file, or the half of it that is written to: a socket is both halves.
func closeWrite(f *os.File) {
	raw, err := f.SyscallConn()
	if err == nil {
		_ = raw.Control(func(fd uintptr) { err = unix.Shutdown(int(fd), unix.SHUT_WR) })
	}
	if err != nil {
		f.Close()
	}
}

func failed(kind wire.Kind, err error) wire.Result {
	return wire.Result{Failure: &wire.Failure{Kind: kind, Message: err.Error()}}
}
