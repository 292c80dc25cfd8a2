package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
)

// An Outcome is what became of a case.
type Outcome string

// The outcomes of a case.
const (
	Passed Outcome = "passed"
	Failed Outcome = "failed"
	// Unsupported is a case whose capability the runtime does not declare, and which was refused as it must be.
	Unsupported Outcome = "unsupported"
)

// A Duration is a time.Duration that is written to JSON in seconds.
type Duration time.Duration

// MarshalJSON writes seconds, with milliseconds.
func (d Duration) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, time.Duration(d).Seconds(), 'f', 3, 64), nil
}

// UnmarshalJSON reads seconds.
func (d *Duration) UnmarshalJSON(b []byte) error {
	seconds, err := strconv.ParseFloat(string(b), 64)
	*d = Duration(seconds * float64(time.Second))
	return err
}

// A Result is what became of one case.
type Result struct {
	ID       string   `json:"id"`
	Rule     string   `json:"rule"`
	Contract string   `json:"contract"`
	Outcome  Outcome  `json:"outcome"`
	Duration Duration `json:"seconds"`
	// Missing is what an unsupported case needs and the runtime does not declare: a capability, or an interface or field by its Go name.
	// Reason says why it is missing, where that is known.
	Missing string `json:"missing,omitempty"`
	Reason  string `json:"reason,omitempty"`
	// Messages are for people. Those of a failed case say what was wrong.
	Messages []string `json:"messages,omitempty"`
}

// A Report is what became of the cases on one runtime.
//
// Its JSON form is described by docs/conformance-report.schema.json and is stable: fields may come, none goes or changes its meaning
// while [ReportSchema] stays the same.
type Report struct {
	Runtime runtime.Info `json:"runtime"`
	// Started is when the suite opened the runtime, Duration how long it took in all. Cases run side by side.
	Started  time.Time `json:"started"`
	Duration Duration  `json:"seconds"`
	// Results are in the order of Cases.
	Results []Result `json:"results"`
}

// ReportSchema is the version of a Report's JSON form, which is its field "schema".
const ReportSchema = 1

// Count is how many cases had an outcome.
func (r Report) Count(o Outcome) int {
	n := 0
	for _, result := range r.Results {
		if result.Outcome == o {
			n++
		}
	}
	return n
}

// OK says that cases ran and none failed.
func (r Report) OK() bool { return len(r.Results) > 0 && r.Count(Failed) == 0 }

// Summary is one line: the engine, and how many cases had which outcome.
func (r Report) Summary() string {
	cases := "cases"
	if len(r.Results) == 1 {
		cases = "case"
	}
	return fmt.Sprintf("%s: %d %s, %d passed, %d failed, %d refused as unsupported",
		r.engine(), len(r.Results), cases, r.Count(Passed), r.Count(Failed), r.Count(Unsupported))
}

func (r Report) engine() string {
	rootless := ""
	if r.Runtime.Rootless {
		rootless = ", rootless"
	}
	return fmt.Sprintf("%s %s (API %s, %s/%s%s)",
		r.Runtime.Runtime, r.Runtime.Version, r.Runtime.APIVersion, r.Runtime.OS, r.Runtime.Arch, rootless)
}

// text is a line, and below it why a case is unsupported and what it says.
func (r Result) text() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%-11s %s (%.1fs)\n", r.Outcome, r.ID, time.Duration(r.Duration).Seconds())
	if r.Outcome == Unsupported {
		fmt.Fprintln(&b, indent(strings.TrimSuffix("there is no "+r.Missing+": "+r.Reason, ": ")))
	}
	for _, m := range r.Messages {
		fmt.Fprintln(&b, indent(m))
	}
	return b.Bytes()
}

// WriteText writes a line for each case, what failed ones say, and the summary.
func (r Report) WriteText(w io.Writer) error {
	var b bytes.Buffer
	for _, result := range r.Results {
		b.Write(result.text())
	}
	fmt.Fprintln(&b, r.Summary())
	_, err := w.Write(b.Bytes())
	return err
}

// The JSON form of a Report.
type reportJSON struct {
	Schema int `json:"schema"`
	Report
}

// WriteJSON writes the report as one JSON object.
func (r Report) WriteJSON(w io.Writer) error {
	if r.Results == nil {
		r.Results = []Result{}
	}
	if r.Runtime.Capabilities == nil {
		r.Runtime.Capabilities = runtime.Capabilities{}
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(reportJSON{ReportSchema, r})
}

// ReadReport reads what WriteJSON wrote.
func ReadReport(rd io.Reader) (Report, error) {
	var r reportJSON
	if err := json.NewDecoder(rd).Decode(&r); err != nil {
		return Report{}, err
	}
	if r.Schema != ReportSchema {
		return Report{}, fmt.Errorf("a report of schema %d, where %d is read", r.Schema, ReportSchema)
	}
	return r.Report, nil
}
