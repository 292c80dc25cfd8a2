// Command sandlot runs untrusted commands in containers, the same way on Docker and Podman. `sandlot --help` says how.
package main

import (
	"context"
	"os"

	"github.com/sandlot-dev/sandlot/builtin"
	"github.com/sandlot-dev/sandlot/doctor"
	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/runtime/auto"
)

func main() {
	a := &app{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		lookupEnv: os.LookupEnv,
		open: func(ctx context.Context, ref string) (runtime.Runtime, error) {
			return auto.Open(ctx, ref, auto.Options{})
		},
		builtin: builtin.Build,
		examine: doctor.Check,
	}
	ctx, stop := withSignals(context.Background(), signalGap, func(code int) {
		a.terminal.release()
		os.Exit(code)
	})
	code := a.run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}
