package conformance

import (
	"context"
	"errors"
	"fmt"
	"net"
	goruntime "runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
)

// noInterface is why an interface is missing that a runtime need not have.
const noInterface = "the runtime does not implement it"

// labelCase marks the sandboxes that a case makes.
const labelCase = "sandlot-conformance"

// A T is a case under way. Fatalf, and helpers that end the case, are only for the case's own goroutine.
type T struct {
	suite *suite
	c     Case
	ctx   context.Context // the T is the case's own call, as testing.T is
	token string

	startsProcesses atomic.Bool // or may have: a shared sandbox is looked at for them

	mu       sync.Mutex
	input    string
	messages []string
	outcome  Outcome // empty while nothing is known
	missing  string  // of an unsupported case
	reason   string
	over     bool // nothing is recorded any more: the case is reported
	cleanups []func(context.Context) error
}

// Context is done when the watchdog's patience with the case ends.
func (t *T) Context() context.Context { return t.ctx }

// long is d, which is long enough where one has five minutes of patience with a case: with several times that (Config.CaseTimeout), on a slower
// machine, it is as many times longer.
func (t *T) long(d time.Duration) time.Duration {
	return d * max(1, t.suite.cfg.CaseTimeout/(5*time.Minute))
}

// Runtime is the runtime under test. Cases do not close it.
func (t *T) Runtime() runtime.Runtime { return t.suite.rt }

// Info describes the runtime under test.
func (t *T) Info() runtime.Info { return t.suite.info }

// Has says whether the runtime declares a capability.
func (t *T) Has(c runtime.Capability) bool { return t.suite.info.Capabilities.Has(c) }

// Image is the suite's image, which holds the probe.
func (t *T) Image() string { return t.suite.image }

// Token is a word that nothing else in the world uses: a name or mark of the case's own.
func (t *T) Token() string { return t.token }

// Dial reaches an address on the engine's host.
func (t *T) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return t.suite.cfg.Dial(ctx, network, address)
}

// Input says what is tried next, for the messages of failures. Helpers that call the runtime say it themselves.
func (t *T) Input(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.input = fmt.Sprintf(format, args...)
}

func (t *T) lastInput() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.input
}

// Logf adds a message to the case's result.
func (t *T) Logf(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.record(fmt.Sprintf(format, args...))
}

// Errorf fails the case, which goes on.
func (t *T) Errorf(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.outcome = Failed
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", t.c.ID, fmt.Sprintf(format, args...))
	if t.input != "" {
		fmt.Fprintf(&b, "  input: %s\n", t.input)
	}
	fmt.Fprintf(&b, "  rule:  %s (%s)", t.c.Rule, t.c.Contract)
	t.record(b.String())
}

// Fatalf fails the case and ends it.
func (t *T) Fatalf(format string, args ...any) {
	t.Errorf(format, args...)
	goruntime.Goexit()
}

// Failed says whether the case has failed so far.
func (t *T) Failed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.outcome == Failed
}

// passed says whether the case has come to its end, and all was right.
func (t *T) passed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.outcome == Passed
}

// Cleanup has f called after the case, the last first, with a context of its own. An error fails the case.
func (t *T) Cleanup(f func(ctx context.Context) error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cleanups = append(t.cleanups, f)
}

// undeclared ends the case: what it needs is not there by declaration, and what had to be asserted about that was. missing and reason are
// those of its Result.
func (t *T) undeclared(missing, reason string) {
	t.mu.Lock()
	if t.outcome == "" {
		t.outcome, t.missing, t.reason = Unsupported, missing, reason
	}
	t.mu.Unlock()
	goruntime.Goexit()
}

func (t *T) record(message string) {
	if !t.over {
		t.messages = append(t.messages, message)
	}
}

// body runs the case, or its counterpart where a capability is missing.
func (t *T) body() {
	finished := false
	defer func() {
		if r := recover(); r != nil {
			t.Errorf("panic: %v\n%s", r, debug.Stack())
		} else if finished {
			t.mu.Lock()
			if t.outcome == "" {
				t.outcome = Passed
			}
			t.mu.Unlock()
		}
	}()
	if i := slices.IndexFunc(t.c.Needs, func(c runtime.Capability) bool { return !t.Has(c) }); i >= 0 {
		missing := t.c.Needs[i]
		if t.c.Unsupported != nil {
			t.c.Unsupported(t)
		} else {
			refused(t, missing)
		}
		t.undeclared(string(missing), t.suite.info.Capabilities[missing].Reason)
	}
	t.c.Run(t)
	finished = true
}

// hung reports a case that does not return although its context is done. Its goroutine is given up.
func (t *T) hung(cause error) {
	t.Errorf("the case hangs\n  got:   %v, and it did not return within %v of that\n  want:  calls that end with their context\n%s",
		cause, hungGrace, stacks())
	t.mu.Lock()
	t.over = true
	t.mu.Unlock()
}

// cleanUp undoes what the case did and fails it where something stays.
func (t *T) cleanUp() {
	ctx, cancel := context.WithTimeout(context.Background(), cleanupTimeout)
	defer cancel()
	for {
		t.mu.Lock()
		n := len(t.cleanups)
		if n == 0 {
			t.mu.Unlock()
			break
		}
		f := t.cleanups[n-1]
		t.cleanups = t.cleanups[:n-1]
		t.mu.Unlock()
		if err := f(ctx); err != nil {
			t.unclean("cleaning up failed\n  got:   %v", err)
		}
	}
	left, err := t.Runtime().List(ctx, runtime.ListOptions{Labels: map[string]string{labelCase: t.token}})
	if err != nil {
		t.unclean("listing what the case left behind\n  got:   %v", err)
	}
	for _, c := range left {
		t.unclean("a sandbox is left behind\n  got:   %s (%s, %s)\n  want:  nothing", c.ID, c.Name, c.State)
		if _, err := t.Runtime().Remove(ctx, c.ID, runtime.RemoveOptions{}); err != nil && !errors.Is(err, runtime.ErrNotFound) {
			t.unclean("removing it\n  got:   %v", err)
		}
	}
}

func (t *T) unclean(format string, args ...any) {
	t.mu.Lock()
	t.input = "clean-up after the case"
	t.over = false // also for a case that hung
	t.mu.Unlock()
	t.Errorf(format, args...)
}

func (t *T) result(d time.Duration) Result {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = true
	outcome := t.outcome
	if outcome == "" { // the case's goroutine ended by itself
		outcome = Failed
		t.messages = append(t.messages, t.c.ID+": the case ended without a verdict")
	}
	return Result{
		ID: t.c.ID, Rule: t.c.Rule, Contract: t.c.Contract, Outcome: outcome, Missing: t.missing, Reason: t.reason,
		Duration: Duration(d), Messages: slices.Clone(t.messages),
	}
}

// indent moves a message below its case's line.
func indent(s string) string { return "    " + strings.ReplaceAll(s, "\n", "\n    ") }
