package conformance

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/sandlot-dev/sandlot/conformance/internal/answer"
	"github.com/sandlot-dev/sandlot/runtime"
)

const (
	contractExec        = "runtime.Runtime.Exec"
	contractExecOptions = "runtime.ExecOptions"
	contractExecResult  = "runtime.ExecResult"
)

func execCases() []Case {
	return []Case{
		{
			ID: "exec/argv", Contract: contractExec,
			Rule: "The command gets its arguments as they are: no shell, no splitting, no expansion.",
			Run: func(t *T) {
				want := []string{"", "a b", `"quoted" 'too'`, "$HOME `id` $(id)", "*", "-x", "--", "line\nbreak", "ünï ☃", `\`}
				got := answerOf[answer.Self](t, t.Sandbox(), runtime.ExecOptions{}, append([]string{"self"}, want...)...)
				t.Equal("the arguments", got.Args, want)
			},
		},
		{
			ID: "exec/exit-code", Contract: contractExecResult + ".ExitCode",
			Rule: "A command's exit status is a result, never an error.",
			Run: func(t *T) {
				id := t.Sandbox()
				for _, code := range []int{0, 1, 2, 42, 125, 126, 127, 128, 137, 255} {
					out := t.Exec(id, runtime.ExecOptions{}, "exit", fmt.Sprint(code))
					t.Equal("the error", out.Err, nil)
					t.Equal("the result", out.ExecResult, runtime.ExecResult{ExitCode: code})
				}
			},
		},
		{
			ID: "exec/exit-code-124", Contract: contractExecResult + ".TimedOut",
			Rule: "A command that itself exits with 124 has not timed out.",
			Run: func(t *T) {
				out := t.Exec(t.Sandbox(), runtime.ExecOptions{Timeout: t.suite.cfg.CaseTimeout}, "exit", "124")
				t.Equal("the error", out.Err, nil)
				t.Equal("the result", out.ExecResult, runtime.ExecResult{ExitCode: 124})
			},
		},
		{
			ID: "exec/signal", Contract: contractExecResult + ".Signal",
			Rule: "A leader that a signal ended is told by Signal and by the code 128 + Signal.",
			Run: func(t *T) {
				id := t.Sandbox()
				for _, signal := range []int{1, 2, 6, 9, 11, 13, 15} {
					out := t.Exec(id, runtime.ExecOptions{}, "die", fmt.Sprint(signal))
					t.Equal("the error", out.Err, nil)
					t.Equal("the result", out.ExecResult, runtime.ExecResult{ExitCode: 128 + signal, Signal: signal})
				}
			},
		},
		{
			ID: "exec/not-found", Contract: contractExec,
			Rule: "A command that is not found is a result with exit code 127, and stderr says why.",
			Run: func(t *T) {
				id := t.Sandbox()
				for _, name := range []string{"/no/such/program", "no-such-program", "./no-such-program"} {
					out := t.ExecArgv(t.ctx, id, runtime.ExecOptions{}, []string{name})
					t.Equal("the error", out.Err, nil)
					t.Equal("the result", out.ExecResult, runtime.ExecResult{ExitCode: runtime.ExitNotFound})
					t.True(strings.Contains(out.Stderr, name), "stderr", out.Stderr, "the name of the command in it")
					t.Equal("stdout", out.Stdout, "")
				}
			},
		},
		{
			ID: "exec/not-executable", Contract: contractExec,
			Rule: "A command that cannot be executed is a result with exit code 126, and stderr says why.",
			Run: func(t *T) {
				id := t.Sandbox()
				for _, name := range []string{"/etc/passwd", "/etc"} {
					out := t.ExecArgv(t.ctx, id, runtime.ExecOptions{}, []string{name})
					t.Equal("the error", out.Err, nil)
					t.Equal("the result", out.ExecResult, runtime.ExecResult{ExitCode: runtime.ExitNotExecutable})
					t.True(strings.Contains(out.Stderr, name), "stderr", out.Stderr, "the name of the command in it")
					t.Equal("stdout", out.Stdout, "")
				}
			},
		},
		{
			ID: "exec/empty-argv", Contract: contractExec,
			Rule: "An empty argv is ErrInvalid.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.ErrorIs("no argv", t.ExecArgv(t.ctx, id, runtime.ExecOptions{}, nil).Err, runtime.ErrInvalid)
				t.ErrorIs("an argv of length 0", t.ExecArgv(t.ctx, id, runtime.ExecOptions{}, []string{}).Err, runtime.ErrInvalid)
			},
		},
		{
			ID: "exec/by-name", Contract: "runtime.Runtime",
			Rule: "A sandbox's name serves as its id.",
			Run: func(t *T) {
				t.Run(runtime.RunOptions{Name: t.Name()})
				t.Equal("stdout", t.MustExec(t.Name(), runtime.ExecOptions{}, "say", "hello", ""), "hello")
			},
		},
		{
			ID: "exec/no-such-sandbox", Contract: "runtime.Runtime",
			Rule: "For an id that names no container Exec returns ErrNotFound.",
			Run: func(t *T) {
				t.ErrorIs("exec", t.Exec(t.Name(), runtime.ExecOptions{}, "exit", "0").Err, runtime.ErrNotFound)
			},
		},
		{
			ID: "exec/not-running", Contract: contractExec,
			Rule: "A sandbox that does not run is ErrNotRunning.",
			Run: func(t *T) {
				stopper := t.Stopper()
				id := t.Run(runtime.RunOptions{})
				_, err := stopper.Stop(t.ctx, id, runtime.StopOptions{})
				t.NoError("stopping", err)
				t.ErrorIs("exec", t.Exec(id, runtime.ExecOptions{}, "exit", "0").Err, runtime.ErrNotRunning)
			},
		},
		{
			ID: "exec/concurrent", Contract: contractExec,
			Rule: "Execs of one sandbox at the same time do not mix: each gets its own input, output and result.",
			Run: func(t *T) {
				const n = 16
				id := t.Sandbox()
				outs := make([]Output, n)
				t.Input("exec of %d at once", n)
				var wg sync.WaitGroup
				for i := range n {
					wg.Go(func() {
						word := fmt.Sprintf("word %d of %s", i, t.token)
						opts := runtime.ExecOptions{Env: []string{fmt.Sprintf("N=%d", i)}}
						outs[i] = execOn(t.ctx, t.Runtime(), id, opts, probeArgv("say", word, "not "+word, fmt.Sprint(i)))
					})
				}
				wg.Wait()
				for i, out := range outs {
					word := fmt.Sprintf("word %d of %s", i, t.token)
					t.Equal("the output", out, Output{ExecResult: runtime.ExecResult{ExitCode: i}, Stdout: word, Stderr: "not " + word})
				}
			},
		},
		{
			ID: "exec/removed-meanwhile", Contract: contractExec,
			Rule: "A sandbox that ends during the exec is ErrConnectionLost, code -1, with the output so far written.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{})
				p := t.Start(id, runtime.ExecOptions{}, "stay", t.token).Ready()
				t.Remove(id)
				lost(t, p.Wait())
			},
		},
		{
			ID: "exec/stopped-meanwhile", Contract: contractExec,
			Rule: "A sandbox that is stopped during the exec is ErrConnectionLost, code -1, with the output so far written.",
			Run: func(t *T) {
				stopper := t.Stopper()
				id := t.Run(runtime.RunOptions{})
				p := t.Start(id, runtime.ExecOptions{}, "stay", t.token).Ready()
				_, err := stopper.Stop(t.ctx, id, runtime.StopOptions{})
				t.NoError("stopping", err)
				lost(t, p.Wait())
			},
		},
		{
			ID: "exec/oom", Contract: contractExecResult + ".OOMKilled", Needs: []runtime.Capability{runtime.CapabilityMemoryLimit},
			Rule: "A leader that died because the sandbox was out of memory is told by OOMKilled, and the sandbox goes on.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{MemoryBytes: 96 << 20})
				out := t.Exec(id, runtime.ExecOptions{}, "burn", fmt.Sprint(1<<30))
				t.Equal("the error", out.Err, nil)
				t.Equal("the result", out.ExecResult, runtime.ExecResult{ExitCode: 137, Signal: 9, OOMKilled: true})
				t.Equal("an exec afterwards", t.MustExec(id, runtime.ExecOptions{}, "say", "alive", ""), "alive")
			},
		},
		{
			ID: "exec/killed-is-not-oom", Contract: contractExecResult + ".OOMKilled",
			Rule: "A leader that SIGKILL ended while there was memory is not told to have been out of memory.",
			Run: func(t *T) {
				out := t.Exec(t.Sandbox(), runtime.ExecOptions{}, "die", "9")
				t.Equal("the error", out.Err, nil)
				t.Equal("OOMKilled", out.OOMKilled, false)
			},
		},
		{
			ID: "exec/ctx-done-before", Contract: "runtime.Runtime",
			Rule: "With a ctx that is done already Exec returns its error, and nothing has run.",
			Run: func(t *T) {
				id := t.Sandbox()
				ctx, cancel := context.WithCancel(t.ctx)
				cancel()
				out := t.ExecArgv(ctx, id, runtime.ExecOptions{}, probeArgv("write", "/tmp/ran", "yes"))
				t.ErrorIs("exec with a cancelled ctx", out.Err, context.Canceled)
				t.NotRun(id)
			},
		},
	}
}

// lost asserts that a "stay" lost its connection.
func lost(t *T, out Output) {
	t.ErrorIs("exec", out.Err, runtime.ErrConnectionLost)
	t.Equal("the exit code", out.ExitCode, -1)
	t.Equal("the output so far", out.Stdout, "ready\n")
}

// NotRun asserts that nobody has written /tmp/ran.
func (t *T) NotRun(id string) {
	t.Equal("what a command that must not have run has written", t.Lstat(id, "/tmp/ran").Type, "")
}

// Lstat is lstat in a sandbox.
func (t *T) Lstat(id, path string) answer.File {
	input := t.lastInput()
	defer func() { t.Input("%s", input) }()
	return answerOf[[]answer.File](t, id, runtime.ExecOptions{}, "stat", path)[0]
}

// Alive are the processes of a sandbox that have mark among their arguments.
func (t *T) Alive(id, mark string) []answer.Process {
	input := t.lastInput()
	defer func() { t.Input("%s", input) }()
	found := answerOf[[]answer.Process](t, id, runtime.ExecOptions{}, "alive", mark)
	// "alive" has it as well, and is not in its own list; but others may look at the same time.
	return slices.DeleteFunc(found, func(p answer.Process) bool { return len(p.Args) > 1 && p.Args[1] == "alive" })
}

// Gone asserts that nothing with mark among its arguments is left in a sandbox.
func (t *T) Gone(id, mark string) {
	alive := t.Alive(id, mark)
	t.True(len(alive) == 0, "what is left of the tree", alive, "nothing")
}
