package conformance

import (
	"errors"
	"slices"
	"time"

	"github.com/sandlot-dev/sandlot/conformance/internal/answer"
	"github.com/sandlot-dev/sandlot/runtime"
)

// hostileTimeoutCases are commands that fight what supervises them.
func hostileTimeoutCases() []Case {
	return []Case{
		{
			ID: "timeout/hostile/kills-all", Contract: contractExec,
			Rule: "A command that sends SIGKILL to everything it may signal saves nothing of its tree.",
			Run:  func(t *T) { t.endsItself(runtime.ExecOptions{Timeout: t.deadline()}, "signal-all", "9", t.token) },
		},
		{
			ID: "timeout/hostile/stops-all", Contract: contractExec,
			Rule: "A command that sends SIGSTOP to everything it may signal is killed at its deadline all the same.",
			Run:  func(t *T) { t.endsAtDeadline("signal-all", "19", t.token) },
		},
		{
			ID: "timeout/hostile/kills-supervisor", Contract: contractExec,
			Rule: "A tree whose supervisor was killed is killed too, and the exec ends.",
			Run:  func(t *T) { t.endsItself(runtime.ExecOptions{}, "supervisor", "9", t.token) },
		},
		{
			ID: "timeout/hostile/stops-supervisor", Contract: contractExec,
			Rule: "A command that stops its supervisor is killed at its deadline with its tree.",
			Run:  func(t *T) { t.endsAtDeadline("supervisor", "19", t.token) },
		},
		{
			ID: "timeout/hostile/stops-supervisor-ctx", Contract: contractExec,
			Rule: "A command that has stopped its supervisor is killed with its tree when ctx is cancelled.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{})
				p := t.Start(id, runtime.ExecOptions{Timeout: time.Hour}, "supervisor", "19", t.token)
				for t.supervisorState(id, t.token) != "T" {
					t.NoError("waiting for the supervisor to be stopped", t.ctx.Err())
				}
				p.Cancel()
				t.Equal("the exit code", p.Wait().ExitCode, runtime.ExitTimeout)
				t.EventuallyGone(id, t.token)
			},
		},
		{
			ID: "timeout/hostile/others-unharmed", Contract: contractExec,
			Rule: "Killing the tree of a command that has stopped everything leaves the sandbox running and taking execs.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{})
				t.Ended(t.Exec(id, runtime.ExecOptions{Timeout: t.deadline()}, "signal-all", "19", t.token))
				t.Equal("an exec afterwards", t.MustExec(id, runtime.ExecOptions{}, "say", "alive", ""), "alive")
			},
		},
	}
}

// endsItself runs a command that takes its supervisor away, and the sandbox goes on.
func (t *T) endsItself(opts runtime.ExecOptions, args ...string) {
	id := t.Run(runtime.RunOptions{})
	t.Ended(t.Exec(id, opts, args...))
	t.EventuallyGone(id, t.token)
	t.Equal("the state", t.Inspect(id).State, runtime.StateRunning)
}

func (t *T) endsAtDeadline(args ...string) {
	id := t.Run(runtime.RunOptions{})
	t.TimesOut(t.Exec(id, runtime.ExecOptions{Timeout: t.deadline()}, args...))
	t.EventuallyGone(id, t.token)
}

// TimesOut asserts the end that a deadline makes.
func (t *T) TimesOut(out Output) {
	t.ErrorIs("exec", out.Err, runtime.ErrTimeout)
	t.Equal("the exit code", out.ExitCode, runtime.ExitTimeout)
	t.Equal("TimedOut", out.TimedOut, true)
}

// Ended asserts an end that is no success: the command has taken its supervisor away.
func (t *T) Ended(out Output) {
	ok := errors.Is(out.Err, runtime.ErrConnectionLost) || errors.Is(out.Err, runtime.ErrTimeout)
	t.True(ok, "the exec's error", out.Err, "ErrConnectionLost or, when the deadline was first, ErrTimeout")
}

// TreeTimesOut runs a tree that stands before its deadline and asserts that nothing is left of it when Exec returns.
func (t *T) TreeTimesOut(id string, opts runtime.ExecOptions, args ...string) {
	out := t.Exec(id, opts, args...)
	t.TimesOut(out)
	t.Equal("the output so far", out.Stdout, "ready\n")
	t.Gone(id, t.token)
}

// EventuallyGone asserts that nothing with mark among its arguments stays in a sandbox.
func (t *T) EventuallyGone(id, mark string) {
	for {
		alive := t.Alive(id, mark)
		if len(alive) == 0 {
			return
		}
		if t.ctx.Err() != nil {
			t.Fatalf("what is left of the tree\n  got:   %+v\n  want:  nothing", alive)
		}
	}
}

// supervisorState is the state of the process that supervises the probe with mark among its arguments; empty where there is none.
func (t *T) supervisorState(id, mark string) string {
	all := answerOf[[]answer.Process](t, id, runtime.ExecOptions{}, "processes")
	for _, leader := range all {
		if !slices.Contains(leader.Args, mark) || !slices.Contains(leader.Args, "supervisor") {
			continue
		}
		for _, p := range all {
			if p.PID == leader.PPID {
				return p.State
			}
		}
	}
	return ""
}
