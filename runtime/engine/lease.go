package engine

import (
	"context"
	"errors"

	"github.com/sandlot-dev/sandlot/guest"
	"github.com/sandlot-dev/sandlot/runtime"
)

// Renew implements runtime.Leaser. The sandbox's session costs nothing more. One that is to have none gets an exec.
func (e *engine) Renew(ctx context.Context, id string, _ runtime.RenewOptions) (runtime.RenewResult, error) {
	return call(ctx, e, "renew", id, func(ctx context.Context) (runtime.RenewResult, error) {
		full, err := e.resolve(ctx, id)
		switch {
		case err != nil:
		case e.single(full):
			if err = e.runToEnd(ctx, full, Process{Argv: guest.RenewArgv()}); err != nil {
				e.note(err, full)
			}
		default:
			_, err = overSession(ctx, e, sessionKey{id: full}, e.sessions.get, func(*session) {}, func(ctx context.Context, s *guest.Session) (struct{}, error) {
				return struct{}{}, s.Renew(ctx)
			})
		}
		return runtime.RenewResult{}, err
	})
}

// overSession asks something of a session that get gives, and of a new one where it turns out to have ended. One that has failed is said to be unused.
func overSession[R any](
	ctx context.Context, e *engine, key sessionKey, get func(sessionKey) *session, unused func(*session), ask func(context.Context, *guest.Session) (R, error),
) (R, error) {
	var none R
	for again := false; ; {
		s := get(key)
		isNew, err := e.openSession(ctx, s)
		if err != nil {
			unused(s)
			if err == errReplaced {
				continue
			}
			return none, err
		}
		answer, err := attended(ctx, e, s, func(ctx context.Context) (R, error) { return ask(ctx, s.guest) })
		if err == nil {
			return answer, nil
		}
		lost, broken := errors.Is(err, guest.ErrNoGuest), s.broken(err)
		if lost && broken {
			e.sessions.drop(s)
		}
		unused(s)
		if !lost {
			return none, err
		}
		if isNew || again || !broken {
			return none, e.explain(ctx, key.id, line{words: s.stream.words}, err)
		}
		again = true
	}
}
