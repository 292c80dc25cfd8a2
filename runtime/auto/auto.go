// Package auto finds a container engine: it knows both drivers, and every place where an engine may be.
//
// In this order: what SANDLOT_RUNTIME names, and then nothing else; DOCKER_HOST, or else the docker command's current context; CONTAINER_HOST;
// podman's default connection; the rootless Podman socket; the rootful one; Docker's sockets, where it asks who answers, because Podman
// may; and last, where there is a podman program, a service that is started for this process alone. What one of these variables, or
// DOCKER_CONTEXT, names has to answer: nothing is run on another engine than the one that the user has named.
package auto

import (
	"cmp"
	"context"
	"net/url"
	"os"

	"github.com/sandlot-dev/sandlot/internal/try"
	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/runtime/docker"
	"github.com/sandlot-dev/sandlot/runtime/podman"
)

// OwnService is the name of the place that needs no socket: podman, started for this process.
const OwnService = "a Podman service of our own"

// Name is the name under which Open searches.
const Name = "auto"

// Options are the options of [Open] and [Candidates].
type Options struct {
	// Getenv stands for os.Getenv where the places are looked for. Nil: os.Getenv. What a driver itself reads of the environment, such as
	// TLS files, it reads from the process's.
	Getenv func(string) string
}

// Drivers are the drivers that Open knows.
func Drivers() []runtime.Driver { return []runtime.Driver{docker.Driver(), podman.Driver()} }

// Open opens the runtime that ref names: "docker", "podman", a URL of one, or "auto" (also when empty) for the first engine that answers.
// When none does, the error is [runtime.ErrUnavailable], and says what was tried and why each failed.
func Open(ctx context.Context, ref string, opts Options) (runtime.Runtime, error) {
	getenv := opts.getenv()
	if ref == "" || ref == Name {
		ref = cmp.Or(getenv("SANDLOT_RUNTIME"), Name)
	}
	return runtime.Open(ctx, ref, append([]runtime.Driver{search(getenv)}, Drivers()...)...)
}

// search is a driver that opens the first engine that answers. It is one so that auto is among the names of an error.
func search(getenv func(string) string) runtime.Driver {
	return runtime.Driver{Name: Name, Open: func(ctx context.Context, u *url.URL) (runtime.Runtime, error) {
		if u != nil {
			return nil, &runtime.Error{Op: "open", ID: u.Redacted(), Kind: runtime.ErrInvalid, Message: "auto is no part of a URL", Hint: "write auto, or the URL of an engine"}
		}
		rt, err := try.First(ctx, places(getenv))
		if e, ok := err.(*runtime.Error); ok && e.Kind != nil && e.Hint == "" {
			e.Hint = "install rootless Podman or Docker; start one (systemctl --user enable --now podman.socket, systemctl start docker)," +
				" or name one with SANDLOT_RUNTIME, such as podman+unix:///run/podman/podman.sock"
		}
		return rt, err
	}}
}

func (o Options) getenv() func(string) string {
	if o.Getenv == nil {
		return os.Getenv
	}
	return o.Getenv
}

// A Candidate is a place where Open looks, and what is there.
type Candidate struct {
	// Name says what names the place, for people: "DOCKER_HOST", "the rootless Podman socket".
	Name string `json:"name"`
	// URL opens it with Open. Empty where it is not known.
	URL string `json:"url,omitempty"`
	// Variable is the environment variable that names it, if one does: Open goes no further, whether it answers or not.
	Variable string `json:"variable,omitempty"`
	// Info is the engine's answer, where it answered.
	Info *runtime.Info `json:"info,omitempty"`
	// Error is why it did not, in words, and Err the error.
	Error string `json:"error,omitempty"`
	Err   error  `json:"-"`
}

// Candidates asks each place where Open would look, in its order, also those that Open would not come to. It starts a service of
// its own too, and ends it again.
func Candidates(ctx context.Context, opts Options) []Candidate {
	getenv := opts.getenv()
	var all []try.Place
	if ref := getenv("SANDLOT_RUNTIME"); ref != "" && ref != Name {
		all = append(all, try.Place{Name: "SANDLOT_RUNTIME", URL: ref, Variable: "SANDLOT_RUNTIME", Open: func(ctx context.Context) (runtime.Runtime, error) {
			return runtime.Open(ctx, ref, Drivers()...)
		}})
	}
	var out []Candidate
	for _, p := range append(all, places(getenv)...) {
		c := Candidate{Name: p.Name, URL: p.URL, Variable: p.Variable}
		c.Info, c.Err = ask(ctx, p)
		if c.Err != nil {
			c.Error = try.Words(c.Err)
		} else {
			c.URL = c.Info.URL
		}
		out = append(out, c)
	}
	return out
}

func ask(ctx context.Context, p try.Place) (*runtime.Info, error) {
	rt, err := p.Try(ctx)
	if err != nil {
		return nil, err
	}
	info, err := rt.Info(ctx)
	if closeErr := rt.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, err
	}
	return &info, nil
}
