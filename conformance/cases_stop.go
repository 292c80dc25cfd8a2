package conformance

import (
	"slices"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
)

// stopCases are about sandboxes that are stopped and started again, and about Runtimes that are closed.
func stopCases() []Case {
	return []Case{
		{
			ID: "stop/keeps-files", Contract: contractStopper,
			Rule: "A sandbox that is stopped and started again keeps its files, and takes execs when Start returns.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{})
				t.MustExec(id, runtime.ExecOptions{}, "write", "kept", "content")
				t.stop(id, runtime.StopOptions{})
				t.start(id)
				t.Equal("the file", t.Lstat(id, "kept").Content, "content")
			},
		},
		{
			ID: "stop/ends-processes", Contract: contractStopper,
			Rule: "Stop ends all processes, those that ignore signals included.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{})
				for _, kind := range []string{"ignore", "daemon"} {
					t.MustExec(id, runtime.ExecOptions{}, "leave", t.token, kind)
				}
				t.stop(id, runtime.StopOptions{})
				t.start(id)
				t.Gone(id, t.token)
			},
		},
		{
			ID: "stop/grace", Contract: "runtime.StopOptions.Grace",
			Rule: "With a grace, processes get SIGTERM and may end by themselves.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{})
				p := t.Start(id, runtime.ExecOptions{}, "on-term", "ended").Ready()
				t.stop(id, runtime.StopOptions{Grace: 20 * time.Second})
				p.Wait()
				t.start(id)
				t.Equal("what a process wrote at SIGTERM", t.Lstat(id, "ended").Content, "SIGTERM")
			},
		},
		{
			ID: "stop/states", Contract: "runtime.State",
			Rule: "A sandbox is running, exited after a stop, and running after a start; a List tells the same.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{})
				check := func(want runtime.State) {
					t.Equal("Inspect's state", t.Inspect(id).State, want)
					all := t.list(t.Labels(nil))
					if t.Equal("the length of the list", len(all), 1) {
						t.Equal("List's state", all[0].State, want)
					}
				}
				check(runtime.StateRunning)
				t.stop(id, runtime.StopOptions{})
				check(runtime.StateExited)
				t.start(id)
				check(runtime.StateRunning)
			},
		},
		{
			ID: "stop/again", Contract: contractStopper,
			Rule: "A stop of what is stopped and a start of what runs are no errors, and change nothing.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{})
				t.MustExec(id, runtime.ExecOptions{}, "leave", t.token, "daemon")
				t.start(id)
				t.Equal("how many processes are left", len(t.Alive(id, t.token)), 1)
				t.stop(id, runtime.StopOptions{})
				t.stop(id, runtime.StopOptions{})
				t.Equal("the state", t.Inspect(id).State, runtime.StateExited)
			},
		},
		{
			ID: "stop/not-found", Contract: contractRuntime,
			Rule: "For an id that names no container Stop and Start return ErrNotFound.",
			Run: func(t *T) {
				s := t.Stopper()
				_, err := s.Stop(t.ctx, t.Name(), runtime.StopOptions{})
				t.ErrorIs("stop", err, runtime.ErrNotFound)
				_, err = s.Start(t.ctx, t.Name(), runtime.StartOptions{})
				t.ErrorIs("start", err, runtime.ErrNotFound)
			},
		},
		{
			ID: "stop/remove-stopped", Contract: contractRemove,
			Rule: "Remove removes a sandbox that does not run.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{})
				t.stop(id, runtime.StopOptions{})
				t.Remove(id)
				t.noSandbox(id)
			},
		},
		{
			ID: "stop/name-stays-taken", Contract: contractRun,
			Rule: "A sandbox that is stopped still holds its name, and can be replaced.",
			Run: func(t *T) {
				first := t.Run(runtime.RunOptions{Name: t.Name()})
				t.stop(first, runtime.StopOptions{})
				_, err := t.TryRun(t.Image(), runtime.RunOptions{Name: t.Name()})
				t.ErrorIs("run", err, runtime.ErrAlreadyExists)
				t.Run(runtime.RunOptions{Name: t.Name(), Replace: true})
				t.noSandbox(first)
			},
		},
		{
			ID: "close/sandboxes-go-on", Contract: contractClose,
			Rule: "After Close sandboxes go on running.",
			Run: func(t *T) {
				rt := t.Open()
				res, err := t.RunOn(t.ctx, rt, t.Image(), runtime.RunOptions{})
				t.NoError("run", err)
				t.MustExec(res.ID, runtime.ExecOptions{}, "leave", t.token, "daemon")
				t.NoError("close", rt.Close())
				t.Equal("the state", t.Inspect(res.ID).State, runtime.StateRunning)
				t.Equal("how many processes are left", len(t.Alive(res.ID, t.token)), 1)
			},
		},
		{
			ID: "close/again", Contract: contractClose,
			Rule: "Close may be called more than once.",
			Run: func(t *T) {
				rt := t.Open()
				for range 3 {
					t.NoError("close", rt.Close())
				}
			},
		},
		{
			ID: "close/calls-afterwards", Contract: "runtime.ErrClosed",
			Rule: "A call after Close is ErrClosed.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{})
				rt := t.Open()
				t.NoError("close", rt.Close())
				_, err := rt.Inspect(t.ctx, id, runtime.InspectOptions{})
				t.ErrorIs("inspect", err, runtime.ErrClosed)
				_, err = rt.List(t.ctx, runtime.ListOptions{})
				t.ErrorIs("list", err, runtime.ErrClosed)
				_, err = t.RunOn(t.ctx, rt, t.Image(), runtime.RunOptions{})
				t.ErrorIs("run", err, runtime.ErrClosed)
				t.ErrorIs("exec", execOn(t.ctx, rt, id, runtime.ExecOptions{}, probeArgv("exit", "0")).Err, runtime.ErrClosed)
				_, err = rt.Remove(t.ctx, id, runtime.RemoveOptions{})
				t.ErrorIs("remove", err, runtime.ErrClosed)
			},
		},
		{
			ID: "close/calls-under-way", Contract: contractClose,
			Rule: "Close ends calls that are under way, with an error.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{})
				rt := t.Open()
				p := t.StartOn(rt, id, runtime.ExecOptions{}, "stay", t.token).Ready()
				t.NoError("close", rt.Close())
				t.True(p.Wait().Err != nil, "the exec's error", nil, "one")
			},
		},
		{
			ID: "info/filled", Contract: "runtime.Info",
			Rule: "Info names the driver, its URL, the engine's and the API's versions, system and architecture.",
			Run: func(t *T) {
				info, err := t.Runtime().Info(t.ctx)
				t.NoError("info", err)
				for what, got := range map[string]string{
					"Runtime": info.Runtime, "URL": info.URL, "Version": info.Version, "APIVersion": info.APIVersion, "Arch": info.Arch,
				} {
					t.True(got != "", what, got, "something")
				}
				t.Equal("OS", info.OS, "linux")
			},
		},
		{
			ID: "info/capabilities", Contract: "runtime.Capabilities",
			Rule: "Info declares capabilities that the contract knows, and gives a reason for each that is missing.",
			Run: func(t *T) {
				info, err := t.Runtime().Info(t.ctx)
				t.NoError("info", err)
				for c, s := range info.Capabilities {
					t.True(slices.Contains(runtime.AllCapabilities(), c), "a capability", string(c), "one of runtime.AllCapabilities")
					t.True(s.OK || s.Reason != "", "why "+string(c)+" is missing", s.Reason, "a reason")
				}
				for _, c := range runtime.AllCapabilities() {
					_, stated := info.Capabilities[c]
					t.True(stated, "the statement about "+string(c), info.Capabilities, "one, declared or with a reason")
				}
			},
		},
	}
}

func (t *T) stop(id string, opts runtime.StopOptions) {
	s := t.Stopper()
	t.Input("stop %s", given(opts))
	_, err := s.Stop(t.ctx, id, opts)
	t.NoError("stop", err)
}

func (t *T) start(id string) {
	s := t.Stopper()
	t.Input("start")
	_, err := s.Start(t.ctx, id, runtime.StartOptions{})
	t.NoError("start", err)
}
