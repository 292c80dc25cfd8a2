package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/docker/go-units"
	"github.com/spf13/cobra"

	"github.com/sandlot-dev/sandlot/runtime"
)

func (a *app) lsCommand() *cobra.Command {
	var asJSON bool
	var labels list[pair]
	cmd := &cobra.Command{
		Use:        "ls",
		SuggestFor: []string{"ps", "list"},
		Short:      "List the sandboxes of the engine, newest first",
		Long: `List the sandboxes of the engine, newest first, also those that do not run and those that other processes made. Containers that are
not Sandlot's are never in it.`,
		Args: arguments(cobra.NoArgs),
		RunE: a.withRuntime(func(ctx context.Context, rt runtime.Runtime, _ []string) error {
			wanted, err := pairs("label", labels.values)
			if err != nil {
				return err
			}
			sandboxes, err := rt.List(ctx, runtime.ListOptions{Labels: wanted})
			if err != nil {
				return err
			}
			if asJSON {
				if sandboxes == nil {
					sandboxes = []runtime.Container{}
				}
				return a.printJSON(sandboxes)
			}
			return a.table(sandboxes)
		}),
	}
	labels = list[pair]{kind: "KEY[=VALUE]", parse: parsePair}
	cmd.Flags().VarP(&labels, "label", "l", "only sandboxes with this label; may be repeated")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON array")
	return cmd
}

func (a *app) table(sandboxes []runtime.Container) error {
	w := tabwriter.NewWriter(a.stdout, 0, 8, 3, ' ', 0)
	fmt.Fprintln(w, "NAME\tIMAGE\tSTATE\tCREATED\tPORTS")
	for _, c := range sandboxes {
		ports := make([]string, len(c.Ports))
		for i, p := range c.Ports {
			ports[i] = fmt.Sprintf("%s->%d/%s", p.Host, p.Container, p.Protocol)
		}
		age := units.HumanDuration(time.Since(c.Created)) + " ago"
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", c.Name, c.Image, c.State, age, strings.Join(ports, ", "))
	}
	return w.Flush()
}
