package sandbox_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/sandbox"
)

// A poolRuntime is a fake whose starts and looks can fail and wait.
type poolRuntime struct {
	*fake
	mu                 sync.Mutex
	runs, atOnce, most int
	times              []time.Time
	before             func(ctx context.Context, run int) error // run counts from 1
	inspecting         error
}

func newPoolRuntime() *poolRuntime {
	return &poolRuntime{fake: newFake("an-image"), before: func(context.Context, int) error { return nil }}
}

func (r *poolRuntime) set(change func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change()
}

func (r *poolRuntime) Run(ctx context.Context, image string, _ runtime.RunOptions) (runtime.RunResult, error) {
	r.mu.Lock()
	r.runs++
	run, before := r.runs, r.before
	r.times = append(r.times, time.Now())
	r.atOnce++
	r.most = max(r.most, r.atOnce)
	r.mu.Unlock()
	defer r.set(func() { r.atOnce-- })
	if err := before(ctx, run); err != nil {
		return runtime.RunResult{}, &runtime.Error{Op: "run", ID: image, Err: err}
	}
	id := "box" + strconv.Itoa(run)
	r.fake.mu.Lock()
	defer r.fake.mu.Unlock()
	r.boxes[id] = runtime.Container{ID: id, Name: id, State: runtime.StateRunning}
	return runtime.RunResult{ID: id, Name: id}, nil
}

func (r *poolRuntime) Inspect(ctx context.Context, id string, opts runtime.InspectOptions) (runtime.Container, error) {
	r.mu.Lock()
	err := r.inspecting
	r.mu.Unlock()
	if err != nil {
		return runtime.Container{}, err
	}
	return r.fake.Inspect(ctx, id, opts)
}

func (r *poolRuntime) setState(id string, state runtime.State) {
	r.fake.mu.Lock()
	defer r.fake.mu.Unlock()
	c := r.boxes[id]
	c.State = state
	r.boxes[id] = c
}

// left are the sandboxes that there are.
func (r *poolRuntime) left() map[string]bool {
	r.fake.mu.Lock()
	defer r.fake.mu.Unlock()
	left := map[string]bool{}
	for id := range r.boxes {
		left[id] = true
	}
	return left
}

func newPool(t *testing.T, rt runtime.Runtime, size, parallel int) *sandbox.Pool {
	t.Helper()
	pool, err := sandbox.NewPool(rt, sandbox.PoolOptions{Options: sandbox.Options{Image: "an-image"}, Size: size, Parallel: parallel})
	must(t, err)
	return pool
}

func get(t *testing.T, pool *sandbox.Pool) *sandbox.Sandbox {
	t.Helper()
	box, err := pool.Get(t.Context())
	must(t, err)
	return box
}

func TestPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newPoolRuntime()
		pool := newPool(t, rt, 3, 0)
		synctest.Wait()
		if got := pool.Stats(); got != (sandbox.PoolStats{Ready: 3}) || rt.runs != 3 {
			t.Errorf("a pool of three is %+v after %d starts", got, rt.runs)
		}
		seen := map[string]*sandbox.Sandbox{}
		for range 5 {
			box := get(t, pool)
			if seen[box.ID()] != nil {
				t.Fatalf("%s is handed out twice", box.ID())
			}
			seen[box.ID()] = box
			synctest.Wait()
			if n := len(seen); n <= 3 && rt.runs != 3 {
				t.Errorf("%d starts as soon as %d were handed out", rt.runs, n)
			}
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if got := pool.Stats(); got != (sandbox.PoolStats{Ready: 3}) || rt.runs != 8 {
			t.Errorf("after five Gets the pool is %+v after %d starts", got, rt.runs)
		}
		must(t, pool.Close())
		must(t, pool.Close())
		left := rt.left()
		for id, box := range seen {
			if !left[id] {
				t.Errorf("Close removed %s, which was handed out", id)
			}
			must(t, box.Close())
		}
		if left := rt.left(); len(left) > 0 {
			t.Errorf("left %v", left)
		}
		_, err := pool.Get(t.Context())
		wantKind(t, err, runtime.ErrClosed)
	})
}

func TestPoolBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt, free := newPoolRuntime(), make(chan struct{})
		rt.before = func(context.Context, int) error { <-free; return nil }
		pool := newPool(t, rt, 5, 3)
		for started, want := range []sandbox.PoolStats{ // after as many have been let go on
			{Starting: 1}, {Ready: 1, Starting: 3}, {Ready: 2, Starting: 3}, {Ready: 3, Starting: 2}, {Ready: 4, Starting: 1}, {Ready: 5},
		} {
			synctest.Wait()
			if got := pool.Stats(); got != want {
				t.Errorf("after %d starts: %+v, want %+v", started, got, want)
			}
			if want.Starting > 0 {
				free <- struct{}{}
			}
		}
		close(free)
		must(t, pool.Close())
		if rt.most != 3 || rt.runs != 5 {
			t.Errorf("%d starts, %d at the same time", rt.runs, rt.most)
		}
	})
}

// TestPoolDead: sandboxes that died while they waited are not handed out, and replaced.
func TestPoolDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newPoolRuntime()
		pool := newPool(t, rt, 3, 0)
		synctest.Wait()
		rt.setState("box1", runtime.StateExited)
		_, err := rt.Remove(t.Context(), "box2", runtime.RemoveOptions{})
		must(t, err)
		rt.setState("box3", runtime.StatePaused)
		if box := get(t, pool); box.ID() < "box4" {
			t.Errorf("handed out %s, which does not run", box.ID())
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if left, stats := rt.left(), pool.Stats(); len(left) != 4 || stats.Ready != 3 || left["box1"] || left["box3"] {
			t.Errorf("left %v, %+v", left, stats)
		}
		// Nobody asks for one: they are replaced all the same.
		for id := range rt.left() {
			rt.setState(id, runtime.StateExited)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		alive := 0
		for id := range rt.left() {
			if c, err := rt.Inspect(t.Context(), id, runtime.InspectOptions{}); err == nil && c.State == runtime.StateRunning {
				alive++
			}
		}
		if stats := pool.Stats(); alive != 3 || stats.Ready != 3 {
			t.Errorf("%d run, %+v", alive, stats)
		}
		must(t, pool.Close())
	})
}

var errNoEngine = errors.New("the engine is away")

func TestPoolFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newPoolRuntime()
		rt.before = func(context.Context, int) error { return errNoEngine }
		pool := newPool(t, rt, 4, 4)
		var waiting sync.WaitGroup
		for range 5 {
			waiting.Go(func() {
				if _, err := pool.Get(t.Context()); !errors.Is(err, errNoEngine) {
					t.Errorf("whoever waits is told %v", err)
				}
			})
		}
		waiting.Wait()
		if rt.runs != 3 || rt.most != 1 {
			t.Errorf("told after %d failures, %d starts at the same time", rt.runs, rt.most)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
		defer cancel()
		_, err := pool.Get(ctx)
		wantKind(t, err, context.DeadlineExceeded, errNoEngine)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		var longest time.Duration
		for i, at := range rt.times[1:] {
			longest = max(longest, at.Sub(rt.times[i]))
		}
		if longest < 2*time.Second || longest > 15*time.Second {
			t.Errorf("the longest pause is %v", longest)
		}
		if stats := pool.Stats(); stats.Failures != rt.runs || !errors.Is(stats.Err, errNoEngine) {
			t.Errorf("%+v after %d starts", stats, rt.runs)
		}
		rt.set(func() { rt.before = func(context.Context, int) error { return nil } })
		get(t, pool)
		time.Sleep(time.Second)
		synctest.Wait()
		if stats := pool.Stats(); stats != (sandbox.PoolStats{Ready: 4}) {
			t.Errorf("%+v when starts go well again", stats)
		}
		must(t, pool.Close())
	})
}

// TestPoolHiccup: two failures in a row are nobody's but the pool's.
func TestPoolHiccup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newPoolRuntime()
		rt.before = func(_ context.Context, run int) error {
			if run <= 2 {
				return errNoEngine
			}
			return nil
		}
		pool := newPool(t, rt, 1, 0)
		get(t, pool)
		must(t, pool.Close())
	})
}

// TestPoolCloseWaits: Close ends starts under way, and removes those that end well all the same.
func TestPoolCloseWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt, stubborn := newPoolRuntime(), make(chan struct{})
		rt.before = func(ctx context.Context, run int) error {
			switch run {
			case 1:
				return nil
			case 2:
				<-stubborn
				return nil
			}
			<-ctx.Done()
			return ctx.Err()
		}
		pool := newPool(t, rt, 4, 3)
		synctest.Wait()
		get(t, pool)
		waiting := make(chan error, 1)
		go func() {
			_, err := pool.Get(t.Context())
			waiting <- err
		}()
		synctest.Wait()
		closed := make(chan error, 1)
		go func() { closed <- pool.Close() }()
		wantKind(t, <-waiting, runtime.ErrClosed)
		synctest.Wait()
		select {
		case err := <-closed:
			t.Errorf("Close returned during a start: %v", err)
		default:
		}
		close(stubborn)
		must(t, <-closed)
		if left := rt.left(); len(left) != 1 || !left["box1"] {
			t.Errorf("left %v, want the one that was handed out", left)
		}
	})
}

func TestPoolCloseFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newPoolRuntime()
		pool := newPool(t, rt, 3, 0)
		synctest.Wait()
		rt.setState("box1", runtime.StateExited)
		rt.removeErr = map[string]error{"box1": errNoEngine, "box2": errNoEngine}
		box := get(t, pool) // box2, since box1 is dead
		wantKind(t, pool.Close(), errNoEngine)
		if left := rt.left(); len(left) != 2 || !left["box1"] || !left["box2"] {
			t.Errorf("left %v", left)
		}
		rt.removeErr = nil
		must(t, pool.Close())
		must(t, box.Close())
		if left := rt.left(); len(left) > 0 {
			t.Errorf("left %v", left)
		}
	})
}

// TestPoolLookFails: a sandbox is not lost when the engine does not say how it is.
func TestPoolLookFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newPoolRuntime()
		pool := newPool(t, rt, 1, 0)
		synctest.Wait()
		rt.set(func() { rt.inspecting = &runtime.Error{Op: "inspect", Kind: runtime.ErrUnavailable} })
		_, err := pool.Get(t.Context())
		wantKind(t, err, runtime.ErrUnavailable)
		rt.set(func() { rt.inspecting = nil })
		if box := get(t, pool); box.ID() != "box1" {
			t.Errorf("handed out %s", box.ID())
		}
		must(t, pool.Close())
	})
}

// An insideRuntime's sandboxes answer from inside.
type insideRuntime struct {
	*poolRuntime
	runtime.Processes
	asked map[string]int
	mute  error
}

func (r *insideRuntime) ListProcesses(_ context.Context, id string, _ runtime.ListProcessesOptions) ([]runtime.Process, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked[id]++
	return nil, r.mute
}

// TestPoolLooksInside: a sandbox is spoken with before it is handed out the first time, so that the way into it is open; while it answers the engine is not
// asked, and a sandbox that does not is looked at as others are.
func TestPoolLooksInside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := &insideRuntime{poolRuntime: newPoolRuntime(), asked: map[string]int{}}
		rt.inspecting = errors.New("the engine is asked")
		pool, err := sandbox.NewPool(rt, sandbox.PoolOptions{Size: 1, Options: sandbox.Options{Image: "an-image"}})
		must(t, err)
		synctest.Wait()
		rt.set(func() {
			if rt.asked["box1"] != 1 {
				t.Errorf("asked %v, want box1 once before it is handed out", rt.asked)
			}
		})
		box, err := pool.Get(t.Context())
		must(t, err)
		must(t, box.Close())
		time.Sleep(time.Second)
		synctest.Wait()
		rt.set(func() { rt.mute, rt.inspecting = errors.New("no answer"), nil })
		rt.setState("box2", runtime.StateExited)
		if box, err = pool.Get(t.Context()); err != nil || box.ID() != "box3" {
			t.Errorf("got %v, %v, want box3, as box2 is dead", box, err)
		}
		must(t, box.Close())
		must(t, pool.Close())
	})
}

func TestPoolInvalid(t *testing.T) {
	valid := sandbox.Options{Image: "an-image"}
	for name, opts := range map[string]sandbox.PoolOptions{
		"no size":           {Options: valid},
		"negative parallel": {Options: valid, Size: 1, Parallel: -1},
		"no image":          {Size: 1},
		"a name":            {Options: sandbox.Options{Image: "an-image", RunOptions: runtime.RunOptions{Name: "a"}}, Size: 1},
		"a port of the host": {Options: sandbox.Options{Image: "an-image", RunOptions: runtime.RunOptions{
			Network: runtime.NetworkDefault, Ports: []runtime.Port{{Container: 1}, {Container: 2, Host: 3}}}}, Size: 1},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := sandbox.NewPool(newPoolRuntime(), opts)
			wantKind(t, err, runtime.ErrInvalid)
		})
	}
}

// TestPoolRace gets, gives up, fails and dies at the same time, and closes meanwhile: each sandbox is handed out once, and none is left.
func TestPoolRace(t *testing.T) {
	for range 20 {
		rt := newPoolRuntime()
		rt.before = func(_ context.Context, run int) error {
			if run%5 == 0 {
				return errNoEngine
			}
			return nil
		}
		pool := newPool(t, rt, 3, 2)
		var mu sync.Mutex
		var workers sync.WaitGroup
		seen, enough := map[string]bool{}, make(chan struct{}, 64)
		for n := range 8 {
			workers.Go(func() {
				for {
					ctx, cancel := context.WithCancel(t.Context())
					if n == 0 {
						cancel()
					}
					box, err := pool.Get(ctx)
					cancel()
					if errors.Is(err, runtime.ErrClosed) {
						return
					}
					if err != nil {
						continue
					}
					mu.Lock()
					if seen[box.ID()] {
						t.Errorf("%s is handed out twice", box.ID())
					}
					seen[box.ID()] = true
					mu.Unlock()
					if err := box.Close(); err != nil {
						t.Error(err)
					}
					select {
					case enough <- struct{}{}:
					default:
					}
				}
			})
		}
		for range 4 {
			<-enough
		}
		must(t, pool.Close())
		workers.Wait()
		if left := rt.left(); len(left) > 0 {
			t.Fatalf("left %v", left)
		}
	}
}
