package conformance

import (
	"bytes"
	"errors"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
)

const contractAttached = contractRunOptions + ".Attached"

// attachedCases are about sandboxes that live and die with their Runtime.
func attachedCases() []Case {
	cases := []Case{
		{
			ID:   "attached/closed",
			Rule: "An attached sandbox ends with all that runs in it, and is removed, when its Runtime is closed.",
			Run: func(t *T) {
				rt := t.Open()
				id := t.attached(rt, runtime.RunOptions{})
				for _, kind := range []string{"ignore", "daemon", "forking"} {
					t.MustExec(id, runtime.ExecOptions{}, "leave", t.token, kind)
				}
				t.NoError("close", rt.Close())
				t.removed(id)
			},
		},
		{
			ID: "attached/small", Needs: []runtime.Capability{runtime.CapabilityPidsLimit},
			Rule: "An attached sandbox with little room takes execs, and ends as any other.",
			Run: func(t *T) {
				rt := t.Open()
				id := t.attached(rt, runtime.RunOptions{PidsLimit: 64})
				t.Equal("an exec of its Runtime", execOn(t.ctx, rt, id, runtime.ExecOptions{}, probeArgv("exit", "7")).ExitCode, 7)
				t.NoError("close", rt.Close())
				t.removed(id)
			},
		},
		{
			ID:   "attached/used",
			Rule: "Its own Runtime and others use an attached sandbox like any other, whoever of them goes first but its own.",
			Run: func(t *T) {
				id := t.attached(t.Runtime(), runtime.RunOptions{})
				for range 3 {
					other := t.Open()
					for _, rt := range []runtime.Runtime{t.Runtime(), other} {
						out := execOn(t.ctx, rt, id, runtime.ExecOptions{Stdin: bytes.NewReader([]byte("\x10\x11 what goes in"))}, probeArgv("cat"))
						t.Equal("the error", out.Err, nil)
						t.Equal("what comes out", out.Stdout, "\x10\x11 what goes in")
					}
					t.NoError("closing another", other.Close())
				}
				t.MustExec(id, runtime.ExecOptions{}, "write", "file", "content")
				t.Equal("the file", t.Lstat(id, "file").Content, "content")
				t.Equal("its state", t.Inspect(id).State, runtime.StateRunning)
			},
		},
		{
			ID:   "attached/deadline",
			Rule: "A deadline in an attached sandbox ends the exec's tree, and no more.",
			Run: func(t *T) {
				id := t.attached(t.Runtime(), runtime.RunOptions{})
				t.TreeTimesOut(id, runtime.ExecOptions{Timeout: t.deadline()}, "tree", t.token, "child", "setsid", "daemon", "ignore", "stopped")
				t.MustExec(id, runtime.ExecOptions{}, "exit", "0")
			},
		},
		{
			ID:   "attached/stopped",
			Rule: "An attached sandbox that is stopped is removed.",
			Run: func(t *T) {
				id := t.attached(t.Runtime(), runtime.RunOptions{})
				t.stop(id, runtime.StopOptions{})
				t.removed(id)
				err := t.Exec(id, runtime.ExecOptions{}, "exit", "0").Err
				t.ErrorIs("an exec", err, runtime.ErrNotFound)
			},
		},
		{
			ID:   "attached/removed",
			Rule: "An attached sandbox is removed like any other, and an exec under way in it is ErrConnectionLost.",
			Run: func(t *T) {
				id := t.attached(t.Runtime(), runtime.RunOptions{})
				p := t.Start(id, runtime.ExecOptions{}, "stay", t.token).Ready()
				t.Remove(id)
				t.noSandbox(id)
				t.ErrorIs("the exec", p.Wait().Err, runtime.ErrConnectionLost)
			},
		},
		{
			ID: "attached/lease", Needs: []runtime.Capability{runtime.CapabilityLease},
			Rule: "An attached sandbox may have a lease: it ends with that, and is removed.",
			Run:  func(t *T) { t.removed(t.attached(t.Runtime(), runtime.RunOptions{Lease: t.shortLease()})) },
		},
	}
	for i := range cases {
		cases[i].Contract = contractAttached
		cases[i].Needs = append([]runtime.Capability{runtime.CapabilityAttached}, cases[i].Needs...)
	}
	return cases
}

// attached makes an attached sandbox of a Runtime.
func (t *T) attached(rt runtime.Runtime, opts runtime.RunOptions) string {
	opts.Attached = true
	res, err := t.RunOn(t.ctx, rt, t.Image(), opts)
	t.NoError("running an attached sandbox", err)
	return res.ID
}

// removed waits until a sandbox is gone without anybody's doing.
func (t *T) removed(id string) {
	for {
		t.Input("wait until %s is removed", id)
		_, err := t.Runtime().Inspect(t.ctx, id, runtime.InspectOptions{})
		if errors.Is(err, runtime.ErrNotFound) {
			return
		}
		t.NoError("inspecting it meanwhile", err)
		t.pause(50 * time.Millisecond)
	}
}
