package conformance

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/joshdk/go-junit"

	"github.com/sandlot-dev/sandlot/runtime"
)

func sampleReport() Report {
	return Report{
		Runtime: runtime.Info{Runtime: "fake", Version: "1.2.3", APIVersion: "4", OS: "linux", Arch: "amd64", Rootless: true},
		Results: []Result{
			{ID: "a/1", Rule: "One.", Contract: "x.One", Outcome: Passed, Duration: Duration(1500 * time.Millisecond), Messages: []string{"note"}},
			{ID: "a/2", Rule: "Two.", Contract: "x.Two", Outcome: Failed, Messages: []string{"got \x00 & ]]> <b>", "again"}},
			{ID: "a/3", Rule: "Three.", Contract: "x.Three", Outcome: Unsupported},
		},
	}
}

func TestReportText(t *testing.T) {
	var b bytes.Buffer
	if err := sampleReport().WriteText(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"passed      a/1 (1.5s)\n", "failed      a/2 (0.0s)\n    got \x00", "unsupported a/3",
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
	var back Report
	if err := json.Unmarshal(b.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(back, sampleReport()) {
		t.Errorf("got %+v, want what was written", back)
	}
	for _, want := range []string{`"runtime": {`, `"version": "1.2.3"`, `"results": [`, `"id": "a/1"`, `"outcome": "unsupported"`, `"seconds": 1.500`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the JSON lacks %s:\n%s", want, b.String())
		}
	}
	b.Reset()
	if err := (Report{}).WriteJSON(&b); err != nil || !strings.Contains(b.String(), `"results": []`) {
		t.Errorf("empty: got %s, %v, want an empty list", b.String(), err)
	}
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
	if e := suites[0].Tests[1].Error; e == nil || !strings.Contains(e.Error(), "<b>\nagain") || suites[0].Tests[1].Message != "Two." {
		t.Errorf("got %v, want the messages", e)
	}
}
