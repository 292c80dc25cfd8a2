package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/sandlot-dev/sandlot/bench/report"
)

// measureIdle makes sandboxes that do nothing, and looks at what memory they take: in their owner, in the sandbox, and on the whole machine
// with all that the engine keeps for them. An owner of one sandbox is what its growth is counted from.
func measureIdle(ctx context.Context, b *bench) error {
	if err := b.roomForKeys(); err != nil {
		return err
	}
	for _, count := range pick(b, []int{10, 50, 200}, []int{2}) {
		id, title := fmt.Sprintf("idle/%d", count), fmt.Sprintf("%d idle sandboxes, memory of each", count)
		guests := b.measurement("idle", id+"/guest", title+": in the sandbox", report.Bytes)
		owner := b.measurement("idle", id+"/owner", title+": in the owner", report.Bytes)
		all := b.measurement("idle", id+"/machine", title+": on the whole machine", report.Bytes)
		who := b.with(isSandlot)
		for _, c := range who {
			took, err := b.idle(ctx, b.bedOf(c), count)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			for i, m := range []*report.Measurement{guests, owner, all} {
				s := m.Of(c.name, c.engine, c.role)
				if err != nil {
					s.Problem, s.Failed = err.Error(), true
				} else {
					s.Samples = report.Samples{took[i]}
				}
			}
		}
	}
	return nil
}

// idle is what each of so many sandboxes takes: in the sandbox, in the owner, on the machine.
func (b *bench) idle(ctx context.Context, d *bed, count int) ([]float64, error) {
	b.say("%d idle sandboxes on %s", count, d.name)
	o, err := b.newOwner(ctx, d, plain)
	if err != nil {
		return nil, err
	}
	defer o.removeAll(b)
	if err := o.grow(1); err != nil {
		return nil, err
	}
	alone, err := memoryOf(o.cmd.Process.Pid)
	if err != nil {
		return nil, err
	}
	before, err := usedMemory()
	if err != nil {
		return nil, err
	}
	if err := o.grow(count); err != nil {
		return nil, err
	}
	after, err := usedMemory()
	if err != nil {
		return nil, err
	}
	grown, err := memoryOf(o.cmd.Process.Pid)
	if err != nil {
		return nil, err
	}
	here, err := processes(o.token)
	if err != nil {
		return nil, err
	}
	if len(here) < count {
		return nil, fmt.Errorf("%d processes of %d sandboxes are seen: this needs root", len(here), count)
	}
	var inside int64
	for _, pid := range here {
		memory, err := memoryOf(pid)
		if err != nil {
			return nil, err
		}
		inside += memory
	}
	more := float64(count - 1)
	return []float64{float64(inside) / float64(count), float64(grown-alone) / more, float64(after-before) / more}, nil
}

// roomForKeys lets a user without root have a keyring for each of its containers, until the end.
func (b *bench) roomForKeys() error {
	const name, many = "/proc/sys/kernel/keys/maxkeys", 1000
	before, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if limit, err := strconv.Atoi(strings.TrimSpace(string(before))); err != nil || limit >= many {
		return err
	}
	b.cleanup = append(b.cleanup, func() { b.check(os.WriteFile(name, before, 0)) })
	return os.WriteFile(name, []byte(strconv.Itoa(many)), 0)
}
