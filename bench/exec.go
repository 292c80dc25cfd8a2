package main

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/sandlot-dev/sandlot/bench/report"
)

// measureExec runs true, one at a time and several at once.
func measureExec(ctx context.Context, b *bench) error {
	type load struct{ atOnce, perTurn, rounds int }
	for _, l := range pick(b, []load{{1, 8, 40}, {8, 16, 8}, {64, 64, 6}}, []load{{1, 2, 1}, {4, 4, 1}}) {
		id, title := "exec/"+strconv.Itoa(l.atOnce), "`true`, one at a time"
		if l.atOnce > 1 {
			title = fmt.Sprintf("`true`, %d at once: time of each", l.atOnce)
		}
		ms := []*report.Measurement{b.measurement("exec", id, title, report.Seconds)}
		if l.atOnce > 1 {
			ms = append(ms, b.measurement("exec", id+"/rate", fmt.Sprintf("`true`, %d at once: how many in a second", l.atOnce), report.PerSecond))
		}
		everyone := b.with(func(c *contender) bool { return c.exec != nil })
		err := b.compare(ctx, b.count(l.rounds), everyone, func(ctx context.Context, c *contender) ([]report.Samples, error) {
			return execs(ctx, c, l.atOnce, l.perTurn)
		}, ms...)
		if err != nil {
			return err
		}
	}
	return nil
}

// execs runs true so many times, so many at once: each one's time, and the rate of all.
func execs(ctx context.Context, c *contender, atOnce, total int) ([]report.Samples, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	took := make(report.Samples, total)
	next := make(chan int)
	var workers sync.WaitGroup
	start := time.Now()
	for range atOnce {
		workers.Go(func() {
			for i := range next {
				var err error
				if took[i], err = timed(func() error { return c.exec(ctx, nil, imageTrue) }); err != nil {
					cancel(err)
				}
			}
		})
	}
	for i := range total {
		next <- i
	}
	close(next)
	workers.Wait()
	return []report.Samples{took, {float64(total) / time.Since(start).Seconds()}}, context.Cause(ctx)
}
