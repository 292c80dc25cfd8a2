package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/sandlot-dev/sandlot/guest"
	"github.com/sandlot-dev/sandlot/runtime"
)

// rescue is what the guest's side calls when a tree does not end by itself: another user's, which the sandbox's first process may not
// kill, or one whose supervisor does not answer.
func (e *engine) rescue(id, user string) guest.Rescue {
	return func(ctx context.Context, supervisor int) error {
		killed := errors.New("the guest has not said its process id")
		if supervisor > 0 {
			if killed = e.kills.join(rescueKey{id, user}, supervisor, func(pids []int) error { return e.killTrees(ctx, id, user, pids) }); killed == nil {
				return nil
			}
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rescueTime)
		defer cancel()
		c, err := e.ended(ctx, id)
		if errors.Is(err, runtime.ErrNotFound) || err == nil && c.State != runtime.StateRunning && c.State != runtime.StatePaused {
			return nil // nothing runs in it any more
		}
		if err := e.api.Stop(ctx, id, 0); err != nil {
			return errorf(nil, "remove the sandbox", "processes of the command may go on in the sandbox: %v; the sandbox could not be killed either: %v", killed, err)
		}
		return errorf(nil, "its files are kept; start it again", "the command's processes could not be killed, so the sandbox was: %v", killed)
	}
}

// killTrees ends the trees of supervisors that all ran as one user.
func (e *engine) killTrees(ctx context.Context, id, user string, supervisors []int) (killed error) {
	argv := guest.KillArgv(supervisors...)
	// Their own user may kill all that has not changed users, and needs no privilege, which not every host gives.
	for _, killer := range []Process{{Argv: argv, User: user}, {Argv: argv, User: "0", Privileged: true}} {
		if killed = e.kill(ctx, id, killer); killed == nil {
			return nil
		}
	}
	return killed
}

type rescueKey struct{ id, user string }

// kills are the rescues that are asked for while others are under way. When a session ends with many execs, the next call of the guest is for
// all of them.
type kills struct {
	mu      sync.Mutex
	running map[rescueKey]bool
	next    map[rescueKey]*killing
}

type killing struct {
	pids []int
	done chan struct{}
	err  error
}

// join has a supervisor killed together with others.
func (k *kills) join(key rescueKey, pid int, kill func([]int) error) error {
	k.mu.Lock()
	mine := k.next[key]
	if mine == nil {
		mine = &killing{done: make(chan struct{})}
		k.next[key] = mine
	}
	mine.pids = append(mine.pids, pid)
	if k.running[key] {
		k.mu.Unlock()
		<-mine.done
		return mine.err
	}
	k.running[key] = true
	for now := k.next[key]; now != nil; now = k.next[key] {
		delete(k.next, key)
		k.mu.Unlock()
		now.err = kill(now.pids)
		close(now.done)
		k.mu.Lock()
	}
	delete(k.running, key)
	k.mu.Unlock()
	return mine.err
}

// kill runs the guest to end the tree of a supervisor.
func (e *engine) kill(ctx context.Context, id string, killer Process) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rescueTime)
	defer cancel()
	return e.runToEnd(ctx, id, killer)
}

// runToEnd runs a process that says nothing, and exits with 0 when it has done what it is for.
func (e *engine) runToEnd(ctx context.Context, id string, p Process) error {
	stream, err := e.api.Attach(ctx, id, p)
	if err != nil {
		return err
	}
	if err := stream.wait(ctx); err != nil {
		return err
	}
	for {
		state, err := e.api.ExecState(ctx, stream.ExecID)
		switch {
		case err != nil:
			return err
		case !state.Running && state.ExitCode == 0:
			return nil
		case !state.Running:
			return fmt.Errorf("exit code %d: %s", state.ExitCode, firstLine(stream.Stderr()))
		}
		if err := sleep(ctx, retryInterval/10); err != nil {
			return err
		}
	}
}
