package main

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/sandlot-dev/sandlot/bench/report"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestEachHasItsTurn(t *testing.T) {
	b := &bench{result: &report.Run{}}
	m := b.measurement("g", "g/1", "one", report.Seconds)
	who := []*contender{{name: "a"}, {name: "b"}, {name: "c"}}
	var order []string
	must(t, b.compare(t.Context(), 3, who, func(_ context.Context, c *contender) ([]report.Samples, error) {
		order = append(order, c.name)
		return one(float64(len(order))), nil
	}, m))
	if want := []string{"a", "b", "c", "a", "b", "c", "b", "c", "a", "c", "a", "b"}; !slices.Equal(order, want) {
		t.Errorf("turns were %v, want %v", order, want)
	}
	if got, want := m.Of("a", "", "").Samples, (report.Samples{4, 9, 11}); !slices.Equal(got, want) {
		t.Errorf("samples of a are %v, want %v: without those of the first round", got, want)
	}
}

func TestWhoFailsIsOut(t *testing.T) {
	b := &bench{result: &report.Run{}}
	m := b.measurement("g", "g/1", "one", report.Seconds)
	turns := make(map[string]int)
	must(t, b.compare(t.Context(), 5, []*contender{{name: "fails"}, {name: "cannot"}, {name: "can"}},
		func(_ context.Context, c *contender) ([]report.Samples, error) {
			turns[c.name]++
			switch {
			case c.name == "cannot":
				return nil, cannot("it is too old")
			case c.name == "fails" && turns[c.name] == 3:
				return nil, errors.New("broken")
			}
			return one(1), nil
		}, m))
	if turns["fails"] != 3 || turns["cannot"] != 1 || turns["can"] != 6 {
		t.Errorf("turns were %v", turns)
	}
	if s := m.Of("cannot", "", ""); s.Problem != "it is too old" || s.Failed {
		t.Errorf("what cannot be is %+v", s)
	}
	if got := b.result.Failures(); !slices.Equal(got, []string{"g/1: fails: broken"}) {
		t.Errorf("failures are %q", got)
	}
}

func TestExecsGiveEachTime(t *testing.T) {
	c := &contender{exec: execStub(nil)}
	samples, err := execs(t.Context(), c, 4, 12)
	must(t, err)
	if len(samples[0]) != 12 || len(samples[1]) != 1 || slices.Min(samples[0]) <= 0 {
		t.Errorf("samples are %v", samples)
	}
	broken := errors.New("broken")
	if _, err := execs(t.Context(), &contender{exec: execStub(broken)}, 4, 12); !errors.Is(err, broken) {
		t.Errorf("an exec that fails gives %v", err)
	}
}
