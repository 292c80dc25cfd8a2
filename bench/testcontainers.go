package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
	"github.com/testcontainers/testcontainers-go"
	tcexec "github.com/testcontainers/testcontainers-go/exec"
	"github.com/testcontainers/testcontainers-go/log"

	"github.com/sandlot-dev/sandlot/runtime"
)

// testcontainers makes a container of its own, since it takes no other's, of the same image and with the same restrictions. It reads where its
// engine is from the environment, once: only the first Docker is measured with it.
func (b *bench) testcontainers(ctx context.Context, cli *client.Client, d *bed) (*contender, error) {
	log.SetDefault(silent{})
	if err := os.Setenv("DOCKER_HOST", "unix://"+d.socket); err != nil {
		return nil, err
	}
	if err := os.Setenv("TESTCONTAINERS_RYUK_DISABLED", "true"); err != nil { // its image would have to come from a registry
		return nil, err
	}
	create := func(ctx context.Context) (testcontainers.Container, error) {
		pids := int64(runtime.DefaultPids)
		return testcontainers.GenericContainer(ctx, testcontainers.GenericContainerRequest{
			ContainerRequest: testcontainers.ContainerRequest{
				Image: d.build.Tag, Cmd: idle, Labels: map[string]string{label: b.token},
				HostConfigModifier: func(h *container.HostConfig) {
					h.NetworkMode, h.CapDrop, h.SecurityOpt = "none", []string{"ALL"}, []string{"no-new-privileges"}
					h.PidsLimit = &pids
				},
			},
			Started: true,
		})
	}
	c, err := create(ctx)
	if err != nil {
		return nil, err
	}
	terminate := func(c testcontainers.Container) func() {
		return func() { b.check(c.Terminate(context.WithoutCancel(ctx), testcontainers.StopTimeout(0))) }
	}
	b.cleanup = append(b.cleanup, terminate(c))
	return &contender{
		name: "testcontainers-go", engine: d.name, getsFilesOnly: true,
		stdoutReason: "its Exec reads nothing before the command has ended, and so never ends where the output is more than the pipes take",
		exec: func(ctx context.Context, stdout io.Writer, argv ...string) error {
			return testcontainersExec(ctx, c, stdout, argv)
		},
		put: func(ctx context.Context, from, to string) error { // a directory keeps its name
			info, err := os.Stat(from)
			if err != nil {
				return err
			}
			if info.IsDir() {
				return c.CopyDirToContainer(ctx, from, to, 0o755)
			}
			return c.CopyFileToContainer(ctx, from, to, 0o644)
		},
		remove: func(ctx context.Context, name string) error {
			return dockerExec(ctx, cli, c.GetContainerID(), container.ExecOptions{Cmd: []string{"rm", "-rf", name}, User: "0", Privileged: true}, nil)
		},
		get: func(ctx context.Context, from, to string) error {
			content, err := c.CopyFileFromContainer(ctx, from)
			if err != nil {
				return err
			}
			defer content.Close()
			return writeFile(to, content)
		},
		create: func(ctx context.Context) (func(), error) {
			made, err := create(ctx)
			if err != nil {
				return nil, err
			}
			return terminate(made), testcontainersExec(ctx, made, nil, []string{imageTrue})
		},
	}, nil
}

func testcontainersExec(ctx context.Context, c testcontainers.Container, stdout io.Writer, argv []string) error {
	if stdout == nil {
		stdout = io.Discard
	}
	code, output, err := c.Exec(ctx, argv, tcexec.Multiplexed())
	if err != nil {
		return err
	}
	if _, err := io.Copy(stdout, output); err != nil {
		return err
	}
	if code != 0 {
		return fmt.Errorf("exit code %d", code)
	}
	return nil
}

// silent is what it logs to.
type silent struct{}

// Printf implements log.Logger.
func (silent) Printf(string, ...any) {}
