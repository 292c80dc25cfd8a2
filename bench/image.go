package main

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
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
	files := map[string]string{imageTrue: hostTrue}
	libraries, err := librariesOf(ctx, hostTrue)
	if err != nil {
		return nil, err
	}
	for _, name := range libraries {
		files[name] = name
	}
	archive := new(bytes.Buffer)
	w := tar.NewWriter(archive)
	add := func(name string, content []byte) error {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(content))}); err != nil {
			return err
		}
		_, err := w.Write(content)
		return err
	}
	if err := add("Dockerfile", []byte("FROM "+base+"\nCOPY root /\n")); err != nil {
		return nil, err
	}
	for name, from := range files {
		content, err := os.ReadFile(from)
		if err == nil {
			err = add(filepath.Join("root", name), content)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return &sandbox.Build{
		Tag: "localhost/sandlot/bench:" + strings.ToLower(b.token), IfMissing: true,
		Context: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive.Bytes())), nil },
	}, nil
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
