package differ

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// maxTries is how many shorter sequences are tried for one difference.
const maxTries = 80

// shrink shortens the sequence of each difference of the report.
func (r *comparison) shrink(ctx context.Context, sequence []Step) error {
	var errs error
	for i := range r.report.Differences {
		d := &r.report.Differences[i]
		fmt.Fprintf(r.cfg.Log, "shortening difference %d of %d: %s of step %d\n", i+1, len(r.report.Differences), d.What, d.Step)
		s := &shrinker{pair: r.pair, sort: d.sort()}
		var common []Step
		for _, step := range sequence[:d.Step+1] {
			if step, ok := r.common(step, map[string]int{}); ok {
				common = append(common, step)
			}
		}
		steps, found := s.shortest(ctx, common)
		errs = errors.Join(errs, s.err)
		d.Sequence, d.Again = steps, found != nil
		if found != nil {
			d.A, d.B, d.ErrorA, d.ErrorB, d.What = found.A, found.B, found.ErrorA, found.ErrorB, found.What
		}
	}
	return errs
}

// A shrinker looks for the shortest sequence that still shows a sort of difference.
type shrinker struct {
	pair
	sort  string
	tries int
	err   error // of cleaning up
	found *Difference
}

// shows does a sequence and says whether it ends in the same sort of difference.
func (s *shrinker) shows(ctx context.Context, steps []Step) bool {
	if s.tries++; s.tries > maxTries || ctx.Err() != nil {
		return false
	}
	sessions := s.start()
	defer func() { s.err = errors.Join(s.err, end(ctx, sessions)) }()
	for i, step := range steps {
		for _, d := range s.step(ctx, sessions, step) {
			if d.sort() == s.sort && i == len(steps)-1 && ctx.Err() == nil {
				s.found = &d
				return true
			}
		}
	}
	return false
}

// shortest gives the shortest sequence that it finds, and the difference as it shows there; nil when it does not show again.
func (s *shrinker) shortest(ctx context.Context, steps []Step) ([]Step, *Difference) {
	last := steps[len(steps)-1]
	// From the least that may be enough to all that came before.
	candidates := [][]Step{history(steps, func(step Step) bool { return step.Sandbox == last.Sandbox })}
	candidates = append(candidates, history(steps, func(step Step) bool { return step.Sandbox == last.Sandbox || step.Sandbox == "" || step.Run != nil }),
		steps[max(0, len(steps)-100):], steps)
	for _, c := range candidates {
		if !s.shows(ctx, c) {
			continue
		}
		c = s.fewer(ctx, c)
		c = s.simpler(ctx, c)
		return c, s.found
	}
	return candidates[0], nil
}

// history is the steps that keep says from the last run of the last step's sandbox on, and the last.
func history(steps []Step, keep func(Step) bool) []Step {
	last := len(steps) - 1
	begin := 0
	for i := range last {
		if steps[i].Run != nil && steps[i].Sandbox == steps[last].Sandbox {
			begin = i
		}
	}
	var out []Step
	for i, step := range steps[:last] {
		if keep(step) && (i >= begin || step.Build != nil) {
			out = append(out, step)
		}
	}
	return append(out, steps[last])
}

// fewer leaves out steps, many at first, as long as the difference stays. The last is what shows it.
func (s *shrinker) fewer(ctx context.Context, steps []Step) []Step {
	for size := (len(steps) + 1) / 2; size > 0; size /= 2 {
		for i := 0; i+size < len(steps); {
			if without := slices.Concat(steps[:i], steps[i+size:]); s.shows(ctx, without) {
				steps = without
			} else {
				i += size
			}
		}
	}
	return steps
}

// simpler leaves out options and parts of them.
func (s *shrinker) simpler(ctx context.Context, steps []Step) []Step {
	for i := range steps {
		for again := true; again; {
			again = false
			for _, simpler := range reductions(steps[i]) {
				candidate := slices.Clone(steps)
				candidate[i] = simpler
				if s.shows(ctx, candidate) {
					steps, again = candidate, true
					break
				}
			}
		}
	}
	return steps
}

// reductions are all steps that have one thing less: an option at its zero value, an element gone.
func reductions(step Step) []Step {
	step = clone(step)
	var out []Step
	emit := func() { out = append(out, clone(step)) }
	for _, part := range []any{step.Run, step.Exec, step.Put, step.Get, step.Build} {
		if v := reflect.ValueOf(part); !v.IsNil() {
			reduce(v.Elem(), emit)
		}
	}
	for _, part := range []any{&step.By, &step.GraceMillis, &step.Labels} {
		if v := reflect.ValueOf(part).Elem(); !v.IsZero() {
			set(v, reflect.Zero(v.Type()), emit)
		}
	}
	return out
}

// set emits with another value in place.
func set(v, value reflect.Value, emit func()) {
	old := reflect.New(v.Type()).Elem()
	old.Set(v)
	v.Set(value)
	emit()
	v.Set(old)
}

func reduce(v reflect.Value, emit func()) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Field(i)
			if !f.CanSet() || f.IsZero() {
				continue
			}
			if name := v.Type().Field(i).Name; name != "Type" && name != "Target" { // without these an entry or mount is another thing
				set(f, reflect.Zero(f.Type()), emit)
			}
			reduce(f, emit)
		}
	case reflect.Slice:
		for i := range v.Len() {
			if v.Len() > 1 {
				without := reflect.MakeSlice(v.Type(), 0, v.Len()-1)
				without = reflect.AppendSlice(reflect.AppendSlice(without, v.Slice(0, i)), v.Slice(i+1, v.Len()))
				set(v, without, emit)
			}
			reduce(v.Index(i), emit)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			if v.Len() > 1 {
				without := reflect.MakeMap(v.Type())
				for _, k := range v.MapKeys() {
					if k.String() != key.String() {
						without.SetMapIndex(k, v.MapIndex(k))
					}
				}
				set(v, without, emit)
			}
		}
	case reflect.String:
		if lines := strings.Split(v.String(), "\n"); len(lines) > 2 { // a Dockerfile
			for i := range lines {
				set(v, reflect.ValueOf(strings.Join(slices.Concat(lines[:i], lines[i+1:]), "\n")), emit)
			}
		}
	}
}

// clone is a deep copy, by way of what a step is: plain data.
func clone(step Step) Step {
	var out Step
	b, err := json.Marshal(step)
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	if err != nil {
		panic(err) // a step is strings, numbers and what holds them
	}
	return out
}
