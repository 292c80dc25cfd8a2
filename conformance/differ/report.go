package differ

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/sandlot-dev/sandlot/runtime"
)

// A Runtime is one of the two that were compared.
type Runtime struct {
	Name string       `json:"name"`
	Info runtime.Info `json:"info"`
}

// A Report is what a run found.
type Report struct {
	A    Runtime `json:"a"`
	B    Runtime `json:"b"`
	Seed uint64  `json:"seed"`
	// Steps is how many were done, those left out included.
	Steps int `json:"steps"`
	// Interrupted says that ctx ended before the last of them.
	Interrupted bool       `json:"interrupted,omitempty"`
	Seconds     float64    `json:"seconds"`
	Operations  map[Op]int `json:"operations"`
	// LeftOut says what only one of them is capable of, and how many steps had it.
	LeftOut     map[string]int `json:"leftOut,omitempty"`
	Differences []Difference   `json:"differences"`
}

// A Difference is something that a user saw differ.
type Difference struct {
	// Step is the number of the first step that showed it, Times how many did.
	Step  int `json:"step"`
	Times int `json:"times"`
	// Op is what the step did, What what differed in its end, A and B what that was.
	Op     Op     `json:"op"`
	What   string `json:"what"`
	A      string `json:"a"`
	B      string `json:"b"`
	ErrorA string `json:"errorA,omitempty"`
	ErrorB string `json:"errorB,omitempty"`
	// Sequence is the shortest found that shows it. Without Again it did not show again, and the sequence is what may have led to it.
	Sequence []Step `json:"sequence"`
	Again    bool   `json:"again"`
}

// sort is what differences have in common that come of one cause, as far as can be told.
func (d Difference) sort() string {
	what, _, _ := strings.Cut(d.What, " \"")
	if i := strings.LastIndexByte(what, ']'); i >= 0 {
		what = what[i:]
	}
	out := string(d.Op) + "|" + what
	if d.What == "error" || d.What == "ExitCode" {
		out += "|" + d.A + "|" + d.B
	}
	return out
}

// OK says that there was no difference.
func (r Report) OK() bool { return len(r.Differences) == 0 }

// Summary is a line about the whole.
func (r Report) Summary() string {
	found := "no difference"
	if n := len(r.Differences); n == 1 {
		found = "1 difference"
	} else if n > 1 {
		found = fmt.Sprintf("%d differences", n)
	}
	return fmt.Sprintf("%s ~ %s, seed %d: %s in %d steps (%.0f s, %.1f a second)",
		r.A.Name, r.B.Name, r.Seed, found, r.Steps, r.Seconds, float64(r.Steps)/max(r.Seconds, 0.001))
}

// WriteText writes the report for people: each difference with its sequence as a case of the suite and as JSON, then what was left out.
func (r Report) WriteText(w io.Writer) error {
	var b strings.Builder
	for i, d := range r.Differences {
		fmt.Fprintf(&b, "difference %d: %s of %s (step %d, seen %d times)\n", i+1, d.What, d.Op, d.Step, d.Times)
		for _, side := range []struct{ name, value, err string }{{r.A.Name, d.A, d.ErrorA}, {r.B.Name, d.B, d.ErrorB}} {
			fmt.Fprintf(&b, "  %s: %s\n", side.name, side.value)
			if side.err != "" {
				fmt.Fprintf(&b, "    error: %s\n", strings.ReplaceAll(side.err, "\n", "\n    "))
			}
		}
		if !d.Again {
			b.WriteString("  It did not show again. What may have led to it:\n")
		}
		fmt.Fprintf(&b, "\n%s\n", d.Case(r.A.Name, r.B.Name))
		replay, err := json.Marshal(d.Sequence)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "to replay, put this in a file and name it with --replay:\n%s\n\n", replay)
	}
	for _, what := range slices.Sorted(maps.Keys(r.LeftOut)) {
		fmt.Fprintf(&b, "left out %d times: %s\n", r.LeftOut[what], what)
	}
	fmt.Fprintln(&b, r.Summary())
	_, err := io.WriteString(w, b.String())
	return err
}
