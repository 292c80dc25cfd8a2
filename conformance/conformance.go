package conformance

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Check runs the cases that cfg selects and reports on them. The error says why the suite itself could not run; failed
// cases are in the report. When ctx ends, the cases under way end. Those of them that fail then prove nothing, and are left out of the report as those that have not begun.
func Check(ctx context.Context, cfg Config) (Report, error) {
	return check(ctx, cfg, Cases())
}

func check(ctx context.Context, cfg Config, cases []Case) (report Report, err error) {
	start := time.Now()
	s, err := open(ctx, cfg)
	if err != nil {
		return Report{}, err
	}
	defer func() {
		err = errors.Join(err, s.close())
		report.Duration = Duration(time.Since(start))
	}()
	selected := s.cfg.selected(cases)
	results := make([]Result, len(selected)) // without an id where there is none
	var wg sync.WaitGroup
	for i, c := range selected {
		s.slots <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		wg.Go(func() {
			defer func() { <-s.slots }()
			result := s.run(ctx, c)
			if ctx.Err() != nil && result.Outcome == Failed {
				return
			}
			results[i] = result
			s.log(result)
		})
	}
	wg.Wait()
	results = slices.DeleteFunc(results, func(r Result) bool { return r.ID == "" })
	return Report{Runtime: s.info, Started: start.UTC(), Results: results}, ctx.Err()
}

// Run runs the cases that cfg selects as subtests of t, named by their ids, and reports on them.
func Run(t *testing.T, cfg Config) Report {
	t.Helper()
	return run(t, cfg, Cases())
}

func run(t *testing.T, cfg Config, cases []Case) Report {
	t.Helper()
	start := time.Now()
	s, err := open(t.Context(), cfg)
	if err != nil {
		t.Fatalf("conformance: %v", err)
	}
	defer func() {
		if err := s.close(); err != nil {
			t.Errorf("conformance: %v", err)
		}
	}()
	selected := s.cfg.selected(cases)
	results := make([]Result, len(selected))
	ran := make([]bool, len(selected))
	// The ids make a tree of subtests, so that go test's -run selects groups of them.
	root := new(node)
	for i, c := range selected {
		root.add(strings.Split(c.ID, "/"), func(t *testing.T) {
			s.slots <- struct{}{}
			defer func() { <-s.slots }()
			results[i], ran[i] = s.run(t.Context(), c), true
			for _, m := range results[i].Messages {
				t.Log(m)
			}
			if results[i].Outcome == Failed {
				t.Fail()
			}
		})
	}
	root.run(t)
	report := Report{Runtime: s.info, Started: start.UTC(), Duration: Duration(time.Since(start))}
	for i, r := range results {
		if ran[i] {
			report.Results = append(report.Results, r)
		}
	}
	t.Log(report.Summary())
	return report
}

// A node is a path element of ids.
type node struct {
	name     string
	test     func(t *testing.T)
	children []*node
}

func (n *node) add(path []string, test func(t *testing.T)) {
	if len(path) == 0 {
		n.test = test
		return
	}
	for _, c := range n.children {
		if c.name == path[0] {
			c.add(path[1:], test)
			return
		}
	}
	c := &node{name: path[0]}
	n.children = append(n.children, c)
	c.add(path[1:], test)
}

// run runs the tests of a node as subtests of t, all at once: the suite's slots bound them.
func (n *node) run(t *testing.T) {
	if n.test != nil {
		n.test(t)
	}
	var wg sync.WaitGroup
	for _, c := range n.children {
		wg.Go(func() { t.Run(c.name, c.run) })
	}
	wg.Wait()
}

func (s *suite) log(r Result) {
	s.logMu.Lock()
	defer s.logMu.Unlock()
	_, _ = s.cfg.Log.Write(r.text()) // the report has it too
}
