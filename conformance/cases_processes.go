package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/sandlot-dev/sandlot/conformance/internal/answer"
	"github.com/sandlot-dev/sandlot/runtime"
)

const contractProcesses = "runtime.Processes"

func processCases() []Case {
	cases := slices.Concat(processStartCases(), processOutputCases(), processEndCases(), processSandboxCases())
	for i := range cases {
		cases[i].Contract = contractProcesses + cases[i].Contract
		cases[i].Needs = append([]runtime.Capability{runtime.CapabilityProcesses}, cases[i].Needs...)
	}
	return cases
}

// processStartCases are about what is started.
func processStartCases() []Case {
	return []Case{
		{
			ID: "process/start", Contract: ".StartProcess",
			Rule: "StartProcess returns while the command runs, and describes it.",
			Run: func(t *T) {
				id := t.Sandbox()
				p := t.ready(id, t.StartProcess(id, runtime.StartProcessOptions{}, "stay", t.token))
				t.Equal("the command line", p.Argv, probeArgv("stay", t.token))
				t.True(p.Running() && p.Ended.IsZero() && p.ID != "" && p.PID > 1 && !p.Started.IsZero(), "the process", p, "one that runs")
				t.Equal("how many run", len(t.Alive(id, t.token)), 1)
			},
		},
		{
			ID: "process/options", Contract: ".StartProcess",
			Rule: "Environment and directory are those of the options, and the input is empty.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{Env: []string{"A=sandbox", "B=sandbox"}})
				p := t.StartProcess(id, runtime.StartProcessOptions{Env: []string{"A=process"}, Dir: "/tmp"}, "self")
				_, stdout := t.ended(id, p.ID)
				var got answer.Self
				t.NoError("the probe's answer", json.Unmarshal([]byte(stdout), &got))
				t.Equal("A", valuesOf(got.Env, "A"), []string{"process"})
				t.Equal("B", valuesOf(got.Env, "B"), []string{"sandbox"})
				t.Equal("the directory", got.Dir, "/tmp")
				p = t.StartProcess(id, runtime.StartProcessOptions{}, "cat")
				result, stdout := t.ended(id, p.ID)
				t.Equal("a command that reads its input", [2]any{result, stdout}, [2]any{runtime.ExecResult{}, ""})
			},
		},
		{
			ID: "process/user", Contract: ".StartProcess", Needs: []runtime.Capability{runtime.CapabilityUser},
			Rule: "A process runs as the user that is asked for, and is listed, signalled and removed like any.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{User: workerName})
				p := t.StartProcess(id, runtime.StartProcessOptions{User: otherName}, "self")
				_, stdout := t.ended(id, p.ID)
				var got answer.Self
				t.NoError("the probe's answer", json.Unmarshal([]byte(stdout), &got))
				t.Equal("the user", got.UID, otherID)
				t.RemoveProcess(id, p.ID)
				p = t.ready(id, t.StartProcess(id, runtime.StartProcessOptions{User: otherName}, "tree", t.token, "daemon"))
				t.Equal("the list", t.processIDs(id), []string{p.ID})
				t.SignalProcess(id, p.ID, 9)
				t.Gone(id, t.token)
				t.RemoveProcess(id, p.ID)
				t.Equal("the list", t.processIDs(id), []string{})
			},
		},
		{
			ID: "process/not-found", Contract: ".StartProcess",
			Rule: "A command that is not found, or cannot be executed, is a process that has ended with 127, or 126.",
			Run: func(t *T) {
				id := t.Sandbox()
				for name, code := range map[string]int{"/no/such/program": 127, "/tmp": 126} {
					t.Input("start process %s", name)
					p, err := t.Processes().StartProcess(t.ctx, id, []string{name}, runtime.StartProcessOptions{})
					t.NoError("starting", err)
					got, _, stderr := t.WaitProcess(id, p.ID, runtime.WaitProcessOptions{})
					t.True(got.Result != nil && got.Result.ExitCode == code, "the result of "+name, got.Result, fmt.Sprint(code))
					t.True(strings.Contains(stderr, name), "stderr", stderr, "the program's name")
				}
			},
		},
		{
			ID: "process/invalid", Contract: ".StartProcess",
			Rule: "Options that make no sense are ErrInvalid, and there is no process.",
			Run: func(t *T) {
				id := t.Sandbox()
				argv := probeArgv("write", "/tmp/ran", "yes")
				for what, try := range map[string]func() (runtime.Process, error){
					"no command": func() (runtime.Process, error) {
						return t.Processes().StartProcess(t.ctx, id, nil, runtime.StartProcessOptions{})
					},
					"no such directory": func() (runtime.Process, error) {
						return t.Processes().StartProcess(t.ctx, id, argv, runtime.StartProcessOptions{Dir: "/nowhere"})
					},
					"a negative deadline": func() (runtime.Process, error) {
						return t.Processes().StartProcess(t.ctx, id, argv, runtime.StartProcessOptions{Timeout: -1})
					},
					"no environment": func() (runtime.Process, error) {
						return t.Processes().StartProcess(t.ctx, id, argv, runtime.StartProcessOptions{Env: []string{"A"}})
					},
				} {
					t.Input("start process with %s", what)
					_, err := try()
					t.ErrorIs(what, err, runtime.ErrInvalid)
				}
				t.NotRun(id)
				t.Equal("the list", t.processIDs(id), []string{})
			},
		},
		{
			ID: "process/list", Contract: ".ListProcesses",
			Rule: "The list has a sandbox's processes, the oldest first, with those that have ended, and no other sandbox's.",
			Run: func(t *T) {
				id, other := t.Sandbox(), t.Sandbox()
				ended := t.StartProcess(id, runtime.StartProcessOptions{}, "exit", "5")
				t.ended(id, ended.ID)
				running := t.StartProcess(id, runtime.StartProcessOptions{}, "stay", t.token)
				t.StartProcess(other, runtime.StartProcessOptions{}, "stay", t.token)
				t.Equal("the ids", t.processIDs(id), []string{ended.ID, running.ID})
				all, err := t.Processes().ListProcesses(t.ctx, id, runtime.ListProcessesOptions{})
				t.NoError("listing", err)
				t.True(len(all) == 2 && all[0].Result != nil && all[0].Result.ExitCode == 5 && all[1].Running(), "the list", all, "one that ended with 5, one that runs")
			},
		},
		{
			ID: "process/other-client", Contract: "",
			Rule: "A process goes on when the Runtime that started it is closed. Another one finds it, with all that it has written.",
			Run: func(t *T) {
				id := t.Sandbox()
				rt := t.Open()
				t.Input("start a process on a runtime that is closed then")
				p, err := t.processesOf(rt).StartProcess(t.ctx, id, probeArgv("tree", t.token, "child", "daemon"), runtime.StartProcessOptions{})
				t.NoError("starting", err)
				t.NoError("closing", rt.Close())
				t.ready(id, p)
				t.Equal("the list", t.processIDs(id), []string{p.ID})
				t.Equal("how many run", len(t.Alive(id, t.token)), 3)
				t.SignalProcess(id, p.ID, 15)
				result, stdout := t.ended(id, p.ID)
				t.Equal("the result", result, runtime.ExecResult{ExitCode: 143, Signal: 15})
				t.Equal("the output", stdout, "ready\n")
			},
		},
		{
			ID: "process/bound", Contract: "",
			Rule: "One process more than MaxProcesses is ErrUnavailable; with one removed there is room again.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{})
				var first string
				for i := range runtime.MaxProcesses {
					p := t.StartProcess(id, runtime.StartProcessOptions{}, "exit", "0")
					if i == 0 {
						first = p.ID
					}
				}
				_, err := t.Processes().StartProcess(t.ctx, id, probeArgv("write", "/tmp/ran", "yes"), runtime.StartProcessOptions{})
				t.ErrorIs("one more", err, runtime.ErrUnavailable)
				t.NotRun(id)
				t.RemoveProcess(id, first)
				t.StartProcess(id, runtime.StartProcessOptions{}, "exit", "0")
			},
		},
	}
}

// processOutputCases are about what is kept of what a process writes.
func processOutputCases() []Case {
	return []Case{
		{
			ID: "process/output", Contract: ".WaitProcess",
			Rule: "WaitProcess gives both outputs from the beginning, each apart, as often as it is called, and how much there is.",
			Run: func(t *T) {
				id := t.Sandbox()
				p := t.StartProcess(id, runtime.StartProcessOptions{}, "say", "to out", "err", "3")
				for range 2 {
					got, stdout, stderr := t.WaitProcess(id, p.ID, runtime.WaitProcessOptions{})
					t.Equal("the outputs", [2]string{stdout, stderr}, [2]string{"to out", "err"})
					t.Equal("how much there is", [2]int64{got.StdoutBytes, got.StderrBytes}, [2]int64{6, 3})
					t.True(got.Result != nil && *got.Result == runtime.ExecResult{ExitCode: 3}, "the result", got.Result, "exit code 3")
				}
			},
		},
		{
			ID: "process/output-from", Contract: ".WaitProcess",
			Rule: "NoWait gives what there is and does not wait; a later call goes on from there.",
			Run: func(t *T) {
				id := t.Sandbox()
				p := t.ready(id, t.StartProcess(id, runtime.StartProcessOptions{}, "on-term", "/tmp/term"))
				now, stdout, _ := t.WaitProcess(id, p.ID, runtime.WaitProcessOptions{NoWait: true})
				t.True(now.Running(), "the process", now, "one that runs")
				t.Equal("the output", stdout, "ready\n")
				t.Equal("how far it goes", now.StdoutBytes, int64(6))
				t.SignalProcess(id, p.ID, 15)
				_, stdout, _ = t.WaitProcess(id, p.ID, runtime.WaitProcessOptions{StdoutFrom: now.StdoutBytes})
				t.Equal("the output from there", stdout, "")
				_, stdout, _ = t.WaitProcess(id, p.ID, runtime.WaitProcessOptions{StdoutFrom: 2})
				t.Equal("the output from the third byte", stdout, "ady\n")
				_, err := t.Processes().WaitProcess(t.ctx, id, p.ID, runtime.WaitProcessOptions{StdoutFrom: -1})
				t.ErrorIs("a negative place", err, runtime.ErrInvalid)
			},
		},
		{
			ID: "process/output-bound", Contract: "",
			Rule: "Of more output than is kept there are the first and the last bytes, and how many are missing; nobody has to read for the process to go on.",
			Run: func(t *T) {
				const size = 8 << 20
				id := t.Sandbox()
				p := t.StartProcess(id, runtime.StartProcessOptions{}, "output", fmt.Sprint(size))
				t.ended(id, p.ID)
				got, stdout, _ := t.WaitProcess(id, p.ID, runtime.WaitProcessOptions{})
				t.Equal("how much it wrote", got.StdoutBytes, int64(size))
				var whole strings.Builder
				_, _ = io.Copy(&whole, answer.Noise(size))
				mark := fmt.Sprintf("\n[... %d bytes left out ...]\n", size-runtime.ProcessOutputHead-runtime.ProcessOutputTail)
				want := whole.String()[:runtime.ProcessOutputHead] + mark + whole.String()[size-runtime.ProcessOutputTail:]
				t.True(stdout == want, "the output", fmt.Sprintf("%d bytes", len(stdout)), fmt.Sprintf("the first and the last of it, %d bytes", len(want)))
			},
		},
		{
			ID: "process/wait-twice", Contract: ".WaitProcess",
			Rule: "Two clients that wait for a process both get all of its output, as it comes, and its result.",
			Run: func(t *T) {
				id := t.Sandbox()
				p := t.StartProcess(id, runtime.StartProcessOptions{}, "stay", t.token)
				type end struct {
					process runtime.Process
					err     error
				}
				outs, ends := [2]*Watch{newWatch(), newWatch()}, [2]chan end{make(chan end, 1), make(chan end, 1)}
				for i, rt := range []runtime.Runtime{t.Runtime(), t.Open()} {
					waiter := t.processesOf(rt)
					go func() {
						got, err := waiter.WaitProcess(t.ctx, id, p.ID, runtime.WaitProcessOptions{Stdout: outs[i]})
						ends[i] <- end{got, err}
					}()
				}
				t.Input("wait for a process twice")
				for _, out := range outs {
					select {
					case <-out.Seen("ready\n"):
					case <-t.ctx.Done():
						t.Fatalf("what a client got\n  got:   %q\n  want:  ready", out.String())
					}
				}
				t.SignalProcess(id, p.ID, 15)
				for i, ended := range ends {
					got := <-ended // ends with the case's context
					t.NoError("waiting", got.err)
					t.True(got.process.Result != nil && got.process.Result.Signal == 15, "the result", got.process.Result, "signal 15")
					t.Equal("the output", outs[i].String(), "ready\n")
				}
			},
		},
		{
			ID: "process/wait-ctx", Contract: ".WaitProcess",
			Rule: "A ctx that is done ends the waiting, and not the process.",
			Run: func(t *T) {
				id := t.Sandbox()
				p := t.ready(id, t.StartProcess(id, runtime.StartProcessOptions{}, "stay", t.token))
				ctx, cancel := context.WithTimeout(t.ctx, t.short())
				defer cancel()
				_, err := t.Processes().WaitProcess(ctx, id, p.ID, runtime.WaitProcessOptions{})
				t.ErrorIs("waiting", err, context.DeadlineExceeded)
				t.Equal("how many run", len(t.Alive(id, t.token)), 1)
				now, _, _ := t.WaitProcess(id, p.ID, runtime.WaitProcessOptions{NoWait: true})
				t.True(now.Running(), "the process", now, "one that runs")
			},
		},
	}
}

// processEndCases are about how processes end.
func processEndCases() []Case {
	everyKind := []string{"tree", "", "child", "setsid", "daemon", "ignore", "stopped"}
	tree := func(t *T) []string {
		args := slices.Clone(everyKind)
		args[1] = t.token
		return args
	}
	return []Case{
		{
			ID: "process/signal", Contract: ".SignalProcess",
			Rule: "A signal reaches the leader. What is no signal, and a process that has ended, are ErrInvalid.",
			Run: func(t *T) {
				id := t.Sandbox()
				p := t.ready(id, t.StartProcess(id, runtime.StartProcessOptions{}, "on-term", "/tmp/term"))
				for _, signal := range []int{0, -1, 65} {
					err := t.Processes().SignalProcess(t.ctx, id, p.ID, signal)
					t.ErrorIs(fmt.Sprintf("signal %d", signal), err, runtime.ErrInvalid)
				}
				t.SignalProcess(id, p.ID, 15)
				result, _ := t.ended(id, p.ID)
				t.Equal("the result", result, runtime.ExecResult{})
				t.Equal("what it wrote at the signal", t.Lstat(id, "/tmp/term").Content, "SIGTERM")
				t.ErrorIs("a signal after its end", t.Processes().SignalProcess(t.ctx, id, p.ID, 15), runtime.ErrInvalid)
			},
		},
		{
			ID: "process/kill", Contract: ".SignalProcess",
			Rule: "Signal 9 ends all that the process started, and nothing else.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.ready(id, t.StartProcess(id, runtime.StartProcessOptions{}, "tree", t.token+"other", "daemon"))
				p := t.ready(id, t.StartProcess(id, runtime.StartProcessOptions{}, tree(t)...))
				t.SignalProcess(id, p.ID, 9)
				t.Gone(id, t.token)
				result, _ := t.ended(id, p.ID)
				t.Equal("the result", result, runtime.ExecResult{ExitCode: 137, Signal: 9})
				t.Equal("how many of the other process are left", len(t.Alive(id, t.token+"other")), 2)
			},
		},
		{
			ID: "process/timeout", Contract: ".StartProcess",
			Rule: "A deadline ends all that the process started, also when no client is there.",
			Run: func(t *T) {
				id := t.Sandbox()
				rt := t.Open()
				p, err := t.processesOf(rt).StartProcess(t.ctx, id, probeArgv(tree(t)...), runtime.StartProcessOptions{Timeout: t.deadline()})
				t.NoError("starting", err)
				t.NoError("closing", rt.Close())
				result, stdout := t.ended(id, p.ID)
				t.Gone(id, t.token)
				t.Equal("the result", result, runtime.ExecResult{ExitCode: runtime.ExitTimeout, TimedOut: true})
				t.Equal("the output", stdout, "ready\n")
			},
		},
		{
			ID: "process/left", Contract: "",
			Rule: "What the leader has left in the background when it exits goes on until the process is removed.",
			Run: func(t *T) {
				id := t.Sandbox()
				p := t.StartProcess(id, runtime.StartProcessOptions{Timeout: time.Hour}, "leave", t.token, "daemon", "4")
				result, _ := t.ended(id, p.ID)
				t.Equal("the result", result, runtime.ExecResult{ExitCode: 4})
				t.Equal("how many are left", len(t.Alive(id, t.token)), 1)
				t.RemoveProcess(id, p.ID)
				t.Gone(id, t.token)
			},
		},
		{
			ID: "process/remove", Contract: ".RemoveProcess",
			Rule: "RemoveProcess ends all that the process started; then it is ErrProcessNotFound.",
			Run: func(t *T) {
				id := t.Sandbox()
				p := t.ready(id, t.StartProcess(id, runtime.StartProcessOptions{}, tree(t)...))
				t.RemoveProcess(id, p.ID)
				t.Gone(id, t.token)
				t.Equal("the list", t.processIDs(id), []string{})
				for _, gone := range []string{p.ID, "nothing", ""} {
					_, err := t.Processes().WaitProcess(t.ctx, id, gone, runtime.WaitProcessOptions{})
					t.ErrorIs("waiting for "+gone, err, runtime.ErrProcessNotFound)
					t.ErrorIs("signalling "+gone, t.Processes().SignalProcess(t.ctx, id, gone, 15), runtime.ErrProcessNotFound)
					t.ErrorIs("removing "+gone, t.Processes().RemoveProcess(t.ctx, id, gone), runtime.ErrProcessNotFound)
				}
			},
		},
	}
}

// processSandboxCases are about the sandbox that processes are in.
func processSandboxCases() []Case {
	return []Case{
		{
			ID: "process/not-running", Contract: "",
			Rule: "Processes end when their sandbox is stopped, which is ErrNotRunning, and are not there when it is started again. One that is gone is ErrNotFound.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{})
				t.ready(id, t.StartProcess(id, runtime.StartProcessOptions{}, "stay", t.token))
				t.StartProcess(id, runtime.StartProcessOptions{}, "exit", "0")
				t.stop(id, runtime.StopOptions{})
				_, err := t.Processes().ListProcesses(t.ctx, id, runtime.ListProcessesOptions{})
				t.ErrorIs("listing in a stopped sandbox", err, runtime.ErrNotRunning)
				_, err = t.Processes().StartProcess(t.ctx, id, probeArgv("exit", "0"), runtime.StartProcessOptions{})
				t.ErrorIs("starting in a stopped sandbox", err, runtime.ErrNotRunning)
				_, err = t.Stopper().Start(t.ctx, id, runtime.StartOptions{})
				t.NoError("starting the sandbox again", err)
				t.Equal("the list then", t.processIDs(id), []string{})
				t.Remove(id)
				_, err = t.Processes().ListProcesses(t.ctx, id, runtime.ListProcessesOptions{})
				t.ErrorIs("listing in a removed sandbox", err, runtime.ErrNotFound)
			},
		},
		{
			ID: "process/sandbox-ends", Contract: ".WaitProcess",
			Rule: "When the sandbox ends, whoever waits gets ErrConnectionLost, and does not hang.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{})
				p := t.StartProcess(id, runtime.StartProcessOptions{}, "stay", t.token)
				out, ended := newWatch(), make(chan error, 1)
				go func() {
					_, err := t.Processes().WaitProcess(t.ctx, id, p.ID, runtime.WaitProcessOptions{Stdout: out})
					ended <- err
				}()
				select {
				case <-out.Seen("ready\n"):
				case <-t.ctx.Done():
				}
				t.Remove(id)
				t.ErrorIs("waiting", <-ended, runtime.ErrConnectionLost)
			},
		},
		{
			ID: "process/everything-killed", Contract: "",
			Rule: "After a command has killed all that it can, processes of its user are ErrProcessNotFound, nothing of them runs, and new ones can be started.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{})
				p := t.ready(id, t.StartProcess(id, runtime.StartProcessOptions{}, "tree", t.token, "setsid", "daemon"))
				t.Exec(id, runtime.ExecOptions{}, "signal-all", "9", t.token+"killer")
				for { // the first process learns of a supervisor's end from the kernel
					_, err := t.Processes().WaitProcess(t.ctx, id, p.ID, runtime.WaitProcessOptions{NoWait: true})
					if errors.Is(err, runtime.ErrConnectionLost) {
						continue // on the way
					}
					t.ErrorIs("looking at it", err, runtime.ErrProcessNotFound)
					break
				}
				t.EventuallyGone(id, t.token)
				again := t.StartProcess(id, runtime.StartProcessOptions{}, "exit", "3")
				result, _ := t.ended(id, again.ID)
				t.Equal("the result of another one", result, runtime.ExecResult{ExitCode: 3})
			},
		},
		{
			ID: "process/small-sandbox", Contract: "", Needs: []runtime.Capability{runtime.CapabilityPidsLimit},
			Rule: "A sandbox with little room has processes, too.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{PidsLimit: 80})
				p := t.ready(id, t.StartProcess(id, runtime.StartProcessOptions{}, "stay", t.token))
				t.Equal("the list", t.processIDs(id), []string{p.ID})
				t.SignalProcess(id, p.ID, 15)
				result, _ := t.ended(id, p.ID)
				t.Equal("the result", result, runtime.ExecResult{ExitCode: 143, Signal: 15})
				t.RemoveProcess(id, p.ID)
			},
		},
	}
}
