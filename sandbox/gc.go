package sandbox

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/go-multierror"

	"github.com/sandlot-dev/sandlot/runtime"
)

// GCOptions are the options of [GC].
type GCOptions struct {
	// OlderThan spares what was made in the last so long, by the engine's clock. 0: nothing is spared for its age. Negative: runtime.ErrInvalid.
	OlderThan time.Duration
	// Labels that a sandbox must have; an empty value means any value. With labels GC looks at sandboxes only.
	Labels map[string]string
	// DryRun removes nothing. The result names what would be removed.
	DryRun bool
}

// A GCReason says why [GC] removes a sandbox.
type GCReason string

// The reasons of [GC].
const (
	GCOwnerGone GCReason = "owner gone"
	GCLeaseOver GCReason = "lease over"
)

// GCResult is the result of [GC].
type GCResult struct {
	Sandboxes []GCSandbox `json:"sandboxes"`
	// What [runtime.Sweeper] removed.
	runtime.SweepResult
}

// A GCSandbox is a sandbox that [GC] removed.
type GCSandbox struct {
	ID     string   `json:"id"`
	Name   string   `json:"name"`
	Reason GCReason `json:"reason"`
}

// GC removes what was left behind on an engine: sandboxes whose owner is gone, sandboxes whose lease is over, and what the runtime left and needs no
// more, such as the guests of other versions. It tries each; the errors are in one [*multierror.Error]. What goes away meanwhile is no error.
//
// The owner of a sandbox is the process that called [New], unless [Options] say otherwise. It is known to be gone, or to live, only on Linux and
// where GC runs on the same machine, since the same boot, and in the same namespace of process ids: it is gone when no process has its
// id and its time of start. A sandbox that does not run is also left behind when its owner's machine, which has this one's name and id, was booted
// since. Of all other owners nothing is known, and only the lease counts: with RunOptions.LeaseEnd by this machine's clock; a sandbox with RunOptions.Lease
// ends by itself, and is removed when it has ended and is older than its lease. A sandbox whose owner is known
// to live is never removed, and one without an owner and a lease neither.
func GC(ctx context.Context, rt runtime.Runtime, opts GCOptions) (GCResult, error) {
	result := GCResult{Sandboxes: []GCSandbox{}}
	if opts.OlderThan < 0 {
		return result, &runtime.Error{Op: "gc", Kind: runtime.ErrInvalid, Message: "the age is negative", Hint: "leave it 0 for any age"}
	}
	containers, err := rt.List(ctx, runtime.ListOptions{Labels: opts.Labels})
	if err != nil {
		return result, err
	}
	var errs *multierror.Error
	me, now := self(), time.Now()
	for _, c := range containers {
		reason := leftBehind(c, me, now)
		if reason == "" || opts.OlderThan > 0 && now.Sub(c.Created) < opts.OlderThan {
			continue
		}
		if !opts.DryRun {
			_, err := rt.Remove(ctx, c.ID, runtime.RemoveOptions{})
			if errors.Is(err, runtime.ErrNotFound) {
				continue
			}
			if err != nil {
				errs = multierror.Append(errs, err)
				continue
			}
		}
		result.Sandboxes = append(result.Sandboxes, GCSandbox{c.ID, c.Name, reason})
	}
	if sweeper, can := rt.(runtime.Sweeper); can && len(opts.Labels) == 0 {
		result.SweepResult, err = sweeper.Sweep(ctx, runtime.SweepOptions{OlderThan: opts.OlderThan, DryRun: opts.DryRun})
		if err != nil {
			errs = multierror.Append(errs, err)
		}
	}
	return result, errs.ErrorOrNil()
}

// leftBehind says why a sandbox is to be removed, "" if it is not.
func leftBehind(c runtime.Container, me owner, now time.Time) GCReason {
	if o, ok := parseOwnerOf(c.Owner); ok {
		switch o.lifeOf(me, c.State == runtime.StateRunning || c.State == runtime.StatePaused) {
		case lifeRuns:
			return ""
		case lifeOver:
			return GCOwnerGone
		}
	}
	switch {
	case !c.LeaseEnd.IsZero() && now.After(c.LeaseEnd):
		return GCLeaseOver
	case c.Lease > 0 && c.State == runtime.StateExited && now.Sub(c.Created) > c.Lease:
		return GCLeaseOver // while it runs, its lease has been renewed
	}
	return ""
}
