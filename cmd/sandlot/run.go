package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/sandbox"
)

func (a *app) runCommand() *cobra.Command {
	var box sandboxFlags
	var how execFlags
	cmd := &cobra.Command{
		Use:   "run [flags] -- COMMAND [ARG…]",
		Short: "Run a command in a new sandbox, which is removed afterwards",
		Long: `Run a command in a new sandbox, which is removed afterwards, also after Ctrl-C, SIGTERM and SIGHUP. Without a command, and with -it on a
terminal, it is the image's shell.`,
		Example: `  sandlot run -- sh -c 'echo hello'
  sandlot run --timeout 10s --memory 256m --build ./grader -v /srv/task:/task:ro -- ./grade /task
  sandlot run -it --image docker.io/library/alpine:3.20`,
		Args: func(cmd *cobra.Command, argv []string) error {
			if len(argv) == 0 && !(how.interactive && how.tty && isTerminal(a.stdin)) {
				return usage("no command\nwrite it after the flags: sandlot run -- COMMAND [ARG…]; -it on a terminal gives a shell")
			}
			return nil
		},
		RunE: a.withRuntime(func(ctx context.Context, rt runtime.Runtime, argv []string) (err error) {
			sb, err := box.make(ctx, a, rt)
			if err != nil {
				return err
			}
			defer func() {
				if cerr := sb.Close(); cerr != nil {
					err = a.keepFailure(err, cerr)
				}
			}()
			return a.execute(ctx, sb, argv, runtime.ExecOptions{}, &how)
		}),
	}
	box.register(cmd, a)
	how.register(cmd)
	return cmd
}

// keepFailure reports a failed clean-up. It is why the command fails only where nothing else is.
func (a *app) keepFailure(err, cleanup error) error {
	say(a.stderr, describe(cleanup))
	if err == nil {
		return exitCode(exitFailed)
	}
	return err
}

func (a *app) createCommand() *cobra.Command {
	box := sandboxFlags{detached: true}
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "create [flags]",
		Short: "Make a sandbox that stays, and print its name",
		Example: `  sandlot create --name box
  sandlot exec box -- sh -c 'echo hello > greeting'
  sandlot cp box:greeting -
  sandlot rm box`,
		Args: arguments(cobra.NoArgs),
		RunE: a.withRuntime(func(ctx context.Context, rt runtime.Runtime, _ []string) error {
			sb, err := box.make(ctx, a, rt)
			if err != nil {
				return err
			}
			if asJSON {
				return a.printJSON(map[string]string{"id": sb.ID(), "name": sb.Name()})
			}
			_, err = fmt.Fprintln(a.stdout, sb.Name())
			return err
		}),
	}
	box.register(cmd, a)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object")
	return cmd
}

func (a *app) execCommand() *cobra.Command {
	var opts execOptions
	var how execFlags
	var detach bool
	cmd := &cobra.Command{
		Use:               "exec [flags] NAME [--] COMMAND [ARG…]",
		Short:             "Run a command in a sandbox",
		Example:           `  sandlot exec --timeout 5s -e KEY=value box -- sh -c 'echo $KEY'`,
		ValidArgsFunction: a.completeNames(1),
		Args: func(cmd *cobra.Command, args []string) error {
			argv := commandOf(args)
			switch {
			case len(args) == 0 || len(argv) == 0 && !(how.interactive && how.tty && isTerminal(a.stdin)):
				return usage("exec takes the name of a sandbox and a command\nusage: %s", cmd.UseLine())
			case len(args) > 1 && len(args[1]) > 1 && args[1][0] == '-' && args[1] != "--":
				return usage("flag %s after the sandbox's name\nwrite flags before it, or -- before a command that begins with -", args[1])
			}
			return nil
		},
		RunE: a.withRuntime(func(ctx context.Context, rt runtime.Runtime, args []string) error {
			sb, err := sandbox.Open(ctx, rt, args[0], sandbox.OpenOptions{})
			if err != nil {
				return err
			}
			if detach {
				return a.detach(ctx, sb, commandOf(args), opts.options(), &how)
			}
			return a.execute(ctx, sb, commandOf(args), opts.options(), &how)
		}),
	}
	opts.register(cmd, a)
	how.register(cmd)
	cmd.Flags().BoolVarP(&detach, "detach", "d", false, "do not wait: print an id for processes, logs, wait and kill")
	return cmd
}

// commandOf is the argv in NAME [--] COMMAND [ARG…].
func commandOf(args []string) []string {
	if len(args) == 0 {
		return nil
	}
	if len(args) > 1 && args[1] == "--" {
		return args[2:]
	}
	return args[1:]
}

// execute runs a command with this process's streams, and ends as it ends. No argv is the image's shell.
func (a *app) execute(ctx context.Context, sb *sandbox.Sandbox, argv []string, opts runtime.ExecOptions, how *execFlags) error {
	if len(argv) == 0 {
		shell, err := sb.ShellArgv(ctx, "")
		if err != nil {
			return err
		}
		argv = shell[:1]
	}
	opts.Stdout, opts.Stderr, opts.Timeout = a.stdout, a.stderr, how.timeout.value
	if how.interactive {
		opts.Stdin = a.stdin
	}
	if how.tty {
		watching, stop := context.WithCancel(ctx)
		defer stop()
		opts.TTY = true
		opts.Resize = watchSize(watching, a.stdout, a.stdin)
		opts.Size = windowSize(a.stdout, a.stdin)
		if how.interactive {
			if err := a.terminal.raw(a.stdin); err != nil {
				return err
			}
			defer a.terminal.release()
		}
	}
	result, err := sb.Exec(ctx, argv, opts)
	a.terminal.release() // before anything is said
	if errors.Is(err, runtime.ErrTimeout) {
		say(a.stderr, fmt.Sprintf("the command timed out after %v; it and all that it started were killed", opts.Timeout))
		return exitCode(runtime.ExitTimeout)
	}
	if err != nil {
		return err
	}
	if result.OOMKilled {
		say(a.stderr, "the command was killed: the sandbox was out of memory; --memory gives it more")
	}
	if result.ExitCode != 0 {
		return exitCode(result.ExitCode)
	}
	return nil
}
