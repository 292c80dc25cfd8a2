package conformance

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync/atomic"

	"github.com/sandlot-dev/sandlot/runtime"
)

// brokenProcesses take the places of methods. Of wait, after changes what it returns.
type brokenProcesses struct {
	start  func(ctx context.Context, id string, argv []string, opts *runtime.StartProcessOptions) (after func(*runtime.Process, *error))
	list   func(id string, all []runtime.Process) []runtime.Process
	wait   func(ctx *context.Context, process *string, opts *runtime.WaitProcessOptions) (after func(*runtime.Process, *error))
	signal func(process string, signal *int) (skip bool)
	remove func(process string) (skip bool)
}

func (b *broken) StartProcess(ctx context.Context, id string, argv []string, opts runtime.StartProcessOptions) (runtime.Process, error) {
	var after func(*runtime.Process, *error)
	if b.processes.start != nil {
		after = b.processes.start(ctx, id, argv, &opts)
	}
	p, err := b.whole.StartProcess(ctx, id, argv, opts)
	if after != nil {
		after(&p, &err)
	}
	return p, b.fault(err)
}

func (b *broken) ListProcesses(ctx context.Context, id string, opts runtime.ListProcessesOptions) ([]runtime.Process, error) {
	all, err := b.whole.ListProcesses(ctx, id, opts)
	if b.processes.list != nil && err == nil {
		all = b.processes.list(id, all)
	}
	return all, b.fault(err)
}

func (b *broken) WaitProcess(ctx context.Context, id, process string, opts runtime.WaitProcessOptions) (runtime.Process, error) {
	var after func(*runtime.Process, *error)
	if b.processes.wait != nil {
		after = b.processes.wait(&ctx, &process, &opts)
	}
	p, err := b.whole.WaitProcess(ctx, id, process, opts)
	if after != nil {
		after(&p, &err)
	}
	return p, b.fault(err)
}

func (b *broken) SignalProcess(ctx context.Context, id, process string, signal int) error {
	if b.processes.signal != nil && b.processes.signal(process, &signal) {
		return nil
	}
	return b.fault(b.whole.SignalProcess(ctx, id, process, signal))
}

func (b *broken) RemoveProcess(ctx context.Context, id, process string) error {
	if b.processes.remove != nil && b.processes.remove(process) {
		return nil
	}
	return b.fault(b.whole.RemoveProcess(ctx, id, process))
}

// starts makes a breaker that changes what is started.
func starts(change func(*runtime.StartProcessOptions)) breaker {
	return func(b *broken) {
		b.processes.start = func(_ context.Context, _ string, _ []string, opts *runtime.StartProcessOptions) func(*runtime.Process, *error) {
			change(opts)
			return nil
		}
	}
}

// waits makes a breaker that changes what is waited for.
func waits(change func(*runtime.WaitProcessOptions)) breaker {
	return func(b *broken) {
		b.processes.wait = func(_ *context.Context, _ *string, opts *runtime.WaitProcessOptions) func(*runtime.Process, *error) {
			change(opts)
			return nil
		}
	}
}

// results makes a breaker that changes what came of waiting.
func results(change func(*runtime.Process, *error)) breaker {
	return func(b *broken) {
		b.processes.wait = func(*context.Context, *string, *runtime.WaitProcessOptions) func(*runtime.Process, *error) {
			return change
		}
	}
}

// A shortWriter loses what comes after its first bytes.
type shortWriter struct {
	w    io.Writer
	left int
}

func (s *shortWriter) Write(p []byte) (int, error) {
	n := min(len(p), s.left)
	s.left -= n
	if n > 0 {
		if _, err := s.w.Write(p[:n]); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

func processBreakers() map[string]breaker {
	return map[string]breaker{
		"process/start": func(b *broken) {
			b.processes.start = func(context.Context, string, []string, *runtime.StartProcessOptions) func(*runtime.Process, *error) {
				return func(p *runtime.Process, _ *error) { p.PID = 0 }
			}
		},
		"process/options": starts(func(opts *runtime.StartProcessOptions) { opts.Env = nil }),
		"process/user":    starts(func(opts *runtime.StartProcessOptions) { opts.User = "" }),
		"process/not-found": results(func(p *runtime.Process, _ *error) {
			if p.Result != nil && p.Result.ExitCode == runtime.ExitNotExecutable {
				p.Result = &runtime.ExecResult{ExitCode: runtime.ExitNotFound}
			}
		}),
		"process/invalid": starts(func(opts *runtime.StartProcessOptions) { opts.Env = nil }),
		"process/list": func(b *broken) {
			b.processes.list = func(_ string, all []runtime.Process) []runtime.Process {
				var running []runtime.Process
				for _, p := range all {
					if p.Running() {
						running = append(running, p)
					}
				}
				return running
			}
		},
		"process/other-client": func(b *broken) {
			b.processes.start = func(_ context.Context, id string, _ []string, _ *runtime.StartProcessOptions) func(*runtime.Process, *error) {
				return func(p *runtime.Process, _ *error) {
					process := p.ID
					b.close = func() error { // it ends with its client
						_ = b.whole.RemoveProcess(context.Background(), id, process)
						return b.whole.Close()
					}
				}
			}
		},
		"process/bound": func(b *broken) {
			b.processes.start = func(context.Context, string, []string, *runtime.StartProcessOptions) func(*runtime.Process, *error) {
				return func(_ *runtime.Process, err *error) {
					if *err != nil {
						*err = &runtime.Error{Op: "start process", Kind: runtime.ErrInvalid}
					}
				}
			}
		},
		"process/output": waits(func(opts *runtime.WaitProcessOptions) { opts.Stderr = opts.Stdout }),
		"process/output-from": waits(func(opts *runtime.WaitProcessOptions) {
			if opts.StdoutFrom == 2 {
				opts.StdoutFrom = 0
			}
		}),
		"process/output-bound": waits(func(opts *runtime.WaitProcessOptions) {
			if opts.Stdout != nil {
				opts.Stdout = &shortWriter{opts.Stdout, runtime.ProcessOutputHead + 100}
			}
		}),
		"process/wait-twice": func(b *broken) {
			b.processes.wait = func(_ *context.Context, _ *string, opts *runtime.WaitProcessOptions) func(*runtime.Process, *error) {
				opts.Stdout = &shortWriter{opts.Stdout, 3}
				return nil
			}
		},
		"process/wait-ctx": func(b *broken) {
			var id string
			b.processes.start = func(_ context.Context, in string, _ []string, _ *runtime.StartProcessOptions) func(*runtime.Process, *error) {
				id = in
				return nil
			}
			b.processes.wait = func(_ *context.Context, process *string, opts *runtime.WaitProcessOptions) func(*runtime.Process, *error) {
				if opts.NoWait {
					return nil
				}
				return func(*runtime.Process, *error) { // as an exec would
					_ = b.whole.SignalProcess(context.Background(), id, *process, 9)
				}
			}
		},
		"process/signal": func(b *broken) {
			b.processes.signal = func(_ string, signal *int) bool { return *signal == 0 } // as kill(2) does
		},
		"process/kill": func(b *broken) {
			b.processes.signal = func(_ string, signal *int) bool {
				if *signal == 9 {
					*signal = 6 // which ends the leader alone
				}
				return false
			}
		},
		"process/timeout": starts(func(opts *runtime.StartProcessOptions) { opts.Timeout = 0 }),
		"process/left": func(b *broken) {
			b.processes.remove = func(string) bool { return true }
		},
		"process/remove": wronglyOf("remove process", runtime.ErrNotFound),
		"process/not-running": func(b *broken) {
			b.processes.list = func(_ string, all []runtime.Process) []runtime.Process {
				return append(all, runtime.Process{ID: "kept"}) // as one that keeps its list on the host
			}
		},
		"process/sandbox-ends": wronglyOf("wait for process", runtime.ErrNotRunning),
		"process/everything-killed": func(b *broken) {
			var killed atomic.Bool
			b.processes.wait = func(*context.Context, *string, *runtime.WaitProcessOptions) func(*runtime.Process, *error) {
				return func(p *runtime.Process, err *error) {
					if *err != nil && killed.CompareAndSwap(false, true) {
						*p, *err = runtime.Process{}, nil // as if it went on
					}
				}
			}
		},
		"process/small-sandbox": func(b *broken) {
			b.processes.list = func(string, []runtime.Process) []runtime.Process { return nil }
		},
	}
}

// wronglyOf makes a breaker that fails otherwise than it should.
func wronglyOf(op string, kind error) breaker {
	return func(b *broken) {
		b.error = func(err error) error {
			if strings.Contains(err.Error(), op) {
				return &runtime.Error{Op: op, Kind: kind, Message: fmt.Sprint(err)}
			}
			return err
		}
	}
}
