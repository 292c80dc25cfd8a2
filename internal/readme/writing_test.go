//go:build linux

package readme

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sandlot-dev/sandlot/conformance"
)

// A selection of cases: elements of their ids, the last of which may be a choice.
var selection = regexp.MustCompile(`'TestConformance/([a-z/-]+/)?(?:([a-z-]+)|\(([a-z|-]+)\))'`)

func TestWritingCommands(t *testing.T) {
	for _, b := range of(t, writing, "sh") {
		for line := range strings.Lines(b.text) {
			selected := selection.FindStringSubmatch(line)
			if selected == nil {
				t.Fatalf("this runs no cases: %s", line)
			}
			for _, last := range strings.Split(selected[2]+selected[3], "|") { // go test is content with none
				prefix := selected[1] + last
				if !slices.ContainsFunc(conformance.Cases(), func(c conformance.Case) bool { return strings.HasPrefix(c.ID, prefix) }) {
					t.Errorf("there is no case %s", prefix)
				}
			}
		}
		cmd := exec.Command("bash", "-euo", "pipefail", "-c", b.text)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-trimpath") // as all builds but those of tests, to share what is compiled
		check(t, cmd, b)
	}
}

// TestWritingCode compiles the files that the document shows. Everything else that it shows is the example's own text.
func TestWritingCode(t *testing.T) {
	sources, err := filepath.Glob(filepath.Join(root, "examples/namespaces/*.go"))
	if err != nil || len(sources) == 0 {
		t.Fatalf("the example is gone: %v", err)
	}
	var all strings.Builder
	for _, source := range sources {
		text, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	files := 0
	for _, b := range of(t, writing, "go") {
		if !strings.HasPrefix(b.text, "package ") {
			if !strings.Contains(all.String(), b.text) {
				t.Errorf("this is not in the example:\n%s", b.text)
			}
			continue
		}
		files++
		file := filepath.Join(t.TempDir(), "mine_test.go")
		if err := os.WriteFile(file, []byte(b.text), 0o644); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("go", "vet", "-trimpath", file)
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	}
	if files == 0 {
		t.Error("the document shows no empty driver any more")
	}
}
