package main

import (
	"encoding/json"
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
		{"conformance exec", "usage: sandlot conformance"},
	} {
		t.Run(c.args, func(t *testing.T) {
			new(fake).call(t, strings.Fields(c.args)...).want(t, 125, "", c.stderr)
		})
	}
}

// TestConformanceFails runs cases on a runtime that cannot do anything, which must show.
func TestConformanceFails(t *testing.T) {
	f := &fake{}
	f.call(t, "conformance", "--run", "^"+conformance.Cases()[0].ID+"$").want(t, 125, "", "build")
	report := filepath.Join(t.TempDir(), "report.json")
	f.capable = true
	f.call(t, "conformance", "-q", "--run", "^"+conformance.Cases()[0].ID+"$", "--format", "json", "--output", report).want(t, 1, "", "")
	var got conformance.Report
	content, err := os.ReadFile(report)
	if err == nil {
		err = json.Unmarshal(content, &got)
	}
	if err != nil || got.Count(conformance.Failed) != 1 || got.Runtime.Runtime != "fake" {
		t.Errorf("the report is %s: %v", content, err)
	}
}
