package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/sandbox"
)

// sweeping is a fake that leaves a volume.
type sweeping struct{ *fake }

func (s sweeping) Sweep(context.Context, runtime.SweepOptions) (runtime.SweepResult, error) {
	return runtime.SweepResult{Volumes: []string{"guest-1"}, Containers: []string{"filler-1"}}, nil
}

// leftovers is a fake with a sandbox whose lease is over, and two that stay.
func leftovers() *fake {
	f := withBox()
	now := time.Now()
	f.sandboxes = append(f.sandboxes,
		runtime.Container{ID: "id-over", Name: "over", Created: now.Add(-time.Hour), LeaseEnd: now.Add(-time.Minute)},
		runtime.Container{ID: "id-leased", Name: "leased", Created: now.Add(-time.Hour), LeaseEnd: now.Add(time.Hour)})
	return f
}

func TestGC(t *testing.T) {
	f := leftovers()
	f.call(t, "gc", "--dry-run").want(t, 0, "sandbox   over   lease over\n", "")
	f.call(t, "gc", "--older-than", "2h").want(t, 0, "", "")
	f.call(t, "gc", "--label", "a").want(t, 0, "", "")
	if len(f.sandboxes) != 3 {
		t.Fatalf("left %v", f.sandboxes)
	}
	var got sandbox.GCResult
	if err := json.Unmarshal([]byte(f.call(t, "gc", "--json").stdout), &got); err != nil || len(got.Sandboxes) != 1 || got.Sandboxes[0].Name != "over" {
		t.Errorf("gc --json: %+v, %v", got, err)
	}
	if c := f.call(t, "gc"); c.status != 0 || c.stdout != "" || len(f.sandboxes) != 2 {
		t.Errorf("gc again: %+v, left %v", c, f.sandboxes)
	}
	if c := f.call(t, "gc", "--json"); c.stdout != "{\n  \"sandboxes\": []\n}\n" {
		t.Errorf("gc --json of nothing: %q", c.stdout)
	}
	f = leftovers()
	f.removeErr = &runtime.Error{Op: "remove", ID: "over", Kind: runtime.ErrUnavailable}
	f.call(t, "gc").want(t, 125, "", "remove over: unavailable")
	for _, args := range []string{"gc box", "gc --older-than 0s", "gc --older-than -1h", "gc --older-than soon"} {
		f.call(t, strings.Fields(args)...).want(t, 125, "", "sandlot: ")
	}
	var out strings.Builder
	a := &app{stdout: &out, stderr: &out, open: func(context.Context, string) (runtime.Runtime, error) {
		f := leftovers()
		f.removeErr = runtime.ErrUnavailable
		return sweeping{f}, nil
	}}
	status := a.run(t.Context(), []string{"gc"})
	want := "container   filler-1   left half way\nvolume      guest-1    not used\nsandlot: unavailable"
	if status != 125 || !strings.HasPrefix(out.String(), want) {
		t.Errorf("exit status %d, %q, want %q", status, out.String(), want)
	}
}

func TestLease(t *testing.T) {
	f := new(fake)
	before := time.Now()
	f.call(t, "create", "--lease", "1h").want(t, 0, "made-up-0", "building")
	f.call(t, "create").want(t, 0, "made-up-1", "")
	f.call(t, "run", "--lease", "1h", "--", "true").want(t, 0, "", "")
	for i, want := range []struct{ owned, leased bool }{{false, true}, {false, false}, {true, true}} {
		run := f.runs[i]
		lease := run.LeaseEnd.Sub(before)
		if (run.Owner != "") != want.owned || run.LeaseEnd.IsZero() == want.leased || want.leased && (lease < time.Hour || lease > 2*time.Hour) {
			t.Errorf("run %d: owner %q, lease until %v; want %+v", i, run.Owner, run.LeaseEnd, want)
		}
	}
	f.call(t, "create", "--lease", "0s").want(t, 125, "", "not a time")
}
