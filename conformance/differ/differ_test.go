package differ

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"go/parser"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/sandlot-dev/sandlot/runtime"
)

func side1(name string, rt runtime.Runtime) Side {
	return Side{Name: name, Open: func(context.Context) (runtime.Runtime, error) { return rt, nil }}
}

// empty checks that nothing is left.
func (f *fake) empty(t *testing.T) {
	t.Helper()
	if len(f.sandboxes) != 0 || len(f.images) != 0 || len(f.volumes) != 0 {
		t.Errorf("left behind: %d sandboxes, images %v, volumes %v", len(f.sandboxes), f.images, f.volumes)
	}
}

func TestSame(t *testing.T) {
	for seed := range uint64(2) {
		a, b := newFake(), newFake()
		b.made = 1000 // other ids
		report, err := Run(t.Context(), Config{A: side1("one", a), B: side1("other", b), Seed: seed, Steps: 600})
		if err != nil {
			t.Fatal(err)
		}
		if !report.OK() || report.Steps != 600 {
			var text strings.Builder
			_ = report.WriteText(&text)
			t.Errorf("seed %d: two equal runtimes differ:\n%s", seed, &text)
		}
		a.empty(t)
		b.empty(t)
	}
}

// Each runtime here does one thing wrong, which must be found soon and shortened to its core.
func TestBroken(t *testing.T) {
	for name, c := range map[string]struct {
		breaks func(b *broken)
		op     Op
		what   string // begins so
		steps  int    // at most, until it is found
	}{
		"a file's mode":  {func(b *broken) { b.get = func(h *tar.Header) { h.Mode &^= 0o4000 } }, OpGet, "entry", 1000},
		"a file's owner": {func(b *broken) { b.get = func(h *tar.Header) { h.Uid = 0 } }, OpGet, "entry", 1000},
		"an exit code": {func(b *broken) {
			b.exec = func(_ []string, _ *runtime.ExecOptions, res *runtime.ExecResult) {
				if res != nil && res.ExitCode == 137 {
					res.ExitCode = 0
				}
			}
		}, OpExec, "ExitCode", 1000},
		"a signal": {func(b *broken) {
			b.exec = func(_ []string, _ *runtime.ExecOptions, res *runtime.ExecResult) {
				if res != nil {
					res.Signal = 0
				}
			}
		}, OpExec, "Signal", 300},
		"a kind of error": {func(b *broken) {
			b.fail = func(_ string, err error) error {
				if errors.Is(err, runtime.ErrNotRunning) {
					return fail("exec", "", runtime.ErrNotFound)
				}
				return err
			}
		}, OpExec, "error", 1000},
		"an error's operation": {func(b *broken) {
			b.fail = func(_ string, err error) error {
				if errors.Is(err, runtime.ErrAlreadyExists) {
					return fail("create", "", runtime.ErrAlreadyExists)
				}
				return err
			}
		}, OpRun, "error's Op", 3000},
		"a variable of a run": {func(b *broken) {
			b.run = func(opts *runtime.RunOptions) {
				opts.Env = slices.DeleteFunc(slices.Clone(opts.Env), func(e string) bool { return strings.HasPrefix(e, "A=") })
			}
		}, "", "", 3000},
		"a variable of an exec": {func(b *broken) {
			b.exec = func(_ []string, opts *runtime.ExecOptions, res *runtime.ExecResult) {
				if res == nil {
					opts.Env = nil
				}
			}
		}, OpExec, "Stdout", 300},
		"a label": {func(b *broken) {
			b.run = func(opts *runtime.RunOptions) { delete(opts.Labels, "k") }
		}, "", "", 1000},
	} {
		t.Run(name, func(t *testing.T) {
			a, inner := newFake(), newFake()
			b := &broken{whole: inner}
			c.breaks(b)
			report, err := Run(t.Context(), Config{A: side1("good", a), B: side1("bad", b), Seed: 1, Steps: c.steps})
			if err != nil {
				t.Fatal(err)
			}
			if len(report.Differences) != 1 {
				t.Fatalf("got %d differences in %d steps, want one", len(report.Differences), report.Steps)
			}
			d := report.Differences[0]
			if c.op != "" && d.Op != c.op || !strings.HasPrefix(d.What, c.what) || !d.Again {
				t.Errorf("got %s of %s, again %v, want %s of %s", d.What, d.Op, d.Again, c.what, c.op)
			}
			if n := len(d.Sequence); n > 3 {
				t.Errorf("got a sequence of %d steps, want 3 at most:\n%s", n, d.Case("good", "bad"))
			}
			a.empty(t)
			inner.empty(t)
			if _, err := parser.ParseExpr("[]Case" + "{" + d.Case("good", "bad") + "}"); err != nil {
				t.Errorf("the case is no Go: %v\n%s", err, d.Case("good", "bad"))
			}
			replays(t, d, c.breaks)
		})
	}
}

// replays checks that the sequence, written as JSON and read again, shows the difference again.
func replays(t *testing.T, d Difference, breaks func(b *broken)) {
	t.Helper()
	text, err := json.Marshal(d.Sequence)
	var sequence []Step
	if err == nil {
		err = json.Unmarshal(text, &sequence)
	}
	if err != nil {
		t.Fatal(err)
	}
	b := &broken{whole: newFake()}
	breaks(b)
	again, err := Run(t.Context(), Config{A: side1("good", newFake()), B: side1("bad", b), Sequence: sequence})
	if err != nil || len(again.Differences) != 1 || again.Differences[0].sort() != d.sort() {
		t.Errorf("replay: %+v, %v, want the same difference", again.Differences, err)
	}
}

func TestKeepGoing(t *testing.T) {
	b := &broken{whole: newFake(), exec: func(argv []string, _ *runtime.ExecOptions, res *runtime.ExecResult) {
		if res != nil && len(argv) > 1 && argv[1] == "die" {
			res.Signal = 0
		}
	}, run: func(opts *runtime.RunOptions) { delete(opts.Labels, "k") }}
	var log bytes.Buffer
	report, err := Run(t.Context(), Config{A: side1("good", newFake()), B: side1("bad", b), Seed: 2, Steps: 700, KeepGoing: true, Log: &log})
	if err != nil {
		t.Fatal(err)
	}
	if report.Steps != 700 || len(report.Differences) < 2 {
		t.Errorf("got %d differences in %d steps, want both in all", len(report.Differences), report.Steps)
	}
	for i, d := range report.Differences {
		if slices.ContainsFunc(report.Differences[:i], func(other Difference) bool { return other.sort() == d.sort() }) {
			t.Errorf("%s of %s is there twice", d.What, d.Op)
		}
		if d.What == "Signal" && d.Times < 2 {
			t.Errorf("the signal was seen %d times, want more", d.Times)
		}
	}
	if !strings.Contains(log.String(), "Signal differs") {
		t.Errorf("the log does not tell:\n%s", &log)
	}
}

func TestCapabilities(t *testing.T) {
	a, b := newFake(), newFake()
	b.capabilities[runtime.CapabilityMemoryLimit] = runtime.Support{Reason: "no cgroup"}
	b.capabilities[runtime.CapabilityTTY] = runtime.Support{}
	wrapped := &broken{whole: b, run: func(opts *runtime.RunOptions) {
		if opts.MemoryBytes > 0 {
			opts.Labels = nil // would show
		}
	}, exec: func(_ []string, opts *runtime.ExecOptions, res *runtime.ExecResult) {
		if opts.TTY && res != nil {
			res.ExitCode = 1
		}
	}}
	report, err := Run(t.Context(), Config{A: side1("able", a), B: side1("poor", wrapped), Seed: 3, Steps: 700})
	if err != nil || !report.OK() {
		t.Fatalf("got %+v, %v, want no difference", report.Differences, err)
	}
	for _, want := range []string{"memory-limit: only able has it (poor: no cgroup)", "tty: only able has it"} {
		if report.LeftOut[want] == 0 {
			t.Errorf("left out is %v, want %q in it", report.LeftOut, want)
		}
	}
}

func TestGenerate(t *testing.T) {
	long := Generate(7, 3000)
	if !reflect.DeepEqual(long, Generate(7, 3000)) {
		t.Error("a seed makes two sequences")
	}
	if !reflect.DeepEqual(long[:100], Generate(7, 100)) {
		t.Error("a shorter sequence is another one")
	}
	if reflect.DeepEqual(long, Generate(8, 3000)) {
		t.Error("two seeds make the same sequence")
	}
	ops := map[Op]int{}
	for _, step := range long {
		ops[step.Op]++
		if got := clone(step); literal(got) != literal(step) {
			t.Fatalf("a step does not survive JSON:\n%s\n%s", literal(step), literal(got))
		}
	}
	for _, op := range []Op{OpRun, OpExec, OpPut, OpGet, OpInspect, OpList, OpHostPort, OpStop, OpStart, OpRemove, OpBuild, OpRemoveImage, OpRemoveVolume} {
		if ops[op] < 5 {
			t.Errorf("%d steps of 3000 are %s", ops[op], op)
		}
	}
}

// The end of ctx ends a run, with everything removed.
func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	a, b := newFake(), newFake()
	n := 0
	wrapped := &broken{whole: b, exec: func([]string, *runtime.ExecOptions, *runtime.ExecResult) {
		if n++; n == 50 {
			cancel()
		}
	}}
	report, err := Run(ctx, Config{A: side1("one", a), B: side1("other", wrapped), Seed: 1, Steps: 5000})
	if !errors.Is(err, context.Canceled) || report.Steps == 0 || report.Steps == 5000 {
		t.Errorf("got %d steps, %v, want some and context.Canceled", report.Steps, err)
	}
	a.empty(t)
	b.empty(t)
}

// parents removes an image only when none is left that was built of it.
type parents map[string]string // of each image

func (p parents) RemoveImage(_ context.Context, image string, _ runtime.RemoveImageOptions) (runtime.RemoveImageResult, error) {
	for _, parent := range p {
		if parent == image {
			return runtime.RemoveImageResult{}, fail("remove image", image, runtime.ErrInUse)
		}
	}
	delete(p, image)
	return runtime.RemoveImageResult{}, nil
}

func TestImagesOfImagesAreRemoved(t *testing.T) {
	left := parents{"one": "", "two": "one", "three": "two", "four": "three"}
	s := &session{images: map[string]bool{"one": true, "two": true, "three": true, "four": true}}
	if err := s.removeImages(t.Context(), left); err != nil || len(left) != 0 {
		t.Errorf("%v left, %v", left, err)
	}
	held := parents{"one": "", "another's": "one"}
	s.images = map[string]bool{"one": true}
	if err := s.removeImages(t.Context(), held); !errors.Is(err, runtime.ErrInUse) {
		t.Errorf("an image that stays in use: %v", err)
	}
}
