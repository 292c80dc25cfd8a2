package guest

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/sandlot-dev/sandlot/guest/wire"
	"github.com/sandlot-dev/sandlot/runtime"
)

// What a guest may send in place of events.
func TestWatchOfAHostileGuest(t *testing.T) {
	for _, frame := range []string{
		"", "{}", "[", `[{}]`, `[{"op":"create"}]`, `[{"op":"other","path":"YQ=="}]`, `[{"op":"create","path":"/"}]`,
		`[{"op":"create","path":"Li4="}]`,                 // ..
		`[{"op":"create","path":"Lg=="}]`,                 // .
		`[{"op":"write","path":"Li4vYQ=="}]`,              // ../a
		`[{"op":"write","path":"YS8uLi8uLi9i"}]`,          // a/../../b
		`[{"op":"remove","path":"L2E="}]`,                 // /a
		`[{"op":"remove","path":"YQBi"}]`,                 // a, zero, b
		`[{"op":"create","path":"YS8="}]`,                 // a/
		`[{"op":"rename","path":"YQ=="}]`,                 // a to nothing
		`[{"op":"rename","path":"YQ==","to":"Li4vYQ=="}]`, // a to ../a
		`[{"op":"overflow","path":"YQ=="}]`,               // an overflow of a
		`[{"op":"attributes","path":"YQ==","to":"YQ=="}]`, // a to a
	} {
		synctest.Test(t, func(t *testing.T) {
			g := newFakeGuest()
			go func() {
				g.hello()
				_ = g.w.Write(wire.TypeStdout, []byte(`[]`))
				_ = g.w.Write(wire.TypeStdout, []byte(`[{"op":"create","path":"Li5h"}]`))
				_ = g.w.Write(wire.TypeStdout, []byte(frame))
				if typ, _ := g.next(); typ != wire.TypeCancel {
					t.Errorf("%s: the host sends %d, want a cancel", frame, typ)
				}
				_ = g.w.WriteResult(wire.Result{Failure: &wire.Failure{Kind: wire.KindCancelled}})
			}()
			ready, told := 0, []runtime.FileEvent{}
			_, err := WatchFiles(context.Background(), g, "d", func(e runtime.FileEvent) error {
				told = append(told, e)
				return nil
			}, runtime.WatchFilesOptions{Ready: func() { ready++ }})
			if !errors.Is(err, runtime.ErrConnectionLost) {
				t.Errorf("%s: %v, want that the connection is lost", frame, err)
			}
			if ready != 1 || len(told) != 1 || told[0] != (runtime.FileEvent{Op: runtime.FileCreated, Path: "..a"}) {
				t.Errorf("%s: ready %d times, told %+v", frame, ready, told)
			}
			g.toHost.Close()
			g.fromHost.Close()
		})
	}
}

// A watch that ends by itself, and one whose first frame is none.
func TestWatchThatIsNone(t *testing.T) {
	for name, guest := range map[string]func(g *fakeGuest){
		"ends":      func(g *fakeGuest) { _ = g.w.WriteResult(wire.Result{}) },
		"hangs up":  func(g *fakeGuest) { g.toHost.Close() },
		"gives up":  func(g *fakeGuest) { _ = g.w.WriteResult(wire.Result{Failure: &wire.Failure{Kind: wire.KindCancelled}}) },
		"gibberish": func(g *fakeGuest) { _ = g.w.Write(wire.TypeStdout, []byte("x")); g.next(); g.toHost.Close() },
	} {
		synctest.Test(t, func(t *testing.T) {
			g := newFakeGuest()
			go func() { g.hello(); guest(g) }()
			_, err := WatchFiles(context.Background(), g, "d", func(runtime.FileEvent) error { return nil },
				runtime.WatchFilesOptions{Ready: func() { t.Errorf("%s: ready", name) }})
			if !errors.Is(err, runtime.ErrConnectionLost) {
				t.Errorf("%s: %v", name, err)
			}
			g.toHost.Close()
			g.fromHost.Close()
		})
	}
}
