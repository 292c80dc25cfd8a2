package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/jstemmer/go-junit-report/v2/junit"

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
	Messages []string `json:"messages,omitempty"`
}

// A Report is what became of the cases on one runtime. Its JSON form is stable.
type Report struct {
	Runtime runtime.Info `json:"runtime"`
	Results []Result     `json:"results"`
}

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
	return fmt.Sprintf("%s: %d cases, %d passed, %d failed, %d refused as unsupported",
		r.engine(), len(r.Results), r.Count(Passed), r.Count(Failed), r.Count(Unsupported))
}

func (r Report) engine() string {
	rootless := ""
	if r.Runtime.Rootless {
		rootless = ", rootless"
	}
	return fmt.Sprintf("%s %s (API %s, %s/%s%s)",
		r.Runtime.Runtime, r.Runtime.Version, r.Runtime.APIVersion, r.Runtime.OS, r.Runtime.Arch, rootless)
}

// WriteText writes a line for each case, what failed ones say, and the summary.
func (r Report) WriteText(w io.Writer) error {
	var b bytes.Buffer
	for _, result := range r.Results {
		fmt.Fprintf(&b, "%-11s %s (%.1fs)\n", result.Outcome, result.ID, time.Duration(result.Duration).Seconds())
		for _, m := range result.Messages {
			fmt.Fprintln(&b, indent(m))
		}
	}
	fmt.Fprintln(&b, r.Summary())
	_, err := w.Write(b.Bytes())
	return err
}

// WriteJSON writes the report as one JSON object.
func (r Report) WriteJSON(w io.Writer) error {
	if r.Results == nil {
		r.Results = []Result{}
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// WriteJUnit writes the report as JUnit XML: one suite, of which refused cases are skipped ones.
func (r Report) WriteJUnit(w io.Writer) error {
	suite := junit.Testsuite{Name: r.engine(), Package: "conformance"}
	suite.AddProperty("runtime", r.Runtime.Runtime)
	suite.AddProperty("version", r.Runtime.Version)
	suite.AddProperty("apiVersion", r.Runtime.APIVersion)
	suite.AddProperty("os", r.Runtime.OS)
	suite.AddProperty("arch", r.Runtime.Arch)
	suite.AddProperty("kernel", r.Runtime.Kernel)
	suite.AddProperty("rootless", strconv.FormatBool(r.Runtime.Rootless))
	var total time.Duration
	for _, result := range r.Results {
		d := time.Duration(result.Duration)
		total += d
		c := junit.Testcase{Name: result.ID, Classname: "conformance", Time: junitSeconds(d)}
		switch result.Outcome {
		case Failed:
			c.Failure = &junit.Result{Message: result.Rule, Type: result.Contract, Data: lines(result.Messages)}
		case Unsupported:
			c.Skipped = &junit.Result{Message: "refused as unsupported, as it must be"}
		case Passed:
			if len(result.Messages) > 0 {
				c.SystemOut = &junit.Output{Data: lines(result.Messages)}
			}
		}
		suite.AddTestcase(c)
	}
	suite.Time = junitSeconds(total)
	suites := junit.Testsuites{Name: "sandlot conformance", Time: suite.Time}
	suites.AddSuite(suite)
	return suites.WriteXML(w)
}

func junitSeconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 3, 64) }

// lines joins messages, without the characters that XML cannot hold: a command's output may be in them.
func lines(messages []string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || r == '\n' || r >= ' ' && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 {
			return r
		}
		return '\uFFFD'
	}, strings.Join(messages, "\n")+"\n")
}
