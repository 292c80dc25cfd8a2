package main

import (
	"context"
	"errors"
	"time"

	"github.com/sandlot-dev/sandlot/bench/report"
	"github.com/sandlot-dev/sandlot/sandbox"
)

// measurePool takes sandboxes that a pool has started ahead, and runs the first command in each. The pool is full, and so at rest, each time.
func measurePool(ctx context.Context, b *bench) error {
	m := b.measurement("pool", "pool", "A sandbox from the pool and the first `true` in it", report.Seconds)
	pools := make(map[string]*sandbox.Pool)
	for _, d := range b.beds {
		p, err := sandbox.NewPool(d.rt, sandbox.PoolOptions{Options: d.options(b.token), Size: 2})
		if err != nil {
			return err
		}
		defer func() { b.check(p.Close()) }()
		pools[d.name] = p
	}
	return b.compare(ctx, b.count(40), b.with(isSandlot), func(ctx context.Context, c *contender) ([]report.Samples, error) {
		p := pools[c.engine]
		if err := full(ctx, p, 2); err != nil {
			return nil, err
		}
		var sb *sandbox.Sandbox
		took, err := timed(func() (err error) {
			if sb, err = p.Get(ctx); err != nil {
				return err
			}
			return sandlotExec(ctx, sb, nil, []string{imageTrue})
		})
		if sb != nil {
			err = errors.Join(err, sb.Close())
		}
		return one(took), err
	}, m)
}

// full waits until a pool is.
func full(ctx context.Context, p *sandbox.Pool, size int) error {
	for {
		stats := p.Stats()
		if stats.Ready == size {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), stats.Err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}
