package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	goruntime "runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-multierror"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/sandbox"
)

// soaked is what work could leave behind on this side.
type soaked struct {
	goroutines, descriptors, children int
	heap                              uint64
}

// A little more memory is noise: of the collector's, of pools of buffers and of connections.
const heapNoise = 2 << 20

func (s soaked) grown(since soaked) bool {
	return s.goroutines > since.goroutines || s.descriptors > since.descriptors || s.children > since.children || s.heap > since.heap+heapNoise
}

func measure(t *testing.T) soaked {
	t.Helper()
	descriptors, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	children, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/children", os.Getpid()))
	must(t, err)
	var memory goruntime.MemStats
	goruntime.GC()
	goruntime.ReadMemStats(&memory)
	return soaked{goruntime.NumGoroutine(), len(descriptors), len(strings.Fields(string(children))), memory.HeapAlloc}
}

// guests are the programs of Sandlot's own in a sandbox.
type guests struct{ processes, kilobytes int }

// A guest's memory goes up and down with what it has just done.
const guestNoise = 8 << 10

func (g guests) grown(since guests) bool {
	return g.processes > since.processes || g.kilobytes > since.kilobytes+guestNoise
}

func guestsOf(t *testing.T, sb *sandbox.Sandbox) (g guests) {
	t.Helper()
	out, err := sb.Output(t.Context(), []string{"sh", "-c", `for d in /proc/[0-9]*; do grep -q [g]uest $d/cmdline && grep VmRSS $d/status; done 2>/dev/null; true`},
		runtime.ExecOptions{})
	must(t, err)
	for line := range strings.Lines(string(out.Stdout)) {
		kilobytes := 0
		if _, err := fmt.Sscanf(line, "VmRSS: %d kB", &kilobytes); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		g.processes++
		g.kilobytes += kilobytes
	}
	if g.processes == 0 {
		t.Fatal("there is no guest in the sandbox")
	}
	return g
}

// settled waits until nothing has grown: what an engine keeps for seconds, and idle connections, go by themselves.
func settled(t *testing.T, what string, grown func() (now, before any, grown bool)) {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errors.New("it does not go back"))
	defer cancel()
	for {
		now, before, more := grown()
		if !more {
			t.Logf("%s: %+v, before %+v", what, now, before)
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: %+v, before %+v: %v", what, now, before, context.Cause(ctx))
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// repeat does something for each of 0 to total-1, atOnce at a time.
func repeat(t *testing.T, total, atOnce int, do func(i int) error) {
	t.Helper()
	var group multierror.Group
	var failed atomic.Bool
	places := make(chan struct{}, atOnce)
	for i := 0; i < total && !failed.Load(); i++ {
		places <- struct{}{}
		group.Go(func() error {
			defer func() { <-places }()
			err := do(i)
			if err != nil {
				failed.Store(true)
			}
			return err
		})
	}
	must(t, group.Wait().ErrorOrNil())
}

// soakCount is how often something is done: what a variable says, else a few times.
func soakCount(variable string, few int) int {
	if n, err := strconv.Atoi(os.Getenv(variable)); err == nil {
		return n
	}
	return few
}

// TestSoak runs many commands, one after the other and 32 at a time: nothing grows. SANDLOT_SOAK is how many, 64 without.
func TestSoak(t *testing.T) {
	count := soakCount("SANDLOT_SOAK", 64)
	onEngines(t, func(t *testing.T, rt runtime.Runtime) {
		sb, err := sandbox.New(t.Context(), rt, sandbox.Options{Build: tools(t, rt)})
		must(t, err)
		t.Cleanup(func() { must(t, sb.Close()) })
		run := func(total, atOnce int) {
			t.Helper()
			repeat(t, total, atOnce, func(i int) error {
				out, err := sb.Output(t.Context(), []string{"echo", strconv.Itoa(i)}, runtime.ExecOptions{})
				if err == nil && string(out.Stdout) != strconv.Itoa(i)+"\n" {
					err = fmt.Errorf("exec %d said %q", i, out.Stdout)
				}
				return err
			})
		}
		run(64, 32) // so that pools of connections and threads are as large as they get
		inside, here := guestsOf(t, sb), measure(t)
		for _, atOnce := range []int{1, 32} {
			run(count, atOnce)
			what := fmt.Sprintf("after %d execs, %d at a time", count, atOnce)
			settled(t, what, func() (now, before any, grown bool) { g := guestsOf(t, sb); return g, inside, g.grown(inside) })
			settled(t, what, func() (now, before any, grown bool) { m := measure(t); return m, here, m.grown(here) })
		}
	})
}

// TestSoakSandboxes makes and closes many sandboxes, four at a time: nothing of theirs stays, here or in the engine. SANDLOT_SOAK_SANDBOXES is how many,
// 8 without.
func TestSoakSandboxes(t *testing.T) {
	count := soakCount("SANDLOT_SOAK_SANDBOXES", 8)
	onEngines(t, func(t *testing.T, rt runtime.Runtime) {
		mark := "sandlot-test-soak-" + rand8()
		image := tools(t, rt)
		run := func(total int) {
			t.Helper()
			repeat(t, total, 4, func(int) error {
				sb, err := sandbox.New(t.Context(), rt, sandbox.Options{Build: image, RunOptions: runtime.RunOptions{Labels: map[string]string{mark: ""}}})
				if err != nil {
					return err
				}
				_, err = sb.Output(t.Context(), []string{"true"}, runtime.ExecOptions{})
				return errors.Join(err, sb.Close())
			})
		}
		run(4)
		before := measure(t)
		run(count)
		settled(t, fmt.Sprintf("after %d sandboxes", count), func() (now, old any, grown bool) { m := measure(t); return m, before, m.grown(before) })
		left, err := rt.List(t.Context(), runtime.ListOptions{Labels: map[string]string{mark: ""}})
		must(t, err)
		if len(left) != 0 {
			t.Errorf("there are still %+v", left)
		}
	})
}
