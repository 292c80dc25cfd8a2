package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sandlot-dev/sandlot/conformance/differ"
)

func TestConformanceDiffUsage(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.json")
	if err := os.WriteFile(empty, []byte("[]"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct{ args, stderr string }{
		{"conformance diff --against podman --replay " + file("op", `[{"op":"runn"}]`), `no operation "runn"`},
		{"conformance diff --against podman --replay " + file("field", `[{"op":"stop","sandboxx":"a"}]`), "sandboxx"},
		{"conformance diff --against podman --replay " + file("bare", `[{"op":"exec","sandbox":"a"}]`), "without its arguments"},
		{"conformance diff", "--against is missing"},
		{"conformance diff --against podman --steps 0", "too few"},
		{"conformance diff --against podman --seed x", "--seed"},
		{"conformance diff --against podman --replay /no/such/file", "no such file"},
		{"conformance diff --against podman --replay " + empty, "holds no sequence"},
		{"conformance diff docker podman", "usage: sandlot conformance diff"},
	} {
		t.Run(c.args, func(t *testing.T) {
			new(fake).call(t, strings.Fields(c.args)...).want(t, 125, "", c.stderr)
		})
	}
}

func TestConformanceDiffShow(t *testing.T) {
	c := new(fake).call(t, "conformance", "diff", "--show", "--seed", "3", "--steps", "40")
	var got []differ.Step
	if err := json.Unmarshal([]byte(c.stdout), &got); err != nil || c.status != 0 || len(got) != 40 || got[0].Op != differ.OpRun {
		t.Errorf("exit status %d, %v, %d steps", c.status, err, len(got))
	}
}

// TestConformanceDiffCannot compares runtimes that cannot even build the suite's image.
func TestConformanceDiffCannot(t *testing.T) {
	new(fake).call(t, "conformance", "diff", "--against", "podman").want(t, 125, "", "build")
}
