//go:build linux

// Package session carries many channels over the one that it is started with, and starts a supervisor for each, or makes a connection of it. Whatever
// is its child is a supervisor, which is how the sandbox's first process knows those. So it is no subreaper, and starts no command.
package session

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/sandlot-dev/sandlot/guest/mux"
	"github.com/sandlot-dev/sandlot/guest/program/internal/archive"
	"github.com/sandlot-dev/sandlot/guest/program/internal/link"
	"github.com/sandlot-dev/sandlot/guest/program/internal/proc"
	"github.com/sandlot-dev/sandlot/guest/program/internal/self"
	"github.com/sandlot-dev/sandlot/guest/wire"
)

// threads is how many threads, at least, can be blocked in the kernel at once.
const threads = 3

// A Kind is what a session is mostly for.
type Kind int

// The kinds of sessions.
const (
	Execs    Kind = iota
	Files         // it, and its supervisors, get what archives need, and no more; none is started ahead
	Dials         // no supervisor is started ahead
	Attached      // execs, for a sandbox that ends with the session
)

// Run serves until the host or the sandbox ends it, and for as long after that as any supervisor or connection lives.
func Run(kind Kind) error {
	if err := self.Harden(); err != nil {
		return err
	}
	signals := self.CatchSignals()
	if err := self.KeepThreads(threads); err != nil {
		return err
	}
	fs, err := proc.Open()
	if err != nil {
		return err
	}
	conn, err := link.Dial(fs, link.Register{Session: true})
	if err != nil {
		return err
	}
	if kind == Files {
		if err := archive.KeepPrivilege(); err != nil {
			return err
		}
	}
	in, out, err := self.TakeStdio()
	if err != nil {
		return err
	}
	workers := newWorkers(signals)
	if kind != Dials && kind != Files {
		if err := workers.prepare(); err != nil {
			fmt.Fprintln(os.Stderr, "sandlot guest: starting a supervisor:", err) // the next may start
		}
	}
	s, err := mux.Server(&carrier{in: in, out: out})
	if err != nil {
		workers.end()
		return err
	}
	go func() {
		conn.Stopping()
		workers.end()
		<-workers.ended
		within(time.Second, &workers.saying)
		s.Close()
	}()
	limits := self.CurrentLimits()
	var serving sync.WaitGroup
	for {
		stream, err := s.Accept()
		if err != nil {
			break
		}
		// A command may have changed them, and what is started from now on would have them. We have no others to give.
		if limits != self.CurrentLimits() {
			return errors.New("the session's limits were changed")
		}
		serving.Go(func() {
			purpose := make([]byte, 1)
			switch _, _ = stream.Read(purpose); purpose[0] {
			case wire.ForExec:
				if kind == Files {
					workers.serveFiles(stream, conn.Welcome, limits)
				} else {
					workers.serve(stream)
				}
			case wire.ForDial:
				dial(stream, string(conn.Welcome.Dir))
			case wire.ForRenew:
				renew(stream, fs)
			default:
				stream.Reset()
			}
		})
	}
	if kind == Attached {
		return nil // all others end with this process
	}
	workers.end()
	<-workers.ended
	within(leaveTime, &serving) // connections pass on what has come
	return nil
}

// renew has the sandbox's lease renewed. The stream's end says that it is.
func renew(stream *mux.Stream, fs *proc.FS) {
	if err := link.Renew(fs); err != nil {
		stream.Reset()
		return
	}
	stream.Close()
}

// within waits for others, and not for too long.
func within(most time.Duration, others *sync.WaitGroup) {
	done := make(chan struct{})
	go func() {
		others.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(most):
	}
}
