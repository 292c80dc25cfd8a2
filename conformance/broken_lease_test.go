package conformance

import (
	"context"

	"github.com/sandlot-dev/sandlot/runtime"
)

// forEver are sandboxes that do not end.
func forEver(b *broken) { b.runOptions(func(opts *runtime.RunOptions) { opts.Lease = 0 }) }

// notRenewed says that a lease was renewed.
func notRenewed(b *broken) {
	b.renew = func(context.Context, string) error { return nil }
}

func leaseBreakers() map[string]breaker {
	return map[string]breaker{
		"lease/ends":           forEver,
		"lease/ends-under-way": kind(runtime.ErrConnectionLost),
		"lease/described":      inspected(func(c *runtime.Container) { c.Lease = 0 }),
		"lease/renewed":        notRenewed,
		"lease/small":          notRenewed,
		"lease/started-again": func(b *broken) {
			b.start = func(context.Context, string) (error, bool) { return nil, true }
		},
		"lease/none": func(b *broken) {
			b.renew = func(context.Context, string) error { return &runtime.Error{Kind: runtime.ErrInvalid} }
		},
		"lease/not-running": notRenewed,
		"lease/invalid": runWith(func(opts *runtime.RunOptions) {
			if opts.Lease < runtime.MinLease {
				opts.Lease = 0
			}
		}),
	}
}
