//go:build linux

package keeper

import (
	"fmt"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/sandlot-dev/sandlot/guest/program/internal/proc"
	"github.com/sandlot-dev/sandlot/guest/program/internal/self"
)

// takeCarrier gives the standard streams to a session, where they are to carry one, and sees to it that the sandbox ends with them, where it is to.
// It must come before anybody can connect.
func (k *keeper) takeCarrier(o Options) error {
	if !o.Carrier && !o.Attached {
		return nil
	}
	var ends []end
	if o.Carrier {
		args := []string{os.Args[0], "session"}
		if o.Attached {
			args = append(args, "attached")
		}
		life, err := k.startSession(args)
		if err != nil {
			return err
		}
		ends = append(ends, end{life, 0})
	}
	in, out, err := self.TakeStdio()
	if err != nil {
		return err
	}
	out.Close()
	if !o.Attached {
		go func() {
			// Engines keep the connection for as long as we live, whoever writes to it: the host hears of the end from us, who say nothing else.
			if err := waitAny(ends); err == nil {
				fmt.Fprintln(os.Stderr, "sandlot guest: the session over the standard streams has ended")
			}
		}()
		return in.Close()
	}
	// Nothing of it is read here. That its other end has gone shows nevertheless, also where a command has stopped the session.
	ends = append(ends, end{in, unix.POLLRDHUP})
	go func() {
		err := waitAny(ends)
		switch {
		case k.isStopping(): // it ends in that way
		case err != nil:
			k.fail(fmt.Errorf("watching the standard input: %w", err))
		default:
			os.Exit(0) // the owner is gone, or has nothing any more to speak with: all others end with us
		}
	}()
	return nil
}

// An end is a file whose other end may go, and what tells besides POLLHUP.
type end struct {
	file   *os.File
	events int16
}

// waitAny waits until one of the other ends has gone.
func waitAny(ends []end) error {
	var fds []unix.PollFd
	for _, e := range ends {
		fds = append(fds, unix.PollFd{Fd: int32(e.file.Fd()), Events: e.events})
	}
	for {
		if n, err := unix.Poll(fds, -1); err != unix.EINTR || n > 0 {
			runtime.KeepAlive(ends)
			return err
		}
	}
}

// startSession starts a session with our standard streams, and gives a pipe that has lost its other end when it has ended.
//
// It is the only process that we start. Its parent is a thread of ours that does nothing else: so it is not among the children of the first thread, which are what
// we adopt and end.
func (k *keeper) startSession(args []string) (life *os.File, err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer w.Close()
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		started <- k.forkSession(args, w)
		select {} // the session would be the first thread's child without this one
	}()
	return r, <-started
}

func (k *keeper) forkSession(args []string, life *os.File) error {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0) // the standard error is ours
	if err != nil {
		return err
	}
	defer null.Close()
	// Commands are not to have the signal blocked. For as long as it takes to fork, one that comes is lost.
	if err := self.Unblocked(stopSignal, func() (err error) {
		pid, err := syscall.ForkExec("/proc/self/exe", args, &syscall.ProcAttr{
			Env: os.Environ(), Files: []uintptr{0, 1, null.Fd(), life.Fd()}, Sys: &syscall.SysProcAttr{Setsid: true},
		})
		k.carried.PID = pid
		return err
	}); err != nil {
		return fmt.Errorf("starting a session: %w", err)
	}
	carried, err := k.fs.Get(k.carried.PID)
	k.carried = carried
	return err
}

// isCarried says whether a process is the session that we have started.
func (k *keeper) isCarried(p proc.Process) bool {
	return p.PID == k.carried.PID && p.Start == k.carried.Start
}

func (k *keeper) isStopping() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.stopping
}
