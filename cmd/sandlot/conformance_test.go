package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sandlot-dev/sandlot/conformance"
)

func TestConformanceList(t *testing.T) {
	all := conformance.Cases()
	c := new(fake).call(t, "conformance", "--list")
	if lines := strings.Count(c.stdout, "\n"); c.status != 0 || lines != len(all) {
		t.Errorf("--list: exit status %d, %d lines for %d cases", c.status, lines, len(all))
	}
	var listed []struct{ ID, Rule, Contract string }
	c = new(fake).call(t, "conformance", "--list", "--format", "json", "--run", "^"+all[0].ID+"$")
	if err := json.Unmarshal([]byte(c.stdout), &listed); err != nil || len(listed) != 1 || listed[0].ID != all[0].ID || listed[0].Rule == "" {
		t.Errorf("--list --format json: %q, %v", c.stdout, err)
	}
}

func TestConformanceUsage(t *testing.T) {
	for _, c := range []struct{ args, stderr string }{
		{"conformance --run (", "--run"},
		{"conformance --run ^no-such-case", "--list prints their ids"},
		{"conformance --format xml", "text, json, junit"},
		{"conformance --list --format junit", "use text or json"},
		{"conformance --output /no/such/dir/report", "no such file"},
		{"conformance --output -", "standard output"},
		{"conformance --output /", "is a directory"},
		{"conformance --output a.json --output a.json", "twice"},
		{"conformance --list --output list.json", "list"},
		{"conformance --parallel 0", "write 1 or more"},
		{"conformance --case-timeout 0", "write 2s, 5m or 1h"},
		{"conformance exec", "unknown command \"exec\"\nsandlot: see sandlot conformance --help"},
		{"conformance table", "usage: sandlot conformance table"},
		{"conformance table /no/such/report.json", "no such file"},
		{"conformance table conformance_test.go", "makes a report"},
	} {
		t.Run(c.args, func(t *testing.T) {
			new(fake).call(t, strings.Fields(c.args)...).want(t, 125, "", c.stderr)
			if left, err := filepath.Glob("*" + partOf("")); err != nil || len(left) > 0 {
				t.Errorf("left: %v, %v", left, err)
			}
		})
	}
}

// TestConformanceFails runs cases on a runtime that cannot do anything, which must show.
func TestConformanceFails(t *testing.T) {
	f := &fake{}
	f.call(t, "conformance", "--run", "^"+conformance.Cases()[0].ID+"$").want(t, 125, "", "build")
	dir := t.TempDir()
	report := filepath.Join(dir, "one.json")
	if err := os.WriteFile(report, []byte("an older one"), 0o600); err != nil {
		t.Fatal(err)
	}
	f.call(t, "conformance", "--output", report, "--output", filepath.Join(dir, "new.xml")).want(t, 125, "", "build")
	left, err := os.ReadDir(dir)
	if older, readErr := os.ReadFile(report); err != nil || len(left) != 1 || string(older) != "an older one" {
		t.Errorf("a suite that cannot run leaves %v, %s, %v %v", left, older, err, readErr)
	}
	junit := filepath.Join(t.TempDir(), "one.xml")
	f.capable = true
	f.call(t, "conformance", "-q", "--run", "^"+conformance.Cases()[0].ID+"$", "--output", report, "--output", junit).want(t, 1, "", "")
	content, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	got, err := conformance.ReadReport(bytes.NewReader(content))
	if err != nil || got.Count(conformance.Failed) != 1 || got.Runtime.Runtime != "fake" {
		t.Errorf("the report is %s: %v", content, err)
	}
	if xml, err := os.ReadFile(junit); err != nil || !strings.Contains(string(xml), "<testsuite ") {
		t.Errorf("the JUnit report is %s: %v", xml, err)
	}
	text := filepath.Join(t.TempDir(), "junit.json")
	f.call(t, "conformance", "-q", "--run", "^"+conformance.Cases()[0].ID+"$", "--output", text, "--format", "junit").want(t, 1, "", "")
	if xml, err := os.ReadFile(text); err != nil || !strings.Contains(string(xml), "<testsuite ") {
		t.Errorf("--format junit wrote %s: %v", xml, err)
	}

	other := filepath.Join(t.TempDir(), "one.json") // of another engine, for all that is known
	if err := os.WriteFile(other, content, 0o600); err != nil {
		t.Fatal(err)
	}
	new(fake).call(t, "conformance", "table", report, other).want(t, 125, "", "name each file as the engine")
	kept := filepath.Join(t.TempDir(), "kept.json")
	new(fake).call(t, "conformance", "table", "-o", other, report).want(t, 0, "", "")
	new(fake).call(t, "conformance", "table", other, report).want(t, 0, "# Compatibility", "") // a table may be called as a report is
	new(fake).call(t, "conformance", "table", "-o", kept, report).want(t, 0, "", "")
	page := new(fake).call(t, "conformance", "table", kept)
	page.want(t, 0, page.stdout, "")
	for _, want := range []string{"# Compatibility\n", "|  | one |\n", "**1 failed**", "- one: `" + conformance.Cases()[0].ID + "`\n"} {
		if !strings.Contains(page.stdout, want) {
			t.Errorf("the page lacks %q:\n%s", want, page.stdout)
		}
	}
}

// TestCompatibilityPage is what docs/compatibility.md must be: make generate makes it.
func TestCompatibilityPage(t *testing.T) {
	const docs = "../../docs/compatibility"
	page, err := os.ReadFile(docs + ".md")
	if err != nil {
		t.Fatal(err)
	}
	new(fake).call(t, "conformance", "table", docs+".json").want(t, 0, string(page), "")
}

// TestUnread: a suite whose lines nobody takes any more is not run on.
func TestUnread(t *testing.T) {
	full := errors.New("the device is full")
	ctx, cancel := context.WithCancelCause(t.Context())
	u := &unread{Writer: writerFunc(func([]byte) (int, error) { return 0, full }), end: cancel}
	fmt.Fprintln(u, "a line")
	fmt.Fprintln(u, "another")
	if u.err != full || context.Cause(ctx) != full {
		t.Errorf("got %v, and a context that ended with %v", u.err, context.Cause(ctx))
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
