package sandbox_test

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/sandbox"
)

// TestErrorsSayWhatTheCallerSaid has an engine that knows sandboxes by their ids and says so.
func TestErrorsSayWhatTheCallerSaid(t *testing.T) {
	f, made := newBox(t)
	ctx := t.Context()
	rt := &failing{fakePuller: fakePuller{fake: f}}
	for called, open := range map[string]func() (*sandbox.Sandbox, error){
		made.Name(): func() (*sandbox.Sandbox, error) { return sandbox.Open(ctx, rt, made.Name(), sandbox.OpenOptions{}) },
		made.ID():   func() (*sandbox.Sandbox, error) { return sandbox.Open(ctx, rt, made.ID(), sandbox.OpenOptions{}) },
		"mine": func() (*sandbox.Sandbox, error) {
			return sandbox.New(ctx, rt, sandbox.Options{Image: "an-image", RunOptions: runtime.RunOptions{Name: "mine"}})
		},
	} {
		rt.gone = false
		box, err := open()
		if err != nil {
			t.Fatal(err)
		}
		rt.gone = true
		_, exec := box.Exec(ctx, []string{"true"}, runtime.ExecOptions{})
		_, shell := box.Shell(ctx, "true", runtime.ExecOptions{})
		_, inspect := box.Inspect(ctx)
		_, put := box.PutArchive(ctx, "/", strings.NewReader(""), runtime.PutArchiveOptions{})
		_, get := box.GetArchive(ctx, "/", io.Discard, runtime.GetArchiveOptions{})
		for what, err := range map[string]error{
			"exec": exec, "shell": shell, "inspect": inspect, "put": put, "get": get,
			"stop": box.Stop(ctx, runtime.StopOptions{}), "start": box.Start(ctx), "remove": box.Remove(ctx),
		} {
			if want := "call " + called + ": unavailable: nothing is known of " + called; err == nil || err.Error() != want {
				t.Errorf("%s: got %v, want %s", what, err, want)
			}
		}
	}
}

// An image that could not be pulled is one that the engine did not have: both are said.
func TestPullFails(t *testing.T) {
	opts := sandbox.Options{Image: "none"}
	_, err := sandbox.New(t.Context(), fakePuller{fake: newFake()}, opts)
	wantKind(t, err, runtime.ErrImageNotFound)
	if want := "pull none: image not found: the engine does not have the image, and it could not be pulled"; err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	opts.Pull = sandbox.PullAlways // nobody knows whether it has
	if _, err = sandbox.New(t.Context(), fakePuller{fake: newFake()}, opts); err == nil || strings.Contains(err.Error(), "does not have") {
		t.Errorf("always: %v", err)
	}
}

type failing struct {
	fakePuller
	gone bool
}

func (f *failing) err(id string) error {
	return &runtime.Error{Op: "call", ID: id, Kind: runtime.ErrUnavailable, Message: "nothing is known of " + id}
}

func (f *failing) Inspect(ctx context.Context, id string, opts runtime.InspectOptions) (runtime.Container, error) {
	if f.gone {
		return runtime.Container{}, f.err(id)
	}
	return f.fakePuller.Inspect(ctx, id, opts)
}

func (f *failing) Exec(_ context.Context, id string, _ []string, _ runtime.ExecOptions) (runtime.ExecResult, error) {
	return runtime.ExecResult{}, f.err(id)
}

func (f *failing) PutArchive(_ context.Context, id, _ string, _ io.Reader, _ runtime.PutArchiveOptions) (runtime.PutArchiveResult, error) {
	return runtime.PutArchiveResult{}, f.err(id)
}

func (f *failing) GetArchive(_ context.Context, id, _ string, _ io.Writer, _ runtime.GetArchiveOptions) (runtime.GetArchiveResult, error) {
	return runtime.GetArchiveResult{}, f.err(id)
}

func (f *failing) Stop(_ context.Context, id string, _ runtime.StopOptions) (runtime.StopResult, error) {
	return runtime.StopResult{}, f.err(id)
}

func (f *failing) Start(_ context.Context, id string, _ runtime.StartOptions) (runtime.StartResult, error) {
	return runtime.StartResult{}, f.err(id)
}

func (f *failing) Remove(_ context.Context, id string, _ runtime.RemoveOptions) (runtime.RemoveResult, error) {
	return runtime.RemoveResult{}, f.err(id)
}
