package sandbox_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/sandbox"
)

// leaser is a fake that can end sandboxes, and says when it was asked not to.
type leaser struct {
	*fake
	renewed chan string
	err     atomic.Value // what Renew says
}

func (l *leaser) Renew(_ context.Context, id string, _ runtime.RenewOptions) (runtime.RenewResult, error) {
	l.renewed <- id
	err, _ := l.err.Load().(*runtime.Error)
	if err == nil {
		return runtime.RenewResult{}, nil
	}
	return runtime.RenewResult{}, err
}

// New's owner renews its lease as long as the sandbox is open and there, whatever goes wrong meanwhile.
func TestLeaseIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &leaser{fake: newFake("an-image"), renewed: make(chan string, 100)}
		made := func(change func(o *sandbox.Options)) *sandbox.Sandbox {
			t.Helper()
			opts := sandbox.Options{Image: "an-image", Lease: 30 * time.Second}
			change(&opts)
			box, err := sandbox.New(t.Context(), l, opts)
			must(t, err)
			c, err := box.Inspect(t.Context())
			must(t, err)
			if c.Lease != opts.Lease || !c.LeaseEnd.IsZero() {
				t.Errorf("the lease %v, its end %v", c.Lease, c.LeaseEnd)
			}
			return box
		}
		passes := func(d time.Duration, want int) {
			t.Helper()
			time.Sleep(d)
			synctest.Wait()
			if len(l.renewed) != want {
				t.Errorf("in %v it was renewed %d times, want %d", d, len(l.renewed), want)
			}
			for range len(l.renewed) {
				<-l.renewed
			}
		}
		box := made(func(*sandbox.Options) {})
		passes(35*time.Second, 3)
		l.err.Store(&runtime.Error{Kind: runtime.ErrUnavailable})
		passes(30*time.Second, 3)
		must(t, box.Close())
		passes(time.Minute, 0)
		made(func(*sandbox.Options) {})
		l.err.Store(&runtime.Error{Kind: runtime.ErrNotFound})
		passes(time.Minute, 1)

		l.err.Store((*runtime.Error)(nil))
		detached := made(func(o *sandbox.Options) { o.Detached = true })
		made(func(o *sandbox.Options) { o.Lease = 0 })
		passes(time.Hour, 0)
		must(t, detached.Renew(t.Context()))
		passes(0, 1)
	})
}

func TestRenewRefused(t *testing.T) {
	f := newFake("an-image")
	box, err := sandbox.New(t.Context(), f, sandbox.Options{Image: "an-image"})
	must(t, err)
	wantKind(t, box.Renew(t.Context()), runtime.ErrUnsupported)
	must(t, box.Close())
	wantKind(t, box.Renew(t.Context()), runtime.ErrClosed)
	_, err = sandbox.New(t.Context(), f, sandbox.Options{Image: "an-image", RunOptions: runtime.RunOptions{Lease: time.Hour}})
	wantKind(t, err, runtime.ErrInvalid)
}

// What runs has been renewed; what has ended, and could have by its lease, is left behind.
func TestGCOfLeases(t *testing.T) {
	r, old := newFake(), time.Now().Add(-time.Hour)
	for id, c := range map[string]runtime.Container{
		"ended":  {State: runtime.StateExited, Created: old, Lease: time.Minute},
		"runs":   {State: runtime.StateRunning, Created: old, Lease: time.Minute},
		"paused": {State: runtime.StatePaused, Created: old, Lease: time.Minute},
		"young":  {State: runtime.StateExited, Created: old, Lease: 2 * time.Hour},
		"none":   {State: runtime.StateExited, Created: old},
	} {
		c.ID = id
		r.boxes[id] = c
	}
	got, err := sandbox.GC(t.Context(), r, sandbox.GCOptions{})
	if err != nil || len(got.Sandboxes) != 1 || got.Sandboxes[0].ID != "ended" || got.Sandboxes[0].Reason != sandbox.GCLeaseOver {
		t.Errorf("%+v, %v", got, errors.Unwrap(err))
	}
}
