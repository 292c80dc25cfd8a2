package conformance

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/sandlot-dev/sandlot/conformance/internal/answer"
	"github.com/sandlot-dev/sandlot/runtime"
)

// nextExecCases are about execs that follow others, or run beside them: a runtime may keep in the sandbox what serves them.
func nextExecCases() []Case {
	return []Case{
		{
			ID: "exec/next/repeated", Contract: contractExec,
			Rule: "Nothing of an exec is there in the next one: not its directory, environment, user, input or open files.",
			Run: func(t *T) {
				id := t.Sandbox()
				self := func() answer.Self {
					got := answerOf[answer.Self](t, id, runtime.ExecOptions{}, "self")
					return answer.Self{Dir: got.Dir, Env: got.Env, UID: got.UID, GID: got.GID, Files: got.Files, Ignored: got.Ignored}
				}
				first := self()
				for range 20 {
					t.MustExec(id, runtime.ExecOptions{Dir: "/tmp", Env: []string{"ONCE=" + t.token}, Stdin: endlessInput{}}, "exit", "0")
					t.Equal("what the next exec gets", self(), first)
				}
			},
		},
		{
			ID: "exec/next/everything-killed", Contract: contractExec,
			Rule: "A command that kills all it can, and so what supervises it, is ErrConnectionLost, leaves nothing, and the next exec works.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{})
				for range 3 {
					t.MustExec(id, runtime.ExecOptions{}, "exit", "0")
					out := t.Exec(id, runtime.ExecOptions{}, "signal-all", "9", t.token)
					t.ErrorIs("exec", out.Err, runtime.ErrConnectionLost)
					t.Equal("the exit code", out.ExitCode, -1)
					t.Equal("the next exec", t.MustExec(id, runtime.ExecOptions{}, "say", "alive", ""), "alive")
					t.EventuallyGone(id, t.token)
				}
			},
		},
		{
			ID: "exec/next/everything-stopped", Contract: contractExec, Needs: []runtime.Capability{runtime.CapabilityUser},
			Rule: "A command that stops all it can ends when ctx is cancelled, leaves nothing, and the next exec works.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{})
				t.MustExec(id, runtime.ExecOptions{}, "exit", "0")
				p := t.Start(id, runtime.ExecOptions{}, "signal-all", "19", t.token)
				for !t.anyStopped(id) {
					t.NoError("waiting for the signal", t.ctx.Err())
				}
				p.Cancel()
				t.Equal("the exit code", p.Wait().ExitCode, runtime.ExitTimeout)
				t.Equal("the next exec", t.MustExec(id, runtime.ExecOptions{}, "say", "alive", ""), "alive")
				t.EventuallyGone(id, t.token)
			},
		},
		{
			ID: "exec/next/after-a-restart", Contract: contractStopper,
			Rule: "A sandbox that was stopped and started takes execs, whoever did that.",
			Run: func(t *T) {
				mine := t.Stopper()
				other, ok := t.Open().(runtime.Stopper)
				if !ok {
					t.Fatalf("a second Runtime is no Stopper, and the first is")
				}
				id := t.Run(runtime.RunOptions{})
				for _, by := range []runtime.Stopper{mine, other} {
					t.Equal("an exec before", t.MustExec(id, runtime.ExecOptions{}, "say", "before", ""), "before")
					_, err := by.Stop(t.ctx, id, runtime.StopOptions{})
					t.NoError("stop", err)
					t.ErrorIs("exec", t.Exec(id, runtime.ExecOptions{}, "exit", "0").Err, runtime.ErrNotRunning)
					_, err = by.Start(t.ctx, id, runtime.StartOptions{})
					t.NoError("start", err)
					t.Equal("an exec after", t.MustExec(id, runtime.ExecOptions{}, "say", "after", ""), "after")
				}
			},
		},
		{
			ID: "exec/next/two-hundred-at-once", Contract: contractExec,
			Rule: "Two hundred execs at once each get their own output and result.",
			Run: func(t *T) {
				const n = 200
				id := t.Run(runtime.RunOptions{})
				outs := make([]Output, n)
				t.Input("exec of %d at once", n)
				var all sync.WaitGroup
				for i := range n {
					all.Go(func() {
						outs[i] = execOn(t.ctx, t.Runtime(), id, runtime.ExecOptions{}, probeArgv("say", fmt.Sprint("out ", i), fmt.Sprint("err ", i), fmt.Sprint(i)))
					})
				}
				all.Wait()
				for i, out := range outs {
					t.Equal("the output", out, Output{ExecResult: runtime.ExecResult{ExitCode: i}, Stdout: fmt.Sprint("out ", i), Stderr: fmt.Sprint("err ", i)})
				}
			},
		},
		{
			ID: "exec/next/users-at-once", Contract: contractExecOptions + ".User", Needs: []runtime.Capability{runtime.CapabilityUser},
			Rule: "Execs of several users at once each run as their own.",
			Run: func(t *T) {
				id := t.Sandbox()
				users := map[string]int{"root": 0, workerName: workerID, otherName: otherID}
				var all sync.WaitGroup
				for user, uid := range users {
					for range 3 {
						all.Go(func() {
							out := execOn(t.ctx, t.Runtime(), id, runtime.ExecOptions{User: user}, probeArgv("self"))
							t.Equal("the error of an exec as "+user, out.Err, nil)
							var got answer.Self
							t.Equal("the error of its answer", json.Unmarshal([]byte(out.Stdout), &got), nil)
							t.Equal("the user of an exec as "+user, got.UID, uid)
						})
					}
				}
				all.Wait()
			},
		},
	}
}

// anyStopped says whether anything in a sandbox is stopped. It looks as a user whom root without capabilities cannot stop.
func (t *T) anyStopped(id string) bool {
	all := answerOf[[]answer.Process](t, id, runtime.ExecOptions{User: workerName}, "processes")
	return slices.ContainsFunc(all, func(p answer.Process) bool { return p.State == "T" })
}

// endlessInput is input that nobody reads to its end.
type endlessInput struct{}

func (endlessInput) Read(p []byte) (int, error) { return len(p), nil }
