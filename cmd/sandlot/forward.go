package main

import (
	"context"
	"fmt"
	"net"
	"path"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/sandbox"
)

func (a *app) forwardCommand() *cobra.Command {
	var user string
	cmd := &cobra.Command{
		Use:   "forward NAME [[HOST:]PORT:]PORT…",
		Short: "Make ports of a sandbox reachable on this machine, until interrupted",
		Long: `Forward listens on this machine and passes connections on to what listens on the sandbox's loopback, or on a unix socket in it. The sandbox needs
neither a network nor a published port. It listens on 127.0.0.1 and a free port unless told otherwise, and prints where.`,
		Example: `  sandlot forward box 8080
  sandlot forward box 9000:8080 0.0.0.0:9001:8081
  sandlot forward box 5432:/run/postgresql/.s.PGSQL.5432`,
		Args:              arguments(cobra.MinimumNArgs(2)),
		ValidArgsFunction: a.completeNames(1),
		RunE: a.withRuntime(func(ctx context.Context, rt runtime.Runtime, args []string) error {
			var forwards []forward
			for _, text := range args[1:] {
				f, err := parseForward(text)
				if err != nil {
					return usage("%s: %v", text, err)
				}
				forwards = append(forwards, f)
			}
			sb, err := sandbox.Open(ctx, rt, args[0], sandbox.OpenOptions{})
			if err != nil {
				return err
			}
			return a.forward(ctx, sb, user, forwards)
		}),
	}
	cmd.Flags().StringVarP(&user, "user", "u", "", "`USER`: NAME, UID, NAME:GROUP or UID:GID (default: the sandbox's)")
	return cmd
}

// A forward is one that was asked for.
type forward struct{ listen, network, address string }

// parseForward reads [[HOST:]PORT:]PORT, with the path of a unix socket in place of the last PORT.
func parseForward(text string) (forward, error) {
	const want = "write PORT, LOCALPORT:PORT or ADDRESS:LOCALPORT:PORT; PORT may be the absolute path of a unix socket"
	local, target := "", text
	if slash := strings.IndexByte(text, '/'); slash >= 0 {
		local, target = strings.TrimSuffix(text[:slash], ":"), text[slash:]
		if slash > 0 && text[slash-1] != ':' {
			return forward{}, fmt.Errorf("no port; %s", want)
		}
	} else if colon := strings.LastIndexByte(text, ':'); colon >= 0 {
		if local, target = text[:colon], text[colon+1:]; local == "" {
			return forward{}, fmt.Errorf("no local port; %s", want)
		}
	}
	f := forward{listen: "127.0.0.1:0", network: "unix", address: target}
	if !path.IsAbs(target) {
		port, protocol, err := runtime.ParsePort(target)
		if err != nil || protocol != "tcp" || strings.Contains(target, "/") {
			return forward{}, fmt.Errorf("no port %q; %s", target, want)
		}
		f.network, f.address = "tcp", fmt.Sprintf("localhost:%d", port)
	}
	if local == "" {
		return f, nil
	}
	if !strings.Contains(local, ":") {
		local = "127.0.0.1:" + local
	}
	host, port, err := net.SplitHostPort(local)
	if _, portErr := net.LookupPort("tcp", port); err != nil || host == "" || portErr != nil {
		return forward{}, fmt.Errorf("no local address %q; %s", local, want)
	}
	f.listen = local
	return f, nil
}

// forward forwards until ctx is done or one of them ends by itself.
func (a *app) forward(ctx context.Context, sb *sandbox.Sandbox, user string, forwards []forward) error {
	ended := make(chan error, len(forwards))
	for _, want := range forwards {
		f, err := sb.Forward(ctx, want.network, want.address, sandbox.ForwardOptions{
			Listen: want.listen, User: user, Failed: func(err error) { a.warn([]string{err.Error()}) },
		})
		if err != nil {
			return err
		}
		defer f.Close()
		if _, err := fmt.Fprintf(a.stdout, "%s -> %s\n", strings.TrimPrefix(want.address, "localhost:"), f.Addr()); err != nil {
			return err
		}
		go func() { ended <- f.Wait() }()
	}
	err := <-ended
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}
