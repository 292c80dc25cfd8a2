package sandbox

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/go-multierror"

	"github.com/sandlot-dev/sandlot/runtime"
)

// DefaultParallel is how many sandboxes a [Pool] starts, or removes, at the same time.
const DefaultParallel = 4

// PoolOptions are the options of [NewPool].
type PoolOptions struct {
	// Options are those of each sandbox. A Name, Replace, and a port with a number of the host's are runtime.ErrInvalid, as only one sandbox can have
	// them. Progress may be written to by several starts at the same time.
	Options
	// Size is how many sandboxes are kept ready, or are being started, at least 1. Those that were handed out do not count.
	Size int
	// Parallel is how many are started at the same time. 0: DefaultParallel. Until the first is there, and while starts fail, it is
	// one: so an image is built or pulled once.
	Parallel int
}

// PoolStats say what a [Pool] does.
type PoolStats struct {
	// Ready is how many sandboxes wait, Starting how many are on their way.
	Ready    int `json:"ready"`
	Starting int `json:"starting"`
	// Failures is how many starts have failed in a row, the last of them with Err.
	Failures int   `json:"failures,omitempty"`
	Err      error `json:"-"`
}

// A Pool keeps sandboxes ready, so that [Pool.Get] need not wait for a start. Its methods may be called at the same time.
type Pool struct {
	rt   runtime.Runtime
	opts PoolOptions

	cancel  context.CancelFunc // of the work in the background
	closed  <-chan struct{}
	work    sync.WaitGroup
	started chan started
	ready   chan *Sandbox
	changed chan struct{} // holds one after a change of held

	closing sync.Mutex // held by Close

	mu    sync.Mutex
	held  int // sandboxes that the pool answers for: those ready, being started or being looked at
	stats PoolStats
	next  *failure   // what those who wait are told next
	dead  []*Sandbox // thrown away, but not removed
}

type started struct {
	box *Sandbox
	err error
}

// A failure is told to whoever waits when it is closed.
type failure struct {
	told chan struct{}
	err  error
}

// NewPool begins to start sandboxes in the background, and returns at once. The pool lives until Close, and does not own rt, which must stay open
// for as long.
//
// A start that fails is tried again, after growing pauses of up to about 10 seconds. After three failures in a row, and again after each that follows,
// every [Pool.Get] that waits ends with the error.
func NewPool(rt runtime.Runtime, opts PoolOptions) (*Pool, error) {
	if err := opts.checkPool(); err != nil {
		return nil, err
	}
	if opts.Parallel == 0 {
		opts.Parallel = DefaultParallel
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &Pool{
		rt: rt, opts: opts, cancel: cancel, closed: ctx.Done(),
		started: make(chan started), ready: make(chan *Sandbox, opts.Size), changed: make(chan struct{}, 1),
		next: &failure{told: make(chan struct{})},
	}
	p.work.Go(func() { p.fill(ctx) })
	p.work.Go(func() { p.watch(ctx) })
	return p, nil
}

func (o PoolOptions) checkPool() error {
	invalid := func(message, hint string) error {
		return &runtime.Error{Op: "new pool", Kind: runtime.ErrInvalid, Message: message, Hint: hint}
	}
	switch {
	case o.Size < 1:
		return invalid(fmt.Sprintf("a pool of size %d", o.Size), "give the number of sandboxes that are kept ready")
	case o.Parallel < 0:
		return invalid("the number of starts at the same time is negative", "leave it 0 for the default")
	case o.Name != "" || o.Replace:
		return invalid("sandboxes of a pool cannot have one name", "leave Name empty: a name is made up for each")
	}
	for _, port := range o.Ports {
		if port.Host != 0 {
			return invalid(fmt.Sprintf("sandboxes of a pool cannot all be reached at port %d of the host", port.Host), "leave Host 0 for a free one")
		}
	}
	return o.check()
}

// Get hands out a sandbox, which from then on belongs to the caller, who closes it; another is started in its place a moment later. It waits for
// one as long as ctx lets it, and ends earlier with the error of starts that fail, see [NewPool]. Each sandbox is handed out once, and runs when
// Get looks at it last. After Close Get is runtime.ErrClosed.
func (p *Pool) Get(ctx context.Context) (*Sandbox, error) {
	for {
		box, err := p.take(ctx)
		if err != nil {
			return nil, err
		}
		err = p.lookUnlessClosed(ctx, box)
		switch {
		case err == nil:
			time.AfterFunc(poolHeadStart, p.release)
			return box, nil
		case !errors.Is(err, errDead):
			p.ready <- box // it has a place there, and Close waits for it
			p.note()
			return nil, p.failed(ctx, err)
		}
		p.discard(box)
	}
}

// take takes a sandbox that is ready.
func (p *Pool) take(ctx context.Context) (*Sandbox, error) {
	p.mu.Lock()
	next := p.next
	p.mu.Unlock()
	if ctx.Err() != nil || p.isClosed() {
		return nil, p.failed(ctx, nil)
	}
	var failure error
	select {
	case box := <-p.ready:
		return box, nil
	case <-next.told:
		failure = next.err
	case <-ctx.Done():
	case <-p.closed:
	}
	select {
	case box := <-p.ready: // at the same time
		return box, nil
	default:
		return nil, p.failed(ctx, failure)
	}
}

func (p *Pool) isClosed() bool {
	select {
	case <-p.closed:
		return true
	default:
		return false
	}
}

// failed is the error of a Get. The pool's end and ctx's come before err.
func (p *Pool) failed(ctx context.Context, err error) error {
	if p.isClosed() {
		return &runtime.Error{Op: "get from pool", Kind: runtime.ErrClosed, Message: "the pool is closed"}
	}
	if ctx.Err() == nil {
		return err
	}
	out := &runtime.Error{Op: "get from pool", Err: ctx.Err()}
	if last := p.Stats().Err; last != nil { // why there was nothing to hand out
		out.Message, out.Err = "starts fail", multierror.Append(nil, ctx.Err(), last)
	}
	return out
}

var errDead = errors.New("it does not run")

// look says whether a sandbox that waited still runs: errDead if not. An answer from inside it is the better one, takes a fraction of the engine's time,
// and leaves the way to the first command open. The engine is asked where there is none.
func (p *Pool) look(ctx context.Context, box *Sandbox) error {
	inside, cancel := context.WithTimeout(ctx, poolAnswer)
	_, err := box.Processes(inside)
	cancel()
	if err == nil {
		return nil
	}
	c, err := box.Inspect(ctx)
	if errors.Is(err, runtime.ErrNotFound) || err == nil && c.State != runtime.StateRunning {
		return errDead
	}
	return err
}

// lookUnlessClosed is look, which ends with the pool.
func (p *Pool) lookUnlessClosed(ctx context.Context, box *Sandbox) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-p.closed:
			cancel()
		case <-ctx.Done():
		}
	}()
	return p.look(ctx, box)
}

// Stats say what the pool does just now.
func (p *Pool) Stats() PoolStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	stats := p.stats
	stats.Ready = len(p.ready)
	return stats
}
