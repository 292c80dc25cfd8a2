package conformance

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sandlot-dev/sandlot/internal/foreign"
	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/runtime/docker"
	"github.com/sandlot-dev/sandlot/runtime/podman"
)

// A testEngine is a real engine that the tests run on.
type testEngine struct{ name, url string }

// testEngines are those that SANDLOT_TEST_ENGINES names.
func testEngines(t testing.TB) []testEngine {
	t.Helper()
	var out []testEngine
	for _, pair := range strings.Fields(os.Getenv("SANDLOT_TEST_ENGINES")) {
		name, url, ok := strings.Cut(pair, "=")
		if !ok {
			t.Fatalf("SANDLOT_TEST_ENGINES: %q is not NAME=URL", pair)
		}
		out = append(out, testEngine{name, url})
	}
	if len(out) == 0 {
		t.Fatal("SANDLOT_TEST_ENGINES names no engine: run make test, or set it to NAME=URL pairs")
	}
	return out
}

func (e testEngine) open(ctx context.Context) (runtime.Runtime, error) {
	return runtime.Open(ctx, e.url, docker.Driver(), podman.Driver())
}

// suite opens the suite on the engine, with its image, until the test ends.
func (e testEngine) suite(t testing.TB) *suite {
	t.Helper()
	s, err := open(t.Context(), Config{Open: e.open})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestConformance(t *testing.T) {
	for _, e := range testEngines(t) {
		t.Run(e.name, func(t *testing.T) { Run(t, Config{Open: e.open, Foreign: foreign.Make}) })
	}
}

// proveEach runs, on each engine, a case that needs more than a Runtime, and so is in no table. timeout is the watchdog's; 0: its own.
func proveEach(t *testing.T, timeout time.Duration, makeCase func(*testing.T, testEngine) Case) {
	for _, e := range testEngines(t) {
		t.Run(e.name, func(t *testing.T) {
			report, err := check(t.Context(), Config{Open: e.open, CaseTimeout: timeout}, []Case{makeCase(t, e)})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range report.Results {
				if r.Outcome != Passed {
					t.Errorf("%s: %s", r.Outcome, strings.Join(r.Messages, "\n"))
				}
			}
		})
	}
}
