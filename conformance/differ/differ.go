package differ

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
)

// A Side is one of the two runtimes that are compared.
type Side struct {
	// Name is what reports call it. Empty: the engine's name and version.
	Name string
	// Open opens it. Required.
	Open func(ctx context.Context) (runtime.Runtime, error)
}

// Config says what to compare and how.
type Config struct {
	A, B Side
	// Seed and Steps make the sequence, see [Generate].
	Seed  uint64
	Steps int
	// Sequence is done in place of a generated one.
	Sequence []Step
	// KeepGoing goes on after a difference, with new sandboxes. Differences of the same sort are reported once.
	KeepGoing bool
	// Log gets lines about the progress. Nil discards.
	Log io.Writer
}

// maxDifferences is where a run ends that keeps going: after so many sorts, one more says little.
const maxDifferences = 20

// Run does the same sequence on both sides and reports what differs, shortened. It removes all that it made. When ctx ends, the
// report is about the steps so far.
func Run(ctx context.Context, cfg Config) (report Report, err error) {
	if cfg.Log == nil {
		cfg.Log = io.Discard
	}
	if cfg.A.Open == nil || cfg.B.Open == nil {
		return Report{}, errors.New("differ: a Side has no Open")
	}
	sequence := cfg.Sequence
	if sequence == nil {
		sequence = Generate(cfg.Seed, cfg.Steps)
	}
	var p pair
	defer func() {
		for _, s := range p.sides {
			if s != nil {
				err = errors.Join(err, s.close(ctx))
			}
		}
	}()
	for i, side := range []Side{cfg.A, cfg.B} {
		if p.sides[i], err = open(ctx, side); err != nil {
			return Report{}, err
		}
	}
	if p.sides[0].name == p.sides[1].name {
		p.sides[1].name += " again"
	}
	if err = p.askIDs(ctx); err != nil {
		return Report{}, err
	}
	r := newComparison(cfg, len(sequence), p)
	err = r.all(ctx, sequence)
	if err == nil {
		err = r.shrink(ctx, sequence)
	}
	r.report.Interrupted = ctx.Err() != nil
	r.report.Seconds = time.Since(r.begun).Seconds()
	return r.report, errors.Join(err, ctx.Err())
}

// A pair is two sides.
type pair struct{ sides [2]*side }

// both calls f for both at once.
func both(f func(i int)) {
	var wg sync.WaitGroup
	for i := range 2 {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}

// A comparison is a sequence under way.
type comparison struct {
	pair
	cfg    Config
	report Report
	begun  time.Time
	total  int
	told   time.Time
	known  map[string]int // a sort of difference to its place in the report
}

func newComparison(cfg Config, total int, p pair) *comparison {
	now := time.Now()
	return &comparison{pair: p, cfg: cfg, begun: now, told: now, total: total, known: map[string]int{}, report: Report{
		A: Runtime{p.sides[0].name, p.sides[0].info}, B: Runtime{p.sides[1].name, p.sides[1].info}, Seed: cfg.Seed,
		Operations: map[Op]int{}, LeftOut: map[string]int{}, Differences: []Difference{},
	}}
}

// all does the steps, until they differ or to the end.
func (r *comparison) all(ctx context.Context, sequence []Step) (err error) {
	sessions := r.start()
	defer func() { err = errors.Join(err, end(ctx, sessions)) }()
	for i, whole := range sequence {
		if ctx.Err() != nil || len(r.report.Differences) >= maxDifferences {
			return nil
		}
		r.progress()
		step, ok := r.common(whole, r.report.LeftOut)
		r.report.Steps++
		if !ok {
			continue
		}
		r.report.Operations[step.Op]++
		found := r.step(ctx, sessions, step)
		if ctx.Err() != nil { // what was cut off differs as it likes
			return nil
		}
		if len(found) == 0 {
			continue
		}
		r.note(i, step, found)
		if !r.cfg.KeepGoing {
			return nil
		}
		r.renew(ctx, sessions, step)
	}
	return nil
}

// note adds the differences of a step to the report, those of a sort that it does not have yet.
func (r *comparison) note(i int, step Step, found []Difference) {
	for _, d := range found {
		if at, known := r.known[d.sort()]; known {
			r.report.Differences[at].Times++
			continue
		}
		r.known[d.sort()] = len(r.report.Differences)
		d.Step, d.Times = i, 1
		r.report.Differences = append(r.report.Differences, d)
		fmt.Fprintf(r.cfg.Log, "step %d, %s: %s differs\n", i, step.Op, d.What)
		break // what else differs in the same step comes of the same cause, most often
	}
}

func (p pair) start() [2]*session { return [2]*session{p.sides[0].begin(), p.sides[1].begin()} }

func end(ctx context.Context, sessions [2]*session) error {
	var errs [2]error
	both(func(i int) { errs[i] = sessions[i].end(ctx) })
	return errors.Join(errs[0], errs[1])
}

// step does one step on both sides and compares.
func (p pair) step(ctx context.Context, sessions [2]*session, step Step) []Difference {
	var got [2]facts
	both(func(i int) { got[i] = sessions[i].do(ctx, clone(step)) })
	var out []Difference
	if errors.Is(got[0].error, context.DeadlineExceeded) && errors.Is(got[1].error, context.DeadlineExceeded) && ctx.Err() == nil {
		late := fmt.Sprintf("still under way after %v", stepTime)
		out = append(out, Difference{Op: step.Op, What: "the end", A: late, B: late}) // alike, and wrong
	}
	for _, c := range compare(got[0], got[1]) {
		d := Difference{Op: step.Op, What: c.what, A: c.a, B: c.b}
		if got[0].error != nil {
			d.ErrorA = got[0].error.Error()
		}
		if got[1].error != nil {
			d.ErrorB = got[1].error.Error()
		}
		out = append(out, d)
	}
	return out
}

// renew gives both sides a new sandbox in the place of the one whose state may differ now.
func (p pair) renew(ctx context.Context, sessions [2]*session, step Step) {
	if step.Sandbox == "" || step.By == "raw" {
		return
	}
	both(func(i int) {
		name := ""
		if step.Run != nil && step.Run.Options.Name != "" && strings.HasPrefix(step.Run.Options.Name, "$") {
			name = sessions[i].own(step.Run.Options.Name)
		}
		sessions[i].renew(ctx, step.Sandbox, name)
	})
}

const progressInterval = 5 * time.Second

func (r *comparison) progress() {
	if time.Since(r.told) < progressInterval {
		return
	}
	r.told = time.Now()
	rate := float64(r.report.Steps) / time.Since(r.begun).Seconds()
	left := time.Duration(float64(r.total-r.report.Steps)/rate) * time.Second
	fmt.Fprintf(r.cfg.Log, "step %d of %d, %.1f a second, about %v to go, %d differences\n", r.report.Steps, r.total, rate, left, len(r.report.Differences))
}
