package conformance

import (
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
)

const (
	contractLease  = contractRunOptions + ".Lease"
	contractLeaser = "runtime.Leaser"
)

// shortLease is long enough for what a case does between two renewals.
func (t *T) shortLease() time.Duration { return t.long(5 * time.Second) }

// leaseCases are about sandboxes that end by themselves.
func leaseCases() []Case {
	needs := []runtime.Capability{runtime.CapabilityLease}
	cases := []Case{
		{
			ID: "lease/ends", Contract: contractLease,
			Rule: "A sandbox that nobody renews ends when its lease has passed, with all that runs in it.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{Lease: t.shortLease()})
				for _, kind := range []string{"ignore", "daemon", "forking"} {
					t.MustExec(id, runtime.ExecOptions{}, "leave", t.token, kind)
				}
				t.sandboxEnded(id)
				t.ErrorIs("an exec", t.Exec(id, runtime.ExecOptions{}, "exit", "0").Err, runtime.ErrNotRunning)
			},
		},
		{
			ID: "lease/ends-under-way", Contract: contractExec,
			Rule: "An exec that is under way when the lease has passed is ErrConnectionLost, with the output so far.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{Lease: t.shortLease()})
				out := t.Start(id, runtime.ExecOptions{}, "stay", t.token).Ready().Wait()
				t.ErrorIs("the exec", out.Err, runtime.ErrConnectionLost)
			},
		},
		{
			ID: "lease/described", Contract: contractLease,
			Rule: "A sandbox's lease comes back as it was given, and not at all where it was not.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{Lease: 90 * time.Minute})
				t.Equal("Inspect's", t.Inspect(id).Lease, 90*time.Minute)
				t.Equal("List's", t.list(map[string]string{labelCase: t.token})[0].Lease, 90*time.Minute)
				t.Equal("another's", t.Inspect(t.Run(runtime.RunOptions{})).Lease, time.Duration(0))
			},
		},
		{
			ID: "lease/renewed", Contract: contractLeaser,
			Rule: "A sandbox that is renewed goes on, whichever Runtime renews it, and ends when it is not renewed any more.",
			Run: func(t *T) {
				id, begun := t.Run(runtime.RunOptions{Lease: t.shortLease()}), time.Now()
				for rt := range 2 {
					renewer := t.Runtime()
					if rt == 1 {
						renewer = t.Open()
					}
					for time.Since(begun) < time.Duration(rt+1)*t.shortLease()*6/5 {
						t.renew(renewer, id)
						t.pause(t.shortLease() / 6)
					}
				}
				t.MustExec(id, runtime.ExecOptions{}, "exit", "0")
				t.sandboxEnded(id)
			},
		},
		{
			ID: "lease/small", Contract: contractLeaser, Needs: []runtime.Capability{runtime.CapabilityPidsLimit},
			Rule: "A sandbox with little room can be renewed as well.",
			Run: func(t *T) {
				id, begun := t.Run(runtime.RunOptions{Lease: t.shortLease(), PidsLimit: 64}), time.Now()
				for time.Since(begun) < 2*t.shortLease() {
					t.renew(t.Runtime(), id)
					t.pause(t.shortLease() / 6)
				}
				t.MustExec(id, runtime.ExecOptions{}, "exit", "0")
				t.sandboxEnded(id)
			},
		},
		{
			ID: "lease/started-again", Contract: contractLease,
			Rule: "A sandbox that has ended with its lease can be started again, and has its files; its lease begins anew.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{Lease: 2 * t.shortLease()})
				t.MustExec(id, runtime.ExecOptions{}, "write", "kept", "content")
				t.sandboxEnded(id)
				t.start(id)
				t.Equal("the file", t.Lstat(id, "kept").Content, "content")
				t.sandboxEnded(id)
			},
		},
		{
			ID: "lease/none", Contract: contractLeaser,
			Rule: "Renewing a sandbox that has no lease is no error.",
			Run:  func(t *T) { t.renew(t.Runtime(), t.Run(runtime.RunOptions{})) },
		},
		{
			ID: "lease/not-running", Contract: contractLeaser,
			Rule: "Renewing a sandbox that does not run is ErrNotRunning, and one that is gone ErrNotFound.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{Lease: time.Hour})
				t.stop(id, runtime.StopOptions{})
				t.ErrorIs("renewing what is stopped", t.tryRenew(t.Runtime(), id), runtime.ErrNotRunning)
				t.Remove(id)
				t.ErrorIs("renewing what is gone", t.tryRenew(t.Runtime(), id), runtime.ErrNotFound)
			},
		},
		{
			ID: "lease/invalid", Contract: contractLease,
			Rule: "A lease that is negative or shorter than a second is ErrInvalid, and nothing is left.",
			Run: func(t *T) {
				for _, lease := range []time.Duration{-time.Hour, 1, runtime.MinLease - 1} {
					_, err := t.TryRun(t.Image(), runtime.RunOptions{Name: t.Name(), Lease: lease})
					t.ErrorIs("run with a lease of "+lease.String(), err, runtime.ErrInvalid)
					t.noSandbox(t.Name())
				}
			},
		},
	}
	for i := range cases {
		cases[i].Needs = append(needs[:1:1], cases[i].Needs...)
	}
	return cases
}

func (t *T) tryRenew(rt runtime.Runtime, id string) error {
	leaser, is := rt.(runtime.Leaser)
	if !is {
		t.Fatalf("the runtime\n  got:   a capability for leases, and no runtime.Leaser\n  want:  both")
	}
	t.Input("renew %s", id)
	_, err := leaser.Renew(t.ctx, id, runtime.RenewOptions{})
	return err
}

func (t *T) renew(rt runtime.Runtime, id string) {
	t.NoError("renewing", t.tryRenew(rt, id))
}

// sandboxEnded waits until a sandbox has ended by itself.
func (t *T) sandboxEnded(id string) {
	for {
		c := t.Inspect(id)
		if c.State == runtime.StateExited {
			return
		}
		t.Input("wait until it ends, %s", c.State)
		t.pause(100 * time.Millisecond)
	}
}

// pause lets time pass, where what is proved is that it does.
func (t *T) pause(d time.Duration) {
	select {
	case <-time.After(d):
	case <-t.ctx.Done():
		t.NoError("waiting", t.ctx.Err())
	}
}
