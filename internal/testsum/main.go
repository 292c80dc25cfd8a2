// Command testsum reads the events of `go test -json` and says how it went: for each engine in SANDLOT_TEST_ENGINES the
// conformance cases that passed, and in the last line all tests. It fails when a test failed or did not end, and when an
// engine has not passed a single case: a suite that did not run is not green. A test that failed and passed when it was run again by itself
// is named, and counts as passed.
//
// A conformance case of engine E is a test named TestConformance/E/ID. Tests with subtests are not counted, their subtests are.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: testsum FILE   (what `go test -json` printed)")
		os.Exit(2)
	}
	file, err := os.Open(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "testsum:", err)
		os.Exit(2)
	}
	defer file.Close()
	ok, err := summarize(file, os.Stdout, engines(os.Getenv("SANDLOT_TEST_ENGINES")))
	if err != nil {
		fmt.Fprintln(os.Stderr, "testsum:", err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}

// engines takes the names from "NAME=URL NAME=URL".
func engines(list string) []string {
	var names []string
	for _, pair := range strings.Fields(list) {
		name, _, _ := strings.Cut(pair, "=")
		names = append(names, name)
	}
	return names
}

type event struct{ Action, Package, Test string }

func summarize(r io.Reader, w io.Writer, engines []string) (bool, error) {
	results := map[event]string{} // by Package and Test
	once := map[event]bool{}      // tests that have failed, whatever came of them when they were run again
	failed := map[string]bool{}   // packages
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if err := json.Unmarshal(line, &e); err != nil {
				return false, fmt.Errorf("not an event: %q", line)
			}
			key := event{Package: e.Package, Test: e.Test}
			switch {
			case e.Test == "" && e.Action == "fail":
				failed[e.Package] = true
			case e.Test == "" && e.Action == "pass": // what failed before was run again
				delete(failed, e.Package)
			case e.Test == "":
			case e.Action == "run":
				results[key] = "fail" // until it has ended otherwise
			case e.Action == "pass" || e.Action == "fail" || e.Action == "skip":
				results[key] = e.Action
				once[key] = once[key] || e.Action == "fail"
			}
		}
		if err == io.EOF {
			break
		} else if err != nil {
			return false, err
		}
	}

	parents := map[event]bool{}
	for key := range results {
		for i, c := range key.Test {
			if c == '/' {
				parents[event{Package: key.Package, Test: key.Test[:i]}] = true
			}
		}
	}
	total := map[string]int{}
	cases := map[string]map[string]int{}
	for key, result := range results {
		if result == "fail" {
			delete(failed, key.Package) // a test says more than its package
		}
		// a parent that failed by itself counts, its passing says nothing
		if parents[key] && (result != "fail" || childFailed(results, key)) {
			continue
		}
		total[result]++
		if parts := strings.SplitN(key.Test, "/", 3); len(parts) == 3 && parts[0] == "TestConformance" {
			if cases[parts[1]] == nil {
				cases[parts[1]] = map[string]int{}
			}
			cases[parts[1]][result]++
		}
	}

	ok := total["fail"] == 0 && len(failed) == 0
	for _, engine := range engines {
		c := cases[engine]
		fmt.Fprintf(w, "conformance on %s: %d cases passed, %d failed, %d skipped\n", engine, c["pass"], c["fail"], c["skip"])
		ok = ok && c["pass"] > 0
	}
	var again []string
	for key := range once {
		if once[key] && results[key] == "pass" && !parents[key] {
			again = append(again, key.Package+" "+key.Test)
		}
	}
	slices.Sort(again)
	for _, test := range again {
		fmt.Fprintf(w, "failed, and passed when it was run again by itself: %s\n", test)
	}
	var broken []string
	for p := range failed {
		broken = append(broken, p)
	}
	slices.Sort(broken)
	for _, p := range broken {
		fmt.Fprintf(w, "%s: failed as a whole\n", p)
	}
	fmt.Fprintf(w, "%d passed, %d failed, %d skipped\n", total["pass"], total["fail"]+len(failed), total["skip"])
	return ok, nil
}

func childFailed(results map[event]string, parent event) bool {
	for key, result := range results {
		if result == "fail" && key.Package == parent.Package && strings.HasPrefix(key.Test, parent.Test+"/") {
			return true
		}
	}
	return false
}
