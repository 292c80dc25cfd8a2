package conformance

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/sandlot-dev/sandlot/conformance/internal/answer"
	"github.com/sandlot-dev/sandlot/runtime"
)

const (
	contractRuntime    = "runtime.Runtime"
	contractRun        = "runtime.Runtime.Run"
	contractRunOptions = "runtime.RunOptions"
	contractRemove     = "runtime.Runtime.Remove"
	contractList       = "runtime.Runtime.List"
	contractInspect    = "runtime.Runtime.Inspect"
	contractStopper    = "runtime.Stopper"
	contractClose      = "runtime.Runtime.Close"
)

func lifecycleCases() []Case {
	return []Case{
		{
			ID: "lifecycle/entrypoint", Contract: contractRun,
			Rule: "The first process is Sandlot's guest, whatever entry point and command the image names.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{}) // of an image whose entry point exits at once
				t.Equal("an exec", t.MustExec(id, runtime.ExecOptions{}, "say", "alive", ""), "alive")
				first := answerOf[[]answer.Process](t, id, runtime.ExecOptions{}, "processes")[0]
				t.Equal("the first process", first.PID, 1)
				t.True(!slices.Contains(first.Args, probePath), "its arguments", first.Args, "not the image's entry point")
			},
		},
		{
			ID: "lifecycle/takes-execs", Contract: contractRun,
			Rule: "When Run returns, the sandbox takes execs.",
			Run: func(t *T) {
				for range 3 {
					id := t.Run(runtime.RunOptions{})
					t.Equal("the error of the first exec", t.Exec(id, runtime.ExecOptions{}, "exit", "0").Err, nil)
				}
			},
		},
		{
			ID: "lifecycle/empty-image", Contract: contractRun, Needs: []runtime.Capability{runtime.CapabilityBuild},
			Rule: "An image without any program runs as well: a command in it is not found.",
			Run: func(t *T) {
				res, err := t.TryRun(t.Built(runtime.BuildOptions{},
					fileEntry("Dockerfile", "FROM scratch\nCOPY nothing /nothing\n"), fileEntry("nothing", "")), runtime.RunOptions{})
				t.NoError("running", err)
				out := t.ExecArgv(t.ctx, res.ID, runtime.ExecOptions{}, []string{"/bin/sh"})
				t.Equal("the error", out.Err, nil)
				t.Equal("the exit code", out.ExitCode, runtime.ExitNotFound)
			},
		},
		{
			ID: "lifecycle/image-not-found", Contract: contractRun,
			Rule: "An image that the engine does not have is ErrImageNotFound, and nothing of the sandbox is left.",
			Run: func(t *T) {
				_, err := t.TryRun("localhost/sandlot-conformance/none:"+t.token, runtime.RunOptions{Name: t.Name()})
				t.ErrorIs("run", err, runtime.ErrImageNotFound)
				t.noSandbox(t.Name())
			},
		},
		{
			ID: "lifecycle/result", Contract: "runtime.RunResult",
			Rule: "Run gives the sandbox's full id and its name, and each serves as the id.",
			Run: func(t *T) {
				res, err := t.TryRun(t.Image(), runtime.RunOptions{})
				t.NoError("run", err)
				t.True(res.ID != "" && res.Name != "", "the result", res, "an id, and a name that was made up")
				for _, id := range []string{res.ID, res.Name} {
					c := t.Inspect(id)
					t.Equal("id and name", [2]string{c.ID, c.Name}, [2]string{res.ID, res.Name})
				}
			},
		},
		{
			ID: "lifecycle/name/given", Contract: contractRunOptions + ".Name",
			Rule: "A sandbox has the name that it is given.",
			Run: func(t *T) {
				res, err := t.TryRun(t.Image(), runtime.RunOptions{Name: t.Name()})
				t.NoError("run", err)
				t.Equal("the result's name", res.Name, t.Name())
				t.Equal("the name", t.Inspect(res.ID).Name, t.Name())
			},
		},
		{
			ID: "lifecycle/name/taken", Contract: contractRun,
			Rule: "A name that is taken is ErrAlreadyExists, and what holds it goes on.",
			Run: func(t *T) {
				first := t.Run(runtime.RunOptions{Name: t.Name()})
				_, err := t.TryRun(t.Image(), runtime.RunOptions{Name: t.Name()})
				t.ErrorIs("run", err, runtime.ErrAlreadyExists)
				t.Equal("the holder", t.Inspect(t.Name()).ID, first)
				t.MustExec(first, runtime.ExecOptions{}, "exit", "0")
			},
		},
		{
			ID: "lifecycle/name/replaced", Contract: contractRunOptions + ".Replace",
			Rule: "Replace removes a sandbox that holds the name first.",
			Run: func(t *T) {
				first := t.Run(runtime.RunOptions{Name: t.Name()})
				second := t.Run(runtime.RunOptions{Name: t.Name(), Replace: true})
				t.noSandbox(first)
				t.Equal("the holder", t.Inspect(t.Name()).ID, second)
			},
		},
		{
			ID: "lifecycle/name/nothing-to-replace", Contract: contractRunOptions + ".Replace",
			Rule: "Replace with a name that is free is as without.",
			Run: func(t *T) {
				t.Equal("the holder", t.Run(runtime.RunOptions{Name: t.Name(), Replace: true}), t.Inspect(t.Name()).ID)
			},
		},
		{
			ID: "lifecycle/name/not-ours", Contract: contractRunOptions + ".Replace",
			Rule: "A container without Sandlot's labels is never replaced, described, entered or removed.",
			Run: func(t *T) {
				t.foreign(t.Name())
				for _, replace := range []bool{false, true} {
					_, err := t.TryRun(t.Image(), runtime.RunOptions{Name: t.Name(), Replace: replace})
					t.ErrorIs("run", err, runtime.ErrAlreadyExists)
				}
				t.noSandbox(t.Name())
				t.ErrorIs("exec", t.Exec(t.Name(), runtime.ExecOptions{}, "exit", "0").Err, runtime.ErrNotFound)
				_, err := t.Runtime().Remove(t.ctx, t.Name(), runtime.RemoveOptions{})
				t.ErrorIs("remove", err, runtime.ErrNotFound)
				all, err := t.Runtime().List(t.ctx, runtime.ListOptions{})
				t.NoError("list", err)
				for _, c := range all {
					t.True(c.Name != t.Name(), "a sandbox in the list", c, "none that is not Sandlot's")
				}
			},
		},
		{
			ID: "lifecycle/name/invalid", Contract: contractRunOptions + ".Name",
			Rule: "A name of other characters than letters, digits, '_', '.' and '-', or not of 2 to 200, is ErrInvalid.",
			Run: func(t *T) {
				for _, name := range []string{"a b", "a/b", "-a", ".a", "ä", "a:b", "a", strings.Repeat("a", 201)} {
					_, err := t.TryRun(t.Image(), runtime.RunOptions{Name: name})
					t.ErrorIs("run", err, runtime.ErrInvalid)
				}
			},
		},
		{
			ID: "lifecycle/remove", Contract: contractRemove,
			Rule: "Remove ends a sandbox without waiting for its processes, and removes it.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{Name: t.Name()})
				t.MustExec(id, runtime.ExecOptions{}, "leave", t.token, "ignore")
				t.Remove(id)
				t.noSandbox(id)
				t.noSandbox(t.Name())
			},
		},
		{
			ID: "lifecycle/remove-again", Contract: contractRemove,
			Rule: "A sandbox that is gone already is ErrNotFound, for Remove and for Inspect.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{})
				t.Remove(id)
				_, err := t.Runtime().Remove(t.ctx, id, runtime.RemoveOptions{})
				t.ErrorIs("remove", err, runtime.ErrNotFound)
				t.noSandbox(id)
			},
		},
		{
			ID: "lifecycle/error-id", Contract: "runtime.Error.ID",
			Rule: "An error names the sandbox or the image as the caller did.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{Name: t.Name()})
				t.Remove(id)
				for _, given := range []string{id, t.Name()} {
					t.named("exec", t.Exec(given, runtime.ExecOptions{}, "exit", "0").Err, given)
				}
				image := "localhost/sandlot-conformance/none:" + t.token
				_, err := t.TryRun(image, runtime.RunOptions{})
				t.named("run", err, image)
			},
		},
		{
			ID: "lifecycle/ctx-cancelled", Contract: contractRuntime,
			Rule: "A Run whose ctx is done returns an error that matches it and leaves nothing.",
			Run: func(t *T) {
				ctx, cancel := context.WithCancel(t.ctx)
				cancel()
				_, err := t.RunOn(ctx, t.Runtime(), t.Image(), runtime.RunOptions{Name: t.Name()})
				t.ErrorIs("run", err, context.Canceled)
				t.noSandbox(t.Name())
			},
		},
		{
			ID: "lifecycle/concurrent", Contract: contractRuntime,
			Rule: "Of several Runs of one name at the same time one succeeds, and the others are ErrAlreadyExists.",
			Run: func(t *T) {
				const n = 4
				errs := make(chan error, n)
				for range n {
					go func() { _, err := t.TryRun(t.Image(), runtime.RunOptions{Name: t.Name()}); errs <- err }()
				}
				made := 0
				for range n {
					if err := <-errs; err == nil {
						made++
					} else {
						t.True(errors.Is(err, runtime.ErrAlreadyExists), "the error", err, "ErrAlreadyExists")
					}
				}
				t.Equal("how many succeeded", made, 1)
				t.MustExec(t.Name(), runtime.ExecOptions{}, "exit", "0")
			},
		},
	}
}

// noSandbox asserts that no sandbox has this id or name.
func (t *T) noSandbox(id string) {
	_, err := t.Runtime().Inspect(t.ctx, id, runtime.InspectOptions{})
	t.ErrorIs("inspecting "+id, err, runtime.ErrNotFound)
}

// named asserts that an error has what the caller called the thing that it is about.
func (t *T) named(what string, err error, called string) {
	var e *runtime.Error
	if t.True(errors.As(err, &e), what, err, "a *runtime.Error") {
		t.Equal(what+": the error's ID", e.ID, called)
	}
}

// foreign has a container made that is not Sandlot's. Where the configuration has no way to, the case ends.
func (t *T) foreign(name string) {
	const missing = "conformance.Config.Foreign"
	if t.suite.cfg.Foreign == nil {
		t.undeclared(missing, "this run has no means to make a container that is not Sandlot's")
	}
	remove, err := t.suite.cfg.Foreign(t.ctx, t.Info().URL, t.Image(), name)
	if errors.Is(err, runtime.ErrUnsupported) {
		t.undeclared(missing, err.Error())
	}
	t.NoError("making a container that is not Sandlot's", err)
	t.Cleanup(remove)
}
