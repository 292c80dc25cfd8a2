//go:build linux

package namespaces

import (
	"context"
	"crypto/rand"
	"os"
	goruntime "runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/runtime/engine"
)

// Attach implements engine.API.
func (a *api) Attach(ctx context.Context, id string, p engine.Process) (*engine.Stream, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s, err := a.find(id)
	if err != nil {
		return nil, err
	}
	u, err := s.user(p.User)
	if err != nil {
		return nil, err
	}
	groups := make([]uint32, len(u.Sgids))
	for i, g := range u.Sgids {
		groups[i] = uint32(g)
	}
	var ours, theirs [3]*os.File
	for i := range ours {
		r, w, err := os.Pipe()
		if err != nil {
			closeAll(ours[:i], theirs[:i])
			return nil, err
		}
		if ours[i], theirs[i] = r, w; i == 0 {
			ours[i], theirs[i] = w, r
		}
	}
	process, err := s.startInside(p, &os.ProcAttr{
		Dir: "/", Env: append(s.env(u.Home), p.Env...), Files: theirs[:],
		Sys: &unix.SysProcAttr{Setsid: true, Credential: &syscall.Credential{Uid: uint32(u.Uid), Gid: uint32(u.Gid), Groups: groups}},
	})
	closeAll(theirs[:])
	if err != nil {
		closeAll(ours[:])
		return nil, err
	}
	execID := rand.Text()
	a.execs.Store(execID, engine.ExecState{Running: true})
	go func() {
		state, err := process.Wait()
		if err != nil {
			return
		}
		a.execs.Store(execID, engine.ExecState{ExitCode: state.ExitCode()})
		const remembered = time.Minute // whoever wants to know asks at once
		time.AfterFunc(remembered, func() { a.execs.Delete(execID) })
	}()
	return engine.NewPipes(ours[0], ours[1], ours[2], execID), nil
}

func closeAll(lists ...[]*os.File) {
	for _, files := range lists {
		for _, f := range files {
			f.Close()
		}
	}
}

// startInside starts a process in the sandbox. Namespaces and capabilities belong to a thread: a thread of its own enters the sandbox,
// forks there, and ends, because the goroutine that is locked to it does.
func (s *sandbox) startInside(p engine.Process, attr *os.ProcAttr) (*os.Process, error) {
	type started struct {
		process *os.Process
		err     error
	}
	done := make(chan started)
	go func() {
		goruntime.LockOSThread() // and never unlocked
		process, err := s.start(p, attr)
		done <- started{process, err}
	}()
	result := <-done
	return result.process, result.err
}

func (s *sandbox) start(p engine.Process, attr *os.ProcAttr) (*os.Process, error) {
	first, err := s.process()
	if err != nil {
		return nil, err
	}
	defer first.Close()
	if err := s.confine(p.Privileged); err != nil {
		return nil, err
	}
	if err := unix.Unshare(unix.CLONE_FS); err != nil { // other threads keep their root directory
		return nil, err
	}
	const all = unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS
	if err := unix.Setns(int(first.Fd()), all); err != nil {
		return nil, s.whyNot(first, "entering the sandbox: %w", err)
	}
	stop := keepAwake(unix.Gettid())
	process, err := os.StartProcess(p.Argv[0], p.Argv, attr)
	stop()
	if err != nil {
		return nil, s.whyNot(first, "starting a process in the sandbox: %w", err)
	}
	return process, nil
}

// whyNot is ErrNotRunning where the sandbox has ended meanwhile.
func (s *sandbox) whyNot(first *os.File, format string, err error) error {
	if ended, _ := wait(context.Background(), int(first.Fd()), time.Now()); ended {
		return errorf(runtime.ErrNotRunning, format, err)
	}
	return errorf(nil, format, err)
}

// ExecState implements engine.API.
func (a *api) ExecState(_ context.Context, execID string) (engine.ExecState, error) {
	state, ok := a.execs.Load(execID)
	if !ok {
		return engine.ExecState{}, errorf(runtime.ErrNotFound, "there is no exec %s", execID)
	}
	return state.(engine.ExecState), nil
}
