package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
)

// one runs a single case on a fake and returns its result.
func one(t *testing.T, f *fake, cfg Config, c Case) Result {
	t.Helper()
	if c.ID == "" {
		c.ID = "test/case"
	}
	c.Rule, c.Contract = "The rule.", "the.contract"
	cfg.Open = f.open
	report, err := check(t.Context(), cfg, []Case{c})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Results) != 1 {
		t.Fatalf("got %d results, want 1", len(report.Results))
	}
	if f.closed != 1 || len(f.built) != 0 {
		t.Errorf("got runtime closed %d times and images %v left, want once and none", f.closed, f.built)
	}
	return report.Results[0]
}

func TestOutcomes(t *testing.T) {
	for name, test := range map[string]struct {
		run  func(t *T)
		want Outcome
		says []string
	}{
		"passes":         {func(*T) {}, Passed, nil},
		"logs":           {func(t *T) { t.Logf("a %s", "word") }, Passed, []string{"a word"}},
		"fails":          {func(t *T) { t.Input("x %d", 1); t.Equal("the y", 2, 3) }, Failed, []string{"test/case: the y", "input: x 1", "got:   2", "want:  3", "The rule. (the.contract)"}},
		"fatal":          {func(t *T) { t.Fatalf("stop"); panic("not reached") }, Failed, []string{"stop"}},
		"panics":         {func(*T) { panic("oh") }, Failed, []string{"panic: oh", "conformance_test.go"}},
		"wrong":          {func(t *T) { t.ErrorIs("it", errors.New("odd"), runtime.ErrInvalid) }, Failed, []string{"odd", "invalid"}},
		"untyped":        {func(t *T) { t.ErrorIs("it", runtime.ErrInvalid, runtime.ErrInvalid) }, Failed, []string{"*runtime.Error"}},
		"typed":          {func(t *T) { t.ErrorIs("it", &runtime.Error{Kind: runtime.ErrInvalid}, runtime.ErrInvalid) }, Passed, nil},
		"no interface":   {func(t *T) { t.Stopper(); t.Errorf("not reached") }, Unsupported, nil},
		"cleans up":      {func(t *T) { t.Run(runtime.RunOptions{}) }, Passed, nil},
		"clean-up fails": {func(t *T) { t.Cleanup(func(context.Context) error { return errors.New("stuck") }) }, Failed, []string{"stuck"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := one(t, newFake(), Config{}, Case{Run: test.run})
			if got.Outcome != test.want {
				t.Errorf("got %s, want %s", got.Outcome, test.want)
			}
			all := strings.Join(got.Messages, "\n")
			for _, word := range test.says {
				if !strings.Contains(all, word) {
					t.Errorf("messages lack %q:\n%s", word, all)
				}
			}
			if len(test.says) == 0 && all != "" {
				t.Errorf("got messages %q, want none", all)
			}
		})
	}
}

func TestCleanupOrder(t *testing.T) {
	var order []int
	one(t, newFake(), Config{}, Case{Run: func(t *T) {
		for i := range 3 {
			t.Cleanup(func(context.Context) error { order = append(order, i); return nil })
		}
		t.Fatalf("cleaned up nevertheless")
	}})
	if !slices.Equal(order, []int{2, 1, 0}) {
		t.Errorf("got %v, want the last first", order)
	}
}

func TestLong(t *testing.T) {
	for patience, want := range map[time.Duration]time.Duration{0: 3 * time.Second, 5 * time.Minute: 3 * time.Second, 20 * time.Minute: 12 * time.Second} {
		one(t, newFake(), Config{CaseTimeout: patience}, Case{Run: func(c *T) {
			if got := c.long(3 * time.Second); got != want {
				t.Errorf("with %v of patience: got %v, want %v", patience, got, want)
			}
		}})
	}
}

func TestSandboxOfCasesBefore(t *testing.T) {
	f := newFake()
	dirty := map[string]bool{}
	f.exec = func(_ context.Context, id string, _ []string, opts runtime.ExecOptions) (runtime.ExecResult, error) {
		mode := 0o755
		if dirty[id] {
			mode = 0o777
		}
		_, err := fmt.Fprintf(opts.Stdout, `[{"path": "/work", "type": "dir", "mode": %d}, {"path": "/mnt", "type": "dir", "mode": %d}, {"path": "/tmp", "type": "dir", "mode": %d}]`, mode, 0o755, 0o1777)
		return runtime.ExecResult{}, err
	}
	var got []string
	use := func(also func(t *T)) func(t *T) {
		return func(t *T) {
			got = append(got, t.Sandbox())
			also(t)
		}
	}
	nothing, fail := func(*T) {}, func(t *T) { t.Fatalf("wrong") }
	held := func(t *T) { got = append(got, t.Sandbox()) }
	spoil := func(*T) { dirty[got[len(got)-1]] = true }
	cases := []Case{
		{ID: "a", Run: use(nothing)}, {ID: "b", Run: use(fail)}, {ID: "c", Run: use(nothing)}, {ID: "d", Run: use(held)}, {ID: "e", Run: use(spoil)},
		{ID: "f", Run: use(nothing)},
	}
	report, err := check(t.Context(), Config{Open: f.open, Parallel: 1}, cases)
	if err != nil || report.Count(Failed) != 1 {
		t.Errorf("got %+v, %v, want one failed", report.Results, err)
	}
	a, b, c, d, d2, e, f2 := got[0], got[1], got[2], got[3], got[4], got[5], got[6]
	if a != b || c == b || d != c || d2 == d || e != d && e != d2 || f2 == e {
		t.Errorf("got %v, want that of a case that passed, another after one that failed, two where a case has two, and none that is spoilt", got)
	}
	if len(f.sandboxes) != 0 {
		t.Errorf("got %v left, want none", f.sandboxes)
	}
}

// A Run that fails and leaves its sandbox is found, though no case has that sandbox.
func TestSharedSandboxLeftBehind(t *testing.T) {
	f := newFake()
	cfg := Config{Image: "x", Open: func(context.Context) (runtime.Runtime, error) { return failingRuns{f}, nil }}
	report, err := check(t.Context(), cfg, []Case{{ID: "a", Run: func(t *T) { t.Sandbox() }}})
	if err == nil || !strings.Contains(err.Error(), "left behind") || report.Count(Failed) != 1 || len(f.sandboxes) != 0 {
		t.Errorf("got %v, %+v and %v left, want the case failed, and the sandbox found and removed", err, report.Results, f.sandboxes)
	}
}

// failingRuns makes sandboxes and says that it could not.
type failingRuns struct{ *fake }

func (r failingRuns) Run(ctx context.Context, image string, opts runtime.RunOptions) (runtime.RunResult, error) {
	if _, err := r.fake.Run(ctx, image, opts); err != nil {
		return runtime.RunResult{}, err
	}
	return runtime.RunResult{}, &runtime.Error{Op: "run", Kind: runtime.ErrUnavailable, Message: "it did not start"}
}

func TestLeftovers(t *testing.T) {
	f := newFake()
	f.remove = func(string) error { return nil } // says so, and the next call finds the sandbox
	calls := 0
	f.remove = func(id string) error {
		if calls++; calls == 1 {
			return errors.New("will not go")
		}
		return nil
	}
	got := one(t, f, Config{}, Case{Run: func(t *T) { t.Run(runtime.RunOptions{}) }})
	all := strings.Join(got.Messages, "\n")
	if got.Outcome != Failed || !strings.Contains(all, "left behind") || !strings.Contains(all, "will not go") {
		t.Errorf("got %s %s, want a failure about what is left", got.Outcome, all)
	}
	if len(f.sandboxes) != 0 {
		t.Errorf("got %v, want it removed after all", f.sandboxes)
	}
}

func TestLeftoverOfFailedRun(t *testing.T) {
	f := newFake()
	got := one(t, f, Config{}, Case{Run: func(t *T) {
		// a runtime whose Run fails and leaves the container
		_, _ = f.Run(t.Context(), "", runtime.RunOptions{Labels: t.Labels(nil)})
	}})
	if got.Outcome != Failed || len(f.sandboxes) != 0 {
		t.Errorf("got %s and %d sandboxes, want a failure and none", got.Outcome, len(f.sandboxes))
	}
}

func TestWatchdog(t *testing.T) {
	t.Run("ctx", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			got := one(t, newFake(), Config{}, Case{Run: func(t *T) { <-t.Context().Done(); t.Fatalf("%v", context.Cause(t.Context())) }})
			if got.Outcome != Failed || !strings.Contains(got.Messages[0], "took more than 1m0s") {
				t.Errorf("got %+v, want a failure that names the minute", got)
			}
		})
	})
	t.Run("hangs", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f, release := newFake(), make(chan struct{})
			f.exec = func(context.Context, string, []string, runtime.ExecOptions) (runtime.ExecResult, error) {
				<-release
				return runtime.ExecResult{}, nil
			}
			got := one(t, f, Config{CaseTimeout: time.Second}, Case{Run: func(t *T) {
				t.Exec(t.Run(runtime.RunOptions{}), runtime.ExecOptions{}, "x")
				t.Errorf("too late to be heard")
			}})
			close(release)
			all := strings.Join(got.Messages, "\n")
			if got.Outcome != Failed || !strings.Contains(all, "hangs") || !strings.Contains(all, "goroutine") || strings.Contains(all, "too late") {
				t.Errorf("got %s %s, want a failure with stacks", got.Outcome, all)
			}
			if len(f.sandboxes) != 0 {
				t.Errorf("got %d sandboxes left, want none", len(f.sandboxes))
			}
		})
	})
}

func TestUndeclared(t *testing.T) {
	c := Case{Needs: []runtime.Capability{runtime.CapabilityTTY}, Run: func(t *T) { t.Errorf("must not run") }}
	f := newFake()
	delete(f.capabilities, runtime.CapabilityTTY)
	f.exec = func(_ context.Context, _ string, _ []string, opts runtime.ExecOptions) (runtime.ExecResult, error) {
		if opts.TTY {
			return runtime.ExecResult{}, &runtime.Error{Kind: runtime.ErrUnsupported}
		}
		return runtime.ExecResult{}, nil
	}
	f.capabilities[runtime.CapabilityTTY] = runtime.Support{Reason: "none here"}
	if got := one(t, f, Config{}, c); got.Outcome != Unsupported || got.Missing != "tty" || got.Reason != "none here" {
		t.Errorf("refused: got %+v, want unsupported, and why", got)
	}
	f = newFake()
	delete(f.capabilities, runtime.CapabilityTTY)
	f.exec = func(context.Context, string, []string, runtime.ExecOptions) (runtime.ExecResult, error) {
		return runtime.ExecResult{}, nil
	}
	if got := one(t, f, Config{}, c); got.Outcome != Failed {
		t.Errorf("silently accepted: got %s, want failed", got.Outcome)
	}
	asked := false
	c.Unsupported = func(*T) { asked = true }
	f = newFake()
	delete(f.capabilities, runtime.CapabilityTTY)
	if got := one(t, f, Config{}, c); got.Outcome != Unsupported || !asked {
		t.Errorf("own counterpart: got %s, asked %v, want unsupported and asked", got.Outcome, asked)
	}
}

// A runtime that declares nothing must be refused everything; the fake accepts all and fails each.
func TestUndeclaredEach(t *testing.T) {
	for _, capability := range runtime.AllCapabilities() {
		t.Run(string(capability), func(t *testing.T) {
			f := newFake()
			delete(f.capabilities, capability)
			f.exec = func(context.Context, string, []string, runtime.ExecOptions) (runtime.ExecResult, error) {
				return runtime.ExecResult{}, nil
			}
			c := Case{Needs: []runtime.Capability{capability}, Run: func(t *T) { t.Errorf("must not run") }}
			f2 := &acceptingArchives{fake: f}
			c.ID, c.Rule, c.Contract = "x", "y", "z"
			report, err := check(t.Context(), Config{Image: "x", Open: func(context.Context) (runtime.Runtime, error) { return f2, nil }}, []Case{c})
			if err != nil {
				t.Fatal(err)
			}
			if got := report.Results[0]; got.Outcome != Failed || strings.Contains(got.Messages[0], "must not run") ||
				strings.Contains(got.Messages[0], "does not know") {
				t.Errorf("got %s %v, want a failure to refuse", got.Outcome, got.Messages)
			}
		})
	}
}

type acceptingArchives struct{ *fake }

func (acceptingArchives) PutArchive(context.Context, string, string, io.Reader, runtime.PutArchiveOptions) (runtime.PutArchiveResult, error) {
	return runtime.PutArchiveResult{}, nil
}

func (acceptingArchives) ChangeFile(context.Context, string, string, runtime.FileChange, runtime.ChangeFileOptions) (runtime.ChangeFileResult, error) {
	return runtime.ChangeFileResult{}, nil
}

func (acceptingArchives) WatchFiles(
	ctx context.Context, _, _ string, _ func(runtime.FileEvent) error, opts runtime.WatchFilesOptions,
) (runtime.WatchFilesResult, error) {
	opts.Ready()
	<-ctx.Done()
	return runtime.WatchFilesResult{}, &runtime.Error{Err: ctx.Err()}
}

func (acceptingArchives) StartProcess(context.Context, string, []string, runtime.StartProcessOptions) (runtime.Process, error) {
	return runtime.Process{}, nil
}

func (acceptingArchives) ListProcesses(context.Context, string, runtime.ListProcessesOptions) ([]runtime.Process, error) {
	return nil, nil
}

func (acceptingArchives) WaitProcess(context.Context, string, string, runtime.WaitProcessOptions) (runtime.Process, error) {
	return runtime.Process{}, nil
}

func (acceptingArchives) SignalProcess(context.Context, string, string, int) error { return nil }

func (acceptingArchives) RemoveProcess(context.Context, string, string) error { return nil }

func (acceptingArchives) Dial(context.Context, string, string, string, runtime.DialOptions) (net.Conn, error) {
	conn, other := net.Pipe()
	return conn, other.Close()
}

func TestSelectionAndBound(t *testing.T) {
	var now, most atomic.Int32
	var cases []Case
	for _, id := range []string{"a/1", "a/2", "a/3", "a/4", "a/5", "b/1"} {
		cases = append(cases, Case{ID: id, Run: func(*T) {
			n := now.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			time.Sleep(time.Second) // the bubble's clock: all that can run do
			now.Add(-1)
		}})
	}
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		report, err := check(t.Context(), Config{Open: newFake().open, Run: regexp.MustCompile("^a/"), Parallel: 2, Log: &log}, cases)
		if err != nil || len(report.Results) != 5 || !report.OK() || most.Load() != 2 {
			t.Errorf("got %d results, OK %v, %d at once, error %v; want 5, true, 2, nil", len(report.Results), report.OK(), most.Load(), err)
		}
		if n := strings.Count(log.String(), "\n"); n != 5 {
			t.Errorf("got %d lines of log, want 5", n)
		}
	})
}

func TestCancelledCheck(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cases := []Case{
		{ID: "a", Run: func(*T) {}}, {ID: "b", Run: func(t *T) { t.Fatalf("wrong") }},
		{ID: "c", Run: func(t *T) { cancel(); <-t.Context().Done(); t.Fatalf("ended") }}, {ID: "d", Run: func(*T) {}},
	}
	var log strings.Builder
	report, err := check(ctx, Config{Open: newFake().open, Parallel: 1, Log: &log}, cases)
	if !errors.Is(err, context.Canceled) || len(report.Results) != 2 || report.Count(Failed) != 1 || strings.Contains(log.String(), "ended") {
		t.Errorf("got %+v, %v and log %q, want two results, none of the case that was under way, and the context's error", report.Results, err, log.String())
	}
}

func TestRunUnderTesting(t *testing.T) {
	cases := []Case{{ID: "a/b/1", Run: func(*T) {}}, {ID: "a/2", Run: func(*T) {}}, {ID: "a/b/3", Run: func(*T) {}}}
	report := run(t, Config{Open: newFake().open}, cases)
	if len(report.Results) != 3 || !report.OK() {
		t.Errorf("got %+v, want three passed", report.Results)
	}
}

func TestTable(t *testing.T) {
	seen := map[string]bool{}
	form := regexp.MustCompile(`^[a-z]+(/[a-z0-9]+(-[a-z0-9]+)*)+$`)
	for _, c := range Cases() {
		if seen[c.ID] || !form.MatchString(c.ID) {
			t.Errorf("id %q: used twice, or not of the form group/name", c.ID)
		}
		seen[c.ID] = true
		if !strings.HasSuffix(c.Rule, ".") || c.Contract == "" || c.Run == nil {
			t.Errorf("%s: a rule that is a sentence, a contract and Run are required", c.ID)
		}
	}
	for id := range seen {
		for other := range seen {
			if strings.HasPrefix(other, id+"/") {
				t.Errorf("%s is a group, because of %s, and a case", id, other)
			}
		}
	}
}

func TestNoForeign(t *testing.T) {
	for name, cfg := range map[string]Config{
		"nil": {},
		"refused": {Foreign: func(context.Context, string, string, string) (func(context.Context) error, error) {
			return nil, fmt.Errorf("%w: elsewhere", runtime.ErrUnsupported)
		}},
	} {
		got := one(t, newFake(), cfg, Case{Run: func(t *T) { t.foreign("x"); t.Errorf("not reached") }})
		if got.Outcome != Unsupported || got.Missing != "conformance.Config.Foreign" || got.Reason == "" {
			t.Errorf("%s: got %+v, want unsupported, and why", name, got)
		}
	}
	failing := Config{Foreign: func(context.Context, string, string, string) (func(context.Context) error, error) {
		return nil, errors.New("broken")
	}}
	if got := one(t, newFake(), failing, Case{Run: func(t *T) { t.foreign("x") }}); got.Outcome != Failed {
		t.Errorf("failing: got %s, want failed", got.Outcome)
	}
}

func TestOpenErrors(t *testing.T) {
	if _, err := Check(t.Context(), Config{}); err == nil {
		t.Error("without Open: got nil, want an error")
	}
	broken := errors.New("broken")
	_, err := Check(t.Context(), Config{Open: func(context.Context) (runtime.Runtime, error) { return nil, broken }})
	if !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
	f := newFake()
	delete(f.capabilities, runtime.CapabilityBuild)
	if _, err := Check(t.Context(), Config{Open: f.open}); !errors.Is(err, runtime.ErrUnsupported) || f.closed != 1 {
		t.Errorf("no build: got %v, closed %d times, want unsupported and once", err, f.closed)
	}
}
