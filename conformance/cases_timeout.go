package conformance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/sandlot-dev/sandlot/conformance/internal/answer"
	"github.com/sandlot-dev/sandlot/runtime"
)

// deadline comes only when a tree stands, but soon: engines on a busy machine need that long to start one.
func (t *T) deadline() time.Duration { return t.long(3 * time.Second) }

// short is a deadline for commands that need no time to stand.
func (t *T) short() time.Duration { return t.long(time.Second) }

func timeoutCases() []Case {
	cases := []Case{
		{
			ID: "timeout/leader", Contract: contractExec,
			Rule: "A deadline that passes is ErrTimeout, code 124 and TimedOut, and the command is gone.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.TimesOut(t.Exec(id, runtime.ExecOptions{Timeout: t.short()}, "stay", t.token))
				t.Gone(id, t.token)
			},
		},
		{
			ID: "timeout/in-time", Contract: contractExecOptions + ".Timeout",
			Rule: "A command that ends before its deadline has not timed out.",
			Run: func(t *T) {
				out := t.Exec(t.Sandbox(), runtime.ExecOptions{Timeout: time.Hour}, "say", "done", "", "3")
				t.Equal("the output", out, Output{ExecResult: runtime.ExecResult{ExitCode: 3}, Stdout: "done"})
			},
		},
		{
			ID: "timeout/negative", Contract: contractExecOptions + ".Timeout",
			Rule: "A negative deadline is ErrInvalid, and nothing has run.",
			Run: func(t *T) {
				id := t.Sandbox()
				out := t.Exec(id, runtime.ExecOptions{Timeout: -time.Second}, "write", "/tmp/ran", "yes")
				t.ErrorIs("exec", out.Err, runtime.ErrInvalid)
				t.NotRun(id)
			},
		},
		{
			ID: "timeout/output-kept", Contract: contractExec,
			Rule: "At a deadline the output so far has been written.",
			Run: func(t *T) {
				out := t.Exec(t.Sandbox(), runtime.ExecOptions{Timeout: t.short()}, "say", "to out", "to err", "stay")
				t.TimesOut(out)
				t.Equal("stdout", out.Stdout, "to out")
				t.Equal("stderr", out.Stderr, "to err")
			},
		},
		{
			ID: "timeout/flood", Contract: contractExec,
			Rule: "A deadline ends a command that writes without end.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.TimesOut(t.Exec(id, runtime.ExecOptions{Timeout: t.short(), Stdout: io.Discard}, "leave", t.token, "flood", "stay"))
				t.Gone(id, t.token)
			},
		},
		{
			ID: "timeout/stdin-open", Contract: contractExec,
			Rule: "A deadline ends a command whose input is still open.",
			Run: func(t *T) {
				r, w := io.Pipe()
				defer w.Close()
				out := t.Exec(t.Sandbox(), runtime.ExecOptions{Timeout: t.short(), Stdin: r}, "cat")
				t.TimesOut(out)
			},
		},
		{
			ID: "timeout/stdin-full", Contract: contractExec,
			Rule: "A deadline ends a command that does not read the input that waits for it.",
			Run: func(t *T) {
				out := t.Exec(t.Sandbox(), runtime.ExecOptions{Timeout: t.short(), Stdin: answer.Noise(1 << 40)}, "stay", t.token)
				t.TimesOut(out)
			},
		},
		{
			ID: "timeout/tty", Contract: contractExec, Needs: []runtime.Capability{runtime.CapabilityTTY},
			Rule: "A deadline ends a command on a terminal with its tree.",
			Run: func(t *T) {
				id := t.Sandbox()
				out := t.Exec(id, runtime.ExecOptions{Timeout: t.deadline(), TTY: true}, "tree", t.token, "child", "daemon")
				t.TimesOut(out)
				t.True(strings.HasPrefix(out.Stdout, "ready"), "the output so far", out.Stdout, "ready")
				t.Gone(id, t.token)
			},
		},
		{
			ID: "timeout/another-user", Contract: contractExec, Needs: []runtime.Capability{runtime.CapabilityUser},
			Rule: "A deadline ends the tree of another user than the sandbox's.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{User: workerName})
				opts := runtime.ExecOptions{Timeout: t.deadline(), User: otherName}
				t.TreeTimesOut(id, opts, "tree", t.token, "child", "setsid", "daemon", "ignore", "stopped")
			},
		},
		{
			ID: "timeout/concurrent", Contract: contractExec,
			Rule: "Of 16 execs at once, half of which pass their deadline, each gets its own end.",
			Run: func(t *T) {
				const n = 16
				id := t.Run(runtime.RunOptions{})
				outs := make([]Output, n)
				t.Input("exec of %d at once, half with deadline %v", n, t.deadline())
				var wg sync.WaitGroup
				for i := range n {
					wg.Go(func() {
						if i%2 == 0 {
							argv := probeArgv("tree", t.token+"timed", "daemon")
							outs[i] = execOn(t.ctx, t.Runtime(), id, runtime.ExecOptions{Timeout: t.deadline()}, argv)
						} else {
							argv := probeArgv("leave", t.token+"left", "child", fmt.Sprint(i))
							outs[i] = execOn(t.ctx, t.Runtime(), id, runtime.ExecOptions{Timeout: time.Hour}, argv)
						}
					})
				}
				wg.Wait()
				for i, out := range outs {
					if i%2 == 0 {
						t.TimesOut(out)
					} else {
						t.Equal("an exec in time", out, Output{ExecResult: runtime.ExecResult{ExitCode: i}, Stdout: "ready\n"})
					}
				}
				t.Gone(id, t.token+"timed")
				t.Equal("what the others left running", len(t.Alive(id, t.token+"left")), n/2)
			},
		},
		{
			ID: "timeout/others-unharmed", Contract: contractExec,
			Rule: "A deadline kills nothing else in the sandbox: no other exec, and nothing that an earlier one left running.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{})
				t.MustExec(id, runtime.ExecOptions{}, "leave", t.token+"left", "daemon")
				p := t.Start(id, runtime.ExecOptions{}, "tree", t.token+"other", "child", "daemon").Ready()
				t.TreeTimesOut(id, runtime.ExecOptions{Timeout: t.deadline()}, "tree", t.token, "child", "daemon")
				t.Equal("how many processes of the other exec are left", len(t.Alive(id, t.token+"other")), 3)
				t.Equal("how many processes of the earlier exec are left", len(t.Alive(id, t.token+"left")), 1)
				select {
				case <-p.Done():
					t.Errorf("the other exec\n  got:   its end: %+v\n  want:  still under way", p.Wait())
				default:
				}
			},
		},
		{
			ID: "timeout/leader-was-faster", Contract: contractExec,
			Rule: "A deadline that would pass after the leader's exit ends nothing: what it left running goes on.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{})
				out := t.Exec(id, runtime.ExecOptions{Timeout: t.deadline()}, "leave", t.token, "daemon")
				t.Equal("the output", out, Output{Stdout: "ready\n"})
				// The event after that deadline: a later exec's equal one.
				t.TimesOut(t.Exec(id, runtime.ExecOptions{Timeout: t.deadline() + t.short()}, "stay", t.token+"clock"))
				t.Equal("how many processes are left", len(t.Alive(id, t.token)), 1)
			},
		},
		{
			ID: "timeout/exec-afterwards", Contract: contractExec,
			Rule: "After a deadline the sandbox takes execs as before, and its files are as they were.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.MustExec(id, runtime.ExecOptions{}, "write", "kept", "content")
				t.TimesOut(t.Exec(id, runtime.ExecOptions{Timeout: t.short()}, "stay", t.token))
				t.Equal("the file", t.Lstat(id, "kept").Content, "content")
				t.Equal("the state", t.Inspect(id).State, runtime.StateRunning)
			},
		},
		{
			ID: "timeout/ctx-cancelled", Contract: contractExec,
			Rule: "A ctx that is cancelled ends the exec and its tree: code 124, and the error matches ctx.Err().",
			Run: func(t *T) {
				id := t.Sandbox()
				p := t.Start(id, runtime.ExecOptions{}, "tree", t.token, "child", "setsid", "daemon", "ignore", "stopped").Ready()
				p.Cancel()
				out := p.Wait()
				t.ErrorIs("exec", out.Err, context.Canceled)
				t.True(!errors.Is(out.Err, runtime.ErrTimeout), "the error", out.Err, "none that matches ErrTimeout")
				t.Equal("the result", out.ExecResult, runtime.ExecResult{ExitCode: runtime.ExitTimeout})
				t.Equal("the output so far", out.Stdout, "ready\n")
				t.Gone(id, t.token)
			},
		},
		{
			ID: "timeout/ctx-deadline", Contract: contractExec,
			Rule: "A ctx whose deadline passes ends the exec and its tree: code 124, and the error matches ctx.Err().",
			Run: func(t *T) {
				id := t.Sandbox()
				ctx, cancel := context.WithTimeout(t.ctx, t.deadline())
				defer cancel()
				out := t.ExecArgv(ctx, id, runtime.ExecOptions{}, probeArgv("tree", t.token, "child", "daemon"))
				t.ErrorIs("exec", out.Err, context.DeadlineExceeded)
				t.Equal("the exit code", out.ExitCode, runtime.ExitTimeout)
				t.Gone(id, t.token)
			},
		},
		{
			ID: "timeout/client-gone", Contract: contractExec,
			Rule: "When the client goes away, the tree of its exec is killed, as at a deadline.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{})
				rt := t.Open()
				p := t.StartOn(rt, id, runtime.ExecOptions{}, "tree", t.token, "child", "setsid", "daemon", "ignore", "stopped").Ready()
				t.Input("close the runtime on which a tree runs")
				t.NoError("closing", rt.Close())
				out := p.Wait()
				t.True(out.Err != nil, "the exec's error", out.Err, "one")
				t.EventuallyGone(id, t.token) // nobody is there to wait for it
			},
		},
	}
	for _, tree := range []struct {
		id, rule string
		kinds    []string
	}{
		{"child", "a child", []string{"child"}},
		{"grandchild", "a child's child", []string{"grandchild"}},
		{"setsid-child", "a child that called setsid", []string{"setsid"}},
		{"double-fork", "a daemon that forked twice", []string{"daemon"}},
		{"ignores-signals", "a child that ignores SIGTERM and all other signals that can be ignored", []string{"ignore"}},
		{"stopped-child", "a child that is stopped", []string{"stopped"}},
		{"stopped-daemon", "a stopped daemon that ignores signals", []string{"daemon-stopped"}},
		{"forking", "processes that fork faster than one can look", []string{"forking"}},
		{"wide", "many children", []string{"wide"}},
		{"all", "one of each", []string{"child", "grandchild", "setsid", "daemon", "ignore", "stopped", "daemon-stopped"}},
	} {
		cases = append(cases, Case{
			ID: "timeout/tree/" + tree.id, Contract: contractExec,
			Rule: "At a deadline the whole tree that the exec started is killed: " + tree.rule + ".",
			Run: func(t *T) {
				t.TreeTimesOut(t.Sandbox(), runtime.ExecOptions{Timeout: t.deadline()}, append([]string{"tree", t.token}, tree.kinds...)...)
			},
		})
	}
	return append(cases, hostileTimeoutCases()...)
}
