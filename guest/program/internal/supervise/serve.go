//go:build linux

// Package supervise is the guest's side of a channel: it serves one request that comes over the standard streams.
package supervise

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sandlot-dev/sandlot/guest/program/internal/proc"
	"github.com/sandlot-dev/sandlot/guest/program/internal/self"
	"github.com/sandlot-dev/sandlot/guest/wire"
)

// threads is how many threads, at least, can be blocked in the kernel at once.
const threads = 3

// lingerTime is how long the host has for hanging up when it has the result.
const lingerTime = 2 * time.Second

// Run serves one request, and stays for as long as anything lives that it started.
func Run() error {
	if err := self.Harden(); err != nil {
		return err
	}
	children := self.CatchSignals()
	if err := self.KeepThreads(threads); err != nil {
		return err
	}
	fs, err := proc.Open()
	if err != nil {
		return err
	}
	in, out, err := channel()
	if err != nil {
		return err
	}
	w := wire.NewWriter(out)
	_ = w.WriteJSON(wire.TypeHello, wire.Hello{Sandlot: wire.Version, PID: os.Getpid()})
	r := wire.NewReader(bufio.NewReaderSize(in, 32<<10))
	request, err := r.ReadRequest()
	if err != nil { // from here on, a host that is gone is no error
		_ = w.WriteResult(failed(wire.KindInvalid, err))
		return nil
	}
	host := newHost(r, w)
	switch {
	case request.Exec != nil:
		s := &supervisor{fs: fs, host: host, children: children}
		result := s.exec(request.Exec)
		_ = w.WriteResult(result)
		hangUp(host, in, out)
		if !result.Left { // else the first process shall try
			s.stay()
		}
	default:
		_ = w.WriteResult(transfer(fs, host, request))
		hangUp(host, in, out)
	}
	return nil
}

// hangUp closes the channel. What is on its way to us must be taken until the host has the result: an engine whose write fails gives up
// reading, too.
func hangUp(host *host, in, out *os.File) {
	out.Close()
	select {
	case <-host.gone:
	case <-time.After(lingerTime):
	}
	in.Close()
}

func failed(kind wire.Kind, err error) wire.Result {
	return wire.Result{Failure: &wire.Failure{Kind: kind, Message: err.Error()}}
}

// channel moves the channel off the descriptors 0 and 1. Go ends the process that writes to a broken pipe at 1; and a supervisor that stays behind must not
// hold the channel open.
func channel() (in, out *os.File, err error) {
	if in, err = move(0, "stdin"); err != nil {
		return nil, nil, err
	}
	if out, err = move(1, "stdout"); err != nil {
		return nil, nil, err
	}
	null, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("/dev/null: %w", err)
	}
	defer unix.Close(null)
	return in, out, errors.Join(unix.Dup3(null, 0, 0), unix.Dup3(null, 1, 0))
}

// move duplicates a descriptor. Pipes and sockets, whose ends are ours alone, are made non-blocking: then waiting for them takes no thread.
func move(fd int, name string) (*os.File, error) {
	moved, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(moved, &st); err != nil {
		return nil, err
	}
	if t := st.Mode & unix.S_IFMT; t == unix.S_IFIFO || t == unix.S_IFSOCK {
		if err := unix.SetNonblock(moved, true); err != nil {
			return nil, err
		}
	}
	return os.NewFile(uintptr(moved), name), nil
}
