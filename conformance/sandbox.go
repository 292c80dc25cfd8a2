package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/sandlot-dev/sandlot/conformance/internal/answer"
	"github.com/sandlot-dev/sandlot/runtime"
)

// Run makes a sandbox of the suite's image, which is removed after the case. Failing to ends the case.
func (t *T) Run(opts runtime.RunOptions) string {
	res, err := t.TryRun(t.Image(), opts)
	t.NoError("running a sandbox", err)
	return res.ID
}

// Sandbox is a sandbox of the suite's image, with no options, in which cases before this one may have run, and cases after it will. It is for
// cases that run commands, start processes and write below imageDirs, and leave no other process and nothing else behind. Most of the suite's time is the making of
// sandboxes. It is the case's alone until the case ends, and removed unless the case passes.
func (t *T) Sandbox() string {
	id := t.suite.takeSpare()
	if id == "" {
		t.Input("run %s", t.Image())
		res, err := t.Runtime().Run(t.ctx, t.Image(), runtime.RunOptions{Labels: map[string]string{labelCase: t.suite.token}})
		t.NoError("running a sandbox", err)
		id = res.ID
	}
	t.Cleanup(func(ctx context.Context) error {
		if t.passed() && t.swept(ctx, id) {
			t.suite.addSpare(id)
			return nil
		}
		return t.suite.remove(ctx, id)
	})
	return id
}

// swept removes the processes of a sandbox and what is below imageDirs, and says whether they are as they were in the image then.
func (t *T) swept(ctx context.Context, id string) bool {
	if t.startsProcesses.Load() {
		all, err := t.Processes().ListProcesses(ctx, id, runtime.ListProcessesOptions{})
		for _, process := range all {
			err = errors.Join(err, t.Processes().RemoveProcess(ctx, id, process.ID))
		}
		if err != nil {
			return false
		}
	}
	argv, want := probeArgv("sweep"), []answer.File{}
	for _, d := range imageDirs() {
		argv = append(argv, path.Join("/", d.Name))
		want = append(want, answer.File{Path: path.Join("/", d.Name), Type: "dir", Mode: uint32(d.Mode)})
	}
	out := execOn(ctx, t.Runtime(), id, runtime.ExecOptions{}, argv)
	var got []answer.File
	if out.Err != nil || out.ExitCode != 0 || json.Unmarshal([]byte(out.Stdout), &got) != nil {
		return false
	}
	return slices.EqualFunc(got, want, func(a, b answer.File) bool {
		return a.Path == b.Path && a.Type == b.Type && a.Mode == b.Mode && a.UID == b.UID && a.GID == b.GID
	})
}

// TryRun calls Runtime.Run. The sandbox carries the case's label and is removed after the case.
func (t *T) TryRun(image string, opts runtime.RunOptions) (runtime.RunResult, error) {
	return t.RunOn(t.ctx, t.Runtime(), image, opts)
}

// RunOn is TryRun with another context or Runtime.
func (t *T) RunOn(ctx context.Context, rt runtime.Runtime, image string, opts runtime.RunOptions) (runtime.RunResult, error) {
	t.Input("run %s %s", image, given(opts))
	opts.Labels = t.Labels(opts.Labels)
	res, err := rt.Run(ctx, image, opts)
	if err == nil {
		t.removeLater(res.ID)
	}
	return res, err
}

// Labels are labels and the case's own, for calls of Runtime.Run that do not go through a helper.
func (t *T) Labels(labels map[string]string) map[string]string {
	out := map[string]string{labelCase: t.token}
	for k, v := range labels {
		out[k] = v
	}
	return out
}

func (t *T) removeLater(id string) {
	t.Cleanup(func(ctx context.Context) error { return t.suite.remove(ctx, id) })
}

// Inspect describes a sandbox. Failing to ends the case.
func (t *T) Inspect(id string) runtime.Container {
	t.Input("inspect %s", id)
	c, err := t.Runtime().Inspect(t.ctx, id, runtime.InspectOptions{})
	t.NoError("inspecting a sandbox", err)
	return c
}

// Remove removes a sandbox. Failing to ends the case.
func (t *T) Remove(id string) {
	t.Input("remove %s", id)
	_, err := t.Runtime().Remove(t.ctx, id, runtime.RemoveOptions{})
	t.NoError("removing a sandbox", err)
}

// Name is a name for a sandbox that nothing else has.
func (t *T) Name() string { return "sandlot-conformance-" + t.token }

// Volume is the name of a volume of the case's own, which is removed after it.
func (t *T) Volume() string {
	name := fmt.Sprintf("sandlot-conformance-%s-%s", t.token, token())
	t.Cleanup(func(ctx context.Context) error {
		remover, ok := t.Runtime().(runtime.VolumeRemover)
		if !ok {
			return nil
		}
		_, err := remover.RemoveVolume(ctx, name, runtime.RemoveVolumeOptions{})
		if errors.Is(err, runtime.ErrNotFound) {
			return nil // never made, or removed by the case
		}
		return err
	})
	return name
}

// Stopper is the runtime as one that stops and starts sandboxes. Where its type does not declare that, the case ends.
func (t *T) Stopper() runtime.Stopper {
	s, ok := t.Runtime().(runtime.Stopper)
	if !ok {
		t.undeclared("runtime.Stopper", noInterface)
	}
	return s
}

// Open opens another runtime like the one under test. The case may close it; it is closed after the case anyway.
func (t *T) Open() runtime.Runtime {
	rt, err := t.suite.cfg.Open(t.ctx)
	t.NoError("opening a second runtime", err)
	t.Cleanup(func(context.Context) error { return rt.Close() })
	return rt
}
