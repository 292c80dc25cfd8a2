package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sandlot-dev/sandlot/guest"
	"github.com/sandlot-dev/sandlot/runtime"
)

const (
	rescueTime  = 30 * time.Second       // for a privileged kill, and for what comes after: an exec of the engine each, which takes long on a busy machine
	explainTime = 30 * time.Second       // for asking why a channel broke: an answer that takes longer says that the engine is gone
	settleTime  = 500 * time.Millisecond // for an engine to notice that a container has ended
)

// Exec implements runtime.Runtime.
func (e *engine) Exec(ctx context.Context, id string, argv []string, opts runtime.ExecOptions) (runtime.ExecResult, error) {
	result, err := call(ctx, e, "exec", id, func(ctx context.Context) (runtime.ExecResult, error) {
		failed := runtime.ExecResult{ExitCode: -1}
		if err := e.checkExec(ctx, argv, &opts); err != nil {
			return failed, err
		}
		full, err := e.resolve(ctx, id)
		if err != nil {
			return failed, err
		}
		line, err := e.connect(ctx, full, who{user: opts.User})
		if err != nil {
			return failed, err
		}
		result, err := e.guest.exec(ctx, line.Channel, argv, opts, e.rescue(full, opts.User))
		return result, e.explain(ctx, full, line, err)
	})
	if err != nil && result == (runtime.ExecResult{}) {
		result.ExitCode = -1
	}
	return result, err
}

func (e *engine) checkExec(ctx context.Context, argv []string, opts *runtime.ExecOptions) error {
	if len(argv) == 0 || argv[0] == "" {
		return invalid("name a program", "the command is empty")
	}
	for _, arg := range argv {
		if strings.ContainsRune(arg, 0) {
			return invalid("", "the argument %q has a zero byte in it", arg)
		}
	}
	env, err := mergeEnv(opts.Env)
	if err != nil {
		return err
	}
	opts.Env = env
	if opts.Timeout < 0 {
		return invalid("give 0 for no deadline", "the deadline is negative: %s", opts.Timeout)
	}
	if err := e.checkUser(ctx, opts.User); err != nil {
		return err
	}
	if opts.TTY {
		return e.check(ctx, runtime.CapabilityTTY, "a terminal")
	}
	return nil
}

// checkUser looks at a user that is not the sandbox's own.
func (e *engine) checkUser(ctx context.Context, user string) error {
	if user == "" {
		return nil
	}
	if err := checkUser(user); err != nil {
		return err
	}
	return e.check(ctx, runtime.CapabilityUser, "a user")
}

// explain finds out from the engine why a channel to the guest broke. Other errors it leaves alone.
func (e *engine) explain(ctx context.Context, id string, l line, err error) error {
	if !errors.Is(err, runtime.ErrConnectionLost) || ctx.Err() != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, explainTime)
	defer cancel()
	never := errors.Is(err, guest.ErrNoGuest)
	var words string
	var launch error
	if never { // nothing has run, and so words on the streams are the engine's
		words = l.words()
		if launch = e.api.LaunchError(words); isKind(launch) {
			return launch
		}
	}
	c, lookErr := e.ended(ctx, id)
	out := runtime.Error{Kind: runtime.ErrConnectionLost, Err: err}
	if own, ok := err.(*runtime.Error); ok {
		out.Err = own.Err
	}
	switch {
	case errors.Is(lookErr, runtime.ErrNotFound):
		e.note(lookErr, id)
		out.Message = "the sandbox was removed"
		if never {
			return lookErr
		}
	case lookErr != nil:
		out.Message = "the engine has gone away: " + lookErr.Error()
	case c.State == runtime.StatePaused:
		kind := out.Kind
		if never {
			kind = runtime.ErrNotRunning
		}
		return errPaused(kind, out.Err)
	case c.State != runtime.StateRunning:
		out.Message = "the sandbox ended"
		if c.OOMKilled {
			out.Message += ", out of memory"
		}
		if never {
			out.Kind = runtime.ErrNotRunning
		}
	case launch != nil:
		return launch
	case never && noThreads(words):
		out.Kind, out.Message = runtime.ErrUnavailable, "the sandbox has reached its limit on processes"
	case never:
		out.Message = "the guest could not be started in the sandbox"
		if words != "" {
			out.Message += ": " + firstLine(words)
		}
		out.Hint = "see whether the sandbox is at its limit of processes or of memory"
	default:
		out.Message = "the command's supervisor was killed in the sandbox"
	}
	return &out
}

// firstLine is what an error quotes of a process's words: the rest may be a long trace.
func firstLine(words string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(words), "\n")
	return fmt.Sprintf("%.200q", line)
}

// noThreads says whether a guest could not be started for want of processes. These are the words of Go's runtime.
func noThreads(words string) bool { return strings.Contains(words, "failed to create new OS thread") }

func errPaused(kind, err error) error {
	return &runtime.Error{Kind: kind, Message: "the sandbox is paused", Hint: HintPaused, Err: err}
}

func isKind(err error) bool {
	var own *runtime.Error
	return errors.As(err, &own) && own.Kind != nil
}

// ended inspects a container whose process has gone, and gives the engine a little time to notice where the container has, too.
func (e *engine) ended(ctx context.Context, id string) (runtime.Container, error) {
	for deadline := time.Now().Add(settleTime); ; {
		c, err := e.api.Inspect(ctx, id)
		if err != nil || c.State != runtime.StateRunning || time.Now().After(deadline) {
			return c, err
		}
		if err := sleep(ctx, settleTime/10); err != nil {
			return c, nil
		}
	}
}
