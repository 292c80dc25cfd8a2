//go:build linux

package namespaces

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sandlot-dev/sandlot/runtime"
)

// An initRecord names the process that was a sandbox's first, for good: its number may be another's by now, together with its start not.
type initRecord struct {
	PID   int
	Start string
}

// process opens the sandbox's first process as a pidfd, which is not reused. ErrNotRunning when it does not live.
func (s *sandbox) process() (*os.File, error) {
	var record initRecord
	notRunning := errorf(runtime.ErrNotRunning, "the sandbox %s does not run", s.Spec.Name)
	if readJSON(filepath.Join(s.dir, "init.json"), &record) != nil {
		return nil, notRunning
	}
	fd, err := unix.PidfdOpen(record.PID, 0)
	if err != nil {
		return nil, notRunning
	}
	process := os.NewFile(uintptr(fd), "init")
	if start, alive := look(record.PID); !alive || start != record.Start { // looked at when it can be nobody else any more
		process.Close()
		return nil, notRunning
	}
	return process, nil
}

// look says when a process was started, and whether it lives.
func look(pid int) (start string, alive bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	f := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])) // from the third field on: the second may hold anything
	if err != nil || len(f) < 20 {
		return "", false
	}
	return f[19], f[0] != "Z" && f[0] != "X"
}

func (s *sandbox) state() runtime.State {
	if process, err := s.process(); err == nil {
		process.Close()
		return runtime.StateRunning
	}
	if _, err := os.Stat(filepath.Join(s.dir, "init.json")); err != nil {
		return runtime.StateCreated
	}
	return runtime.StateExited
}

// locked finds a sandbox and, until the lock is closed, keeps everybody else from starting and deleting it.
func (a *api) locked(id string) (*sandbox, io.Closer, error) {
	s, err := a.find(id)
	if err != nil {
		return nil, nil, err
	}
	lock, err := os.Open(s.dir)
	if err != nil {
		return nil, nil, errorf(runtime.ErrNotFound, "the sandbox is gone: %w", err)
	}
	if err = unix.Flock(int(lock.Fd()), unix.LOCK_EX); err == nil {
		s, err = a.find(s.ID) // as it is now
	}
	if err != nil {
		lock.Close()
	}
	return s, lock, err
}

// Start implements engine.API. This program runs itself as the sandbox's first process, which builds what the sandbox sees, and becomes the guest.
func (a *api) Start(ctx context.Context, id string) error {
	s, lock, err := a.locked(id)
	if err != nil {
		return err
	}
	defer lock.Close()
	if s.state() == runtime.StateRunning {
		return nil
	}
	if _, err := s.user(""); err != nil {
		return err
	}
	failed, complain, err := os.Pipe()
	if err != nil {
		return err
	}
	defer failed.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		complain.Close()
		return err
	}
	process, err := os.StartProcess("/proc/self/exe", []string{initName, a.dir, s.ID}, &os.ProcAttr{
		Env: []string{}, Files: []*os.File{null, null, null, complain},
		Sys: &unix.SysProcAttr{
			Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS, Setsid: true,
		},
	})
	null.Close()
	complain.Close()
	if err != nil {
		return err
	}
	start, _ := look(process.Pid)
	go process.Wait() // reaps it, unless it outlives us
	stop := context.AfterFunc(ctx, func() { process.Kill() })
	complaint, err := io.ReadAll(failed) // ends when the guest runs, or nothing does
	if !stop() {
		return ctx.Err()
	}
	if err == nil && len(complaint) > 0 {
		err = errorf(nil, "starting the sandbox: %s", complaint)
	}
	if err != nil {
		return err
	}
	return writeJSON(filepath.Join(s.dir, "init.json"), initRecord{process.Pid, start})
}

// Stop implements engine.API. With the first process all others in its namespace end.
func (a *api) Stop(ctx context.Context, id string, grace time.Duration) error {
	s, err := a.find(id)
	if err != nil {
		return err
	}
	return s.stop(ctx, grace)
}

func (s *sandbox) stop(ctx context.Context, grace time.Duration) error {
	process, err := s.process()
	if err != nil {
		return nil // stopped already
	}
	defer process.Close()
	fd := int(process.Fd())
	if grace > 0 {
		_ = unix.PidfdSendSignal(fd, unix.SIGPWR, nil, 0) // guest.StopSignal; where it has ended, waiting says so
		ended, err := wait(ctx, fd, time.Now().Add(grace))
		if ended || err != nil {
			return err
		}
	}
	_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
	_, err = wait(ctx, fd, time.Time{})
	return err
}

// wait waits for the end of a process.
func wait(ctx context.Context, pidfd int, until time.Time) (ended bool, err error) {
	for ctx.Err() == nil {
		const look = 50 // milliseconds until ctx and the time are looked at again
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, look)
		if n > 0 {
			return true, nil
		}
		if err != nil && err != unix.EINTR {
			return false, err
		}
		if !until.IsZero() && time.Now().After(until) {
			return false, nil
		}
	}
	return false, ctx.Err()
}

// Delete implements engine.API. Of several at the same time one succeeds: the one that can move the sandbox away.
func (a *api) Delete(ctx context.Context, id string) error {
	s, lock, err := a.locked(id)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := s.stop(ctx, 0); err != nil {
		return err
	}
	trash := a.path("tmp", s.ID)
	if err := os.Rename(s.dir, trash); err != nil {
		return err
	}
	return os.RemoveAll(trash)
}
