package docker_test

import (
	"context"
	"log"
	"os"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/runtime/docker"
)

func ExampleDriver() {
	ctx := context.Background()
	rt, err := runtime.Open(ctx, "docker+unix:///var/run/docker.sock", docker.Driver())
	if err != nil {
		log.Fatal(err)
	}
	defer rt.Close()
	box, err := rt.Run(ctx, "docker.io/library/alpine:3", runtime.RunOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer rt.Remove(ctx, box.ID, runtime.RemoveOptions{})
	result, err := rt.Exec(ctx, box.ID, []string{"echo", "hello"}, runtime.ExecOptions{Stdout: os.Stdout})
	if err != nil {
		log.Fatal(err)
	}
	os.Exit(result.ExitCode)
}
