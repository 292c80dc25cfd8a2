package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	goruntime "runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/sandbox"
)

// soaked is what execs could leave behind, on this side and in the sandbox.
type soaked struct{ goroutines, descriptors, children, guests int }

func (s soaked) grown(since soaked) bool {
	return s.goroutines > since.goroutines || s.descriptors > since.descriptors || s.children > since.children || s.guests > since.guests
}

func measure(t *testing.T, sb *sandbox.Sandbox) soaked {
	t.Helper()
	descriptors, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	children, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/children", os.Getpid()))
	must(t, err)
	out, err := sb.Output(t.Context(), []string{"ps", "-e"}, runtime.ExecOptions{})
	must(t, err)
	return soaked{goruntime.NumGoroutine(), len(descriptors), len(strings.Fields(string(children))), strings.Count(string(out.Stdout), "guest")}
}

// TestSoak runs many commands, one after the other and 32 at a time: nothing grows. SANDLOT_SOAK is how many, 64 without.
func TestSoak(t *testing.T) {
	count := 64
	if n, err := strconv.Atoi(os.Getenv("SANDLOT_SOAK")); err == nil {
		count = n
	}
	onEngines(t, func(t *testing.T, rt runtime.Runtime) {
		sb, err := sandbox.New(t.Context(), rt, sandbox.Options{Build: tools(t, rt)})
		must(t, err)
		t.Cleanup(func() { must(t, sb.Close()) })
		run := func(total, atOnce int) {
			t.Helper()
			work, failed := make(chan int), make(chan error, atOnce)
			var workers sync.WaitGroup
			for range atOnce {
				workers.Go(func() {
					for i := range work {
						out, err := sb.Output(t.Context(), []string{"echo", strconv.Itoa(i)}, runtime.ExecOptions{})
						if err == nil && string(out.Stdout) != strconv.Itoa(i)+"\n" {
							err = fmt.Errorf("exec %d said %q", i, out.Stdout)
						}
						if err != nil {
							failed <- err
							return
						}
					}
				})
			}
			for i := range total {
				select {
				case work <- i:
				case err := <-failed:
					t.Fatal(err)
				}
			}
			close(work)
			workers.Wait()
			close(failed)
			must(t, <-failed)
		}
		settled := func(what string, before soaked) {
			t.Helper()
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errors.New("it does not go back"))
			defer cancel()
			for { // what an engine keeps for seconds, and idle connections, go by themselves
				now := measure(t, sb)
				if !now.grown(before) {
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
		run(64, 32) // so that pools of connections and threads are as large as they get
		before := measure(t, sb)
		run(count, 1)
		settled(fmt.Sprintf("after %d execs", count), before)
		run(count, 32)
		settled(fmt.Sprintf("after %d execs, 32 at a time", count), before)
	})
}
