//go:build linux

package supervise

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sandlot-dev/sandlot/guest/program/internal/self"
	"github.com/sandlot-dev/sandlot/guest/wire"
)

// What a runtime.ExecResult says of commands that have no exit code of their own.
const (
	exitTimeout       = 124
	exitNotExecutable = 126
	exitNotFound      = 127
	exitSignal        = 128
)

// startedDelay is how long the host may take a command that has been started for one that has not.
const startedDelay = 2 * time.Millisecond

// childOOMScore is added to what the kernel thinks of a command's memory when it looks for something to kill.
const childOOMScore = 500

// addOOMScore makes a command the first to go when memory is short.
func addOOMScore(pid int) {
	fd, err := unix.Open("/proc/"+strconv.Itoa(pid)+"/oom_score_adj", unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return // it has ended
	}
	_, _ = unix.Write(fd, []byte(strconv.Itoa(childOOMScore)))
	unix.Close(fd)
}

// A supervisor runs one command and everything that comes of it. It is a subreaper: whatever loses its parent becomes its child.
type supervisor struct {
	*server
	host   *host
	empty  chan struct{} // closed when nothing is left; nil as long as nothing has been started
	leader leader
	armed  bool // the first process keeps a deadline
}

// exec runs a command and says what became of it.
func (s *supervisor) exec(request *wire.ExecRequest) wire.Result {
	var deadline <-chan time.Time
	if request.Timeout > 0 {
		// The first process has it before there is a command that could do anything against that.
		if err := s.link.Deadline(request.Timeout); err != nil {
			return failed(wire.KindUnavailable, err)
		}
		s.armed = true
		defer s.disarm()
		timer := time.NewTimer(request.Timeout)
		defer timer.Stop()
		deadline = timer.C
	}
	// Capabilities are for a sandbox that runs as root. In any other its root has none on Docker, and would have them on Podman.
	if s.link.Welcome.UID != 0 && os.Getuid() == 0 {
		if err := self.KeepCapabilities(0); err != nil {
			return failed(wire.KindUnavailable, err)
		}
	}
	defer func() { _ = os.Chdir("/") }() // do not hold the command's directory
	writableRoot()
	if result, ok := enter(string(s.link.Welcome.Dir), string(request.Dir)); !ok {
		return result
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return failed(wire.KindOther, err)
	}
	env := environment(os.Environ(), request)
	path, complaint, exit := lookPath(string(request.Argv[0]), env)
	if exit != 0 {
		return s.notStarted(complaint, exit)
	}
	streams, err := openStreams(request, s.host)
	if err != nil {
		return failed(wire.KindOther, err)
	}
	s.host.w.Defer(wire.TypeStarted, startedDelay) // in one write with what comes of a short command
	before := s.ooms.read()
	leader, err := start(path, request.Argv, env, streams)
	streams.started(err == nil)
	if err != nil {
		return s.startFailed(string(request.Argv[0]), err)
	}
	ended := s.reap(leader)
	addOOMScore(leader)
	_ = os.Chdir("/")
	streams.run()

	result := s.wait(ended, deadline, streams, before)
	s.disarm() // what is still to come takes as long as the host takes to read it
	result.Held = streams.drain() && !result.Left
	return result
}

// disarm takes the deadline off.
func (s *supervisor) disarm() {
	if s.armed {
		s.armed = false
		_ = s.link.Deadline(0)
	}
}

// wait waits for the leader's end, or makes it.
func (s *supervisor) wait(ended <-chan unix.WaitStatus, deadline <-chan time.Time, streams *streams, oomsBefore int) (result wire.Result) {
	for {
		select {
		case status := <-ended:
			if !status.Signaled() {
				return wire.Result{Exit: status.ExitStatus()}
			}
			killed := status.Signal() == unix.SIGKILL
			return wire.Result{Exit: exitSignal + int(status.Signal()), Signal: int(status.Signal()), OOM: killed && s.ooms.read() > oomsBefore}
		case size := <-s.host.resize:
			streams.resize(size)
			continue
		case <-deadline:
			result.TimedOut = true
		case <-s.host.cancelled:
			result.Cancelled = true
		case <-s.host.gone:
			result.Cancelled = true
		}
		result.Exit = exitTimeout
		result.Left = s.killTree() != nil
		return result
	}
}

// killTime bounds how long the supervisor tries to end its tree. Others take over after that.
const killTime = 10 * time.Second

// killTree ends everything that was started.
func (s *supervisor) killTree() error {
	ctx, cancel := context.WithTimeout(context.Background(), killTime)
	defer cancel()
	return s.fs.KillBelow(ctx, os.Getpid(), nil, func() (bool, error) {
		select {
		case <-s.empty:
			return false, nil
		default:
			return true, nil
		}
	})
}

// reap waits for all children, those that were adopted included, and tells the leader's status. When there are no children there
// are no descendants.
func (s *supervisor) reap(leader int) <-chan unix.WaitStatus {
	ended := make(chan unix.WaitStatus, 1)
	s.empty = make(chan struct{})
	s.leader.set(leader)
	go func() {
		tell := func() {}
		for {
			pid, status, err := s.leader.wait()
			if err == unix.ECHILD {
				close(s.empty)
			}
			tell() // only now, so that whoever hears of the leader's end can see whether anything is left
			tell = func() {}
			switch {
			case err == unix.ECHILD:
				return
			case pid == 0:
				<-s.children
			case pid == leader:
				tell = func() { ended <- status }
			}
		}
	}()
	return ended
}

// clean says whether nothing is left of a command that has ended by itself.
func (s *supervisor) clean(result wire.Result) bool {
	if result.Held || result.Left || result.TimedOut || result.Cancelled {
		return false
	}
	if s.empty == nil {
		return true
	}
	select {
	case <-s.empty:
		return true
	default:
		return false
	}
}

// stay waits until nothing is left of what was started: only we can end it when that is wanted.
func (s *supervisor) stay() {
	if s.empty == nil {
		return
	}
	select {
	case <-s.empty:
	case <-time.After(time.Second):
		shrink()
		<-s.empty
	}
}

// enter goes to the directory that the command starts in.
func enter(base, dir string) (wire.Result, bool) {
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(base, dir)
	}
	err := os.Chdir(dir)
	switch {
	case err == nil:
		return wire.Result{}, true
	case errors.Is(err, unix.EACCES):
		return failed(wire.KindPermission, err), false
	default:
		return failed(wire.KindInvalid, err), false
	}
}

// start starts the leader, in a session of its own: no terminal's signal, nor a kill of its group, reaches anything else.
func start(path string, argv [][]byte, env []string, s *streams) (pid int, err error) {
	args := make([]string, len(argv))
	for i, arg := range argv {
		args[i] = string(arg)
	}
	return syscall.ForkExec(path, args, &syscall.ProcAttr{
		Env: env, Files: s.child[:],
		Sys: &syscall.SysProcAttr{Setsid: true, Setctty: s.tty, Ctty: 0},
	})
}

// notStarted answers as a shell does for a command that cannot be run.
func (s *supervisor) notStarted(complaint string, exit int) wire.Result {
	_ = s.host.w.Write(wire.TypeStderr, []byte("sandlot: "+complaint+"\n"))
	return wire.Result{Exit: exit}
}

// startFailed tells apart why a command that was found could not be started.
func (s *supervisor) startFailed(name string, err error) wire.Result {
	switch err {
	case unix.E2BIG:
		return failed(wire.KindInvalid, errors.New("the command line and the environment are too long"))
	case unix.EAGAIN, unix.ENOMEM:
		return failed(wire.KindUnavailable, errors.New("the sandbox has reached its limit on processes or memory"))
	case unix.ENOENT, unix.ENOTDIR:
		return s.notStarted(name+": the program that runs it was not found", exitNotFound)
	default:
		return s.notStarted(name+": "+err.Error(), exitNotExecutable)
	}
}
