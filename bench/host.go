package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/sandlot-dev/sandlot/bench/report"
	"github.com/sandlot-dev/sandlot/builtin"
)

// host runs the programs of the built-in image on the host: fork, exec and wait, and nothing else. It is what no sandbox can beat.
func (b *bench) host() (*contender, error) {
	dir, err := b.tempDir()
	if err != nil {
		return nil, err
	}
	program, err := box()
	if err != nil {
		return nil, err
	}
	name := filepath.Join(dir, "box")
	if err := os.WriteFile(name, program, 0o755); err != nil {
		return nil, err
	}
	return &contender{name: "fork+exec", role: report.Host, exec: func(ctx context.Context, stdout io.Writer, argv ...string) error {
		cmd := exec.CommandContext(ctx, name, argv[1:]...)
		cmd.Args[0] = argv[0] // the program goes by the name it is called
		if argv[0] == imageTrue {
			cmd.Path = hostTrue
		}
		cmd.Env = []string{}
		cmd.Stdout = stdout
		return cmd.Run()
	}}, nil
}

// box is the program that the built-in image holds.
func box() ([]byte, error) {
	context, err := builtin.Context(runtime.GOARCH)
	if err != nil {
		return nil, err
	}
	root, err := member(context, "rootfs.tar")
	if err != nil {
		return nil, err
	}
	return member(bytes.NewReader(root), "bin/box")
}

func member(archive io.Reader, name string) ([]byte, error) {
	for r := tar.NewReader(archive); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil, errors.New("the built-in image has no " + name)
		}
		if err != nil {
			return nil, err
		}
		if h.Name == name {
			return io.ReadAll(r)
		}
	}
}
