package conformance

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
)

// options changes the options of each exec.
func options(change func(opts *runtime.ExecOptions)) breaker {
	return func(b *broken) {
		b.exec = func(ctx context.Context, id string, argv []string, opts runtime.ExecOptions) (runtime.ExecResult, error) {
			change(&opts)
			return b.whole.Exec(ctx, id, argv, opts)
		}
	}
}

// result changes the result of each exec.
func result(change func(res *runtime.ExecResult, err *error)) breaker {
	return func(b *broken) {
		b.exec = func(ctx context.Context, id string, argv []string, opts runtime.ExecOptions) (runtime.ExecResult, error) {
			res, err := b.whole.Exec(ctx, id, argv, opts)
			change(&res, &err)
			return res, err
		}
	}
}

// kind gives errors of one kind another.
func kind(of error) breaker {
	return func(b *broken) {
		b.error = func(err error) error {
			if is(err, of) {
				return &runtime.Error{Op: "broken", Kind: runtime.ErrUnavailable, Message: "not " + of.Error()}
			}
			return err
		}
	}
}

// then does something after each exec.
func then(b *broken, do func(id string, argv []string, opts runtime.ExecOptions, res *runtime.ExecResult, err *error)) {
	b.exec = func(ctx context.Context, id string, argv []string, opts runtime.ExecOptions) (runtime.ExecResult, error) {
		res, err := b.whole.Exec(ctx, id, argv, opts)
		do(id, argv, opts, &res, &err)
		return res, err
	}
}

// restart ends all that goes on in a sandbox.
func (b *broken) restart(id string) {
	ctx, cancel := context.WithTimeout(context.Background(), cleanupTimeout)
	defer cancel()
	_, _ = b.whole.Stop(ctx, id, runtime.StopOptions{}) // what fails here fails the case, which is what is wanted
	_, _ = b.whole.Start(ctx, id, runtime.StartOptions{})
}

func execBreakers() map[string]breaker {
	return map[string]breaker{
		"exec/argv": func(b *broken) {
			b.exec = func(ctx context.Context, id string, argv []string, opts runtime.ExecOptions) (runtime.ExecResult, error) {
				return b.whole.Exec(ctx, id, strings.Fields(strings.Join(argv, " ")), opts)
			}
		},
		"exec/exit-code": result(func(res *runtime.ExecResult, _ *error) { res.ExitCode &= 0x7f }),
		"exec/exit-code-124": result(func(res *runtime.ExecResult, err *error) {
			if res.ExitCode == runtime.ExitTimeout {
				res.TimedOut, *err = true, &runtime.Error{Kind: runtime.ErrTimeout}
			}
		}),
		"exec/signal":         result(func(res *runtime.ExecResult, _ *error) { res.Signal = 0 }),
		"exec/not-found":      result(func(res *runtime.ExecResult, _ *error) { res.ExitCode = min(res.ExitCode, 126) }),
		"exec/not-executable": result(func(res *runtime.ExecResult, _ *error) { res.ExitCode++ }),
		"exec/empty-argv": func(b *broken) {
			b.exec = func(ctx context.Context, id string, argv []string, opts runtime.ExecOptions) (runtime.ExecResult, error) {
				if len(argv) == 0 {
					return runtime.ExecResult{}, nil
				}
				return b.whole.Exec(ctx, id, argv, opts)
			}
		},
		"exec/by-name": func(b *broken) {
			b.exec = func(ctx context.Context, id string, argv []string, opts runtime.ExecOptions) (runtime.ExecResult, error) {
				if len(id) != 64 {
					return runtime.ExecResult{}, &runtime.Error{Kind: runtime.ErrNotFound}
				}
				return b.whole.Exec(ctx, id, argv, opts)
			}
		},
		"exec/no-such-sandbox": kind(runtime.ErrNotFound),
		"exec/not-running":     kind(runtime.ErrNotRunning),
		"exec/concurrent": func(b *broken) {
			var all lockedBuffer // one for all execs
			b.exec = func(ctx context.Context, id string, argv []string, opts runtime.ExecOptions) (runtime.ExecResult, error) {
				own := opts.Stdout
				opts.Stdout = &all
				res, err := b.whole.Exec(ctx, id, argv, opts)
				_, _ = io.WriteString(own, all.String())
				return res, err
			}
		},
		"exec/removed-meanwhile": kind(runtime.ErrConnectionLost),
		"exec/stopped-meanwhile": result(func(res *runtime.ExecResult, err *error) {
			*res, *err = runtime.ExecResult{ExitCode: 137, Signal: 9}, nil
		}),
		"exec/oom":               result(func(res *runtime.ExecResult, _ *error) { res.OOMKilled = false }),
		"exec/killed-is-not-oom": result(func(res *runtime.ExecResult, _ *error) { res.OOMKilled = res.Signal == 9 }),
		"exec/ctx-done-before": func(b *broken) {
			b.exec = func(ctx context.Context, id string, argv []string, opts runtime.ExecOptions) (runtime.ExecResult, error) {
				return b.whole.Exec(context.WithoutCancel(ctx), id, argv, opts)
			}
		},

		"exec/env/inherits":     func(b *broken) { b.runOptions(func(opts *runtime.RunOptions) { opts.Env = nil }) },
		"exec/env/nothing-else": options(func(opts *runtime.ExecOptions) { opts.Env = append(opts.Env, "container=x") }),
		"exec/env/home":         options(func(opts *runtime.ExecOptions) { opts.Env = append(opts.Env, "HOME=/root") }),
		"exec/env/overrides":    options(func(opts *runtime.ExecOptions) { opts.Env = nil }),
		"exec/env/last-counts":  options(func(opts *runtime.ExecOptions) { slices.Reverse(opts.Env) }),
		"exec/env/stays-with-its-exec": func(b *broken) {
			var before []string
			options(func(opts *runtime.ExecOptions) { opts.Env = append(before, opts.Env...); before = opts.Env })(b)
		},
		"exec/env/without-equals": options(func(opts *runtime.ExecOptions) {
			opts.Env = slices.DeleteFunc(opts.Env, func(e string) bool { return !strings.Contains(e, "=") })
		}),
		"exec/dir/default":  options(func(opts *runtime.ExecOptions) { opts.Dir = "/" }),
		"exec/dir/absolute": options(func(opts *runtime.ExecOptions) { opts.Dir = "" }),
		"exec/dir/relative": options(func(opts *runtime.ExecOptions) {
			if opts.Dir != "" {
				opts.Dir = "/" + opts.Dir
			}
		}),
		"exec/dir/missing": options(func(opts *runtime.ExecOptions) { opts.Dir = "" }),
		"exec/user/default": options(func(opts *runtime.ExecOptions) {
			if opts.User == "" {
				opts.User = "root"
			}
		}),
		"exec/user/forms":                         options(func(opts *runtime.ExecOptions) { opts.User, _, _ = strings.Cut(opts.User, ":") }),
		"exec/user/root-in-another-users-sandbox": options(func(opts *runtime.ExecOptions) { opts.User = "" }),
		"exec/user/groups": options(func(opts *runtime.ExecOptions) {
			if opts.User == "" {
				opts.User = "0:0"
			}
		}),
		"exec/user/unknown": options(func(opts *runtime.ExecOptions) { opts.User = "" }),

		"exec/stdin/eof": options(func(opts *runtime.ExecOptions) { opts.Stdin = withoutEnd(opts.Stdin) }),
		"exec/stdin/none": options(func(opts *runtime.ExecOptions) {
			if opts.Stdin == nil {
				opts.Stdin = strings.NewReader("not empty")
			}
		}),
		"exec/stdin/large":  options(func(opts *runtime.ExecOptions) { opts.Stdin = limited(opts.Stdin, 16<<20-1) }),
		"exec/stdin/binary": options(func(opts *runtime.ExecOptions) { opts.Stdin = detaching{opts.Stdin} }),
		"exec/stdin/unread": func(b *broken) {
			b.exec = func(ctx context.Context, id string, argv []string, opts runtime.ExecOptions) (runtime.ExecResult, error) {
				in := &endReader{r: opts.Stdin}
				if opts.Stdin != nil {
					opts.Stdin = in
				}
				res, err := b.whole.Exec(ctx, id, argv, opts)
				if opts.Stdin != nil && err == nil && !in.ended.Load() {
					err = &runtime.Error{Kind: runtime.ErrConnectionLost, Message: "broken pipe"}
				}
				return res, err
			}
		},
		"exec/stdin/blocked-reader": func(b *broken) {
			then(b, func(_ string, _ []string, opts runtime.ExecOptions, _ *runtime.ExecResult, _ *error) {
				if opts.Stdin != nil {
					go func() {
						for {
							if _, err := opts.Stdin.Read(make([]byte, 1)); err != nil {
								return
							}
						}
					}()
				}
			})
		},
		"exec/streams/separate": options(func(opts *runtime.ExecOptions) { opts.Stderr = opts.Stdout }),
		"exec/streams/one-writer": options(func(opts *runtime.ExecOptions) {
			if opts.Stdout == opts.Stderr {
				opts.Stderr = nil
			}
		}),
		"exec/streams/discarded": func(b *broken) {
			b.exec = func(ctx context.Context, id string, argv []string, opts runtime.ExecOptions) (runtime.ExecResult, error) {
				if opts.Stdout == nil {
					return runtime.ExecResult{}, &runtime.Error{Kind: runtime.ErrInvalid}
				}
				return b.whole.Exec(ctx, id, argv, opts)
			}
		},
		"exec/streams/as-they-come": func(b *broken) {
			b.exec = func(ctx context.Context, id string, argv []string, opts runtime.ExecOptions) (runtime.ExecResult, error) {
				out := opts.Stdout
				var buf bytes.Buffer
				opts.Stdout = &buf
				res, err := b.whole.Exec(ctx, id, argv, opts)
				_, _ = out.Write(buf.Bytes())
				return res, err
			}
		},
		"exec/streams/64-mib":      options(func(opts *runtime.ExecOptions) { opts.Stdout = &limitedWriter{w: opts.Stdout, n: 64<<20 - 1} }),
		"exec/streams/write-error": result(func(_ *runtime.ExecResult, err *error) { *err = nil }),
		"exec/background/goes-on": func(b *broken) {
			then(b, func(id string, argv []string, _ runtime.ExecOptions, _ *runtime.ExecResult, _ *error) {
				if argv[1] == "leave" {
					b.restart(id)
				}
			})
		},
		"exec/background/holds-output": result(func(res *runtime.ExecResult, _ *error) { res.OutputHeld = false }),
		"exec/background/writes-on": func(b *broken) {
			then(b, func(_ string, _ []string, opts runtime.ExecOptions, _ *runtime.ExecResult, _ *error) {
				go func() {
					for range 100 {
						_, _ = opts.Stdout.Write([]byte("late"))
						time.Sleep(10 * time.Millisecond)
					}
				}()
			})
		},

		"exec/tty/none":         options(func(opts *runtime.ExecOptions) { opts.TTY = true }),
		"exec/tty/size":         options(func(opts *runtime.ExecOptions) { opts.Size = runtime.WindowSize{} }),
		"exec/tty/default-size": options(func(opts *runtime.ExecOptions) { opts.Size = runtime.WindowSize{Rows: 1, Cols: 1} }),
		"exec/tty/resize": options(func(opts *runtime.ExecOptions) {
			in := opts.Resize
			go func() {
				for range in { // read, and not looked at
				}
			}()
			opts.Resize = nil
		}),
		"exec/tty/one-stream": options(func(opts *runtime.ExecOptions) { opts.TTY = false }),
		"exec/tty/eof":        options(func(opts *runtime.ExecOptions) { opts.Stdin = withoutEnd(opts.Stdin) }),
		"exec/tty/no-stdin": options(func(opts *runtime.ExecOptions) {
			if opts.Stdin == nil {
				opts.Stdin = withoutEnd(strings.NewReader(""))
			}
		}),
		"exec/tty/interrupt": options(func(opts *runtime.ExecOptions) { opts.TTY = false }),
	}
}

// withoutEnd is a reader that blocks where r ends.
func withoutEnd(r io.Reader) io.Reader {
	if r == nil {
		return nil
	}
	return io.MultiReader(r, never{})
}

// An endReader tells whether r has ended.
type endReader struct {
	r     io.Reader
	ended atomic.Bool
}

func (e *endReader) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	if err != nil {
		e.ended.Store(true)
	}
	return n, err
}

type never struct{}

func (never) Read([]byte) (int, error) { select {} }

func limited(r io.Reader, n int64) io.Reader {
	if r == nil {
		return nil
	}
	return io.LimitReader(r, n)
}

// detaching is a reader that ends at ctrl-p, ctrl-q, one byte at a time.
type detaching struct{ r io.Reader }

func (d detaching) Read(p []byte) (int, error) {
	if d.r == nil {
		return 0, io.EOF
	}
	n, err := d.r.Read(p[:1])
	if n == 1 && p[0] == 0x11 {
		return 0, io.EOF
	}
	return n, err
}

// A limitedWriter drops all but the first n bytes.
type limitedWriter struct {
	mu sync.Mutex
	w  io.Writer
	n  int
}

func (l *limitedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	keep := min(len(p), l.n)
	l.n -= keep
	if l.w != nil {
		if _, err := l.w.Write(p[:keep]); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}
