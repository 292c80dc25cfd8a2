package sandbox_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/sandbox"
)

// A gcRuntime is a fake that remembers what it was asked to list and sweep.
type gcRuntime struct {
	*fake
	listed   []runtime.ListOptions
	swept    []runtime.SweepOptions
	sweepErr error
}

func (r *gcRuntime) List(ctx context.Context, opts runtime.ListOptions) ([]runtime.Container, error) {
	r.listed = append(r.listed, opts)
	return r.fake.List(ctx, opts)
}

func (r *gcRuntime) Sweep(_ context.Context, opts runtime.SweepOptions) (runtime.SweepResult, error) {
	r.swept = append(r.swept, opts)
	return runtime.SweepResult{Volumes: []string{"volume"}}, r.sweepErr
}

// leased is a fake with sandboxes, two hours old and one, whose leases are over, and one whose is not.
func leased() *gcRuntime {
	r := &gcRuntime{fake: newFake()}
	now := time.Now()
	for id, c := range map[string]runtime.Container{
		"a": {Created: now.Add(-2 * time.Hour), LeaseEnd: now.Add(-time.Minute)},
		"b": {Created: now.Add(-time.Hour), LeaseEnd: now.Add(-time.Minute)},
		"c": {Created: now.Add(-2 * time.Hour), LeaseEnd: now.Add(time.Hour)},
		"d": {Created: now.Add(-2 * time.Hour)},
	} {
		c.ID, c.Name, c.State = id, "name-"+id, runtime.StateRunning
		r.boxes[id] = c
	}
	return r
}

func (r *gcRuntime) left() []string { return slices.Sorted(maps.Keys(r.boxes)) }

func TestGC(t *testing.T) {
	over := func(id string) sandbox.GCSandbox {
		return sandbox.GCSandbox{ID: id, Name: "name-" + id, Reason: sandbox.GCLeaseOver}
	}
	r := leased()
	for _, test := range []struct {
		opts sandbox.GCOptions
		want []sandbox.GCSandbox
		left []string
	}{
		{sandbox.GCOptions{DryRun: true}, []sandbox.GCSandbox{over("a"), over("b")}, []string{"a", "b", "c", "d"}},
		{sandbox.GCOptions{OlderThan: 90 * time.Minute}, []sandbox.GCSandbox{over("a")}, []string{"b", "c", "d"}},
		{sandbox.GCOptions{}, []sandbox.GCSandbox{over("b")}, []string{"c", "d"}},
		{sandbox.GCOptions{}, nil, []string{"c", "d"}},
	} {
		got, err := sandbox.GC(t.Context(), r, test.opts)
		if err != nil || !slices.Equal(got.Sandboxes, test.want) || !slices.Equal(got.Volumes, []string{"volume"}) {
			t.Errorf("%+v: removed %+v, %v", test.opts, got, err)
		}
		if !slices.Equal(r.left(), test.left) {
			t.Errorf("%+v: left %q, want %q", test.opts, r.left(), test.left)
		}
		if last := r.swept[len(r.swept)-1]; last != (runtime.SweepOptions{OlderThan: test.opts.OlderThan, DryRun: test.opts.DryRun}) {
			t.Errorf("%+v: swept with %+v", test.opts, last)
		}
	}
}

func TestGCLabels(t *testing.T) {
	r := leased()
	got, err := sandbox.GC(t.Context(), r, sandbox.GCOptions{Labels: map[string]string{"job": "1"}})
	if err != nil || len(got.Sandboxes) != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	if len(r.swept) > 0 || len(r.listed) != 1 || r.listed[0].Labels["job"] != "1" {
		t.Errorf("listed %v, swept %v", r.listed, r.swept)
	}
	// A runtime that leaves nothing else.
	if got, err := sandbox.GC(t.Context(), leased().fake, sandbox.GCOptions{}); err != nil || len(got.Sandboxes) != 2 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestGCErrors(t *testing.T) {
	r, stuck, swept := leased(), errors.New("stuck"), errors.New("not swept")
	r.removeErr = map[string]error{"a": stuck}
	r.sweepErr = swept
	got, err := sandbox.GC(t.Context(), r, sandbox.GCOptions{})
	wantKind(t, err, stuck, swept)
	if len(got.Sandboxes) != 1 || got.Sandboxes[0].ID != "b" {
		t.Errorf("%+v", got)
	}
	r = leased()
	r.removeErr = map[string]error{"a": &runtime.Error{Kind: runtime.ErrNotFound}}
	if got, err := sandbox.GC(t.Context(), r, sandbox.GCOptions{}); err != nil || len(got.Sandboxes) != 1 {
		t.Errorf("%+v, %v: what went away meanwhile", got, err)
	}
	_, err = sandbox.GC(t.Context(), r, sandbox.GCOptions{OlderThan: -1})
	wantKind(t, err, runtime.ErrInvalid)
}
