package try

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
)

type stub struct{ runtime.Runtime }

func fails(err error) func(context.Context) (runtime.Runtime, error) {
	return func(context.Context) (runtime.Runtime, error) { return nil, err }
}

func TestFirst(t *testing.T) {
	want := &stub{}
	got, err := First(t.Context(), []Place{
		{Name: "a", Open: fails(errors.New("x"))},
		{Name: "b", Open: func(context.Context) (runtime.Runtime, error) { return want, nil }},
		{Name: "c", Open: func(context.Context) (runtime.Runtime, error) {
			t.Error("goes on after an answer")
			return nil, nil
		}},
	})
	if got != want || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestFirstSaysWhatWasTried(t *testing.T) {
	_, err := First(t.Context(), []Place{
		{Name: "one place", URL: "x+unix:///one", Open: fails(&runtime.Error{
			Op: "open", Runtime: "x", ID: "x+unix:///one", Kind: runtime.ErrPermission, Message: "not yours", Hint: "ask",
		})},
		{Name: "another", Open: fails(errors.New("broken"))},
	})
	const want = "open: unavailable: no engine answers\n  one place (x+unix:///one): permission denied: not yours; ask\n  another: broken"
	if err == nil || err.Error() != want {
		t.Errorf("got %q\nwant %q", err, want)
	}
	if !errors.Is(err, runtime.ErrUnavailable) || !errors.Is(err, runtime.ErrPermission) {
		t.Errorf("%v does not match its kinds", err)
	}
}

func TestFirstGoesNoFurtherThanWhatIsNamed(t *testing.T) {
	_, err := First(t.Context(), []Place{
		{Name: "by chance", Open: fails(errors.New("broken"))},
		{Name: "HOST", Variable: "HOST", Open: fails(errors.New("silent"))},
		{Name: "c", Open: func(context.Context) (runtime.Runtime, error) {
			t.Error("goes on after what is named")
			return &stub{}, nil
		}},
	})
	if !errors.Is(err, runtime.ErrUnavailable) || !strings.HasSuffix(err.Error(), "HOST: silent; start it, or unset HOST to have an engine looked for") {
		t.Errorf("got %v", err)
	}
}

func TestPatience(t *testing.T) {
	for _, own := range []time.Duration{0, Started} {
		synctest.Test(t, func(t *testing.T) {
			want := cmp.Or(own, patience)
			start := time.Now()
			_, err := First(t.Context(), []Place{{Name: "silent", Patience: own, Open: func(ctx context.Context) (runtime.Runtime, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}}})
			if !errors.Is(err, runtime.ErrUnavailable) || !strings.Contains(err.Error(), "within "+want.String()) || time.Since(start) != want {
				t.Errorf("after %v: %v; want unavailable after %v", time.Since(start), err, want)
			}
		})
	}
}

func TestFirstEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	_, err := First(ctx, []Place{
		{Name: "a", Open: func(ctx context.Context) (runtime.Runtime, error) {
			cancel()
			return nil, ctx.Err()
		}},
		{Name: "b", Open: func(context.Context) (runtime.Runtime, error) {
			t.Error("goes on after the context")
			return nil, nil
		}},
	})
	if !errors.Is(err, context.Canceled) || errors.Is(err, runtime.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

func TestWords(t *testing.T) {
	err := &runtime.Error{Op: "open", ID: "u", Kind: runtime.ErrInvalid, Message: "m"}
	if got := Words(err); got != "invalid: m" || err.Op != "open" {
		t.Errorf("got %q of %v", got, err)
	}
	if got := Words(&runtime.Error{Message: "m: n"}); strings.HasPrefix(got, ":") {
		t.Errorf("got %q", got)
	}
}
