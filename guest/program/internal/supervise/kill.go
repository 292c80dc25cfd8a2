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

// killThreads is how many threads, at least, can be blocked in the kernel at once.
const killThreads = 2

// Kill ends supervisors, what they supervise, and everything else that has lost its own. It needs every capability, or the user that all of it runs as,
// and returns nil when nothing of it is left. A pid of 0, or of a process that is gone, ends only what is left over. Sessions that were stopped
// go on.
func Kill(args []string) error {
	// Few threads: the sandbox may be at its limit on processes. Signals are ignored because catching them takes one.
	if err := errors.Join(self.Harden(), self.IgnoreSignals(), self.KeepThreads(killThreads)); err != nil {
		return err
	}
	var pids []int
	for _, arg := range args {
		pid, err := strconv.Atoi(arg)
		if err != nil || pid < 0 {
			return fmt.Errorf("%q is no process id", arg)
		}
		pids = append(pids, pid)
	}
	fs, err := proc.Open()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), killTime)
	defer cancel()
	for _, pid := range pids {
		if err := killTarget(ctx, fs, pid); err != nil {
			return err
		}
	}
	wakeSessions(fs)
	return fs.KillBelow(ctx, keeperPID, func(p proc.Process) bool { return fs.IsCarried(p) }, func() (bool, error) {
		adopted, err := fs.Adopted(keeperPID)
		return len(adopted) > 0, err
	})
}

// killTarget ends a supervisor, or a session. An orphan, which is one whose session has ended, the first process has.
func killTarget(ctx context.Context, fs *proc.FS, pid int) error {
	refused := fmt.Errorf("process %d is no supervisor", pid)
	if pid == keeperPID {
		return refused
	}
	for {
		target, err := fs.Get(pid)
		if err != nil || !target.Alive || target.Parent == keeperPID && !fs.IsCarried(target) {
			return nil
		}
		if target.Parent == 0 || target.Parent == keeperPID || fs.IsSession(target.Parent) {
			return killSupervisor(ctx, fs, target)
		}
		if parent, err := fs.Get(target.Parent); err == nil && parent.Alive {
			return refused
		}
		select { // it is just losing its parent
		case <-ctx.Done():
			return refused
		case <-time.After(time.Millisecond):
		}
	}
}

// wakeSessions lets sessions go on that a command has stopped.
func wakeSessions(fs *proc.FS) {
	all, _ := fs.All()
	for _, p := range all {
		if p.Parent <= keeperPID && fs.IsSession(p.PID) {
			_ = unix.Kill(p.PID, unix.SIGCONT)
		}
	}
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
