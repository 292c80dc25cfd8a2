package runtime

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
)

func TestOpen(t *testing.T) {
	opened := errors.New("opened")
	var got string
	driver := func(name string) Driver {
		return Driver{Name: name, Open: func(_ context.Context, u *url.URL) (Runtime, error) {
			got = name
			if u != nil {
				got += " " + u.String()
			}
			return nil, opened
		}}
	}
	drivers := []Driver{driver("one"), driver("two")}
	for ref, want := range map[string]string{
		"one":                       "one",
		"two":                       "two",
		"two+unix:///run/x.sock":    "two two+unix:///run/x.sock",
		"one+ssh://me@host:22/path": "one one+ssh://me@host:22/path",
		"one://":                    "one one:",
	} {
		got = ""
		if _, err := Open(t.Context(), ref, drivers...); err != opened || got != want {
			t.Errorf("%q: %q, %v, want %q", ref, got, err, want)
		}
	}
	for _, ref := range []string{"", "three", "three+unix:///x", "one+unix:/x", "ONE", "onetwo+unix:///x", "unix:///x", "one+unix://%zz"} {
		got = ""
		_, err := Open(t.Context(), ref, drivers...)
		if !errors.Is(err, ErrInvalid) || got != "" {
			t.Errorf("%q: %q, %v, want ErrInvalid", ref, got, err)
		} else if !strings.Contains(err.Error(), "one, two") {
			t.Errorf("%q: %v does not say what there is", ref, err)
		}
	}
}
