//go:build linux

package supervise

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sandlot-dev/sandlot/guest/program/internal/proc"
	"github.com/sandlot-dev/sandlot/guest/program/internal/self"
)

// keeperPID is the sandbox's first process, which gets what has lost its supervisor.
const keeperPID = 1

// Kill ends a supervisor, what it supervises, and everything else that has lost its own. It needs every capability, or the user that all of it runs as,
// and returns nil when nothing of it is left. A pid of 0, or of a process that is gone, ends only what is left over.
func Kill(arg string) error {
	if err := self.Harden(); err != nil {
		return err
	}
	self.CatchSignals()
	pid, err := strconv.Atoi(arg)
	if err != nil || pid < 0 {
		return fmt.Errorf("%q is no process id", arg)
	}
	fs, err := proc.Open()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), killTime)
	defer cancel()
	target, err := fs.Get(pid)
	if err == nil && target.Alive {
		session, err := sessionOf(fs, target)
		if err != nil {
			return err
		}
		if err := killSupervisor(ctx, fs, target); err != nil {
			return err
		}
		if session != 0 { // it may have been stopped together with it
			_ = unix.Kill(session, unix.SIGCONT)
		}
	}
	return fs.KillBelow(ctx, keeperPID, func() (bool, error) { return fs.HasChildren(keeperPID) })
}

// sessionOf is the session that has started a supervisor; 0: the engine has. Whatever else target is, it is an error. Only the engine starts
// processes whose parent is outside of the sandbox, so their command lines are true.
func sessionOf(fs *proc.FS, target proc.Process) (pid int, err error) {
	if target.Parent == 0 && target.PID != keeperPID {
		return 0, nil
	}
	if parent, err := fs.Get(target.Parent); target.Parent > keeperPID && err == nil && parent.Parent == 0 {
		if args := fs.Args(parent.PID); len(args) > 1 && args[1] == "session" {
			return parent.PID, nil
		}
	}
	return 0, fmt.Errorf("process %d is no supervisor", target.PID)
}

// killSupervisor makes orphans of what it supervises: the first process adopts them.
func killSupervisor(ctx context.Context, fs *proc.FS, target proc.Process) error {
	if err := unix.Kill(target.PID, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
		return err
	}
	for {
		same, err := fs.Same(target)
		if err != nil || !same {
			return err
		}
		select {
		case <-ctx.Done():
			return proc.ErrLeft
		case <-time.After(time.Millisecond):
		}
	}
}
