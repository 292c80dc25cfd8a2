package main

import (
	"context"
	"fmt"
	"io"
	"path"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/sandlot-dev/sandlot/bench/report"
	"github.com/sandlot-dev/sandlot/runtime"
)

func (b *bench) dockerContenders(ctx context.Context, d *bed) ([]*contender, error) {
	cli, err := client.NewClientWithOpts(client.WithHost("unix://"+d.socket), client.WithAPIVersionNegotiation())
	if err != nil {
		return nil, err
	}
	b.cleanup = append(b.cleanup, func() { b.check(cli.Close()) })
	sdk := dockerSDK(cli, d, b)
	cs := []*contender{sdk}
	if installed("docker") {
		cs = append(cs, command("docker", "--host", d))
	}
	tc, err := b.testcontainers(ctx, cli, d)
	if err != nil {
		return nil, fmt.Errorf("testcontainers-go: %w", err)
	}
	return append(cs, tc), nil
}

// dockerSDK is what a program on Docker's own client does: for an exec create, attach, copy and inspect.
func dockerSDK(cli *client.Client, d *bed, b *bench) *contender {
	id := d.sb.ID()
	return &contender{
		name: "Docker SDK", engine: d.name, role: report.API,
		exec: func(ctx context.Context, stdout io.Writer, argv ...string) error {
			return dockerExec(ctx, cli, id, container.ExecOptions{Cmd: argv}, stdout)
		},
		put: func(ctx context.Context, from, to string) error {
			archive := packed(from, path.Base(to))
			defer archive.Close()
			return cli.CopyToContainer(ctx, id, path.Dir(to), archive, container.CopyToContainerOptions{})
		},
		remove: d.sb.Delete,
		get: func(ctx context.Context, from, to string) error {
			archive, _, err := cli.CopyFromContainer(ctx, id, from)
			if err != nil {
				return err
			}
			defer archive.Close()
			return unpack(archive, path.Base(from), to)
		},
		create: func(ctx context.Context) (func(), error) {
			pids := int64(runtime.DefaultPids)
			made, err := cli.ContainerCreate(ctx, &container.Config{
				Image: d.build.Tag, Cmd: idle, Labels: map[string]string{label: b.token},
			}, &container.HostConfig{
				NetworkMode: "none", CapDrop: []string{"ALL"}, SecurityOpt: []string{"no-new-privileges"},
				Resources: container.Resources{PidsLimit: &pids},
			}, nil, nil, "")
			if err != nil {
				return nil, err
			}
			remove := func() {
				b.check(cli.ContainerRemove(context.WithoutCancel(ctx), made.ID, container.RemoveOptions{Force: true, RemoveVolumes: true}))
			}
			if err := cli.ContainerStart(ctx, made.ID, container.StartOptions{}); err != nil {
				return remove, err
			}
			return remove, dockerExec(ctx, cli, made.ID, container.ExecOptions{Cmd: []string{imageTrue}}, nil)
		},
	}
}

// idle is the command of containers that only wait for execs, as people write it.
var idle = []string{"sleep", "86400"}

func dockerExec(ctx context.Context, cli *client.Client, id string, opts container.ExecOptions, stdout io.Writer) error {
	if stdout == nil {
		stdout = io.Discard
	}
	opts.AttachStdout, opts.AttachStderr = true, true
	made, err := cli.ContainerExecCreate(ctx, id, opts)
	if err != nil {
		return err
	}
	stream, err := cli.ContainerExecAttach(ctx, made.ID, container.ExecAttachOptions{})
	if err != nil {
		return err
	}
	defer stream.Close()
	if _, err := stdcopy.StdCopy(stdout, io.Discard, stream.Reader); err != nil {
		return err
	}
	ended, err := cli.ContainerExecInspect(ctx, made.ID)
	if err != nil {
		return err
	}
	return exited(ended.ExitCode)
}

func exited(code int) error {
	if code != 0 {
		return fmt.Errorf("exit code %d", code)
	}
	return nil
}
