// Package docker runs sandboxes on Docker, 20.10 and newer, rootless or not. It translates Docker's API and nothing else: what a sandbox is
// and how it is looked after is in package engine.
package docker

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/versions"
	"github.com/docker/docker/client"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/runtime/engine"
)

const (
	name       = "docker"
	minVersion = "1.41" // of the API: Docker 20.10
)

// Driver opens Docker. Its URLs are docker+unix:///path, docker+tcp://host:port, docker+ssh://user@host:port, with an optional /path to the
// socket there, and on Windows docker+npipe:////./pipe/name.
//
// A nil URL asks for what the docker command would use: DOCKER_HOST, then the context that DOCKER_CONTEXT or the command's
// configuration (in DOCKER_CONFIG, else ~/.docker) names, then /var/run/docker.sock, or a rootless daemon's docker.sock in
// XDG_RUNTIME_DIR where only that is there. A tcp connection uses TLS where DOCKER_CERT_PATH is set, with the files ca.pem, cert.pem and
// key.pem in it, and checks the daemon's name where DOCKER_TLS_VERIFY is set too. ssh runs the ssh command.
//
// "?sessions=off" at the end of a URL has each exec start a process by the engine's exec, which is slower. "?carrier=attached" has a sandbox's execs go over
// its first process's standard streams, from the first on, and holds a connection for each sandbox.
//
// A Podman that answers there is [runtime.ErrInvalid]: it has a driver of its own.
func Driver() runtime.Driver {
	return runtime.Driver{Name: name, Open: open}
}

func open(ctx context.Context, u *url.URL) (runtime.Runtime, error) {
	u, options, err := engine.ReadOptions(u)
	if err != nil {
		return nil, openError(u.String(), err)
	}
	place, err := locate(u)
	if err != nil {
		return nil, openError(place.host, err)
	}
	api, err := connect(ctx, place)
	if err != nil {
		return nil, openError(place.host, err)
	}
	return engine.New(api, name, name+"+"+place.host, options), nil
}

func openError(host string, err error) error {
	out := &runtime.Error{Err: err}
	if own, ok := err.(*runtime.Error); ok {
		out = own
	}
	out.Op, out.Runtime, out.ID = "open", name, host
	if u, err := url.Parse(host); err == nil {
		out.ID = u.Redacted()
	}
	return out
}

// connect makes a client and speaks with the daemon once, to learn whether it is Docker and which version of the API to use.
func connect(ctx context.Context, place place) (*api, error) {
	if u, err := url.Parse(place.host); err == nil && place.tls != nil {
		place.tls.ServerName = u.Hostname()
	}
	transport := &http.Transport{DisableCompression: true, TLSClientConfig: place.tls, MaxIdleConnsPerHost: 16}
	dial, host, err := dialer(place)
	if err != nil {
		return nil, err
	}
	opts := []client.Opt{client.WithHTTPClient(&http.Client{Transport: transport, CheckRedirect: client.CheckRedirect}), client.WithHost(host)}
	if dial != nil {
		opts = append(opts, client.WithDialContext(dial))
	}
	cli, err := client.NewClientWithOpts(opts...)
	if err != nil {
		return nil, invalidPlace(err.Error())
	}
	transport.Proxy = nil // proxies of the environment are not for engines
	a := &api{cli: cli, base: baseURL(host, place.tls != nil)}
	a.dial = hijackDialer(cli, dial, place.tls)
	version, err := a.ping(ctx, place)
	if err != nil {
		a.Close()
		return nil, err
	}
	cli.NegotiateAPIVersionPing(types.Ping{APIVersion: version})
	return a, nil
}

// ping returns the daemon's newest API version.
func (a *api) ping(ctx context.Context, place place) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.base+"/_ping", nil)
	if err != nil {
		return "", invalidPlace(err.Error())
	}
	answer, err := a.cli.HTTPClient().Do(req)
	if err != nil {
		return "", unreachable(place.host, err)
	}
	answer.Body.Close()
	version := answer.Header.Get("Api-Version")
	switch {
	case answer.Header.Get("Libpod-Api-Version") != "":
		return "", &runtime.Error{
			Kind: runtime.ErrInvalid, Message: "Podman answers there, not Docker", Hint: "open it as podman+" + place.host,
		}
	case version == "":
		return "", &runtime.Error{Kind: runtime.ErrUnavailable, Message: "what answers there is not Docker (" + answer.Status + ")"}
	case versions.LessThan(version, minVersion):
		return "", &runtime.Error{
			Kind: runtime.ErrUnsupported, Message: "the daemon speaks version " + version + " of the API", Hint: "install Docker 20.10 or newer",
		}
	case strings.EqualFold(answer.Header.Get("Ostype"), "windows"):
		return "", &runtime.Error{
			Kind: runtime.ErrUnsupported, Message: "the daemon runs Windows containers", Hint: "switch it to Linux containers",
		}
	}
	return version, nil
}

func invalidPlace(message string) error {
	return &runtime.Error{
		Kind: runtime.ErrInvalid, Message: message, Hint: "write docker+unix:///path, docker+tcp://host:port or docker+ssh://user@host",
	}
}

// unreachable explains a connection that could not be made.
func unreachable(host string, err error) error {
	var ofURL *url.Error
	if errors.As(err, &ofURL) {
		err = ofURL.Err // without the made-up URL of a socket
	}
	out := &runtime.Error{Kind: runtime.ErrUnavailable, Err: err, Hint: "start Docker, or give the URL of a daemon that runs"}
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		out.Kind, out.Hint = nil, ""
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EACCES):
		out.Kind = runtime.ErrPermission
		out.Hint = "join the group that owns the socket (docker), which is as good as being root, or use rootless Podman"
	case strings.HasPrefix(host, "ssh://"):
		out.Hint = "see whether `ssh HOST docker version` works without a question"
	case strings.HasPrefix(host, "tcp://"):
		out.Hint = "see whether the address is right, and whether the daemon wants TLS (DOCKER_CERT_PATH, DOCKER_TLS_VERIFY)"
	}
	return out
}
