package conformance

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/sandlot-dev/sandlot/runtime"
)

// Change changes what is at a path of a sandbox.
func (t *T) Change(id, path string, change runtime.FileChange, opts runtime.ChangeFileOptions) error {
	changer, is := t.Runtime().(runtime.FileChanger)
	if !is {
		t.Fatalf("the runtime\n  got:   a capability to change files, and no runtime.FileChanger\n  want:  both")
	}
	t.Input("change %q: %T%+v %s", path, change, change, given(opts))
	_, err := changer.ChangeFile(t.ctx, id, path, change, opts)
	return err
}

// MustChange is Change that must work.
func (t *T) MustChange(id, path string, change runtime.FileChange, opts runtime.ChangeFileOptions) {
	t.NoError("the change", t.Change(id, path, change, opts))
}

// follow follows a link.
var follow = runtime.ChangeFileOptions{Follow: true}

// A Watching is a WatchFiles under way.
type Watching struct {
	t      *T
	path   string
	cancel context.CancelFunc
	ready  chan struct{}
	done   chan struct{}
	err    error

	mu     sync.Mutex
	events []runtime.FileEvent
	told   chan struct{}                 // has one when there is an event that nobody has looked at
	during func(runtime.FileEvent) error // called with each event
}

// Watch watches a directory of a sandbox. After the case it is cancelled and waited for. The watch stands, or has ended, when Watch returns.
func (t *T) Watch(id, path string, opts runtime.WatchFilesOptions) *Watching {
	return t.WatchWith(id, path, opts, func(runtime.FileEvent) error { return nil })
}

// WatchWith is Watch that calls during with each event.
func (t *T) WatchWith(id, path string, opts runtime.WatchFilesOptions, during func(runtime.FileEvent) error) *Watching {
	watcher, is := t.Runtime().(runtime.FileWatcher)
	if !is {
		t.Fatalf("the runtime\n  got:   a capability to watch files, and no runtime.FileWatcher\n  want:  both")
	}
	t.Input("watch %q %s", path, fmt.Sprintf("{Recursive=%v}", opts.Recursive))
	ctx, cancel := context.WithCancel(t.ctx)
	w := &Watching{
		t: t, path: path, cancel: cancel, ready: make(chan struct{}), done: make(chan struct{}), told: make(chan struct{}, 1), during: during,
	}
	opts.Ready = func() { close(w.ready) }
	go func() {
		defer close(w.done)
		_, w.err = watcher.WatchFiles(ctx, id, path, w.tell, opts)
	}()
	t.Cleanup(func(ctx context.Context) error {
		cancel()
		select {
		case <-w.done:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("the watch of %q goes on although its context is cancelled", path)
		}
	})
	select {
	case <-w.ready:
	case <-w.done:
	case <-t.ctx.Done():
		t.Fatalf("the watch of %q\n  got:   neither Ready nor an error when the watchdog's patience ended\n  want:  one", path)
	}
	return w
}

func (w *Watching) tell(e runtime.FileEvent) error {
	w.mu.Lock()
	w.events = append(w.events, e)
	w.mu.Unlock()
	select {
	case w.told <- struct{}{}:
	default:
	}
	return w.during(e)
}

// Events are the events so far, each in a few words.
func (w *Watching) Events() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := []string{}
	for _, e := range w.events {
		out = append(out, eventWords(e))
	}
	return out
}

// eventWords says an event: "create f", "rename f to g", "remove d, a directory".
func eventWords(e runtime.FileEvent) string {
	words := strings.TrimSpace(string(e.Op) + " " + e.Path)
	if e.To != "" {
		words += " to " + e.To
	}
	if e.Dir {
		words += ", a directory"
	}
	return words
}

// Await waits until one of some events is told, and gives all so far.
func (w *Watching) Await(any ...string) []string {
	for looked := 0; ; {
		w.mu.Lock()
		news := w.events[looked:]
		w.mu.Unlock()
		looked += len(news)
		if slices.ContainsFunc(news, func(e runtime.FileEvent) bool { return slices.Contains(any, eventWords(e)) }) {
			return w.Events()
		}
		if len(news) > 0 {
			continue
		}
		select {
		case <-w.told:
		case <-w.done:
			w.t.Fatalf("the watch of %q\n  got:   its end before one of %q was told: error %v, events %s", w.path, any, w.err, show(fmt.Sprintf("%q", w.Events())))
		case <-w.t.ctx.Done():
			w.t.Fatalf("the watch of %q\n  got:   %s when the watchdog's patience ended\n  want:  one of %q", w.path, show(fmt.Sprintf("%q", w.Events())), any)
		}
	}
}

// Ends waits for the watch's end, and asserts with which error.
func (w *Watching) Ends(target error) {
	select {
	case <-w.done:
		w.t.ErrorIs(fmt.Sprintf("the watch of %q", w.path), w.err, target)
	case <-w.t.ctx.Done():
		w.t.Fatalf("the watch of %q\n  got:   still under way when the watchdog's patience ended\n  want:  its end", w.path)
	}
}
