package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/docker/go-units"
	"github.com/spf13/cobra"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/sandbox"
)

// detach starts a command that nobody waits for, and prints its id.
func (a *app) detach(ctx context.Context, sb *sandbox.Sandbox, argv []string, opts runtime.ExecOptions, how *execFlags) error {
	if how.interactive || how.tty {
		return usage("--detach with -i or -t: nobody is there to type\nleave out one of them")
	}
	if len(argv) == 0 {
		return usage("--detach without a command\nname one")
	}
	p, err := sb.StartProcess(ctx, argv, runtime.StartProcessOptions{Env: opts.Env, Dir: opts.Dir, User: opts.User, Timeout: how.timeout.value})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(a.stdout, p.ID)
	return err
}

func (a *app) processesCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:        "processes NAME",
		SuggestFor: []string{"top", "jobs"},
		Short:      "List what was started in a sandbox with exec --detach, the oldest first",
		Long: `List what was started in a sandbox with exec --detach, the oldest first. What has ended stays in the list, with how it ended and what it wrote, until
kill --rm removes it.`,
		Args:              arguments(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeNames(1),
		RunE: a.withRuntime(func(ctx context.Context, rt runtime.Runtime, args []string) error {
			sb, err := sandbox.Open(ctx, rt, args[0], sandbox.OpenOptions{})
			if err != nil {
				return err
			}
			all, err := sb.Processes(ctx)
			if err != nil {
				return err
			}
			if asJSON {
				list := make([]runtime.Process, len(all))
				for i, p := range all {
					list[i] = p.Process
				}
				return a.printJSON(list)
			}
			w := tabwriter.NewWriter(a.stdout, 0, 8, 3, ' ', 0)
			fmt.Fprintln(w, "ID\tSTATE\tSTARTED\tCOMMAND")
			for _, p := range all {
				// A command line is whatever the sandbox says it is.
				fmt.Fprintf(w, "%s\t%s\t%s ago\t%s\n", p.ID, processState(p.Process), units.HumanDuration(time.Since(p.Started)),
					strings.Map(printable, strings.Join(p.Argv, " ")))
			}
			return w.Flush()
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON array")
	return cmd
}

func processState(p runtime.Process) string {
	switch r := p.Result; {
	case r == nil:
		return "running"
	case r.TimedOut:
		return "timed out"
	case r.Signal > 0:
		return fmt.Sprintf("signal %d", r.Signal)
	default:
		return fmt.Sprintf("exited %d", r.ExitCode)
	}
}

func (a *app) logsCommand() *cobra.Command {
	var follow bool
	cmd := a.processCommand("logs NAME PROCESS", "Print what a process has written so far", func(ctx context.Context, p *sandbox.Process) error {
		_, err := p.Wait(ctx, runtime.WaitProcessOptions{Stdout: a.stdout, Stderr: a.stderr, NoWait: !follow})
		return err
	})
	cmd.Long = fmt.Sprintf(`Print what a process has written so far, its standard error to standard error. The first %s and the last %s of each are kept.`,
		units.BytesSize(runtime.ProcessOutputHead), units.BytesSize(runtime.ProcessOutputTail))
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on until it ends")
	return cmd
}

func (a *app) waitCommand() *cobra.Command {
	cmd := a.processCommand("wait NAME PROCESS", "Wait for a process, and end as it ends", func(ctx context.Context, p *sandbox.Process) error {
		now, err := p.Wait(ctx, runtime.WaitProcessOptions{})
		if err == nil && now.Result != nil && now.Result.ExitCode != 0 {
			return exitCode(now.Result.ExitCode)
		}
		return err
	})
	return cmd
}

func (a *app) killCommand() *cobra.Command {
	signal := scalar[int]{kind: "SIGNAL", parse: parseSignal, value: signals["KILL"]}
	var remove bool
	cmd := a.processCommand("kill NAME PROCESS", "End a process with all that it started, or send it a signal", func(ctx context.Context, p *sandbox.Process) error {
		if remove {
			return p.Remove(ctx)
		}
		return p.Signal(ctx, signal.value)
	})
	cmd.Flags().VarP(&signal, "signal", "s", "TERM, INT, … or a number; KILL, which is what is sent without this, ends all that it started")
	cmd.Flags().BoolVar(&remove, "rm", false, "end it and forget it, also when it has ended")
	cmd.MarkFlagsMutuallyExclusive("signal", "rm")
	_ = cmd.RegisterFlagCompletionFunc("signal", cobra.FixedCompletions([]string{"KILL", "TERM", "INT", "HUP"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// processCommand does something with a process of a sandbox.
func (a *app) processCommand(use, short string, do func(context.Context, *sandbox.Process) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short,
		Args:              arguments(cobra.ExactArgs(2)),
		ValidArgsFunction: a.completeProcesses,
		RunE: a.withRuntime(func(ctx context.Context, rt runtime.Runtime, args []string) error {
			sb, err := sandbox.Open(ctx, rt, args[0], sandbox.OpenOptions{})
			if err != nil {
				return err
			}
			return do(ctx, sb.Process(args[1]))
		}),
	}
}

// completeProcesses completes a sandbox's name and then a process's id.
func (a *app) completeProcesses(cmd *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
	if len(args) != 1 {
		return a.completeNames(1)(cmd, args, toComplete)
	}
	var ids []string
	err := a.withRuntime(func(ctx context.Context, rt runtime.Runtime, args []string) error {
		sb, err := sandbox.Open(ctx, rt, args[0], sandbox.OpenOptions{})
		if err != nil {
			return err
		}
		all, err := sb.Processes(ctx)
		for _, p := range all {
			ids = append(ids, p.ID)
		}
		return err
	})(cmd, args)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}

// signals are Linux's numbers, whatever system this runs on.
var signals = map[string]int{
	"HUP": 1, "INT": 2, "QUIT": 3, "ABRT": 6, "KILL": 9, "USR1": 10, "USR2": 12, "ALRM": 14, "TERM": 15, "CONT": 18, "STOP": 19, "TSTP": 20, "WINCH": 28,
}

func parseSignal(s string) (int, error) {
	if n, known := signals[strings.TrimPrefix(strings.ToUpper(s), "SIG")]; known {
		return n, nil
	}
	if n, err := strconv.Atoi(s); err == nil && n > 0 && n <= 64 {
		return n, nil
	}
	return 0, errors.New("not a signal; write TERM, INT, or a number")
}
