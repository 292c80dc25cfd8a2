package sandbox

import (
	"context"
	"errors"

	"github.com/hashicorp/go-multierror"

	"github.com/sandlot-dev/sandlot/runtime"
)

// Close removes a sandbox that [New] made, with everything that runs in it and its anonymous volumes. One that [Open] gave it only lets go. Close
// takes at most [CloseTimeout], and works after the context of New is done: defer it. Calls under way end with an error.
//
// A sandbox that is gone already is no error, and closing again does nothing. After an error Close may be called again, to try again.
func (s *Sandbox) Close() error {
	if !s.owned {
		s.setClosed()
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), CloseTimeout)
	defer cancel()
	return s.Remove(ctx)
}

// Remove removes the sandbox, also one that [Open] gave. It is Close otherwise, but for ctx.
func (s *Sandbox) Remove(ctx context.Context) error {
	select {
	case s.removing <- struct{}{}:
		defer func() { <-s.removing }()
	case <-ctx.Done():
		return &runtime.Error{Op: "remove", ID: s.called, Err: ctx.Err()}
	}
	if s.open("remove") != nil {
		return nil
	}
	_, err := s.rt.Remove(ctx, s.id, runtime.RemoveOptions{})
	if err != nil && !errors.Is(err, runtime.ErrNotFound) {
		return s.named(err)
	}
	s.setClosed()
	return nil
}

func (s *Sandbox) setClosed() {
	s.closing.Lock()
	defer s.closing.Unlock()
	if !s.closed {
		s.closed = true
		close(s.ended)
	}
}

// open is ErrClosed once the sandbox is closed.
func (s *Sandbox) open(op string) error {
	s.closing.Lock()
	defer s.closing.Unlock()
	if s.closed {
		return &runtime.Error{Op: op, ID: s.called, Kind: runtime.ErrClosed, Message: "the sandbox is closed"}
	}
	return nil
}

// Remove removes sandboxes by name or id. It tries each, and says which are removed; the errors of the others are in one
// [*multierror.Error]. One that does not exist is runtime.ErrNotFound.
func Remove(ctx context.Context, rt runtime.Runtime, namesOrIDs ...string) (removed []string, err error) {
	var errs *multierror.Error
	for _, id := range namesOrIDs {
		if _, err := rt.Remove(ctx, id, runtime.RemoveOptions{}); err != nil {
			errs = multierror.Append(errs, err)
			continue
		}
		removed = append(removed, id)
	}
	return removed, errs.ErrorOrNil()
}

// RemoveAll removes all sandboxes of the engine that match opts, whoever made them, running or not. It tries each, and gives the names of
// those removed; the errors of the others are in one [*multierror.Error]. One that goes away meanwhile is no error.
func RemoveAll(ctx context.Context, rt runtime.Runtime, opts runtime.ListOptions) (removed []string, err error) {
	containers, err := rt.List(ctx, opts)
	if err != nil {
		return nil, err
	}
	var errs *multierror.Error
	for _, c := range containers {
		_, err := rt.Remove(ctx, c.ID, runtime.RemoveOptions{})
		switch {
		case err == nil:
			removed = append(removed, c.Name)
		case !errors.Is(err, runtime.ErrNotFound):
			errs = multierror.Append(errs, err)
		}
	}
	return removed, errs.ErrorOrNil()
}
