package depcheck

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// clean is a graph that keeps every rule; each case below breaks it in one way.
func clean() graph {
	g := graph{}
	for _, name := range library {
		g[module+"/"+name] = pkg{Imports: []string{"fmt"}}
	}
	g.add("runtime/docker", "github.com/docker/docker/client")
	g.add("runtime/podman", "github.com/containers/podman/v5/pkg/bindings")
	// the Podman client itself uses one small package of Docker's
	g["github.com/containers/podman/v5/pkg/bindings"] = pkg{Imports: []string{"github.com/docker/docker/api/types/versions"}}
	return g
}

func (g graph) add(name, imported string) {
	p := g[module+"/"+name]
	p.Imports = append(slices.Clone(p.Imports), imported)
	g[module+"/"+name] = p
}

func TestRulesCanFail(t *testing.T) {
	if found := clean().violations(rules); found != nil {
		t.Fatalf("the clean graph breaks rules: %q", found)
	}
	for _, c := range []struct {
		name, from, imports string
		via                 string // a package between, if any
	}{
		{"podman in docker", "runtime/docker", "github.com/containers/podman/v5/libpod/define", ""},
		{"podman's libraries in docker, through another", "runtime/docker", "go.podman.io/storage/pkg/archive", "example.com/helper"},
		{"docker client in podman", "runtime/podman", "github.com/docker/docker/client", ""},
		{"moby client in podman, through another", "runtime/podman", "github.com/moby/moby/client", "example.com/helper"},
		{"docker type in the contract", "runtime", "github.com/docker/docker/api/types", ""},
		{"docker type in the shared part", "runtime/engine", "github.com/docker/docker/api/types/container", ""},
		{"driver in sandbox", "sandbox", module + "/runtime/docker", ""},
		{"finder in conformance", "conformance", module + "/runtime/auto", ""},
		{"shared part in the contract", "runtime", module + "/runtime/engine", ""},
		{"built-in image in sandbox", "sandbox", module + "/builtin", ""},
		{"cobra in conformance", "conformance", "github.com/spf13/cobra", ""},
		{"shell in the built-in image's package", "builtin", "mvdan.cc/sh/v3/interp", "example.com/helper"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := clean()
			first := c.imports
			if c.via != "" {
				first = c.via
				g[c.via] = pkg{Imports: []string{c.imports}}
			}
			g.add(c.from, first)
			found := strings.Join(g.violations(rules), "\n")
			if !strings.Contains(found, module+"/"+c.from) || !strings.Contains(found, c.imports) {
				t.Errorf("found %q, want a violation that names %s and %s", found, c.from, c.imports)
			}
		})
	}
	t.Run("missing package", func(t *testing.T) {
		g := clean()
		delete(g, module+"/sandbox")
		if found := g.violations(rules); len(found) == 0 {
			t.Error("a package that rules name is missing, and nothing was found")
		}
	})
	t.Run("a name that only starts alike", func(t *testing.T) {
		g := clean()
		g.add("runtime/docker", "github.com/containersx/y")
		if found := g.violations(rules); found != nil {
			t.Errorf("found %q", found)
		}
	})
}

func TestCgoCanFail(t *testing.T) {
	g := clean()
	g["example.com/c"] = pkg{CgoFiles: []string{"optional.go"}}
	if found := g.cgo(); found != nil {
		t.Fatalf("found %q in a clean graph", found)
	}
	g[module+"/guest"] = pkg{CgoFiles: []string{"c.go"}}
	if found := g.cgo(); len(found) != 1 {
		t.Errorf("found %q, want one violation", found)
	}
}

func TestTagsCanFail(t *testing.T) {
	for line, want := range map[string]int{
		"":                               0,
		"//go:build linux && !race":      0,
		"//go:build remote":              1,
		"//go:build !(linux && seccomp)": 1,
		"//go:build ignore || systemd":   2,
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "x.go"), []byte(line+"\n\npackage x\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		found, err := graph{module + "/x": {Dir: dir, IgnoredGoFiles: []string{"x.go"}}}.tags()
		if err != nil {
			t.Fatal(err)
		}
		if len(found) != want {
			t.Errorf("%q: found %q, want %d", line, found, want)
		}
	}
}
