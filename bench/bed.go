package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/sandlot-dev/sandlot/bench/report"
	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/runtime/auto"
	"github.com/sandlot-dev/sandlot/sandbox"
)

// A bed is an engine with a sandbox in which all of its contenders run their commands: so they all have the same restrictions, the same
// program and the same file system.
type bed struct {
	name, socket string // "docker", "/var/run/docker.sock"
	kind         string // "docker" or "podman"
	url          string
	rt           runtime.Runtime
	build        *sandbox.Build
	sb           *sandbox.Sandbox
}

// tokenVar is the environment variable that tells this run's sandboxes.
const tokenVar = "SANDLOT_BENCH"

// label is the same for the engine.
const label = "sandlot-bench"

// options are those of every sandbox made here.
func (d *bed) options(token string) sandbox.Options {
	return sandbox.Options{
		Build:      d.build,
		RunOptions: runtime.RunOptions{Env: []string{tokenVar + "=" + token}, Labels: map[string]string{label: token}},
	}
}

// open opens the engines and prepares all contenders.
func (b *bench) open(ctx context.Context) error {
	engines := strings.Fields(b.engines)
	if len(engines) == 0 {
		return errors.New("no engines are named: run make bench, or set SANDLOT_TEST_ENGINES to NAME=URL pairs")
	}
	if b.quick {
		engines = engines[:1]
	}
	host, err := b.host()
	if err != nil {
		return err
	}
	b.contenders = []*contender{host}
	for _, engine := range engines {
		d, err := b.bed(ctx, engine)
		if err != nil {
			return fmt.Errorf("%s: %w", engine, err)
		}
		b.beds = append(b.beds, d)
		var cs []*contender
		if d.kind == "docker" {
			cs, err = b.dockerContenders(ctx, d)
		} else {
			cs, err = b.podmanContenders(d)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", engine, err)
		}
		own, err := b.sandlot(ctx, d)
		if err != nil {
			return fmt.Errorf("%s: %w", engine, err)
		}
		b.contenders = append(append(b.contenders, cs...), own...)
	}
	b.versions(ctx)
	return nil
}

func (b *bench) bed(ctx context.Context, engine string) (*bed, error) {
	name, url, ok := strings.Cut(engine, "=")
	scheme, socket, isUnix := strings.Cut(url, "+unix://")
	if !ok || !isUnix {
		return nil, errors.New("write NAME=docker+unix:///path or NAME=podman+unix:///path: the peers use the socket too")
	}
	rt, err := auto.Open(ctx, url, auto.Options{})
	if err != nil {
		return nil, err
	}
	d := &bed{name: name, socket: socket, kind: scheme, url: url, rt: rt}
	b.cleanup = append(b.cleanup, func() { b.check(rt.Close()) })
	if d.build, err = b.image(ctx, rt); err != nil {
		return nil, err
	}
	info, err := rt.Info(ctx)
	if err != nil {
		return nil, err
	}
	b.result.Engines = append(b.result.Engines, report.Engine{
		Name: name, Version: info.Version, APIVersion: info.APIVersion, Storage: info.StorageDriver, Cgroups: info.CgroupVersion,
		Rootless: info.Rootless,
	})
	b.cleanup = append(b.cleanup, func() { // whatever is left of this run, also when it is cut short
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_, err := sandbox.RemoveAll(ctx, rt, runtime.ListOptions{Labels: map[string]string{label: b.token}})
		b.check(err)
		if remover, can := rt.(runtime.ImageRemover); can {
			_, err := remover.RemoveImage(ctx, d.build.Tag, runtime.RemoveImageOptions{})
			b.check(err)
		}
	})
	d.sb, err = sandbox.New(ctx, rt, d.options(b.token))
	return d, err
}

// close frees everything, the last first.
func (b *bench) close() {
	for i := len(b.cleanup) - 1; i >= 0; i-- {
		b.cleanup[i]()
	}
}

func (b *bench) check(err error) {
	if err != nil {
		b.say("clean-up: %v", err)
	}
}

// tempDir is a directory of the host for as long as the run.
func (b *bench) tempDir() (string, error) {
	dir, err := os.MkdirTemp("", "sandlot-bench-")
	if err == nil {
		b.cleanup = append(b.cleanup, func() { b.check(os.RemoveAll(dir)) })
	}
	return dir, err
}

// bedOf is the bed of a contender's engine.
func (b *bench) bedOf(c *contender) *bed {
	for _, d := range b.beds {
		if d.name == c.engine {
			return d
		}
	}
	return nil
}
