package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/sandbox"
)

func (a *app) gcCommand() *cobra.Command {
	var dryRun, asJSON bool
	var age scalar[time.Duration]
	var labels list[pair]
	cmd := &cobra.Command{
		Use:   "gc",
		Short: "Remove what was left behind, and print it",
		Long: `Remove what was left behind, and print it: sandboxes of processes of this machine that ended without removing them, sandboxes whose
--lease is over, and guests of other versions of Sandlot that no container uses. Sandboxes of create have no owner: without a lease
they stay. So do sandboxes whose owner lives, and those of other machines until their lease is over.`,
		Args: arguments(cobra.NoArgs),
		RunE: a.withRuntime(func(ctx context.Context, rt runtime.Runtime, _ []string) error {
			wanted, err := pairs("label", labels.values)
			if err != nil {
				return err
			}
			result, err := sandbox.GC(ctx, rt, sandbox.GCOptions{OlderThan: age.value, Labels: wanted, DryRun: dryRun})
			print := a.collected
			if asJSON {
				print = func(result sandbox.GCResult) error { return a.printJSON(result) }
			}
			if perr := print(result); err == nil { // what was removed is told also where something else failed
				err = perr
			}
			return err
		}),
	}
	age = scalar[time.Duration]{kind: "DURATION", parse: parseTimeout}
	cmd.Flags().Var(&age, "older-than", "spare what was made in the last so long (10m, 24h)")
	labels = list[pair]{kind: "KEY[=VALUE]", parse: parsePair}
	cmd.Flags().VarP(&labels, "label", "l", "only sandboxes with this label; may be repeated")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "remove nothing, only print what would be removed")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object")
	return cmd
}

// collected prints a line for each thing that was removed.
func (a *app) collected(result sandbox.GCResult) error {
	w := tabwriter.NewWriter(a.stdout, 0, 8, 3, ' ', 0)
	for _, s := range result.Sandboxes {
		fmt.Fprintf(w, "sandbox\t%s\t%s\n", s.Name, s.Reason)
	}
	for _, name := range result.Containers {
		fmt.Fprintf(w, "container\t%s\tleft half way\n", name)
	}
	for _, name := range result.Volumes {
		fmt.Fprintf(w, "volume\t%s\tnot used\n", name)
	}
	return w.Flush()
}
