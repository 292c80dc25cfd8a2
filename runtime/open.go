package runtime

import (
	"context"
	"fmt"
	"net/url"
	"strings"
)

// A Driver opens runtimes of one kind. Drivers are values that callers pass along: nothing registers itself.
type Driver struct {
	// Name is what a user types, and the part of a URL's scheme before "+".
	Name string
	// Open opens the runtime at u: "NAME+unix:///path", "NAME+tcp://host:port", "NAME+ssh://user@host/path". A nil u asks for the
	// driver's default place, for which it may read the environment. It asks the engine for its version and returns
	// ErrUnavailable when nothing answers, ErrPermission when the socket may not be opened.
	Open func(ctx context.Context, u *url.URL) (Runtime, error)
}

// Open opens the runtime that ref names: a driver's name, or a URL whose scheme begins with one. An unknown driver, or a
// URL that is none, is ErrInvalid, and the error lists what there is.
func Open(ctx context.Context, ref string, drivers ...Driver) (Runtime, error) {
	names := make([]string, len(drivers))
	for i, d := range drivers {
		names[i] = d.Name
		if ref == d.Name {
			return d.Open(ctx, nil)
		}
	}
	invalid := &Error{
		Op: "open", ID: ref, Kind: ErrInvalid, Message: fmt.Sprintf("no runtime of the name %q", ref),
		Hint: "name one of " + strings.Join(names, ", ") + ", or a URL such as docker+unix:///var/run/docker.sock",
	}
	scheme, _, isURL := strings.Cut(ref, "://")
	if !isURL {
		return nil, invalid
	}
	name, _, _ := strings.Cut(scheme, "+")
	for _, d := range drivers {
		if d.Name != name {
			continue
		}
		u, err := url.Parse(ref)
		if err != nil {
			invalid.Message, invalid.Err = "no URL", err
			return nil, invalid
		}
		return d.Open(ctx, u)
	}
	return nil, invalid
}
