package conformance

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
)

func is(err, target error) bool { return errors.Is(err, target) }

// onHost keeps deadlines and contexts on the host only: the call returns what it should, and the tree goes on.
func onHost(b *broken) {
	b.exec = func(ctx context.Context, id string, argv []string, opts runtime.ExecOptions) (runtime.ExecResult, error) {
		timeout := opts.Timeout
		opts.Timeout = 0
		if timeout <= 0 {
			timeout = time.Hour
		}
		type end struct {
			res runtime.ExecResult
			err error
		}
		done := make(chan end, 1)
		stdout, stderr := &cutWriter{w: opts.Stdout}, &cutWriter{w: opts.Stderr}
		opts.Stdout, opts.Stderr = stdout, stderr
		go func() {
			res, err := b.whole.Exec(context.WithoutCancel(ctx), id, argv, opts)
			done <- end{res, err}
		}()
		timer := time.NewTimer(timeout)
		defer timer.Stop()
		defer stdout.cut()
		defer stderr.cut()
		select {
		case e := <-done:
			return e.res, e.err
		case <-ctx.Done():
			return runtime.ExecResult{ExitCode: runtime.ExitTimeout}, &runtime.Error{Op: "exec", Err: ctx.Err()}
		case <-timer.C:
			return runtime.ExecResult{ExitCode: runtime.ExitTimeout, TimedOut: true}, &runtime.Error{Op: "exec", Kind: runtime.ErrTimeout}
		}
	}
}

// A cutWriter forwards until it is cut.
type cutWriter struct {
	mu sync.Mutex
	w  interface{ Write([]byte) (int, error) }
}

func (c *cutWriter) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.w == nil {
		return len(p), nil
	}
	return c.w.Write(p)
}

func (c *cutWriter) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.w = nil
}

func withoutTimeout(opts *runtime.ExecOptions) { opts.Timeout = 0 }

func timeoutBreakers() map[string]breaker {
	ended := func(do func(b *broken, id string)) breaker {
		return func(b *broken) {
			then(b, func(id string, _ []string, _ runtime.ExecOptions, _ *runtime.ExecResult, err *error) {
				if *err != nil {
					do(b, id)
				}
			})
		}
	}
	stop := func(b *broken, id string) {
		ctx, cancel := context.WithTimeout(context.Background(), cleanupTimeout)
		defer cancel()
		_, _ = b.whole.Stop(ctx, id, runtime.StopOptions{}) // what fails here fails the case, which is what is wanted
	}
	out := map[string]breaker{
		"timeout/leader": onHost,
		"timeout/in-time": func(b *broken) {
			then(b, func(_ string, _ []string, opts runtime.ExecOptions, res *runtime.ExecResult, err *error) {
				if opts.Timeout > 0 {
					*res, *err = runtime.ExecResult{ExitCode: 124, TimedOut: true}, &runtime.Error{Kind: runtime.ErrTimeout}
				}
			})
		},
		"timeout/negative": options(func(opts *runtime.ExecOptions) { opts.Timeout = max(opts.Timeout, 0) }),
		"timeout/output-kept": func(b *broken) {
			b.exec = func(ctx context.Context, id string, argv []string, opts runtime.ExecOptions) (runtime.ExecResult, error) {
				out := opts.Stdout
				var buf bytes.Buffer
				opts.Stdout = &buf
				res, err := b.whole.Exec(ctx, id, argv, opts)
				if err == nil {
					_, _ = out.Write(buf.Bytes())
				}
				return res, err
			}
		},
		"timeout/flood":           options(withoutTimeout),
		"timeout/stdin-open":      options(withoutTimeout),
		"timeout/stdin-full":      options(withoutTimeout),
		"timeout/tty":             onHost,
		"timeout/another-user":    onHost,
		"timeout/concurrent":      onHost,
		"timeout/others-unharmed": ended((*broken).restart),
		"timeout/leader-was-faster": func(b *broken) {
			then(b, func(id string, argv []string, opts runtime.ExecOptions, _ *runtime.ExecResult, _ *error) {
				if opts.Timeout > 0 && argv[1] == "leave" {
					time.AfterFunc(opts.Timeout, func() { b.restart(id) })
				}
			})
		},
		"timeout/exec-afterwards": ended(stop),
		"timeout/ctx-cancelled":   onHost,
		"timeout/ctx-deadline":    onHost,
		"timeout/client-gone":     closesOnHost(&runtime.Error{Kind: runtime.ErrClosed}),

		"timeout/hostile/kills-all":            result(func(_ *runtime.ExecResult, err *error) { *err = nil }),
		"timeout/hostile/stops-all":            onHost,
		"timeout/hostile/kills-supervisor":     result(func(_ *runtime.ExecResult, err *error) { *err = nil }),
		"timeout/hostile/stops-supervisor":     onHost,
		"timeout/hostile/stops-supervisor-ctx": onHost,
		"timeout/hostile/others-unharmed":      ended(stop),
	}
	for _, c := range Cases() {
		if c.isTree() {
			out[c.ID] = onHost
		}
	}
	return out
}

func (c Case) isTree() bool { return len(c.ID) > 13 && c.ID[:13] == "timeout/tree/" }

// closesOnHost ends execs under way with an error at Close, and lets what they started go on.
func closesOnHost(err error) breaker {
	return func(b *broken) {
		closed := make(chan struct{})
		var once sync.Once
		b.close = func() error { once.Do(func() { close(closed) }); return nil }
		b.exec = func(ctx context.Context, id string, argv []string, opts runtime.ExecOptions) (runtime.ExecResult, error) {
			type end struct {
				res runtime.ExecResult
				err error
			}
			done := make(chan end, 1)
			stdout, stderr := &cutWriter{w: opts.Stdout}, &cutWriter{w: opts.Stderr}
			opts.Stdout, opts.Stderr = stdout, stderr
			defer stdout.cut()
			defer stderr.cut()
			go func() {
				res, err := b.whole.Exec(ctx, id, argv, opts)
				done <- end{res, err}
			}()
			select {
			case e := <-done:
				return e.res, e.err
			case <-closed:
				return runtime.ExecResult{ExitCode: -1}, err
			}
		}
	}
}
