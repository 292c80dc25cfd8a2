package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sandlot-dev/sandlot/runtime"
)

func (a *app) portCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "port NAME [PORT[/udp]]",
		Short: "Print where a sandbox's published ports are on the host",
		Example: `  sandlot port box
  sandlot port box 8080
  sandlot port box 53/udp`,
		Args:              arguments(cobra.RangeArgs(1, 2)),
		ValidArgsFunction: a.completeNames(1),
		RunE: a.withRuntime(func(ctx context.Context, rt runtime.Runtime, args []string) error {
			c, err := rt.Inspect(ctx, args[0], runtime.InspectOptions{})
			if err != nil {
				return err
			}
			ports := c.Ports
			if len(args) == 2 {
				host, err := c.HostPort(args[1])
				if err != nil {
					return err
				}
				if !asJSON {
					_, err = fmt.Fprintln(a.stdout, host)
					return err
				}
				number, protocol, err := runtime.ParsePort(args[1])
				if err != nil {
					return err
				}
				ports = []runtime.PublishedPort{{Container: number, Protocol: protocol, Host: host}}
			}
			if asJSON {
				if ports == nil {
					ports = []runtime.PublishedPort{}
				}
				return a.printJSON(ports)
			}
			for _, p := range ports {
				if _, err := fmt.Fprintf(a.stdout, "%d/%s -> %s\n", p.Container, p.Protocol, p.Host); err != nil {
					return err
				}
			}
			return nil
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON array")
	return cmd
}
