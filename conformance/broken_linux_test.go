package conformance

import (
	"bytes"
	"context"
	"os"
	goruntime "runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sandlot-dev/sandlot/examples/namespaces"
	"github.com/sandlot-dev/sandlot/internal/foreign"
	"github.com/sandlot-dev/sandlot/runtime"
)

func TestMain(m *testing.M) {
	namespaces.Init()
	os.Exit(m.Run())
}

// A ground is what is broken: a real runtime with the suite's image, on which the unbroken suite passes in a test of its own.
type ground struct {
	open  func(context.Context) (runtime.Runtime, error)
	rt    runtime.Runtime // for what broken ones leave behind
	image string
}

// offers says whether the runtime has all that a case needs: elsewhere the case asserts something else.
func (g ground) offers(t *testing.T, c Case) bool {
	info, err := g.rt.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return !slices.ContainsFunc(c.Needs, func(need runtime.Capability) bool { return !info.Capabilities.Has(need) })
}

// namespacesGround makes a sandbox in the time that an engine takes to look at one.
func namespacesGround(t *testing.T) ground {
	dir, image := t.TempDir(), "localhost/sandlot-conformance/probe:broken"
	content, err := ImageContent(goruntime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	g := openGround(t, func(context.Context) (runtime.Runtime, error) { return namespaces.Open(dir) }, image)
	if _, err := namespaces.Import(dir, image, bytes.NewReader(content.Root), namespaces.Config{Env: content.Env, WorkingDir: content.WorkingDir}); err != nil {
		t.Fatal(err)
	}
	return g
}

// engineGround builds the suite's image once for all cases.
func engineGround(t *testing.T, engine testEngine) ground {
	return openGround(t, engine.open, engine.suite(t).image)
}

func openGround(t *testing.T, open func(context.Context) (runtime.Runtime, error), image string) ground {
	rt, err := open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { rt.Close() })
	return ground{open, rt, image}
}

// A case that no broken runtime fails proves nothing. This one asks for a breaker for each, and runs each on the example runtime, or on the
// first engine where the example has not what the case is about.
func TestEveryCaseFailsOnABrokenRuntime(t *testing.T) {
	grounds := []ground{namespacesGround(t), engineGround(t, testEngines(t)[0])}
	all := breakers()
	slots := make(chan struct{}, 8) // many of them wait, for what does not come
	var wg sync.WaitGroup
	for _, c := range Cases() {
		breaks, ok := all[c.ID]
		if !ok {
			t.Errorf("%s has no broken runtime", c.ID)
			continue
		}
		delete(all, c.ID)
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			t.Run(c.ID, func(t *testing.T) { failsSomewhere(t, grounds, c, breaks) })
		})
	}
	wg.Wait()
	for id := range all {
		t.Errorf("a broken runtime for %s, which is no case", id)
	}
}

func failsSomewhere(t *testing.T, grounds []ground, c Case, breaks breaker) {
	outcome := Unsupported
	for i, g := range grounds {
		last := i == len(grounds)-1 // where nothing offers it: the case's other assertion is broken then
		if outcome == Unsupported && (last || g.offers(t, c)) {
			outcome = g.outcome(t, c, breaks)
		}
	}
	if outcome != Failed {
		t.Errorf("got %s on a runtime that breaks its rule, want failed", outcome)
	}
}

// outcome is the case's on a broken runtime.
func (g ground) outcome(t *testing.T, c Case, breaks breaker) Outcome {
	made := &made{}
	cfg := Config{
		Image: g.image, CaseTimeout: 15 * time.Second, Foreign: foreign.Make,
		Open: func(ctx context.Context) (runtime.Runtime, error) {
			rt, err := g.open(ctx)
			if err != nil {
				return nil, err
			}
			made.mu.Lock()
			made.runtimes = append(made.runtimes, rt)
			made.mu.Unlock()
			b := &broken{whole: rt.(whole), made: made}
			breaks(b)
			return b, nil
		},
	}
	report, err := check(t.Context(), cfg, []Case{c})
	defer made.undo(t, g.rt)
	if err != nil && len(report.Results) == 0 {
		t.Fatal(err)
	}
	result := report.Results[0]
	for _, m := range result.Messages {
		t.Log(m)
	}
	return result.Outcome
}
