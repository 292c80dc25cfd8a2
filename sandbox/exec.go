package sandbox

import (
	"context"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
)

// shellTimeout bounds the try of a shell: what the image calls bash need not be one.
const shellTimeout = 30 * time.Second

// Exec runs a command in the sandbox and waits for it, as [runtime.Runtime].Exec says. The exit status is in the result, also when it is not 0.
// When opts.Timeout passes or ctx is done, everything that the command started is killed, the output so far has been
// written, the result's exit code is 124, and the error matches runtime.ErrTimeout or ctx.Err().
func (s *Sandbox) Exec(ctx context.Context, argv []string, opts runtime.ExecOptions) (runtime.ExecResult, error) {
	if err := s.open("exec"); err != nil {
		return runtime.ExecResult{ExitCode: -1}, err
	}
	result, err := s.rt.Exec(ctx, s.id, argv, opts)
	return result, s.named(err)
}

// Shell runs a command line in the image's shell: bash where it has one, else sh. It is Exec otherwise. An image with neither is runtime.ErrInvalid.
func (s *Sandbox) Shell(ctx context.Context, line string, opts runtime.ExecOptions) (runtime.ExecResult, error) {
	argv, err := s.ShellArgv(ctx, line)
	if err != nil {
		return runtime.ExecResult{ExitCode: -1}, err
	}
	return s.Exec(ctx, argv, opts)
}

// ShellArgv is the argv with which [Sandbox.Shell] runs line: bash or sh, "-c", line. The first call tries which of them the sandbox
// can run; the answer is kept.
func (s *Sandbox) ShellArgv(ctx context.Context, line string) ([]string, error) {
	if err := s.open("shell"); err != nil {
		return nil, err
	}
	name, err := s.shell.find(ctx, func(ctx context.Context, name string) (bool, error) {
		result, err := s.rt.Exec(ctx, s.id, []string{name, "-c", ":"}, runtime.ExecOptions{Timeout: shellTimeout})
		return result.ExitCode == 0, s.named(err)
	})
	if err != nil {
		return nil, err
	}
	if name == "" {
		return nil, &runtime.Error{
			Op: "shell", ID: s.called, Kind: runtime.ErrInvalid, Message: "the image has neither bash nor sh",
			Hint: "give the command as an argv",
		}
	}
	return []string{name, "-c", line}, nil
}

// A shell is found out once. Its channel holds the name, empty while it is not known: who takes it out may try, and others wait no longer
// than their context says.
type shell struct{ name chan string }

func newShell() shell {
	s := shell{name: make(chan string, 1)}
	s.name <- ""
	return s
}

// find gives the first shell that can run, or "". Only a shell that was found is kept: an error or a cancelled try leaves the next caller
// to try again.
func (s shell) find(ctx context.Context, try func(context.Context, string) (bool, error)) (string, error) {
	var name string
	select {
	case name = <-s.name:
	case <-ctx.Done():
		return "", &runtime.Error{Op: "shell", Err: ctx.Err()}
	}
	defer func() { s.name <- name }()
	if name != "" {
		return name, nil
	}
	for _, candidate := range []string{"bash", "sh"} {
		ok, err := try(ctx, candidate)
		if err != nil {
			return "", err
		}
		if ok {
			name = candidate
			break
		}
	}
	return name, nil
}
