// Package depcheck holds what each package of Sandlot may depend on: whoever imports one driver must not compile the other
// engine's client, and nobody needs cgo or build tags. It has tests only.
package depcheck

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/build/constraint"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/sandlot-dev/sandlot"

// A rule forbids every package in packages to depend on a package that is, or lies below, one in banned.
type rule struct {
	why      string
	packages []string
	banned   []string
}

var (
	podmanCode   = []string{"github.com/containers", "go.podman.io"}
	dockerClient = []string{"github.com/docker/docker/client", "github.com/moby/moby/client"}
	engineCode   = append([]string{"github.com/docker/docker", "github.com/docker/cli", "github.com/moby/moby"}, podmanCode...)
	commandCode  = []string{"github.com/spf13/cobra", "github.com/spf13/pflag", "mvdan.cc/sh", "github.com/u-root/u-root"}

	// What a library user may import.
	neutral = []string{"runtime", "runtime/engine", "guest", "guest/wire", "sandbox", "builtin", "conformance"}
	library = append([]string{"runtime/docker", "runtime/podman", "runtime/auto", "doctor"}, neutral...)

	rules = []rule{
		{"one engine's driver compiles no code of the other", []string{"runtime/docker"}, podmanCode},
		{"one engine's driver compiles no client of the other", []string{"runtime/podman"}, dockerClient},
		{"only drivers know engines", neutral, engineCode},
		{"a driver is chosen by its user", neutral, []string{module + "/runtime/docker", module + "/runtime/podman", module + "/runtime/auto"}},
		{"the contract stands alone", []string{"runtime"}, []string{module + "/runtime/engine", module + "/guest", module + "/sandbox"}},
		{"a library user does not carry the built-in image", except(library, "builtin"), []string{module + "/builtin"}},
		{"what only programs need stays in them", library, commandCode},
	}
)

func except(list []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == name })
}

// pkg is what `go list -json` says of a package.
type pkg struct {
	ImportPath     string
	Dir            string
	Imports        []string
	CgoFiles       []string
	GoFiles        []string
	IgnoredGoFiles []string
}

type graph map[string]pkg

// violations names, for each rule, the packages that break it, with the chain of imports that leads there.
func (g graph) violations(rules []rule) []string {
	var found []string
	for _, r := range rules {
		for _, name := range r.packages {
			path := module + "/" + name
			if _, ok := g[path]; !ok {
				found = append(found, path+": no such package, but rules name it")
				continue
			}
			if chain := g.chain(path, r.banned); chain != nil {
				found = append(found, fmt.Sprintf("%s (%s)", strings.Join(chain, "\n    imports "), r.why))
			}
		}
	}
	return found
}

// chain is a shortest way from a package to a banned one, or nil.
func (g graph) chain(from string, banned []string) []string {
	via := map[string]string{from: ""}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		for _, next := range g[queue[0]].Imports {
			if _, seen := via[next]; seen {
				continue
			}
			via[next] = queue[0]
			if slices.ContainsFunc(banned, func(b string) bool { return next == b || strings.HasPrefix(next, b+"/") }) {
				var chain []string
				for p := next; p != ""; p = via[p] {
					chain = append(chain, p)
				}
				slices.Reverse(chain)
				return chain
			}
			queue = append(queue, next)
		}
	}
	return nil
}

func own(path string) bool { return path == module || strings.HasPrefix(path, module+"/") }

// cgo names Sandlot's own packages that have cgo files.
func (g graph) cgo() []string {
	var found []string
	for path, p := range g {
		if own(path) && len(p.CgoFiles) > 0 {
			found = append(found, fmt.Sprintf("%s has cgo files: %v", path, p.CgoFiles))
		}
	}
	return found
}

// tags names the files of Sandlot's own packages that depend on more than the system and the processor.
func (g graph) tags() ([]string, error) {
	var found []string
	for path, p := range g {
		if !own(path) {
			continue
		}
		for _, name := range slices.Concat(p.GoFiles, p.CgoFiles, p.IgnoredGoFiles) {
			content, err := os.ReadFile(filepath.Join(p.Dir, name))
			if err != nil {
				return nil, err
			}
			for line := range strings.Lines(string(content)) {
				line = strings.TrimSpace(line)
				if strings.HasPrefix(line, "package ") {
					break
				}
				if !constraint.IsGoBuild(line) {
					continue
				}
				expr, err := constraint.Parse(line)
				if err != nil {
					return nil, fmt.Errorf("%s/%s: %w", path, name, err)
				}
				for _, tag := range used(expr) {
					if !slices.Contains(platform, tag) {
						found = append(found, fmt.Sprintf("%s/%s depends on build tag %q", path, name, tag))
					}
				}
			}
		}
	}
	return found, nil
}

var platform = []string{"linux", "darwin", "windows", "unix", "freebsd", "amd64", "arm64", "race"}

func used(x constraint.Expr) []string {
	switch x := x.(type) {
	case *constraint.TagExpr:
		return []string{x.Tag}
	case *constraint.NotExpr:
		return used(x.X)
	case *constraint.AndExpr:
		return append(used(x.X), used(x.Y)...)
	case *constraint.OrExpr:
		return append(used(x.X), used(x.Y)...)
	}
	return nil
}

// load lists the module's packages and all that they depend on. A package without a file to compile is an error.
func load(t *testing.T, cgoEnabled string) graph {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Dir,Imports,CgoFiles,GoFiles,IgnoredGoFiles", module+"/...")
	cmd.Env = append(os.Environ(), "CGO_ENABLED="+cgoEnabled)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.Bytes())
	}
	g := graph{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return g
		} else if err != nil {
			t.Fatal(err)
		}
		g[p.ImportPath] = p
	}
}

func TestDependencies(t *testing.T) {
	var found []string
	for _, cgoEnabled := range []string{"0", "1"} {
		g := load(t, cgoEnabled)
		tags, err := g.tags()
		if err != nil {
			t.Fatal(err)
		}
		found = slices.Concat(found, g.violations(rules), g.cgo(), tags)
	}
	slices.Sort(found)
	for _, f := range slices.Compact(found) {
		t.Error(f)
	}
}
