package sandbox

import (
	"context"
	"iter"

	"github.com/sandlot-dev/sandlot/runtime"
)

// WatchOptions are the options of [Sandbox.Watch].
type WatchOptions struct {
	// Recursive watches the directories below, too, and those that come.
	Recursive bool
}

// Watch watches a directory, as [runtime.FileWatcher].WatchFiles says, and returns when the watch stands: what happens from then on is among the
// events. They can be ranged over once. That ends with an error when ctx is done, the directory is removed or moved (runtime.ErrFileNotFound), or the
// sandbox ends (runtime.ErrConnectionLost). Leaving the loop ends the watch; where no loop is begun, ctx must. Who takes events too
// slowly gets a runtime.FileOverflow in place of those that were lost.
func (s *Sandbox) Watch(ctx context.Context, name string, opts WatchOptions) (iter.Seq2[runtime.FileEvent, error], error) {
	if err := s.open("watch"); err != nil {
		return nil, fileError(err)
	}
	watcher, can := s.rt.(runtime.FileWatcher)
	if !can {
		return nil, &runtime.Error{
			Op: "watch", ID: s.called, Kind: runtime.ErrUnsupported, Message: "this runtime cannot watch files", Hint: "list them from time to time",
		}
	}
	watching, cancel := context.WithCancel(ctx)
	ready, events, ended := make(chan struct{}), make(chan runtime.FileEvent), make(chan error, 1)
	go func() {
		_, err := watcher.WatchFiles(watching, s.id, name, func(e runtime.FileEvent) error {
			select {
			case events <- e:
				return nil
			case <-watching.Done():
				return watching.Err()
			}
		}, runtime.WatchFilesOptions{Recursive: opts.Recursive, Ready: func() { close(ready) }})
		ended <- fileError(s.named(err))
	}()
	select {
	case <-ready:
	case err := <-ended:
		cancel()
		return nil, err
	}
	used := false
	return func(yield func(runtime.FileEvent, error) bool) {
		if used {
			yield(runtime.FileEvent{}, &runtime.Error{Op: "watch", ID: name, Kind: runtime.ErrInvalid, Message: "its events were ranged over before"})
			return
		}
		used = true
		defer cancel()
		for {
			select {
			case e := <-events:
				if !yield(e, nil) {
					cancel()
					<-ended
					return
				}
			case err := <-ended:
				yield(runtime.FileEvent{}, err)
				return
			}
		}
	}, nil
}
