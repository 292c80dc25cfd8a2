package sandbox

import (
	"context"

	"github.com/sandlot-dev/sandlot/runtime"
)

// A Process is a command in a sandbox that goes on when this process ends: whoever opens the sandbox later finds it with [Sandbox.Processes]. Its methods
// may be called at the same time.
type Process struct {
	// Process is what it was when it was started or listed.
	runtime.Process
	sandbox *Sandbox
}

// StartProcess starts a command and does not wait for it, as [runtime.Processes].StartProcess says: it goes on until it ends by itself, by its deadline or
// with the sandbox. Its result, and the beginning and the end of its output, are kept in the sandbox until it is removed. A runtime that cannot is
// errors.ErrUnsupported.
func (s *Sandbox) StartProcess(ctx context.Context, argv []string, opts runtime.StartProcessOptions) (*Process, error) {
	rt, err := s.processes("start process")
	if err != nil {
		return nil, err
	}
	p, err := rt.StartProcess(ctx, s.id, argv, opts)
	if err != nil {
		return nil, s.named(err)
	}
	return &Process{p, s}, nil
}

// Processes lists what was started with StartProcess, by whomever, and not removed, the oldest first.
func (s *Sandbox) Processes(ctx context.Context) ([]*Process, error) {
	rt, err := s.processes("list processes")
	if err != nil {
		return nil, err
	}
	list, err := rt.ListProcesses(ctx, s.id, runtime.ListProcessesOptions{})
	all := make([]*Process, len(list))
	for i, p := range list {
		all[i] = &Process{p, s}
	}
	return all, s.named(err)
}

// Process is the process with this id. Whether there is one shows when something is done with it: runtime.ErrProcessNotFound.
func (s *Sandbox) Process(id string) *Process { return &Process{runtime.Process{ID: id}, s} }

// Wait waits until the process has ended and describes it, while its output is written, as [runtime.Processes].WaitProcess says. A ctx that is done ends the
// waiting, and not the process.
func (p *Process) Wait(ctx context.Context, opts runtime.WaitProcessOptions) (runtime.Process, error) {
	rt, err := p.sandbox.processes("wait for process")
	if err != nil {
		return runtime.Process{}, err
	}
	now, err := rt.WaitProcess(ctx, p.sandbox.id, p.ID, opts)
	return now, p.sandbox.named(err)
}

// Signal sends a signal, by its number on Linux, to the process. 9 ends all that it started as well.
func (p *Process) Signal(ctx context.Context, signal int) error {
	rt, err := p.sandbox.processes("signal process")
	if err != nil {
		return err
	}
	return p.sandbox.named(rt.SignalProcess(ctx, p.sandbox.id, p.ID, signal))
}

// Remove ends the process with all that it started, and forgets it.
func (p *Process) Remove(ctx context.Context) error {
	rt, err := p.sandbox.processes("remove process")
	if err != nil {
		return err
	}
	return p.sandbox.named(rt.RemoveProcess(ctx, p.sandbox.id, p.ID))
}

func (s *Sandbox) processes(op string) (runtime.Processes, error) {
	if err := s.open(op); err != nil {
		return nil, err
	}
	processes, can := s.rt.(runtime.Processes)
	if !can {
		return nil, &runtime.Error{
			Op: op, ID: s.called, Kind: runtime.ErrUnsupported, Message: "this runtime cannot keep processes for which nobody waits", Hint: "use Exec, and wait",
		}
	}
	return processes, nil
}
