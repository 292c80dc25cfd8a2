package engine

import (
	"context"

	"github.com/sandlot-dev/sandlot/guest"
	"github.com/sandlot-dev/sandlot/runtime"
)

// StartProcess implements runtime.Processes.
func (e *engine) StartProcess(ctx context.Context, id string, argv []string, opts runtime.StartProcessOptions) (runtime.Process, error) {
	checked := runtime.ExecOptions{Env: opts.Env, Dir: opts.Dir, User: opts.User, Timeout: opts.Timeout}
	return call(ctx, e, "start process", id, func(ctx context.Context) (runtime.Process, error) {
		if err := e.checkProcesses(ctx); err != nil {
			return runtime.Process{}, err
		}
		if err := e.checkExec(ctx, argv, &checked); err != nil {
			return runtime.Process{}, err
		}
		opts.Env = checked.Env
		return withGuest(ctx, e, id, who{user: opts.User}, func(full string, ch guest.Channel) (runtime.Process, error) {
			return guest.StartProcess(ctx, ch, argv, opts, e.rescue(full, opts.User))
		})
	})
}

// ListProcesses implements runtime.Processes.
func (e *engine) ListProcesses(ctx context.Context, id string, _ runtime.ListProcessesOptions) ([]runtime.Process, error) {
	return ofProcess(ctx, e, "list processes", id, "", func(ctx context.Context, ch guest.Channel) ([]runtime.Process, error) {
		return guest.ListProcesses(ctx, ch)
	})
}

// WaitProcess implements runtime.Processes.
func (e *engine) WaitProcess(ctx context.Context, id, process string, opts runtime.WaitProcessOptions) (runtime.Process, error) {
	return ofProcess(ctx, e, "wait for process", id, process, func(ctx context.Context, ch guest.Channel) (runtime.Process, error) {
		return guest.WaitProcess(ctx, ch, process, opts)
	})
}

// SignalProcess implements runtime.Processes.
func (e *engine) SignalProcess(ctx context.Context, id, process string, signal int) error {
	_, err := ofProcess(ctx, e, "signal process", id, process, func(ctx context.Context, ch guest.Channel) (struct{}, error) {
		return struct{}{}, guest.SignalProcess(ctx, ch, process, signal)
	})
	return err
}

// RemoveProcess implements runtime.Processes.
func (e *engine) RemoveProcess(ctx context.Context, id, process string) error {
	_, err := ofProcess(ctx, e, "remove process", id, process, func(ctx context.Context, ch guest.Channel) (struct{}, error) {
		return struct{}{}, guest.RemoveProcess(ctx, ch, process)
	})
	return err
}

func (e *engine) checkProcesses(ctx context.Context) error {
	return e.check(ctx, runtime.CapabilityProcesses, "a process for which nobody waits")
}

// ofProcess is a call about processes of a sandbox, which any supervisor in it passes on.
func ofProcess[R any](ctx context.Context, e *engine, op, id, process string, ask func(context.Context, guest.Channel) (R, error)) (R, error) {
	named := id
	if process != "" {
		named += " " + process
	}
	result, err := call(ctx, e, op, id, func(ctx context.Context) (R, error) {
		if err := e.checkProcesses(ctx); err != nil {
			var none R
			return none, err
		}
		return withGuest(ctx, e, id, who{}, func(_ string, ch guest.Channel) (R, error) { return ask(ctx, ch) })
	})
	if own, ok := err.(*runtime.Error); ok {
		own.ID = named
	}
	return result, err
}
