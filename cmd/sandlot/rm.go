package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/sandbox"
)

func (a *app) rmCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:        "rm NAME… | --all",
		SuggestFor: []string{"remove", "delete"},
		Short:      "Remove sandboxes, running or not, and print their names",
		Long: `Remove sandboxes, running or not, with all that is in them, and print their names. Named volumes and images stay. A container that is not
Sandlot's is never removed, whatever its name.`,
		ValidArgsFunction: a.completeNames(-1),
		Args: func(cmd *cobra.Command, names []string) error {
			if all == (len(names) > 0) {
				return usage("rm takes names of sandboxes, or --all; usage: %s", cmd.UseLine())
			}
			return nil
		},
		RunE: a.withRuntime(func(ctx context.Context, rt runtime.Runtime, names []string) error {
			var removed []string
			var err error
			if all {
				removed, err = sandbox.RemoveAll(ctx, rt, runtime.ListOptions{})
			} else {
				removed, err = sandbox.Remove(ctx, rt, names...)
			}
			for _, name := range removed {
				fmt.Fprintln(a.stdout, name)
			}
			return err
		}),
	}
	cmd.Flags().BoolVar(&all, "all", false, "remove every sandbox of the engine")
	return cmd
}
