package main

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/runtime/auto"
	"github.com/sandlot-dev/sandlot/sandbox"
)

// mainSandlot is Sandlot as everybody has it.
const mainSandlot = "Sandlot"

// sandlot are Sandlot's own contenders: as it is, and with an engine's exec for each command, in the same sandbox.
func (b *bench) sandlot(ctx context.Context, d *bed) ([]*contender, error) {
	plain, err := auto.Open(ctx, d.url+"?sessions=off", auto.Options{})
	if err != nil {
		return nil, err
	}
	b.cleanup = append(b.cleanup, func() { b.check(plain.Close()) })
	sb, err := sandbox.Open(ctx, plain, d.sb.ID(), sandbox.OpenOptions{})
	if err != nil {
		return nil, err
	}
	return []*contender{
		b.sandlotOver(mainSandlot, d, d.rt, d.sb),
		b.sandlotOver("Sandlot, sessions=off", d, plain, sb),
		{name: "Sandlot, attached", engine: d.name, create: func(ctx context.Context) (func(), error) {
			opts := d.options(b.token)
			opts.Attached = true
			return createSandlot(ctx, b, d.rt, opts)
		}},
	}, nil
}

func (b *bench) sandlotOver(name string, d *bed, rt runtime.Runtime, sb *sandbox.Sandbox) *contender {
	return &contender{
		name: name, engine: d.name,
		exec: func(ctx context.Context, stdout io.Writer, argv ...string) error {
			return sandlotExec(ctx, sb, stdout, argv)
		},
		put: func(ctx context.Context, from, to string) error {
			f, err := os.Open(from)
			if err != nil {
				return err
			}
			defer f.Close()
			info, err := f.Stat()
			if err != nil {
				return err
			}
			if info.IsDir() {
				return sb.PutDir(ctx, from, to, sandbox.PutDirOptions{})
			}
			return sb.Upload(ctx, to, f, info.Size(), sandbox.FileOptions{})
		},
		remove: sb.Delete,
		get: func(ctx context.Context, from, to string) error {
			info, err := sb.Stat(ctx, from)
			if err != nil {
				return err
			}
			if info.IsDir() {
				_, err := sb.GetDir(ctx, from, to, sandbox.GetDirOptions{})
				return err
			}
			f, err := os.Create(to)
			if err != nil {
				return err
			}
			_, err = sb.Download(ctx, from, f)
			return errors.Join(err, f.Close())
		},
		create: func(ctx context.Context) (func(), error) {
			return createSandlot(ctx, b, rt, d.options(b.token))
		},
	}
}

func createSandlot(ctx context.Context, b *bench, rt runtime.Runtime, opts sandbox.Options) (remove func(), err error) {
	made, err := sandbox.New(ctx, rt, opts)
	if err != nil {
		return nil, err
	}
	return func() { b.check(made.Close()) }, sandlotExec(ctx, made, nil, []string{imageTrue})
}

func sandlotExec(ctx context.Context, sb *sandbox.Sandbox, stdout io.Writer, argv []string) error {
	result, err := sb.Exec(ctx, argv, runtime.ExecOptions{Stdout: stdout})
	if err != nil {
		return err
	}
	return exited(result.ExitCode)
}
