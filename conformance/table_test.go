package conformance

import (
	"bytes"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/sandlot-dev/sandlot/runtime"
)

func tableCases() []Case {
	return []Case{{ID: "a/1"}, {ID: "a/2"}, {ID: "a/3"}, {ID: "b/1"}}
}

func tableReport(version string, results ...Result) Report {
	return Report{Runtime: runtime.Info{Runtime: "fake", Version: version, APIVersion: "4", CgroupVersion: 2, StorageDriver: "vfs"}, Results: results}
}

func outcomes(t *Table, name string) string {
	var out []string
	for i := range t.Engines {
		for _, id := range t.Cases {
			if c := &t.Engines[i]; c.Name == name {
				out = append(out, string(c.Outcome(id)))
			}
		}
	}
	return strings.Join(out, " ")
}

func TestTableMerge(t *testing.T) {
	table := NewTable(tableCases())
	want := func(what, name, want string) {
		t.Helper()
		if got := outcomes(table, name); got != want {
			t.Errorf("%s: got %q, want %q", what, got, want)
		}
	}
	table.Add("x", tableReport("1", Result{ID: "a/1", Outcome: Passed}, Result{ID: "a/2", Outcome: Failed},
		Result{ID: "a/3", Outcome: Unsupported, Missing: "tty", Reason: "no tty"}, Result{ID: "gone/1", Outcome: Failed}))
	want("a report without b/1", "x", "passed failed unsupported ")
	if r := table.Engines[0].Reasons; !reflect.DeepEqual(r, map[string]string{"tty": "no tty"}) {
		t.Errorf("got reasons %v", r)
	}
	table.Add("x", tableReport("1", Result{ID: "b/1", Outcome: Passed}, Result{ID: "a/3", Outcome: Passed}))
	want("a second report", "x", "passed failed passed passed")
	if len(table.Engines) != 1 || len(table.Engines[0].Reasons) != 0 {
		t.Errorf("got %+v, want one engine without reasons", table.Engines)
	}

	var kept bytes.Buffer
	if err := table.WriteJSON(&kept); err != nil {
		t.Fatal(err)
	}
	table = NewTable(append(tableCases(), Case{ID: "c/1"}))
	if err := table.Read("a table's name does not matter", &kept); err != nil {
		t.Fatal(err)
	}
	want("read again, with a new case", "x", "passed failed passed passed ")
	table.Add("x", tableReport("2", Result{ID: "c/1", Outcome: Passed}))
	want("a newer engine", "x", "    passed")

	var report bytes.Buffer
	if err := tableReport("1", Result{ID: "a/1", Outcome: Passed}).WriteJSON(&report); err != nil {
		t.Fatal(err)
	}
	if err := table.Read("y", &report); err != nil {
		t.Fatal(err)
	}
	want("another engine, out of a file", "y", "passed    ")
	for _, wrong := range []string{"", "[]", "{}", `{"schema": 99, "results": []}`} {
		if err := table.Read("z", strings.NewReader(wrong)); err == nil {
			t.Errorf("%q: got nil, want an error", wrong)
		}
	}
}

func TestTableMarkdown(t *testing.T) {
	table := NewTable(tableCases())
	all := []Result{{ID: "a/1", Outcome: Passed}, {ID: "a/2", Outcome: Passed}, {ID: "a/3", Outcome: Passed}, {ID: "b/1", Outcome: Passed}}
	table.Add("good", tableReport("1", all...))
	mixed := slices.Clone(all)
	mixed[1].Outcome = Failed
	mixed[2] = Result{ID: "a/3", Outcome: Unsupported, Missing: "tty", Reason: "no tty"}
	r := tableReport("2", mixed[:3]...)
	r.Runtime.Rootless, r.Runtime.CgroupVersion = true, 0
	table.Add("bad", r)
	var b bytes.Buffer
	if err := table.WriteMarkdown(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"|  | good | bad |\n|---|---|---|\n", "| engine | fake 1 | fake 2 |\n", "| API | 4 | 4 |\n", "| rootless | no | yes |\n",
		"| cgroups | v2 | ? |\n", "| storage | vfs | vfs |\n",
		"| **a**, 3 cases | 3 | 1, 1 unsupported (1), **1 failed** |\n", "| **b**, 1 case | 1 | 1 not run |\n",
		"| **all**, 4 cases | 4 | 1, 1 unsupported, **1 failed**, 1 not run |\n",
		"\n1. `tty`: no tty. On bad, for `a/3`.\n", "## Failed\n\n- bad: `a/2`\n", "## Not run\n\n- bad: `b/1`\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the page lacks %q:\n%s", want, b.String())
		}
	}
}

// TestKeptTable proves that docs/compatibility.json has a result of each engine for each case of the suite as it is now: who adds a case or an
// engine runs it there, and none is left out of the page.
func TestKeptTable(t *testing.T) {
	content, err := os.ReadFile("../docs/compatibility.json")
	if err != nil {
		t.Fatal(err)
	}
	const mend = "run `make conformance` and `make conformance-vm`, and `make compatibility` to keep their results"
	kept := NewTable(Cases())
	if err := kept.Read("", bytes.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	// Everything is emulated in the virtual machine. It runs as much as there is time for, and the page says what it has not run.
	const slow = "rootless-vm"
	var names []string
	for _, c := range kept.Engines {
		if c.Name != slow {
			names = append(names, c.Name)
		}
		if len(c.NotRun) > 0 && c.Name != slow {
			t.Errorf("%s has no result for %v: %s", c.Name, c.NotRun, mend)
		}
		if len(c.Failed) > 0 {
			t.Errorf("%s fails %v: mend that first", c.Name, c.Failed)
		}
	}
	want := []string{
		"docker", "docker26", "docker28", "podman-root", "podman-rootless", "podman54-root", "podman54-rootless",
		"podman58-root", "podman58-rootless",
	}
	if !slices.Equal(names, want) {
		t.Errorf("got engines %v, want %v: %s", names, want, mend)
	}
	var again bytes.Buffer
	if err := kept.WriteJSON(&again); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again.Bytes(), content) {
		t.Errorf("docs/compatibility.json has cases that the suite has no more, or another order: %s", mend)
	}
}
