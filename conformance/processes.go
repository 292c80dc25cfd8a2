package conformance

import (
	"strings"

	"github.com/sandlot-dev/sandlot/runtime"
)

// Processes is the runtime as one that starts processes for which nobody waits.
func (t *T) Processes() runtime.Processes { return t.processesOf(t.Runtime()) }

func (t *T) processesOf(rt runtime.Runtime) runtime.Processes {
	t.startsProcesses.Store(true)
	p, is := rt.(runtime.Processes)
	if !is {
		t.Fatalf("the runtime\n  got:   a capability for processes, and no runtime.Processes\n  want:  both")
	}
	return p
}

// StartProcess starts the probe as a process for which nobody waits. Failing to ends the case.
func (t *T) StartProcess(id string, opts runtime.StartProcessOptions, args ...string) runtime.Process {
	t.Input("start process %q %s", args, given(opts))
	p, err := t.Processes().StartProcess(t.ctx, id, probeArgv(args...), opts)
	t.NoError("starting a process", err)
	return p
}

// WaitProcess waits for a process and gives what it wrote. Failing to ends the case.
func (t *T) WaitProcess(id, process string, opts runtime.WaitProcessOptions) (p runtime.Process, stdout, stderr string) {
	t.Input("wait for process %s %s", process, given(opts))
	var out, errs lockedBuffer
	opts.Stdout, opts.Stderr = &out, &errs
	p, err := t.Processes().WaitProcess(t.ctx, id, process, opts)
	t.NoError("waiting for a process", err)
	return p, out.String(), errs.String()
}

// ended waits for a process that must have ended in some way.
func (t *T) ended(id, process string) (result runtime.ExecResult, stdout string) {
	p, stdout, _ := t.WaitProcess(id, process, runtime.WaitProcessOptions{})
	if p.Result == nil {
		t.Fatalf("a process that was waited for\n  got:   no result\n  want:  one")
	}
	t.True(!p.Ended.Before(p.Started), "when it ended", p.Ended, "not before it started, "+p.Started.String())
	return *p.Result, stdout
}

// ready waits until a process has said that it stands.
func (t *T) ready(id string, p runtime.Process) runtime.Process {
	for {
		now, stdout, stderr := t.WaitProcess(id, p.ID, runtime.WaitProcessOptions{NoWait: true})
		if strings.Contains(stdout, "ready\n") {
			return p
		}
		if !now.Running() {
			t.Fatalf("the process %q\n  got:   ended before it was ready: %+v, stderr %q", p.Argv, *now.Result, stderr)
		}
	}
}

// processIDs lists the processes of a sandbox.
func (t *T) processIDs(id string) []string {
	t.Input("list processes of %s", id)
	all, err := t.Processes().ListProcesses(t.ctx, id, runtime.ListProcessesOptions{})
	t.NoError("listing processes", err)
	ids := []string{}
	for _, p := range all {
		ids = append(ids, p.ID)
	}
	return ids
}

// SignalProcess signals a process, which must work.
func (t *T) SignalProcess(id, process string, signal int) {
	t.Input("signal process %s with %d", process, signal)
	t.NoError("signalling a process", t.Processes().SignalProcess(t.ctx, id, process, signal))
}

// RemoveProcess removes a process, which must work.
func (t *T) RemoveProcess(id, process string) {
	t.Input("remove process %s", process)
	t.NoError("removing a process", t.Processes().RemoveProcess(t.ctx, id, process))
}
