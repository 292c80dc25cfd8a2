package conformance

import (
	"fmt"
	"strings"

	"github.com/sandlot-dev/sandlot/conformance/internal/answer"
	"github.com/sandlot-dev/sandlot/runtime"
)

const contractGuest = "docs/architecture.md, Who kills what"

// guestCases are about what commands may do to the guest.
func guestCases() []Case {
	user := []runtime.Capability{runtime.CapabilityUser}
	attack := func(opts runtime.RunOptions, exec runtime.ExecOptions) func(t *T) {
		return func(t *T) {
			id := t.Run(opts)
			for _, a := range answerOf[[]answer.Attempt](t, id, exec, "attack", "1") {
				t.True(a.Err != "", a.What+" of the first process", "it worked", "an error")
			}
			t.Equal("an exec afterwards", t.MustExec(id, runtime.ExecOptions{}, "say", "alive", ""), "alive")
		}
	}
	signals := func(opts runtime.RunOptions) func(t *T) {
		return func(t *T) {
			id := t.Run(opts)
			t.Exec(id, runtime.ExecOptions{}, "signals", "1", "64", "1") // what comes of it is not the question
			t.Equal("the state", t.Inspect(id).State, runtime.StateRunning)
			t.Equal("an exec afterwards", t.MustExec(id, runtime.ExecOptions{}, "say", "alive", ""), "alive")
			state := t.stateOf(id, 1)
			t.True(state == "S" || state == "R", "the state of the first process", state, "S or, when it has just something to do, R")
		}
	}
	return []Case{
		{
			ID: "guest/signals", Contract: contractGuest,
			Rule: "No signal from inside ends or stops the first process.",
			Run:  signals(runtime.RunOptions{}),
		},
		{
			ID: "guest/signals-as-user", Contract: contractGuest, Needs: user,
			Rule: "No signal from inside ends or stops the first process, in a sandbox of another user than root.",
			Run:  signals(runtime.RunOptions{User: workerName}),
		},
		{
			ID: "guest/attack", Contract: contractGuest,
			Rule: "The first process cannot be traced, read or written by what it runs.",
			Run:  attack(runtime.RunOptions{}, runtime.ExecOptions{}),
		},
		{
			ID: "guest/attack-as-user", Contract: contractGuest, Needs: user,
			Rule: "The first process cannot be traced, read or written by what it runs, in a sandbox of another user than root.",
			Run:  attack(runtime.RunOptions{User: workerName}, runtime.ExecOptions{}),
		},
		{
			ID: "guest/attack-by-root", Contract: contractGuest, Needs: user,
			Rule: "The first process of a user cannot be traced, read or written by root in the sandbox, who has no capability.",
			Run:  attack(runtime.RunOptions{User: workerName}, runtime.ExecOptions{User: "root"}),
		},
		{
			ID: "guest/attack-supervisor", Contract: contractGuest,
			Rule: "A command's supervisor cannot be traced, read or written by it.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{})
				p := t.Start(id, runtime.ExecOptions{}, "stay", t.token).Ready()
				leader := t.Alive(id, t.token)
				if len(leader) != 1 {
					t.Fatalf("the command's processes\n  got:   %+v\n  want:  one", leader)
				}
				for _, a := range answerOf[[]answer.Attempt](t, id, runtime.ExecOptions{}, "attack", fmt.Sprint(leader[0].PPID)) {
					t.True(a.Err != "", a.What+" of the supervisor", "it worked", "an error")
				}
				p.Cancel()
				p.Wait()
				t.Gone(id, t.token)
			},
		},
		{
			ID: "guest/program", Contract: "docs/architecture.md, The guest's delivery",
			Rule: "The guest's directory is read-only, and its program can be run and not read.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{})
				for _, try := range [][]string{
					{"open", "/.sandlot/guest"}, {"write", "/.sandlot/guest"}, {"remove", "/.sandlot/guest"}, {"create", "/.sandlot/file"}, {"open", "/proc/1/exe"},
				} {
					a := answerOf[answer.Attempt](t, id, runtime.ExecOptions{}, append([]string{"try"}, try...)...)
					t.True(a.Err != "", strings.Join(try, " "), "it worked", "an error")
				}
				t.MustExec(id, runtime.ExecOptions{}, "exit", "0")
			},
		},
		{
			ID: "guest/orphans", Contract: contractGuest,
			Rule: "What has lost its supervisor is killed by the first process, and no zombie stays.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{})
				t.Exec(id, runtime.ExecOptions{}, "supervisor", "9", t.token)
				t.EventuallyGone(id, t.token)
				for {
					zombies := 0
					for _, p := range answerOf[[]answer.Process](t, id, runtime.ExecOptions{}, "processes") {
						if p.State == "Z" {
							zombies++
						}
					}
					if zombies == 0 {
						break
					}
				}
			},
		},
		{
			ID: "guest/user-without-home", Contract: contractRun, Needs: user,
			Rule: "A sandbox whose user the image does not list works like any other.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{User: "12345:54321"})
				t.TreeTimesOut(id, runtime.ExecOptions{Timeout: t.deadline()}, "tree", t.token, "child", "daemon")
			},
		},
	}
}

// stateOf is the state of a process.
func (t *T) stateOf(id string, pid int) string {
	for _, p := range answerOf[[]answer.Process](t, id, runtime.ExecOptions{}, "processes") {
		if p.PID == pid {
			return p.State
		}
	}
	return ""
}
