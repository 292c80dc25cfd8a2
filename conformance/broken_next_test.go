package conformance

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/sandlot-dev/sandlot/runtime"
)

// afterwards breaks every exec of a runtime that follows one that lost its connection, or whose context had ended.
func afterwards(b *broken) {
	var lost atomic.Bool
	b.exec = func(ctx context.Context, id string, argv []string, opts runtime.ExecOptions) (runtime.ExecResult, error) {
		if lost.Load() {
			return runtime.ExecResult{ExitCode: -1}, &runtime.Error{Op: "exec", Kind: runtime.ErrConnectionLost}
		}
		res, err := b.whole.Exec(ctx, id, argv, opts)
		if is(err, runtime.ErrConnectionLost) || is(err, context.Canceled) {
			lost.Store(true)
		}
		return res, err
	}
}

func nextExecBreakers() map[string]breaker {
	return map[string]breaker{
		"exec/next/repeated": func(b *broken) {
			var before runtime.ExecOptions
			options(func(opts *runtime.ExecOptions) {
				if opts.Dir == "" {
					opts.Dir = before.Dir
				}
				before = *opts
			})(b)
		},
		"exec/next/everything-killed":  afterwards,
		"exec/next/everything-stopped": afterwards,
		"exec/next/after-a-restart": func(b *broken) {
			var mu sync.Mutex
			seen := map[string]bool{} // what has had an exec has a session, as it was
			b.exec = func(ctx context.Context, id string, argv []string, opts runtime.ExecOptions) (runtime.ExecResult, error) {
				mu.Lock()
				old := seen[id]
				mu.Unlock()
				res, err := b.whole.Exec(ctx, id, argv, opts)
				if old && err == nil {
					return runtime.ExecResult{ExitCode: -1}, &runtime.Error{Op: "exec", Kind: runtime.ErrConnectionLost}
				}
				if err != nil {
					mu.Lock()
					seen[id] = true
					mu.Unlock()
				}
				return res, err
			}
		},
		"exec/next/two-hundred-at-once": func(b *broken) {
			var under atomic.Int32
			b.exec = func(ctx context.Context, id string, argv []string, opts runtime.ExecOptions) (runtime.ExecResult, error) {
				defer under.Add(-1)
				if under.Add(1) > 100 {
					return runtime.ExecResult{ExitCode: -1}, &runtime.Error{Op: "exec", Kind: runtime.ErrUnavailable, Message: "too many execs"}
				}
				return b.whole.Exec(ctx, id, argv, opts)
			}
		},
		"exec/next/users-at-once": func(b *broken) {
			var mu sync.Mutex
			first := "" // whoever comes first gets all the others
			options(func(opts *runtime.ExecOptions) {
				mu.Lock()
				defer mu.Unlock()
				if first == "" {
					first = opts.User
				}
				opts.User = first
			})(b)
		},
	}
}
