// Package try opens the first of several runtimes that answers.
package try

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
)

// patience bounds each try, for something that takes a connection and says nothing. A Place may have its own.
const patience = 20 * time.Second

// A Place is somewhere to look for a runtime.
type Place struct {
	// Name says what names the place, for people, and URL where it is, if that is known.
	Name, URL string
	Open      func(ctx context.Context) (runtime.Runtime, error)
	// Patience is how long Open may take. 0: 20 s.
	Patience time.Duration
	// Variable is the environment variable in which the user has named the place. Where it does not answer, another is not what the user
	// wants. Empty: nobody has named it.
	Variable string
}

// Started is the patience with an engine that is started for this: its first start makes the user's storage, which takes long on a
// slow host, and one that fails ends, which shows at once.
const Started = 2 * time.Minute

// First opens the first place that answers, and goes no further than one that a variable names. Where none does, the error is of kind ErrUnavailable, says why each one failed, and matches
// what each of these errors matches. When ctx is done, its error comes back at once.
func First(ctx context.Context, places []Place) (runtime.Runtime, error) {
	var all failures
	for _, p := range places {
		rt, err := p.Try(ctx)
		if err == nil {
			return rt, nil
		}
		if ctx.Err() != nil {
			return nil, &runtime.Error{Op: "open", Err: ctx.Err()}
		}
		all = append(all, failure{p, err})
		if p.Variable != "" {
			hint := "start it, or unset " + p.Variable + " to have an engine looked for"
			return nil, &runtime.Error{Op: "open", Kind: runtime.ErrUnavailable, Hint: hint, Err: all}
		}
	}
	return nil, &runtime.Error{Op: "open", Kind: runtime.ErrUnavailable, Err: all}
}

// Try opens one place, and gives up after a while.
func (p Place) Try(ctx context.Context) (runtime.Runtime, error) {
	silent := fmt.Errorf("it does not answer within %v", cmp.Or(p.Patience, patience))
	bounded, cancel := context.WithTimeoutCause(ctx, cmp.Or(p.Patience, patience), silent)
	defer cancel()
	rt, err := p.Open(bounded)
	if err != nil && ctx.Err() == nil && context.Cause(bounded) == silent {
		err = &runtime.Error{Op: "open", Kind: runtime.ErrUnavailable, Err: silent}
	}
	return rt, err
}

type failure struct {
	place Place
	err   error
}

type failures []failure

// Error is a line for each place.
func (all failures) Error() string {
	var b strings.Builder
	b.WriteString("no engine answers")
	for _, f := range all {
		fmt.Fprintf(&b, "\n  %s: %s", f.place.describe(), Words(f.err))
	}
	return b.String()
}

func (p Place) describe() string {
	if p.URL == "" {
		return p.Name
	}
	return p.Name + " (" + p.URL + ")"
}

// Words are those of err without what was to be opened, which the place has said.
func Words(err error) string {
	var e *runtime.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	short := *e
	short.Op, short.ID, short.Runtime = "", "", ""
	return strings.TrimPrefix(short.Error(), ": ")
}

func (all failures) Unwrap() []error {
	errs := make([]error, len(all))
	for i, f := range all {
		errs[i] = f.err
	}
	return errs
}
