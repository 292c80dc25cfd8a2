package conformance

import (
	"context"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
)

// runOptions changes the options of each Run.
func (b *broken) runOptions(change func(opts *runtime.RunOptions)) {
	b.run = func(_ *context.Context, _ *string, opts *runtime.RunOptions) func(*runtime.RunResult, *error) {
		change(opts)
		return nil
	}
}

func runWith(change func(opts *runtime.RunOptions)) breaker {
	return func(b *broken) { b.runOptions(change) }
}

func inspected(change func(c *runtime.Container)) breaker {
	return func(b *broken) { b.inspect = func(c *runtime.Container, _ *error) { change(c) } }
}

func listed(change func(all *[]runtime.Container)) breaker {
	return func(b *broken) {
		b.list = func(*runtime.ListOptions) func(*[]runtime.Container) { return change }
	}
}

func afterRun(do func(b *broken, res *runtime.RunResult, err *error)) breaker {
	return func(b *broken) {
		b.run = func(*context.Context, *string, *runtime.RunOptions) func(*runtime.RunResult, *error) {
			return func(res *runtime.RunResult, err *error) { do(b, res, err) }
		}
	}
}

func stopped(b *broken, res *runtime.RunResult, err *error) {
	if *err == nil {
		_, _ = b.whole.Stop(context.Background(), res.ID, runtime.StopOptions{}) // what fails here fails the case
	}
}

func notRemoved(b *broken) {
	b.remove = func(context.Context, string) (error, bool) { return nil, true }
}

func lifecycleBreakers() map[string]breaker {
	validName := regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`)
	return map[string]breaker{
		"lifecycle/entrypoint": afterRun(stopped), // as an entry point that ends
		"lifecycle/takes-execs": func(b *broken) {
			var mu sync.Mutex
			ready := map[string]bool{}
			b.exec = func(ctx context.Context, id string, argv []string, opts runtime.ExecOptions) (runtime.ExecResult, error) {
				mu.Lock()
				was := ready[id]
				ready[id] = true
				mu.Unlock()
				if !was {
					return runtime.ExecResult{}, &runtime.Error{Kind: runtime.ErrNotRunning}
				}
				return b.whole.Exec(ctx, id, argv, opts)
			}
		},
		"lifecycle/empty-image":     afterRun(stopped),
		"lifecycle/image-not-found": kind(runtime.ErrImageNotFound),
		"lifecycle/result":          afterRun(func(_ *broken, res *runtime.RunResult, _ *error) { res.Name = "" }),
		"lifecycle/name/given":      runWith(func(opts *runtime.RunOptions) { opts.Name = "" }),
		"lifecycle/name/taken":      runWith(func(opts *runtime.RunOptions) { opts.Replace = true }),
		"lifecycle/name/replaced":   runWith(func(opts *runtime.RunOptions) { opts.Replace = false }),
		"lifecycle/name/nothing-to-replace": func(b *broken) {
			b.run = func(ctx *context.Context, _ *string, opts *runtime.RunOptions) func(*runtime.RunResult, *error) {
				_, err := b.whole.Inspect(*ctx, opts.Name, runtime.InspectOptions{})
				return func(_ *runtime.RunResult, out *error) {
					if opts.Replace && *out == nil {
						*out = err
					}
				}
			}
		},
		"lifecycle/name/not-ours": kind(runtime.ErrAlreadyExists),
		"lifecycle/name/invalid": runWith(func(opts *runtime.RunOptions) {
			if !validName.MatchString(opts.Name) {
				opts.Name = ""
			}
		}),
		"lifecycle/remove":       notRemoved,
		"lifecycle/remove-again": kind(runtime.ErrNotFound),
		"lifecycle/error-id": func(b *broken) {
			b.error = func(err error) error {
				var e *runtime.Error
				if errors.As(err, &e) {
					e.ID = "the engine's id"
				}
				return err
			}
		},
		"lifecycle/ctx-cancelled": func(b *broken) {
			b.run = func(ctx *context.Context, _ *string, _ *runtime.RunOptions) func(*runtime.RunResult, *error) {
				*ctx = context.WithoutCancel(*ctx)
				return nil
			}
		},
		"lifecycle/concurrent": runWith(func(opts *runtime.RunOptions) { opts.Name = "" }),

		"run/env": runWith(func(opts *runtime.RunOptions) { slices.Reverse(opts.Env) }),
		"run/env-without-equals": runWith(func(opts *runtime.RunOptions) {
			opts.Env = slices.DeleteFunc(opts.Env, func(e string) bool { return !strings.Contains(e, "=") })
		}),
		"run/working-dir":            runWith(func(opts *runtime.RunOptions) { opts.WorkingDir = "" }),
		"run/working-dir-below-file": runWith(func(opts *runtime.RunOptions) { opts.WorkingDir = "" }),
		"run/working-dir-relative": runWith(func(opts *runtime.RunOptions) {
			if opts.WorkingDir != "" {
				opts.WorkingDir = "/" + opts.WorkingDir
			}
		}),
		"run/user":           runWith(func(opts *runtime.RunOptions) { opts.User, _, _ = strings.Cut(opts.User, ":") }),
		"run/user-unknown":   runWith(func(opts *runtime.RunOptions) { opts.User = "" }),
		"run/root-directory": runWith(func(opts *runtime.RunOptions) { opts.ReadOnlyRoot = true }),
		"run/hostname":       runWith(func(opts *runtime.RunOptions) { opts.Hostname = "" }),
		"run/labels":         runWith(func(opts *runtime.RunOptions) { delete(opts.Labels, "empty") }),
		"run/labels-reserved": runWith(func(opts *runtime.RunOptions) {
			for k := range opts.Labels {
				if strings.HasPrefix(k, runtime.LabelPrefix) {
					delete(opts.Labels, k)
				}
			}
		}),
		"run/owner": runWith(func(opts *runtime.RunOptions) { opts.LeaseEnd = time.Time{} }),
		"run/owner-invalid": runWith(func(opts *runtime.RunOptions) {
			opts.Owner = strings.ReplaceAll(opts.Owner[:min(len(opts.Owner), runtime.MaxOwner)], "\n", "")
		}),
		"inspect/running":   inspected(func(c *runtime.Container) { c.Image = c.ImageID }),
		"inspect/env":       inspected(func(c *runtime.Container) { c.Env = append(c.Env, "HOSTNAME=box") }),
		"inspect/not-found": kind(runtime.ErrNotFound),
		"list/labels": func(b *broken) {
			b.list = func(opts *runtime.ListOptions) func(*[]runtime.Container) {
				opts.Labels = map[string]string{labelCase: opts.Labels[labelCase]}
				return nil
			}
		},
		"list/all": listed(func(all *[]runtime.Container) {
			for i := range *all {
				(*all)[i].ImageID = ""
			}
		}),

		"stop/keeps-files": func(b *broken) {
			b.start = func(ctx context.Context, id string) (error, bool) {
				_, err := b.whole.Start(ctx, id, runtime.StartOptions{})
				_, _ = b.whole.Exec(ctx, id, probeArgv("remove", imageWorkingDir+"/kept"), runtime.ExecOptions{})
				return err, true
			}
		},
		"stop/ends-processes": func(b *broken) { b.stop = func(*runtime.StopOptions) bool { return true } },
		"stop/grace":          func(b *broken) { b.stop = func(opts *runtime.StopOptions) bool { opts.Grace = 0; return false } },
		"stop/states":         inspected(func(c *runtime.Container) { c.State = runtime.StateRunning }),
		"stop/again": func(b *broken) {
			b.start = func(_ context.Context, id string) (error, bool) { b.restart(id); return nil, true }
		},
		"stop/not-found": kind(runtime.ErrNotFound),
		"stop/remove-stopped": func(b *broken) {
			b.remove = func(ctx context.Context, id string) (error, bool) {
				c, err := b.whole.Inspect(ctx, id, runtime.InspectOptions{})
				if err == nil && c.State != runtime.StateRunning {
					return &runtime.Error{Kind: runtime.ErrNotRunning}, true
				}
				return nil, false
			}
		},
		"stop/name-stays-taken": runWith(func(opts *runtime.RunOptions) { opts.Replace = true }),
		"close/sandboxes-go-on": func(b *broken) {
			var mine []string
			var mu sync.Mutex
			afterRun(func(_ *broken, res *runtime.RunResult, _ *error) {
				mu.Lock()
				defer mu.Unlock()
				mine = append(mine, res.ID)
			})(b)
			b.close = func() error {
				mu.Lock()
				defer mu.Unlock()
				for _, id := range mine {
					_, _ = b.whole.Remove(context.Background(), id, runtime.RemoveOptions{}) // what fails here fails the case
				}
				return b.whole.Close()
			}
		},
		"close/again": func(b *broken) {
			closed := false
			b.close = func() error {
				if closed {
					return &runtime.Error{Kind: runtime.ErrClosed}
				}
				closed = true
				return b.whole.Close()
			}
		},
		"close/calls-afterwards": func(b *broken) { b.close = func() error { return nil } },
		"close/calls-under-way":  closesOnHost(nil),
		"info/filled":            func(b *broken) { b.info = func(i *runtime.Info) { i.Version = "" } },
		"info/capabilities": func(b *broken) {
			b.info = func(i *runtime.Info) { i.Capabilities = runtime.Capabilities{"magic": {OK: true}} }
		},
	}
}

func buildWith(change func(opts *runtime.BuildOptions)) breaker {
	return func(b *broken) {
		b.build = func(_ context.Context, _ *io.Reader, opts *runtime.BuildOptions) func(*runtime.BuildResult, *error) {
			change(opts)
			return nil
		}
	}
}

func buildBreakers() map[string]breaker {
	return map[string]breaker{
		"build/image":        buildWith(func(opts *runtime.BuildOptions) { opts.Tag = "" }),
		"build/image-config": runWith(func(opts *runtime.RunOptions) { opts.User = "root" }),
		"build/failing-step": func(b *broken) {
			b.error = func(err error) error {
				return &runtime.Error{Kind: runtime.ErrBuildFailed, Message: "something went wrong"}
			}
		},
		"build/missing-file":        kind(runtime.ErrBuildFailed),
		"build/dockerfile/nonsense": kind(runtime.ErrBuildFailed),
		"build/log":                 buildWith(func(opts *runtime.BuildOptions) { opts.Log = nil }),
		"build/no-cache":            buildWith(func(opts *runtime.BuildOptions) { opts.NoCache = false }),
		"build/dockerfile/missing":  func(b *broken) { kind(runtime.ErrInvalid)(b) },
		"build/dockerfile/named":    buildWith(func(opts *runtime.BuildOptions) { opts.Dockerfile = "" }),
		"build/dockerfile/containerfile": buildWith(func(opts *runtime.BuildOptions) {
			if opts.Dockerfile == "" {
				opts.Dockerfile = "Dockerfile"
			}
		}),
		"build/args":           buildWith(func(opts *runtime.BuildOptions) { opts.Args = nil }),
		"build/target":         buildWith(func(opts *runtime.BuildOptions) { opts.Target = "" }),
		"build/target-missing": buildWith(func(opts *runtime.BuildOptions) { opts.Target = "" }),
		"build/no-tar":         kind(runtime.ErrInvalid),
		"build/read-error": func(b *broken) {
			b.error = func(err error) error { return &runtime.Error{Kind: runtime.ErrBuildFailed, Message: err.Error()} }
		},
		"build/not-closed": func(b *broken) {
			b.build = func(_ context.Context, r *io.Reader, _ *runtime.BuildOptions) func(*runtime.BuildResult, *error) {
				given := *r
				return func(*runtime.BuildResult, *error) {
					if c, ok := given.(io.Closer); ok {
						_ = c.Close()
					}
				}
			}
		},
		"build/tag-invalid":    buildWith(func(opts *runtime.BuildOptions) { opts.Tag = "" }),
		"build/ctx-cancelled":  kind(context.Canceled),
		"build/remove":         func(b *broken) { b.removeImage = func() bool { return true } },
		"build/remove-missing": kind(runtime.ErrImageNotFound),
		"build/remove-used":    kind(runtime.ErrInUse),
	}
}
