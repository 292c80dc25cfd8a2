package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
)

// command is an engine's own command line: PROGRAM FLAG URL exec ID … . Podman's too goes through its service, as the others do.
func command(program, flag string, d *bed) *contender {
	run := func(ctx context.Context, stdout io.Writer, args ...string) error {
		cmd := exec.CommandContext(ctx, program, append([]string{flag, "unix://" + d.socket}, args...)...)
		var stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = stdout, &stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%s %s: %w: %s", program, args[0], err, bytes.TrimSpace(stderr.Bytes()))
		}
		return nil
	}
	id := d.sb.ID()
	return &contender{
		name: program + " command", engine: d.name,
		exec: func(ctx context.Context, stdout io.Writer, argv ...string) error {
			return run(ctx, stdout, append([]string{"exec", id}, argv...)...)
		},
		put:    func(ctx context.Context, from, to string) error { return run(ctx, nil, "cp", from, id+":"+to) },
		get:    func(ctx context.Context, from, to string) error { return run(ctx, nil, "cp", id+":"+from, to) },
		remove: d.sb.Delete,
	}
}

func installed(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil
}
