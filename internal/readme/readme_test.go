//go:build unix

// Package readme proves that what the documents show is so: their commands and programs run, on each engine that SANDLOT_TEST_ENGINES names, and
// print what is said that they print. It has tests only.
package readme

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/runtime/auto"
)

const root = "../.."

// The documents.
const (
	front    = "README.md"
	examples = "examples/README.md"
	writing  = "docs/writing-a-runtime.md" // its commands need no engine
)

// A block is a fenced block, with what it prints if the next block says that.
type block struct {
	language, text string
	prints         string
	hasOutput      bool
}

func read(t *testing.T, document string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, document))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var fence = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$")

// blocks are those of a document. A block without a language is what the one before prints.
func blocks(t *testing.T, document string) (list []block) {
	t.Helper()
	for _, m := range fence.FindAllStringSubmatch(read(t, document), -1) {
		language, text := m[1], m[2]
		switch language {
		case "sh", "go":
			list = append(list, block{language: language, text: text})
		case "":
			last := &list[len(list)-1]
			last.prints, last.hasOutput = text, true
		default:
			t.Fatalf("a block of language %q: this test runs sh and go only", language)
		}
	}
	return list
}

func of(t *testing.T, document, language string) (list []block) {
	t.Helper()
	for _, b := range blocks(t, document) {
		if b.language == language {
			list = append(list, b)
		}
	}
	if len(list) == 0 {
		t.Fatalf("%s has no block of language %s any more", document, language)
	}
	return list
}

// onEngines runs test on each engine.
func onEngines(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	engines := strings.Fields(os.Getenv("SANDLOT_TEST_ENGINES"))
	if len(engines) == 0 {
		t.Fatal("SANDLOT_TEST_ENGINES names no engine: run make test, or set it to NAME=URL pairs")
	}
	for _, pair := range engines {
		name, url, _ := strings.Cut(pair, "=")
		t.Run(name, func(t *testing.T) { test(t, url) })
	}
}

// build compiles a package or file of the module.
func build(t *testing.T, name, what string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), name)
	cmd := exec.Command("go", "build", "-trimpath", "-o", program, what)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// check runs cmd and compares what it prints.
func check(t *testing.T, cmd *exec.Cmd, b block) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = root, &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Errorf("%v\n%s\nfrom\n%s", err, stderr.String(), b.text)
	}
	if b.hasOutput && stdout.String() != b.prints {
		t.Errorf("prints\n%s\nand the document says\n%s\nstderr:\n%s", stdout.String(), b.prints, stderr.String())
	}
}

// make are commands that run this test themselves, so that it cannot run them: it looks whether they are there.
var isMake = regexp.MustCompile(`^make ([a-z-]+)`)

// created are the names of sandboxes that stay.
var created = regexp.MustCompile(`create --name ([a-z-]+)`)

func TestShell(t *testing.T) {
	dir := filepath.Dir(build(t, "sandlot", "./cmd/sandlot"))
	onEngines(t, func(t *testing.T, url string) {
		for _, b := range append(of(t, front, "sh"), of(t, examples, "sh")...) {
			if isMake.MatchString(b.text) {
				continue
			}
			shell := func(script string) *exec.Cmd {
				cmd := exec.Command("bash", "-euo", "pipefail", "-c", script)
				cmd.Env = append(os.Environ(), "SANDLOT_RUNTIME="+url, "PATH="+dir+":"+os.Getenv("PATH"))
				return cmd
			}
			check(t, shell(b.text), b)
			for _, made := range created.FindAllStringSubmatch(b.text, -1) { // left where a line before its removal failed
				_ = shell("sandlot rm " + made[1]).Run()
			}
		}
	})
}

func TestMake(t *testing.T) {
	found := 0
	for _, b := range of(t, front, "sh") {
		if !isMake.MatchString(b.text) {
			continue
		}
		for line := range strings.Lines(b.text) {
			m := isMake.FindStringSubmatch(line)
			if m == nil {
				t.Fatalf("%q stands among make's commands, where nothing runs it", line)
			}
			found++
			cmd := exec.Command("make", "--dry-run", m[1])
			cmd.Dir = root
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("make %s: %v\n%s", m[1], err, out)
			}
		}
	}
	if found == 0 {
		t.Error("the README names no make command any more")
	}
}

func TestGo(t *testing.T) {
	for _, b := range of(t, front, "go") {
		source := filepath.Join(t.TempDir(), "main.go")
		if err := os.WriteFile(source, []byte(b.text), 0o644); err != nil {
			t.Fatal(err)
		}
		program := build(t, "program", source)
		onEngines(t, func(t *testing.T, url string) {
			cmd := exec.Command(program)
			cmd.Env = append(os.Environ(), "SANDLOT_RUNTIME="+url)
			check(t, cmd, b)
		})
	}
}

// TestTable compares the table of what is guaranteed where with what each engine says of itself.
func TestTable(t *testing.T) {
	onEngines(t, func(t *testing.T, url string) {
		rt, err := auto.Open(t.Context(), url, auto.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer rt.Close()
		info, err := rt.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		column := map[string]int{"docker": 1, "podman": 2}[info.Runtime]
		if info.Runtime == "podman" && info.Rootless {
			column = map[int]int{2: 3, 1: 4}[info.CgroupVersion]
		}
		_, table, _ := strings.Cut(read(t, front), "\n| capability |")
		table, _, _ = strings.Cut(table, "\n\n")
		rows := strings.Split(table, "\n")[2:]
		if len(rows) == 0 || column == 0 {
			t.Fatalf("no table, or no column for %+v", info)
		}
		for _, row := range rows {
			cells := strings.Split(strings.Trim(row, "| "), " | ")
			for _, name := range strings.Split(cells[0], ", ") {
				name := runtime.Capability(strings.Trim(name, "`"))
				want, decided := map[string]bool{"yes": true, "refused": false}[cells[column]]
				if decided && info.Capabilities.Has(name) != want {
					t.Errorf("the README says %q to %s, and the engine %+v", cells[column], name, info.Capabilities[name])
				}
			}
		}
	})
}

var goVersion = regexp.MustCompile(`(?m)^go (\d+\.\d+)`)

// TestInstallation compares how the library is got with go.mod.
func TestInstallation(t *testing.T) {
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	module, _, _ := strings.Cut(strings.TrimPrefix(string(mod), "module "), "\n")
	version := goVersion.FindStringSubmatch(string(mod))
	for _, want := range []string{"`go get " + module + "`", "takes Go " + version[1] + " or newer"} {
		if !strings.Contains(read(t, front), want) {
			t.Errorf("the README does not say %q", want)
		}
	}
}

var link = regexp.MustCompile(`\]\(([^)#:]+)\)`)

func TestLinks(t *testing.T) {
	for _, document := range []string{front, examples, writing} {
		for _, m := range link.FindAllStringSubmatch(read(t, document), -1) {
			if _, err := os.Stat(filepath.Join(root, filepath.Dir(document), m[1])); err != nil {
				t.Errorf("a link of %s leads nowhere: %v", document, err)
			}
		}
	}
}
