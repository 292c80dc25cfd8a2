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
		session := proc.Process{}
		if target.Parent > keeperPID {
			session, _ = fs.Get(target.Parent)
		}
		if pid == keeperPID || target.Parent != 0 && (session.PID == 0 || session.Parent != 0) {
			return fmt.Errorf("process %d is no supervisor", pid)
		}
		if err := killSupervisor(ctx, fs, target); err != nil {
			return err
		}
		if session.PID != 0 { // which may have been stopped together with it
			_ = unix.Kill(session.PID, unix.SIGCONT)
		}
	}
	return fs.KillBelow(ctx, keeperPID, func() (bool, error) { return fs.HasChildren(keeperPID) })
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
