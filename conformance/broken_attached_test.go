package conformance

import (
	"context"

	"github.com/sandlot-dev/sandlot/runtime"
)

// notAttached are sandboxes that stay.
func notAttached(b *broken) { b.runOptions(func(opts *runtime.RunOptions) { opts.Attached = false }) }

func attachedBreakers() map[string]breaker {
	return map[string]breaker{
		"attached/closed":  notAttached,
		"attached/small":   notAttached,
		"attached/stopped": notAttached,
		"attached/lease":   notAttached,
		"attached/used":    afterRun(stopped),
		"attached/deadline": func(b *broken) {
			b.exec = func(ctx context.Context, id string, argv []string, opts runtime.ExecOptions) (runtime.ExecResult, error) {
				res, err := b.whole.Exec(ctx, id, argv, opts)
				if is(err, runtime.ErrTimeout) {
					_, _ = b.whole.Stop(ctx, id, runtime.StopOptions{}) // what fails here fails the case
				}
				return res, err
			}
		},
		"attached/removed": notRemoved,
	}
}
