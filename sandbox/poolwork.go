package sandbox

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/hashicorp/go-multierror"
)

const (
	poolTries = 3                // failed starts in a row after which whoever waits is told
	poolPause = 10 * time.Second // the longest pause between starts that fail, before it is randomized
	poolCheck = 10 * time.Second // between looks at sandboxes that wait
	// poolAnswer is what a sandbox gets to answer, before the engine is asked about it. One that is paused does not.
	poolAnswer = 5 * time.Second
	// poolHeadStart is what whoever got a sandbox has for a first command before the start of the next one takes the processor from it.
	poolHeadStart = 20 * time.Millisecond
)

// release takes a sandbox off what the pool answers for.
func (p *Pool) release() {
	p.mu.Lock()
	p.held--
	p.mu.Unlock()
	p.note()
}

// note wakes whoever waits for a change of what is held or ready.
func (p *Pool) note() {
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// discard removes a sandbox, while the pool still answers for it.
func (p *Pool) discard(box *Sandbox) {
	go func() {
		if err := box.Close(); err != nil {
			p.mu.Lock()
			p.dead = append(p.dead, box) // for Close to try again
			p.mu.Unlock()
		}
		p.release()
	}()
}

// fill starts sandboxes until the pool is closed, and then waits for those on their way.
func (p *Pool) fill(ctx context.Context) {
	pauses := backoff.NewExponentialBackOff()
	pauses.MaxInterval = poolPause
	limit := 1
	var pause <-chan time.Time // set after a failure
	for {
		for pause == nil && p.mayStart(limit) {
			go func() {
				box, err := New(ctx, p.rt, p.opts.Options)
				if err == nil {
					_ = p.look(ctx, box) // for the way that it opens; Get looks itself
				}
				p.started <- started{box, err}
			}()
		}
		select {
		case s := <-p.started:
			if p.took(s) {
				limit, pause = p.opts.Parallel, nil
				pauses.Reset()
			} else {
				limit, pause = 1, time.After(pauses.NextBackOff())
			}
		case <-pause:
			pause = nil
		case <-p.changed:
		case <-p.closed:
			for p.Stats().Starting > 0 {
				p.took(<-p.started)
			}
			return
		}
	}
}

// mayStart says whether to start one more, at most limit at the same time, and counts it.
func (p *Pool) mayStart(limit int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.isClosed() || p.held == p.opts.Size || p.stats.Starting >= limit {
		return false
	}
	p.held++
	p.stats.Starting++
	return true
}

// took takes the end of a start, and says whether it went well.
func (p *Pool) took(s started) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stats.Starting--
	if s.err == nil {
		p.stats.Failures, p.stats.Err = 0, nil
		p.ready <- s.box // it has a place there
		return true
	}
	p.held--
	if p.isClosed() {
		return false
	}
	p.stats.Failures++
	p.stats.Err = s.err
	if p.stats.Failures >= poolTries {
		p.next.err = s.err
		close(p.next.told)
		p.next = &failure{told: make(chan struct{})}
	}
	return false
}

// watch looks at the sandboxes that wait, from time to time, so that dead ones are replaced before they are asked for.
func (p *Pool) watch(ctx context.Context) {
	tick := time.NewTicker(poolCheck)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-p.closed:
			return
		}
		for range len(p.ready) {
			select {
			case box := <-p.ready:
				if errors.Is(p.look(ctx, box), errDead) {
					p.discard(box)
				} else {
					p.ready <- box
				}
			default:
			}
		}
	}
}

// Close ends starts under way and every Get that waits, and removes the sandboxes that wait; those that Get gave stay. Removing one takes at most
// [CloseTimeout]. Closing again does nothing, but after an error tries again; the errors are in one [*multierror.Error].
func (p *Pool) Close() error {
	p.closing.Lock()
	defer p.closing.Unlock()
	p.cancel()
	p.work.Wait()
	boxes := p.collect()

	var errs *multierror.Error
	var left []*Sandbox
	var mu sync.Mutex
	var removals sync.WaitGroup
	next := make(chan *Sandbox)
	for range p.opts.Parallel {
		removals.Go(func() {
			for box := range next {
				if err := box.Close(); err != nil {
					mu.Lock()
					errs, left = multierror.Append(errs, err), append(left, box)
					mu.Unlock()
				}
			}
		})
	}
	for _, box := range boxes {
		next <- box
	}
	close(next)
	removals.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dead = left
	return errs.ErrorOrNil()
}

// collect gives all sandboxes that are to be removed, once nobody starts, looks at or removes one any more.
func (p *Pool) collect() []*Sandbox {
	var boxes []*Sandbox
	for {
		p.mu.Lock()
		if p.held == 0 {
			boxes = append(boxes, p.dead...)
			p.dead = nil
			p.mu.Unlock()
			return boxes
		}
		p.mu.Unlock()
		select {
		case box := <-p.ready:
			boxes = append(boxes, box)
			p.release()
		case <-p.changed:
		}
	}
}
