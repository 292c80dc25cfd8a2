package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/sandlot-dev/sandlot/runtime"
)

func (a *app) inspectCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "inspect NAME…",
		Short:             "Describe sandboxes, as a JSON array",
		Args:              arguments(cobra.MinimumNArgs(1)),
		ValidArgsFunction: a.completeNames(-1),
		RunE: a.withRuntime(func(ctx context.Context, rt runtime.Runtime, names []string) error {
			sandboxes := make([]runtime.Container, len(names))
			for i, name := range names {
				c, err := rt.Inspect(ctx, name, runtime.InspectOptions{})
				if err != nil {
					return err
				}
				sandboxes[i] = c
			}
			return a.printJSON(sandboxes)
		}),
	}
}
