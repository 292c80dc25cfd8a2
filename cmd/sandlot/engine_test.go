//go:build unix

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
)

// The tests in this file and in end_to_end_test.go run the command itself, built for them, on each engine that SANDLOT_TEST_ENGINES names.

// program is the built command. It lies where every user may run it.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "sandlot-command-")
	if err != nil {
		return "", err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", err
	}
	built = dir
	build := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(dir, "sandlot"), ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return filepath.Join(dir, "sandlot"), nil
})

// built is the directory to remove at the end.
var built string

func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		_ = os.RemoveAll(built)
	}
	os.Exit(code)
}

// host is an engine to run the command on. The label tells this test's sandboxes from others'.
type host struct {
	name, url, label string
}

// onEngines runs test on all engines at once.
func onEngines(t *testing.T, test func(t *testing.T, h host)) {
	t.Helper()
	engines := strings.Fields(os.Getenv("SANDLOT_TEST_ENGINES"))
	if len(engines) == 0 {
		t.Fatal("SANDLOT_TEST_ENGINES names no engine: run make test, or set it to NAME=URL pairs")
	}
	var all sync.WaitGroup
	for _, pair := range engines {
		name, url, _ := strings.Cut(pair, "=")
		all.Go(func() {
			t.Run(name, func(t *testing.T) {
				h := host{name, url, "test=" + unique()}
				t.Cleanup(func() { h.nothingLeft(t) })
				test(t, h)
			})
		})
	}
	all.Wait()
}

func unique() string { return "e2e-" + strings.ToLower(rand.Text()[:12]) }

// patience bounds every call of the command. None should come near it.
const patience = 3 * time.Minute

// command is the command on this engine, not yet started. run and create get the test's label.
func (h host) command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	if args[0] == "run" || args[0] == "create" {
		args = append([]string{args[0], "--label", h.label}, args[1:]...)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), "SANDLOT_RUNTIME="+h.url)
	return cmd
}

func (h host) call(t *testing.T, args ...string) call {
	t.Helper()
	return h.callWith(t, nil, args...)
}

func (h host) callWith(t *testing.T, stdin io.Reader, args ...string) call {
	t.Helper()
	cmd := h.command(t, args...)
	cmd.Stdin = stdin
	return finish(t, cmd)
}

// finish runs a command to its end.
func finish(t *testing.T, cmd *exec.Cmd) call {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	return ended(t, cmd.Run(), cmd, &stdout, &stderr)
}

func ended(t *testing.T, err error, cmd *exec.Cmd, stdout, stderr fmt.Stringer) call {
	t.Helper()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, stderr)
	}
	return call{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// create makes a sandbox that is removed after the test.
func (h host) create(t *testing.T, flags ...string) (name string) {
	t.Helper()
	name = unique()
	c := h.call(t, append([]string{"create", "-q", "--name", name}, flags...)...)
	if c.status != 0 || c.stdout != name+"\n" {
		t.Fatalf("create %v: %+v", flags, c)
	}
	t.Cleanup(func() {
		if c := h.call(t, "rm", name); c.status != 0 && !strings.Contains(c.stderr, "not found") {
			t.Errorf("rm %s: %+v", name, c)
		}
	})
	return name
}

func (h host) sandboxes(t *testing.T) (list []runtime.Container) {
	t.Helper()
	c := h.call(t, "ls", "--json", "--label", h.label)
	if err := json.Unmarshal([]byte(c.stdout), &list); err != nil {
		t.Fatalf("ls --json: %+v: %v", c, err)
	}
	return list
}

func (h host) nothingLeft(t *testing.T) {
	t.Helper()
	for _, c := range h.sandboxes(t) {
		t.Errorf("sandbox %s is left", c.Name)
		h.call(t, "rm", c.Name)
	}
}
