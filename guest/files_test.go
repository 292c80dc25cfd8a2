package guest

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/sandlot-dev/sandlot/guest/wire"
	"github.com/sandlot-dev/sandlot/runtime"
)

// events is the payload of a frame.
func events(es ...wire.FileEvent) string {
	payload, _ := wire.Marshal((*wire.FileEvents)(&es))
	return string(payload)
}

// What a guest may send in place of events.
func TestWatchOfAHostileGuest(t *testing.T) {
	frames := []string{"", "{}", "[", "\xff\xff\xff\xff\x0f", events(wire.FileEvent{Op: wire.OpCreated, Path: []byte("a")}) + "x"}
	for _, e := range []wire.FileEvent{
		{}, {Op: wire.OpCreated}, {Op: "other", Path: []byte("a")}, {Op: wire.OpCreated, Path: []byte("/")}, {Op: wire.OpCreated, Path: []byte("..")},
		{Op: wire.OpCreated, Path: []byte(".")}, {Op: wire.OpWritten, Path: []byte("../a")}, {Op: wire.OpWritten, Path: []byte("a/../../b")},
		{Op: wire.OpRemoved, Path: []byte("/a")}, {Op: wire.OpRemoved, Path: []byte("a\x00b")}, {Op: wire.OpCreated, Path: []byte("a/")},
		{Op: wire.OpRenamed, Path: []byte("a")}, {Op: wire.OpRenamed, Path: []byte("a"), To: []byte("../a")},
		{Op: wire.OpOverflow, Path: []byte("a")}, {Op: wire.OpAttrib, Path: []byte("a"), To: []byte("a")},
	} {
		frames = append(frames, events(e))
	}
	for _, frame := range frames {
		synctest.Test(t, func(t *testing.T) {
			g := newFakeGuest()
			go func() {
				g.hello()
				_ = g.w.Write(wire.TypeStdout, []byte(events()))
				_ = g.w.Write(wire.TypeStdout, []byte(events(wire.FileEvent{Op: wire.OpCreated, Path: []byte("..a")})))
				_ = g.w.Write(wire.TypeStdout, []byte(frame))
				if typ, _ := g.next(); typ != wire.TypeCancel {
					t.Errorf("%q: the host sends %d, want a cancel", frame, typ)
				}
				_ = g.w.WriteResult(wire.Result{Failure: &wire.Failure{Kind: wire.KindCancelled}})
			}()
			ready, told := 0, []runtime.FileEvent{}
			_, err := WatchFiles(context.Background(), g, "d", func(e runtime.FileEvent) error {
				told = append(told, e)
				return nil
			}, runtime.WatchFilesOptions{Ready: func() { ready++ }})
			if !errors.Is(err, runtime.ErrConnectionLost) {
				t.Errorf("%q: %v, want that the connection is lost", frame, err)
			}
			if ready != 1 || len(told) != 1 || told[0] != (runtime.FileEvent{Op: runtime.FileCreated, Path: "..a"}) {
				t.Errorf("%q: ready %d times, told %+v", frame, ready, told)
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
