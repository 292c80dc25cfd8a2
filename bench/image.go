package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/sandlot-dev/sandlot/builtin"
	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/sandbox"
)

// hostTrue is this machine's own true: a small program of C, as most commands are. imageTrue is where the sandboxes have it. The true of the built-in image
// takes a millisecond to start, which is its own and would hide what the way to it costs.
const (
	hostTrue  = "/bin/true"
	imageTrue = "/bench/true"
)

// image is the built-in image with hostTrue and the libraries that it is linked to.
func (b *bench) image(ctx context.Context, rt runtime.Runtime) (*sandbox.Build, error) {
	build, err := builtin.Build(ctx, rt)
	if err != nil {
		return nil, err
	}
	base, err := sandbox.BuildImage(ctx, rt, *build, nil)
	if err != nil {
		return nil, err
	}
	dir, err := b.tempDir()
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM "+base+"\nCOPY root /\n"), 0o644); err != nil {
		return nil, err
	}
	libraries, err := librariesOf(ctx, hostTrue)
	if err != nil {
		return nil, err
	}
	if err := copyProgram(hostTrue, filepath.Join(dir, "root", imageTrue)); err != nil {
		return nil, err
	}
	for _, name := range libraries {
		if err := copyProgram(name, filepath.Join(dir, "root", name)); err != nil {
			return nil, err
		}
	}
	return &sandbox.Build{Dir: dir, Tag: "localhost/sandlot/bench:" + b.token, IfMissing: true}, nil
}

func copyProgram(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o755)
}

var library = regexp.MustCompile(`(/\S+) \(0x`)

// librariesOf are the files that a program needs to be started, by the names that it has for them.
func librariesOf(ctx context.Context, program string) ([]string, error) {
	out, err := exec.CommandContext(ctx, "ldd", program).CombinedOutput()
	if err != nil {
		if strings.Contains(string(out), "not a dynamic executable") {
			return nil, nil
		}
		return nil, fmt.Errorf("ldd %s: %w: %s", program, err, out)
	}
	var names []string
	for _, found := range library.FindAllStringSubmatch(string(out), -1) {
		names = append(names, found[1])
	}
	return names, nil
}
