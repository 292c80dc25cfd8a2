package guest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/sandlot-dev/sandlot/guest/wire"
	"github.com/sandlot-dev/sandlot/runtime"
)

// Exec runs a command over ch as runtime.Runtime.Exec says, and closes ch. opts.User is not looked at: the engine has
// switched to it. An error is a *runtime.Error without Op, Runtime and ID. When the stream ends before the guest has
// said anything, the error is ErrConnectionLost and matches ErrNoGuest: the engine knows why it could not start it.
// Its Message then holds what came in the place of the guest's words, if anything did.
func Exec(ctx context.Context, ch Channel, argv []string, opts runtime.ExecOptions, rescue Rescue) (runtime.ExecResult, error) {
	if opts.TTY && opts.Stdin == nil {
		opts.Stdin = strings.NewReader("") // its end must be sent: a terminal that nobody types at never ends by itself
	}
	request, err := execRequest(argv, opts)
	if err != nil {
		ch.Close()
		return runtime.ExecResult{ExitCode: -1}, err
	}
	c := &call{
		ch: ch, request: wire.Request{Exec: request}, input: opts.Stdin, timeout: opts.Timeout, rescue: rescue,
		output: func(typ wire.Type, data []byte) error {
			if typ == wire.TypeStderr {
				return write(opts.Stderr, data)
			}
			return write(opts.Stdout, data)
		},
	}
	if opts.TTY {
		c.resize = opts.Resize
	}
	return execOutcome(ctx, opts, c.run(ctx))
}

// execOutcome says what came of an exec in the contract's words.
func execOutcome(ctx context.Context, opts runtime.ExecOptions, out outcome) (runtime.ExecResult, error) {
	r := out.result
	switch {
	case out.err == nil && r.Failure != nil && r.Failure.Kind != wire.KindCancelled:
		return runtime.ExecResult{ExitCode: -1}, withRescue(failure(r.Failure), out)
	case r.TimedOut || out.expired:
		result := runtime.ExecResult{ExitCode: runtime.ExitTimeout, TimedOut: true, OutputHeld: r.Held}
		return result, withRescue(&runtime.Error{
			Kind: runtime.ErrTimeout, Message: fmt.Sprintf("the command was ended after %v", opts.Timeout),
			Hint: "give it a longer timeout",
		}, out)
	case out.err != nil && ctx.Err() == nil && out.outputErr == nil:
		return runtime.ExecResult{ExitCode: -1}, withRescue(out.err, out)
	case out.err != nil || r.Cancelled || r.Failure != nil:
		cause := ctx.Err()
		if cause == nil {
			cause = out.outputErr
		}
		if cause == nil {
			return runtime.ExecResult{ExitCode: -1}, withRescue(lost(errors.New("the guest gave up by itself")), out)
		}
		result := runtime.ExecResult{ExitCode: runtime.ExitTimeout, OutputHeld: r.Held}
		return result, withRescue(&runtime.Error{Message: "the command was ended", Err: cause}, out)
	}
	result := runtime.ExecResult{ExitCode: r.Exit, Signal: r.Signal, OOMKilled: r.OOM, OutputHeld: r.Held}
	if out.outputErr != nil {
		return result, &runtime.Error{Message: "writing the command's output", Err: out.outputErr}
	}
	if out.inputErr != nil {
		return result, &runtime.Error{Message: "reading the command's input", Err: out.inputErr}
	}
	return result, nil
}

// withRescue adds what had to be done so that nothing of the tree is left.
func withRescue(err error, out outcome) error {
	var e *runtime.Error
	if out.rescueErr == nil || !errors.As(err, &e) {
		return err
	}
	full := *e
	full.Err = errors.Join(e.Err, out.rescueErr)
	return &full
}

func write(w io.Writer, data []byte) error {
	if w == nil {
		return nil
	}
	n, err := w.Write(data)
	if err == nil && n < len(data) {
		err = io.ErrShortWrite
	}
	return err
}

func execRequest(argv []string, opts runtime.ExecOptions) (*wire.ExecRequest, error) {
	if len(argv) == 0 {
		return nil, invalid("the command line is empty")
	}
	if opts.Timeout < 0 {
		return nil, invalid("the timeout %v is negative", opts.Timeout)
	}
	request := &wire.ExecRequest{
		Dir: []byte(opts.Dir), Stdin: opts.Stdin != nil, TTY: opts.TTY, Timeout: opts.Timeout,
		Size: wire.Size{Rows: opts.Size.Rows, Cols: opts.Size.Cols},
	}
	for _, arg := range argv {
		if strings.ContainsRune(arg, 0) {
			return nil, invalid("the argument %q holds a zero byte", arg)
		}
		request.Argv = append(request.Argv, []byte(arg))
	}
	for _, entry := range opts.Env {
		if !strings.Contains(entry, "=") || strings.ContainsRune(entry, 0) {
			return nil, invalid("the environment entry %q is not KEY=VALUE", entry)
		}
		request.Env = append(request.Env, []byte(entry))
	}
	if strings.ContainsRune(opts.Dir, 0) {
		return nil, invalid("the directory %q holds a zero byte", opts.Dir)
	}
	return request, nil
}
