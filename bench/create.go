package main

import (
	"context"

	"github.com/sandlot-dev/sandlot/bench/report"
)

// measureCreate makes a container, with the same restrictions for all, and runs the first command in it.
func measureCreate(ctx context.Context, b *bench) error {
	m := b.measurement("create", "create", "A new container and the first `true` in it", report.Seconds)
	return b.compare(ctx, b.count(20), b.with(func(c *contender) bool { return c.create != nil }),
		func(ctx context.Context, c *contender) ([]report.Samples, error) {
			var remove func()
			took, err := timed(func() (err error) {
				remove, err = c.create(ctx)
				return err
			})
			if remove != nil {
				remove()
			}
			return one(took), err
		}, m)
}
