package podman

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/distribution/reference"

	"github.com/sandlot-dev/sandlot/runtime"
)

// An image is what of an image's description is used here.
type image struct {
	ID     string `json:"Id"` // hexadecimal, without "sha256:"
	Config struct {
		Env        []string
		WorkingDir string
		User       string
	}
}

func (i image) hex() string { return strings.TrimPrefix(i.ID, "sha256:") }

// fullID is the id as Sandlot gives it.
func (i image) fullID() string { return "sha256:" + i.hex() }

var imageID = regexp.MustCompile(`^(sha256:)?[0-9a-f]{64}$`)
var shortImageID = regexp.MustCompile(`^[0-9a-f]{12,63}$`)

// imageNames are the full names that a name may stand for, in the order in which they are looked for. A name without a registry is
// an image built here, or one of Docker's registry; Podman itself would ask registries.conf.
func imageNames(name string) ([]string, error) {
	named, err := reference.ParseDockerRef(name) // full, with a tag or digest
	if err != nil {
		return nil, &runtime.Error{
			Kind: runtime.ErrInvalid, Message: "no name of an image: " + err.Error(),
			Hint: `write it like "docker.io/library/alpine:3" or "localhost/project/app:1"`,
		}
	}
	full := named.String()
	if first, _, _ := strings.Cut(name, "/"); first != name && (strings.ContainsAny(first, ".:") || first == "localhost") {
		return []string{full}, nil
	}
	short := strings.TrimPrefix(full, "docker.io/")
	short = strings.TrimPrefix(short, "library/")
	return []string{"localhost/" + short, full}, nil
}

// findImage finds an image that the engine has, by name or id.
func (a *api) findImage(ctx context.Context, name string) (image, error) {
	found, _, err := a.lookUp(ctx, name)
	return found, err
}

// lookUp also gives what to call the image in further requests: its full name, or its id where the caller gave an id.
func (a *api) lookUp(ctx context.Context, name string) (image, string, error) {
	if imageID.MatchString(name) {
		hex := strings.TrimPrefix(name, "sha256:")
		found, err := a.inspectImage(ctx, hex)
		return found, hex, err
	}
	names, err := imageNames(name)
	if err != nil {
		return image{}, "", err
	}
	for _, full := range names {
		found, err := a.inspectImage(ctx, full)
		if err == nil {
			return found, full, nil
		}
		if known, ok := err.(*runtime.Error); !ok || known.Kind != runtime.ErrImageNotFound {
			return image{}, "", err
		}
	}
	if shortImageID.MatchString(name) {
		// The engine may take it for a short name, so it must really be the beginning of the id.
		if found, err := a.inspectImage(ctx, name); err == nil && strings.HasPrefix(found.hex(), name) {
			return found, found.hex(), nil
		}
	}
	return image{}, "", &runtime.Error{
		Kind: runtime.ErrImageNotFound, Message: "the engine has no image " + strings.Join(names, " or "),
	}
}

// crashed is what Podman 4.3 says when it fell over an image while others were just being built or removed: the request is lost, and the service goes on.
const crashed = "invalid memory address or nil pointer dereference"

// inspectTries is how many requests in a row may be lost that way.
const inspectTries = 4

func (a *api) inspectImage(ctx context.Context, name string) (image, error) {
	var found image
	err := again(inspectTries, crashed, func() error {
		return a.client.json(ctx, call{method: http.MethodGet, path: endpoint("images", name, "json")}, nil, &found)
	})
	return found, failure(err, runtime.ErrImageNotFound)
}

func (a *api) RemoveImage(ctx context.Context, name string) error {
	_, full, err := a.lookUp(ctx, name)
	if err != nil {
		return err
	}
	var answer struct{ Errors []string }
	err = a.client.json(ctx, call{
		method: http.MethodDelete, path: endpoint("images", full), query: url.Values{"force": {"false"}},
	}, nil, &answer)
	return failure(err, runtime.ErrImageNotFound)
}

// Pull fetches what Docker would fetch: a name without a registry is one of Docker's registry.
func (a *api) Pull(ctx context.Context, name string, opts runtime.PullOptions) (string, error) {
	names, err := imageNames(name)
	if err != nil {
		return "", err
	}
	full := names[len(names)-1]
	q := call{
		method: http.MethodPost, path: endpoint("images", "pull"),
		query:  url.Values{"reference": {full}, "policy": {"always"}},
		header: http.Header{},
	}
	if opts.Username != "" || opts.Password != "" {
		q.header.Set("X-Registry-Auth", registryAuth(opts.Username, opts.Password))
	}
	resp, err := a.client.do(ctx, q)
	if err != nil {
		return "", pullFailure(err)
	}
	defer resp.Body.Close()
	decoder := json.NewDecoder(resp.Body)
	for {
		var line struct {
			Stream, Error string
			ID            string `json:"id"`
		}
		switch err := decoder.Decode(&line); {
		case err != nil:
			return "", streamFailure(ctx, err)
		case line.Error != "":
			return "", pullFailure(&runtime.Error{Message: strings.TrimSpace(line.Error)})
		case line.ID != "":
			return image{ID: line.ID}.fullID(), nil
		case opts.Progress != nil && line.Stream != "":
			if _, err := opts.Progress.Write([]byte(line.Stream)); err != nil {
				return "", &runtime.Error{Message: "the progress could not be written", Err: err}
			}
		}
	}
}

// registryAuth is the header with credentials that go to whichever registry is asked.
func registryAuth(username, password string) string {
	text, _ := json.Marshal(map[string]string{"username": username, "password": password}) // strings: never fails
	return base64.URLEncoding.EncodeToString(text)
}

// pullFailure tells a registry that does not have the image from one that does not answer.
func pullFailure(err error) error {
	err = failure(err, runtime.ErrImageNotFound)
	var e *runtime.Error
	if !errors.As(err, &e) || (e.Kind != nil && !errors.Is(e.Kind, runtime.ErrPermission)) || e.Message == "" {
		return err
	}
	words := strings.ToLower(e.Message)
	for _, text := range []string{
		"manifest unknown", "name unknown", "not found", "does not exist", "denied", "unauthorized", "authentication required", "invalid username/password",
	} {
		if strings.Contains(words, text) {
			e.Kind = runtime.ErrImageNotFound
			return err
		}
	}
	for _, text := range []string{
		"connection refused", "no such host", "i/o timeout", "unreachable", "server misbehaving", "tls", "x509", "eof", "http response to https", "pinging container registry",
	} {
		if strings.Contains(words, text) {
			e.Kind = runtime.ErrUnavailable
			return err
		}
	}
	return err
}

// streamFailure is the error of an answer that ended before it said how it went.
func streamFailure(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		err = ctx.Err()
	} else if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return connectionFailure(err)
}
