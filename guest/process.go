package guest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sandlot-dev/sandlot/guest/wire"
	"github.com/sandlot-dev/sandlot/runtime"
)

// StartProcess starts a command as runtime.Processes says, and closes ch. opts.User is not looked at. Errors are those of [Exec].
func StartProcess(ctx context.Context, ch Channel, argv []string, opts runtime.StartProcessOptions, rescue Rescue) (runtime.Process, error) {
	request, err := execRequest(argv, runtime.ExecOptions{Env: opts.Env, Dir: opts.Dir, Timeout: opts.Timeout})
	if err != nil {
		ch.Close()
		return runtime.Process{}, err
	}
	chance := make([]byte, 6)
	_, _ = rand.Read(chance) // never fails
	id := hex.EncodeToString(chance)
	c := &call{ch: ch, request: wire.Request{Start: &wire.StartRequest{ID: id, ExecRequest: *request}}, rescue: rescue}
	var info *wire.ProcessInfo
	c.output = func(typ wire.Type, data []byte) (err error) {
		info, err = processInfo(typ, data)
		return err
	}
	out := c.run(ctx)
	if err := processError(ctx, out); err != nil {
		return runtime.Process{}, withRescue(err, out)
	}
	if info == nil {
		return runtime.Process{}, lost(fmt.Errorf("%w: nothing was said of the process", wire.ErrFrame))
	}
	return process(info), nil
}

// ListProcesses lists processes as runtime.Processes says, and closes ch.
func ListProcesses(ctx context.Context, ch Channel) ([]runtime.Process, error) {
	var all []runtime.Process
	c := &call{ch: ch, request: wire.Request{Process: &wire.ProcessRequest{Op: wire.OpList}}}
	c.output = func(typ wire.Type, data []byte) error {
		info, err := processInfo(typ, data)
		if err == nil && len(all) < runtime.MaxProcesses { // no guest has more
			all = append(all, process(info))
		}
		return err
	}
	err := processError(ctx, c.run(ctx))
	return all, err
}

// WaitProcess waits for a process as runtime.Processes says, and closes ch.
func WaitProcess(ctx context.Context, ch Channel, id string, opts runtime.WaitProcessOptions) (runtime.Process, error) {
	if opts.StdoutFrom < 0 || opts.StderrFrom < 0 {
		ch.Close()
		return runtime.Process{}, invalid("a negative number of bytes is to be left out")
	}
	about := &wire.ProcessRequest{
		Op: wire.OpWait, From: [2]int64{opts.StdoutFrom, opts.StderrFrom}, Quiet: [2]bool{opts.Stdout == nil, opts.Stderr == nil},
	}
	if opts.NoWait {
		about.Op = wire.OpLook
	}
	return askProcess(ctx, ch, id, about, func(typ wire.Type, data []byte) error {
		if typ == wire.TypeSkipped {
			of, n, err := wire.ParseSkipped(data)
			if err != nil {
				return err
			}
			typ, data = of, fmt.Appendf(nil, "\n[... %d bytes left out ...]\n", n)
		}
		if typ == wire.TypeStderr {
			return write(opts.Stderr, data)
		}
		return write(opts.Stdout, data)
	})
}

// SignalProcess signals a process as runtime.Processes says, and closes ch.
func SignalProcess(ctx context.Context, ch Channel, id string, signal int) error {
	if signal < 1 || signal > 64 {
		ch.Close()
		return invalid("%d is no signal", signal)
	}
	_, err := askProcess(ctx, ch, id, &wire.ProcessRequest{Op: wire.OpSignal, Signal: signal}, nil)
	return err
}

// RemoveProcess removes a process as runtime.Processes says, and closes ch.
func RemoveProcess(ctx context.Context, ch Channel, id string) error {
	_, err := askProcess(ctx, ch, id, &wire.ProcessRequest{Op: wire.OpRemove}, nil)
	return err
}

// askProcess makes a request about a process, for which there may be output before it is described.
func askProcess(
	ctx context.Context, ch Channel, id string, about *wire.ProcessRequest, output func(wire.Type, []byte) error,
) (runtime.Process, error) {
	if id == "" || len(id) > wire.MaxProcessID {
		ch.Close()
		return runtime.Process{}, &runtime.Error{Kind: runtime.ErrProcessNotFound, Message: fmt.Sprintf("%.80q is no id of a process", id)}
	}
	about.ID = id
	var info *wire.ProcessInfo
	c := &call{ch: ch, request: wire.Request{Process: about}}
	c.output = func(typ wire.Type, data []byte) (err error) {
		if typ != wire.TypeProcess && output != nil && info == nil {
			return output(typ, data)
		}
		info, err = processInfo(typ, data)
		return err
	}
	if err := processError(ctx, c.run(ctx)); err != nil {
		return runtime.Process{}, err
	}
	if info == nil {
		return runtime.Process{}, lost(fmt.Errorf("%w: nothing was said of the process", wire.ErrFrame))
	}
	return process(info), nil
}

// processError says in the contract's words what went wrong.
func processError(ctx context.Context, out outcome) error {
	switch r := out.result; {
	case out.outputErr != nil && errors.Is(out.outputErr, wire.ErrFrame):
		return lost(out.outputErr)
	case out.outputErr != nil:
		return &runtime.Error{Message: "writing the process's output", Err: out.outputErr}
	case (out.err != nil || r.Failure != nil && r.Failure.Kind == wire.KindCancelled) && ctx.Err() != nil:
		return ctx.Err()
	case out.err != nil:
		return out.err
	case r.Failure != nil && r.Failure.Kind == wire.KindCancelled:
		return lost(errors.New("the guest gave up by itself"))
	case r.Failure != nil:
		return failure(r.Failure)
	}
	return nil
}

// processInfo reads a frame that is to describe a process. Nothing in it is trusted.
func processInfo(typ wire.Type, data []byte) (*wire.ProcessInfo, error) {
	if typ != wire.TypeProcess {
		return nil, fmt.Errorf("%w: type %d does not describe a process", wire.ErrFrame, typ)
	}
	info := &wire.ProcessInfo{}
	if err := wire.Unmarshal(data, info); err != nil {
		return nil, err
	}
	if r := info.Result; info.ID == "" || len(info.ID) > wire.MaxProcessID || strings.Trim(info.ID, "0123456789abcdef") != "" || info.PID < 0 ||
		info.Written[0] < 0 || info.Written[1] < 0 || r.Exit < 0 || r.Exit > 255 || r.Signal < 0 || r.Signal > 127 {
		return nil, fmt.Errorf("%w: a process out of bounds", wire.ErrFrame)
	}
	return info, nil
}

// process is what a guest said of a process, in the contract's words.
func process(info *wire.ProcessInfo) runtime.Process {
	p := runtime.Process{
		ID: info.ID, PID: info.PID, Started: time.Unix(0, info.Started), StdoutBytes: info.Written[0], StderrBytes: info.Written[1],
	}
	for _, arg := range info.Argv {
		p.Argv = append(p.Argv, string(arg))
	}
	if r := info.Result; info.Ended != 0 {
		p.Ended = time.Unix(0, info.Ended)
		p.Result = &runtime.ExecResult{ExitCode: r.Exit, Signal: r.Signal, TimedOut: r.TimedOut, OOMKilled: r.OOM, OutputHeld: r.Held}
	}
	return p
}
