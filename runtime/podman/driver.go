package podman

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/containers/podman/v5/pkg/bindings"

	"github.com/sandlot-dev/sandlot/internal/try"
	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/runtime/engine"
)

// name is the driver's name.
const name = "podman"

// Driver opens Podman by the URLs that the package names, or at the first of [Places] that answers. A Docker that answers there is
// [runtime.ErrInvalid]: it has a driver of its own.
func Driver() runtime.Driver { return runtime.Driver{Name: name, Open: open} }

func open(ctx context.Context, u *url.URL) (runtime.Runtime, error) {
	if u == nil {
		return openAny(ctx)
	}
	u, options, err := engine.ReadOptions(u)
	if err != nil {
		return nil, err
	}
	return openURL(ctx, u, u.String(), options, nil)
}

// openAny tries the places, then starts a service.
func openAny(ctx context.Context) (runtime.Runtime, error) {
	var all []try.Place
	for _, p := range Places(os.Getenv) {
		all = append(all, try.Place{Name: p.Name, URL: p.URL, Open: p.Open, Variable: p.Variable})
	}
	rt, err := try.First(ctx, append(all, try.Place{Name: "a service of our own", Open: StartService, Patience: try.Started}))
	var e *runtime.Error
	if errors.As(err, &e) && e.Kind != nil {
		e.Runtime, e.Hint = name, cmp.Or(e.Hint, "install Podman, or start its service: systemctl --user enable --now podman.socket")
	}
	return rt, err
}

func openURL(ctx context.Context, u *url.URL, again string, options engine.Options, ended func() error) (runtime.Runtime, error) {
	a, err := openAt(ctx, u, ended)
	if err != nil {
		return nil, err
	}
	return engine.New(a, name, again, options), nil
}

// openAt opens the service at u. ended ends it, if need be.
func openAt(ctx context.Context, u *url.URL, ended func() error) (*api, error) {
	c, err := connect(ctx, u)
	if err != nil && dockerAnswers(ctx, u) {
		err = &runtime.Error{
			Kind: runtime.ErrInvalid, Message: "Docker answers there, not Podman",
			Hint: "open it as docker" + strings.TrimPrefix(u.Redacted(), name),
		}
	}
	if err != nil {
		return nil, openFailure(u, err)
	}
	return &api{client: c, local: u.Scheme == name+"+unix", ended: ended}, nil
}

func connect(ctx context.Context, u *url.URL) (*client, error) {
	transport, ok := strings.CutPrefix(u.Scheme, name+"+")
	if !ok || (transport != "unix" && transport != "tcp" && transport != "ssh") {
		return nil, &runtime.Error{
			Kind: runtime.ErrInvalid, Message: "no scheme of a Podman service",
			Hint: "use podman+unix:///path, podman+tcp://host:port or podman+ssh://user@host/path",
		}
	}
	if transport == "unix" {
		// Asked first, because the bindings would try three times, and say less.
		conn, err := (&net.Dialer{}).DialContext(ctx, "unix", u.Path)
		if err != nil {
			return nil, err
		}
		conn.Close()
	}
	query := u.Query()
	plain := *u
	plain.Scheme, plain.RawQuery = transport, ""
	opts := bindings.Options{
		URI: plain.String(), Identity: query.Get("identity"), Machine: query.Get("machine") == "true",
		TLSCertFile: query.Get("tlscert"), TLSKeyFile: query.Get("tlskey"), TLSCAFile: query.Get("tlsca"),
	}
	conn, err := newConnection(ctx, opts)
	if err != nil {
		return nil, err
	}
	return newClient(conn)
}

// dockerAnswers asks a place that does not speak libpod's API.
func dockerAnswers(ctx context.Context, u *url.URL) bool {
	var header http.Header
	switch u.Scheme {
	case name + "+unix":
		header = try.Ping(ctx, "unix", u.Path)
	case name + "+tcp":
		header = try.Ping(ctx, "tcp", u.Host)
	}
	return header.Get("Api-Version") != "" && header.Get("Libpod-Api-Version") == ""
}

// newConnection returns when ctx is done, although ssh does not look at it.
func newConnection(ctx context.Context, opts bindings.Options) (*bindings.Connection, error) {
	type answer struct {
		conn *bindings.Connection
		err  error
	}
	done := make(chan answer, 1)
	go func() {
		var a answer
		// The context that comes back only carries the connection.
		carrier, err := bindings.NewConnectionWithOptions(ctx, opts)
		if a.err = err; err == nil {
			a.conn, a.err = bindings.GetClient(carrier)
		}
		done <- a
	}()
	select {
	case a := <-done:
		return a.conn, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// openFailure says what was to be opened.
func openFailure(u *url.URL, err error) error {
	var e *runtime.Error
	if !errors.As(failure(err, runtime.ErrUnavailable), &e) {
		return err
	}
	if errors.Is(e.Kind, runtime.ErrConnectionLost) {
		e.Kind = runtime.ErrUnavailable // there was none yet
	}
	e.Op, e.Runtime, e.ID = "open", name, u.Redacted()
	return e
}
