package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/sandlot-dev/sandlot/bench/report"
)

// bench is one run.
type bench struct {
	options
	token      string // in the environment and the labels of every sandbox made here
	beds       []*bed
	contenders []*contender
	result     *report.Run
	cleanup    []func()
}

func (b *bench) say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// count is how many rounds there are.
func (b *bench) count(full int) int {
	switch {
	case b.rounds > 0:
		return b.rounds
	case b.quick:
		return 1
	}
	return full
}

// pick is a size.
func pick[T any](b *bench, full, quick T) T {
	if b.quick {
		return quick
	}
	return full
}

// measurement adds one to the result.
func (b *bench) measurement(group, id, title string, unit report.Unit) *report.Measurement {
	m := &report.Measurement{ID: id, Group: group, Title: title, Unit: unit}
	b.result.Measurements = append(b.result.Measurements, m)
	return m
}

// cannot is why a contender has no such operation.
type cannot string

func (c cannot) Error() string { return string(c) }

// turnTimeout bounds a turn, so that a contender that hangs does not hang the rest.
const turnTimeout = 3 * time.Minute

// A turn is what a contender does when it is its turn. It gives the samples for each of the measurements.
type turn func(context.Context, *contender) ([]report.Samples, error)

// compare gives each contender its turn, round after round, so that a machine whose pace changes does so for all alike. Each round begins
// with another one. A first round is not counted. Who fails, or cannot, is out, and the reason is kept.
func (b *bench) compare(ctx context.Context, rounds int, who []*contender, take turn, ms ...*report.Measurement) error {
	for _, c := range who { // the order in which they are listed
		for _, m := range ms {
			m.Of(c.name, c.engine, c.role)
		}
	}
	b.say("%s: %d rounds of %d contenders", ms[0].Title, rounds, len(who))
	out := make(map[*contender]bool)
	for round := -1; round < rounds; round++ {
		if round < 0 && b.quick {
			continue
		}
		for i := range who {
			c := who[(i+max(round, 0))%len(who)]
			if out[c] {
				continue
			}
			samples, err := within(ctx, c, take)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			for j, m := range ms {
				s := m.Of(c.name, c.engine, c.role)
				switch {
				case err != nil:
					out[c] = true
					s.Problem, s.Failed = err.Error(), !errors.As(err, new(cannot))
				case len(samples[j]) == 0:
					s.Problem = "it has no such operation"
				case round >= 0:
					s.Samples = append(s.Samples, samples[j]...)
				}
			}
		}
	}
	return nil
}

func within(ctx context.Context, c *contender, take turn) ([]report.Samples, error) {
	ctx, cancel := context.WithTimeout(ctx, turnTimeout)
	defer cancel()
	return take(ctx, c)
}

// timed is how many seconds f takes.
func timed(f func() error) (float64, error) {
	start := time.Now()
	err := f()
	return time.Since(start).Seconds(), err
}

// one is a turn's samples where each measurement has one.
func one(values ...float64) []report.Samples {
	out := make([]report.Samples, len(values))
	for i, v := range values {
		out[i] = report.Samples{v}
	}
	return out
}
