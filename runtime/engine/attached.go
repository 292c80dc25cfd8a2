package engine

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/sandlot-dev/sandlot/runtime"
)

// carries says whether the session of a sandbox that is about to be made runs over its first process's standard streams.
func (e *engine) carries(spec Spec, caps runtime.Capabilities) bool {
	return (spec.Stdin || e.options.Carrier && caps.Has(runtime.CapabilityAttached)) && !e.options.NoSessions && roomOf(spec) > 0
}

// launch starts a container. To one with a standard input it attaches before: nothing that the first process says is lost, and its input never is without a
// holder.
func (e *engine) launch(ctx context.Context, id string, stdin, publishes bool) (*Stream, error) {
	if checker, ok := e.api.(PortChecker); ok && publishes {
		if err := checker.PortsFree(ctx, id); err != nil {
			return nil, err
		}
	}
	if !stdin {
		return nil, e.api.Start(ctx, id)
	}
	attacher, can := e.api.(Attacher)
	if !can {
		return nil, errorf(runtime.ErrUnsupported, "remove the sandbox and make it anew", "this engine's API cannot attach to the sandbox's first process")
	}
	stream, err := attacher.AttachFirst(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := e.api.Start(ctx, id); err != nil {
		stream.Close()
		return nil, err
	}
	return stream, nil
}

// settle sees to it that a container that was launched has come up, and puts the stream to it, if any, where it is used.
func (e *engine) settle(ctx context.Context, id string, stream *Stream, carries bool) (runtime.Container, error) {
	c, err := e.comesUp(ctx, id, stream, carries)
	if errors.Is(err, runtime.ErrNotFound) { // it has been removed already
		err = errorf(runtime.ErrNotRunning, "see whether its limits leave it enough, and what the engine's own log says", "the guest ended as soon as it was started")
	}
	return c, err
}

func (e *engine) comesUp(ctx context.Context, id string, stream *Stream, carries bool) (runtime.Container, error) {
	if carries {
		stream.endsWithWords = true // the first process's, that it carries no session any more
		var (
			c       runtime.Container
			lookErr error
			looked  sync.WaitGroup
		)
		looked.Go(func() { c, lookErr = e.api.Inspect(ctx, id) }) // while the guest gets ready
		err := e.openOver(ctx, e.sessions.get(sessionKey{id: id}), stream)
		looked.Wait()
		if err != nil {
			return runtime.Container{}, err
		}
		return c, lookErr // the guest's hello has said that it runs
	}
	if stream != nil {
		e.mu.Lock()
		e.held[id] = stream
		e.mu.Unlock()
		go func() { _, _ = io.Copy(io.Discard, stream) }() // what is said there nobody waits for
	}
	return e.running(ctx, id)
}

// launchAgain starts a container that was stopped. Its first process carries no session from then on: Podman 4 cleans up after the last run when the container
// has ended, and where that comes late it takes with it what has attached for the next run.
func (e *engine) launchAgain(ctx context.Context, c runtime.Container) error {
	e.sessions.end(c.ID) // what is left of those from before
	if _, err := e.launch(ctx, c.ID, false, len(c.Expected) > 0); err != nil {
		return err
	}
	if _, err := e.settle(ctx, c.ID, nil, false); err != nil {
		return err
	}
	return e.furnish(ctx, c, c.Mounts, func(runtime.Mount) bool { return false })
}

// openOver opens a session over a stream that is there already.
func (e *engine) openOver(ctx context.Context, s *session, stream *Stream) error {
	if err := s.lock.take(ctx); err != nil {
		stream.Close()
		return err
	}
	defer s.lock.release()
	return e.open(ctx, s, stream)
}

func (e *engine) isAttached(id string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.attached[id]
}

// remove removes a sandbox. That of an attached one the engine may be quicker with, once it has been killed.
func (e *engine) remove(ctx context.Context, id string) error {
	if !e.isAttached(id) {
		return e.api.Delete(ctx, id)
	}
	if _, err := e.api.Inspect(ctx, id); err != nil {
		return err
	}
	err := e.api.Delete(ctx, id)
	if errors.Is(err, runtime.ErrNotFound) {
		return nil
	}
	return err
}
