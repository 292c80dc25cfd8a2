// Command genbin builds a program that Sandlot carries: static, for linux/amd64 and linux/arm64, gzipped, and the same
// bit for bit wherever and whenever it is built. Packages that embed such a program have a line like
//
//	//go:generate go run github.com/sandlot-dev/sandlot/internal/genbin -pkg ./cmd/guest -out image -max 3145728
//
// which writes image/guest_linux_amd64.gz and image/guest_linux_arm64.gz.
package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
)

var architectures = []string{"amd64", "arm64"}

func main() {
	if err := run(os.Args[1:]); err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) { // the child has said why
			os.Exit(exit.ExitCode())
		}
		fmt.Fprintln(os.Stderr, "genbin:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("genbin", flag.ExitOnError)
	pkg := flags.String("pkg", "", "the main package to build, as `go build` takes it")
	out := flags.String("out", "", "the directory that gets NAME_linux_ARCH.gz, created where missing")
	name := flags.String("name", "", "NAME (default: the last element of -pkg)")
	tags := flags.String("tags", "", "build tags, separated by commas")
	limit := flags.Int64("max", 0, "the most bytes that a program may have before compression; 0: no limit")
	_ = flags.Parse(args)
	if *pkg == "" || *out == "" || flags.NArg() > 0 {
		flags.Usage()
		return errors.New("give -pkg and -out, and nothing else")
	}
	if *name == "" {
		*name = path.Base(*pkg)
	}
	pinned, err := toolchain()
	if err != nil {
		return err
	}
	if runtime.Version() != pinned {
		return again(pinned, args)
	}
	if err := os.MkdirAll(*out, 0o755); err != nil {
		return err
	}
	for _, arch := range architectures {
		program, err := build(*pkg, *tags, arch)
		if err != nil {
			return fmt.Errorf("building %s for linux/%s: %w", *pkg, arch, err)
		}
		if *limit > 0 && int64(len(program)) > *limit {
			return fmt.Errorf("%s for linux/%s has %d bytes, %d are allowed (-max): make it smaller", *pkg, arch, len(program), *limit)
		}
		packed, err := pack(program)
		if err != nil {
			return err
		}
		if err := replace(filepath.Join(*out, *name+"_linux_"+arch+".gz"), packed); err != nil {
			return err
		}
	}
	return nil
}

// toolchain is the one that go.mod names. Another version's compiler, and another version's gzip, make other bytes.
func toolchain() (string, error) {
	out, err := command(nil, "mod", "edit", "-json").Output()
	if err != nil {
		return "", fmt.Errorf("go mod edit -json: %w", err)
	}
	var mod struct{ Toolchain string }
	if err := json.Unmarshal(out, &mod); err != nil {
		return "", fmt.Errorf("go mod edit -json: %w", err)
	}
	if mod.Toolchain == "" {
		return "", errors.New("go.mod has no toolchain line: add one, the generated programs depend on it")
	}
	return mod.Toolchain, nil
}

// again runs genbin itself by the pinned toolchain, which the go command downloads where it is missing.
func again(pinned string, args []string) error {
	if os.Getenv("GOTOOLCHAIN") == pinned {
		return fmt.Errorf("go.mod names toolchain %s and this is %s even with GOTOOLCHAIN=%[1]s: install %[1]s", pinned, runtime.Version())
	}
	cmd := command([]string{"GOTOOLCHAIN=" + pinned}, append([]string{"run", "github.com/sandlot-dev/sandlot/internal/genbin"}, args...)...)
	cmd.Stdout = os.Stdout
	return cmd.Run()
}

// build returns the program. Whatever the user's environment says about flags, processor levels and workspaces is overridden.
func build(pkg, tags, arch string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "genbin")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "program")
	env := []string{
		"GOOS=linux", "GOARCH=" + arch, "CGO_ENABLED=0", "GOAMD64=v1", "GOARM64=v8.0", "GOWORK=off",
		// not empty: an empty one would let `go env -w GOFLAGS=…` through
		"GOFLAGS=-mod=readonly",
	}
	cmd := command(env, "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-tags="+tags, "-o", file, pkg)
	if err := cmd.Run(); err != nil {
		return nil, err
	}
	return os.ReadFile(file)
}

func command(env []string, args ...string) *exec.Cmd {
	cmd := exec.Command("go", args...)
	cmd.Env = append(slices.Clip(os.Environ()), env...)
	cmd.Stderr = os.Stderr
	return cmd
}

// pack compresses with an empty header: no name, no time.
func pack(program []byte) ([]byte, error) {
	var buf bytes.Buffer
	w, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(program); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// replace never leaves half a file.
func replace(name string, content []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(name), ".genbin")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(content)
	if err := errors.Join(err, tmp.Chmod(0o644), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), name)
}
