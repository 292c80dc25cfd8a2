package conformance

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/joshdk/go-junit"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/sandlot-dev/sandlot/runtime"
)

func sampleReport() Report {
	return Report{
		Runtime: runtime.Info{Runtime: "fake", Version: "1.2.3", APIVersion: "4", OS: "linux", Arch: "amd64", Rootless: true, Capabilities: runtime.Capabilities{}},
		Started: time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC), Duration: Duration(2 * time.Second),
		Results: []Result{
			{ID: "a/1", Rule: "One.", Contract: "x.One", Outcome: Passed, Duration: Duration(1500 * time.Millisecond), Messages: []string{"note"}},
			{ID: "a/2", Rule: "Two.", Contract: "x.Two", Outcome: Failed, Messages: []string{"got \x00 & ]]> <b>", "again"}},
			{ID: "a/3", Rule: "Three.", Contract: "x.Three", Outcome: Unsupported, Missing: "tty", Reason: "it has none"},
		},
	}
}

func TestReportText(t *testing.T) {
	var b bytes.Buffer
	if err := sampleReport().WriteText(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"passed      a/1 (1.5s)\n", "failed      a/2 (0.0s)\n    got \x00", "unsupported a/3 (0.0s)\n    there is no tty: it has none\n",
		"fake 1.2.3 (API 4, linux/amd64, rootless): 3 cases, 1 passed, 1 failed, 1 refused as unsupported\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the text lacks %q:\n%s", want, b.String())
		}
	}
}

func TestReportJSON(t *testing.T) {
	var b bytes.Buffer
	if err := sampleReport().WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	back, err := ReadReport(&b)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(back, sampleReport()) {
		t.Errorf("got %+v, want what was written", back)
	}
	for _, want := range []string{`"runtime": {`, `"version": "1.2.3"`, `"results": [`, `"id": "a/1"`, `"outcome": "unsupported"`, `"seconds": 1.500`, `"missing": "tty"`, `"schema": 1`} {
		if !strings.Contains(text, want) {
			t.Errorf("the JSON lacks %s:\n%s", want, text)
		}
	}
	b.Reset()
	if err := (Report{}).WriteJSON(&b); err != nil || !strings.Contains(b.String(), `"results": []`) {
		t.Errorf("empty: got %s, %v, want an empty list", b.String(), err)
	}
}

// reportSchema is the published description of reports.
func reportSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	schema, err := c.Compile("../docs/conformance-report.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func TestReportSchema(t *testing.T) {
	schema := reportSchema(t)
	capable := sampleReport()
	capable.Runtime.CgroupVersion, capable.Runtime.Capabilities = 2, runtime.Capabilities{"tty": {OK: false, Reason: "none", Fix: "buy one"}}
	real, err := check(t.Context(), Config{Open: newFake().open}, []Case{{ID: "a/b", Rule: "A.", Contract: "x", Run: func(*T) {}}})
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]Report{"sample": sampleReport(), "capable": capable, "real": real, "empty": {}} {
		if name == "empty" {
			r.Runtime.Runtime = "fake"
		}
		if err := schema.Validate(document(t, r)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, spoil := range map[string]func(report, passed map[string]any){
		"another schema":         func(r, _ map[string]any) { r["schema"] = 2 },
		"no engine":              func(r, _ map[string]any) { delete(r, "runtime") },
		"no time":                func(r, _ map[string]any) { r["started"] = "yesterday" },
		"an outcome of its own":  func(_, p map[string]any) { p["outcome"] = "skipped" },
		"unsupported by nothing": func(_, p map[string]any) { p["outcome"] = "unsupported" },
		"passed without":         func(_, p map[string]any) { p["missing"] = "tty" },
		"seconds in words":       func(_, p map[string]any) { p["seconds"] = "1s" },
	} {
		d := document(t, sampleReport()).(map[string]any)
		spoil(d, d["results"].([]any)[0].(map[string]any))
		if schema.Validate(d) == nil {
			t.Errorf("%s: the schema takes it", name)
		}
	}
}

// document is a report's JSON as the schema's library wants it.
func document(t *testing.T, r Report) any {
	t.Helper()
	var b bytes.Buffer
	if err := r.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	d, err := jsonschema.UnmarshalJSON(&b)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestReportJUnit(t *testing.T) {
	var b bytes.Buffer
	if err := sampleReport().WriteJUnit(&b); err != nil {
		t.Fatal(err)
	}
	suites, err := junit.Ingest(b.Bytes())
	if err != nil {
		t.Fatalf("%v:\n%s", err, b.String())
	}
	if len(suites) != 1 || !strings.HasPrefix(suites[0].Name, "fake 1.2.3") || suites[0].Properties["version"] != "1.2.3" {
		t.Fatalf("got %+v, want one suite with the engine's name and version", suites)
	}
	want := []junit.Status{junit.StatusPassed, junit.StatusFailed, junit.StatusSkipped}
	for i, c := range suites[0].Tests {
		if c.Name != sampleReport().Results[i].ID || c.Status != want[i] {
			t.Errorf("case %d: got %s %s, want %s", i, c.Name, c.Status, want[i])
		}
	}
	if total := suites[0].Totals; total.Tests != 3 || total.Failed != 1 || total.Skipped != 1 {
		t.Errorf("got %+v, want 3 tests, 1 failed, 1 skipped", total)
	}
	if got := suites[0].Tests[2].Message; got != "needs tty: it has none" {
		t.Errorf("the skipped case says %q, want why", got)
	}
	if e := suites[0].Tests[1].Error; e == nil || !strings.Contains(e.Error(), "<b>\nagain") || suites[0].Tests[1].Message != "Two." {
		t.Errorf("got %v, want the messages", e)
	}
}
