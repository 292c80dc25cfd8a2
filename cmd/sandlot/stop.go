package main

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/go-multierror"
	"github.com/spf13/cobra"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/sandbox"
)

func (a *app) stopCommand() *cobra.Command {
	var grace time.Duration
	cmd := a.eachCommand("stop NAME…", "Stop sandboxes: end their processes and keep their files", func(ctx context.Context, sb *sandbox.Sandbox) error {
		return sb.Stop(ctx, runtime.StopOptions{Grace: grace})
	})
	cmd.Flags().DurationVar(&grace, "grace", 0, "time between SIGTERM and SIGKILL")
	return cmd
}

func (a *app) startCommand() *cobra.Command {
	return a.eachCommand("start NAME…", "Start stopped sandboxes", func(ctx context.Context, sb *sandbox.Sandbox) error {
		return sb.Start(ctx)
	})
}

// eachCommand does something to each of the sandboxes named, and prints the names of those with which it went well.
func (a *app) eachCommand(use, short string, do func(context.Context, *sandbox.Sandbox) error) *cobra.Command {
	return &cobra.Command{
		Use:               use,
		Short:             short,
		Args:              arguments(cobra.MinimumNArgs(1)),
		ValidArgsFunction: a.completeNames(-1),
		RunE: a.withRuntime(func(ctx context.Context, rt runtime.Runtime, names []string) error {
			var errs *multierror.Error
			for _, name := range names {
				sb, err := sandbox.Open(ctx, rt, name, sandbox.OpenOptions{})
				if err == nil {
					err = do(ctx, sb)
				}
				if err != nil {
					errs = multierror.Append(errs, err)
					continue
				}
				fmt.Fprintln(a.stdout, name)
			}
			return errs.ErrorOrNil()
		}),
	}
}
