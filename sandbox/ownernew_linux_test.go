package sandbox_test

import (
	"errors"
	"testing"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/sandbox"
)

// TestOwnerOfNew: what New makes is this process', and nothing that GC removes, unless it is told otherwise.
func TestOwnerOfNew(t *testing.T) {
	r := &gcRuntime{fake: newFake("an-image")}
	made := func(change func(o *sandbox.Options)) runtime.Container {
		t.Helper()
		opts := sandbox.Options{Image: "an-image"}
		change(&opts)
		box, err := sandbox.New(t.Context(), r, opts)
		must(t, err)
		c, err := box.Inspect(t.Context())
		must(t, err)
		return c
	}
	mine := made(func(*sandbox.Options) {})
	if mine.Owner == "" || !mine.LeaseEnd.IsZero() {
		t.Errorf("owner %q, lease until %v", mine.Owner, mine.LeaseEnd)
	}
	soon := time.Now().Add(time.Hour)
	leased := made(func(o *sandbox.Options) { o.Lease = time.Hour })
	if leased.Owner != mine.Owner || leased.LeaseEnd.Before(soon) || leased.LeaseEnd.After(time.Now().Add(time.Hour)) {
		t.Errorf("owner %q, lease until %v", leased.Owner, leased.LeaseEnd)
	}
	if c := made(func(o *sandbox.Options) { o.Detached = true }); c.Owner != "" {
		t.Errorf("owner %q of one that is detached", c.Owner)
	}
	if c := made(func(o *sandbox.Options) { o.Detached, o.Owner = true, "somebody" }); c.Owner != "somebody" {
		t.Errorf("owner %q", c.Owner)
	}
	past := made(func(o *sandbox.Options) { o.LeaseEnd = time.Now().Add(-time.Hour) })
	orphan := made(func(o *sandbox.Options) { o.LeaseEnd, o.Detached = past.LeaseEnd, true })
	got, err := sandbox.GC(t.Context(), r, sandbox.GCOptions{})
	if err != nil || len(got.Sandboxes) != 1 || got.Sandboxes[0].ID != orphan.ID {
		t.Errorf("removed %+v, %v", got, err)
	}
	for name, opts := range map[string]sandbox.Options{
		"negative":    {Image: "an-image", Lease: -1},
		"given twice": {Image: "an-image", Lease: 1, RunOptions: runtime.RunOptions{LeaseEnd: soon}},
	} {
		_, err := sandbox.New(t.Context(), r, opts)
		if !errors.Is(err, runtime.ErrInvalid) {
			t.Errorf("a lease that is %s: %v", name, err)
		}
	}
}
