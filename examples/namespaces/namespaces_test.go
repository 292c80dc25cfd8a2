//go:build linux

package namespaces_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	goruntime "runtime"
	"strings"
	"testing"
	"time"

	"github.com/sandlot-dev/sandlot/conformance"
	"github.com/sandlot-dev/sandlot/examples/namespaces"
	"github.com/sandlot-dev/sandlot/runtime"
)

func TestMain(m *testing.M) {
	namespaces.Init()
	os.Exit(m.Run())
}

const image = "localhost/sandlot-conformance/probe:1"

// open opens the runtime in a directory in which the suite's image is.
func open(t *testing.T, dir string) runtime.Runtime {
	t.Helper()
	rt, err := namespaces.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { rt.Close() })
	content, err := conformance.ImageContent(goruntime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	config := namespaces.Config{Env: content.Env, WorkingDir: content.WorkingDir}
	if _, err := namespaces.Import(dir, image, bytes.NewReader(content.Root), config); err != nil {
		t.Fatal(err)
	}
	return rt
}

func TestConformance(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	report := conformance.Run(t, conformance.Config{
		Open:  func(context.Context) (runtime.Runtime, error) { return namespaces.Open(dir) },
		Image: image, CaseTimeout: 3 * time.Minute,
	})
	if name := os.Getenv("SANDLOT_TEST_REPORT"); name != "" {
		var content bytes.Buffer
		if err := report.WriteJSON(&content); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, content.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// clientVariable makes this test another process that makes a sandbox in a directory, and ends.
const clientVariable = "SANDLOT_TEST_CLIENT"

func TestSandboxOutlivesItsMaker(t *testing.T) {
	const name = "outlives"
	if dir := os.Getenv(clientVariable); dir != "" {
		rt := open(t, dir)
		if _, err := rt.Run(t.Context(), image, runtime.RunOptions{Name: name}); err != nil {
			t.Fatal(err)
		}
		return
	}
	dir := t.TempDir()
	rt := open(t, dir)
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), clientVariable+"="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	all, err := rt.List(t.Context(), runtime.ListOptions{})
	if err != nil || len(all) != 1 || all[0].Name != name || all[0].State != runtime.StateRunning {
		t.Fatalf("the list is %+v, %v", all, err)
	}
	defer func() {
		if _, err := rt.Remove(context.Background(), name, runtime.RemoveOptions{}); err != nil {
			t.Error(err)
		}
	}()
	if out := run(t, rt, name, "say", "alive", ""); out != "alive" {
		t.Errorf("it says %q", out)
	}
}

// TestHostIsClosed tries what root without capabilities may do to a host by its /proc.
func TestHostIsClosed(t *testing.T) {
	rt := open(t, t.TempDir())
	box, err := rt.Run(t.Context(), image, runtime.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Remove(context.Background(), box.ID, runtime.RemoveOptions{})
	for _, try := range [][]string{
		{"write", "/proc/sys/kernel/core_pattern"}, {"write", "/proc/sys/kernel/hostname"}, {"write", "/proc/sysrq-trigger"},
		{"open", "/proc/kcore"}, {"open", "/proc/timer_list"}, {"open", "/proc/interrupts"}, {"open", "/proc/1/environ"}, {"open", "/proc/1/exe"},
	} {
		if out := run(t, rt, box.ID, append([]string{"try"}, try...)...); !strings.Contains(out, `"err":"`) {
			t.Errorf("%s %s: %s", try[0], try[1], out)
		}
	}
}

func run(t *testing.T, rt runtime.Runtime, id string, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	result, err := rt.Exec(t.Context(), id, append([]string{"/probe"}, args...), runtime.ExecOptions{Stdout: &out, Stderr: &out})
	if err != nil || result.ExitCode != 0 {
		t.Fatalf("%q: %+v, %v, %s", args, result, err, out.Bytes())
	}
	return out.String()
}
