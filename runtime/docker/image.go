package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/build"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/registry"
	"github.com/docker/docker/api/types/volume"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/runtime/engine"
)

// Build implements engine.API, with the daemon's classic builder, which every daemon has.
func (a *api) Build(ctx context.Context, buildContext io.ReadSeeker, opts runtime.BuildOptions) (string, error) {
	ctx, cancel := context.WithCancel(ctx) // ends the build where reading its log ends early
	defer cancel()
	request := build.ImageBuildOptions{
		Version: build.BuilderV1, Dockerfile: opts.Dockerfile, Target: opts.Target, NoCache: opts.NoCache,
		Remove: true, ForceRemove: true, BuildArgs: make(map[string]*string),
	}
	if opts.Tag != "" {
		request.Tags = []string{opts.Tag}
	}
	for key, value := range opts.Args {
		request.BuildArgs[key] = &value
	}
	answer, err := a.cli.ImageBuild(ctx, buildContext, request)
	if err != nil {
		return "", buildError(err, "", opts)
	}
	defer answer.Body.Close()
	var log tail
	imageID := ""
	err = readStream(answer.Body, func(m message) error {
		if id := m.imageID(); id != "" {
			imageID = id
		}
		text := m.Stream
		if text == "" && m.Status != "" && !m.isProgress() {
			text = m.line() + "\n"
		}
		log.Write([]byte(text))
		if opts.Log == nil || text == "" {
			return nil
		}
		if _, err := io.WriteString(opts.Log, text); err != nil {
			return &runtime.Error{Message: "writing the build's log", Err: err}
		}
		return nil
	})
	if err == nil && imageID == "" {
		err = errors.New("the build ended without an image")
	}
	if err != nil {
		return "", buildError(err, log.String(), opts)
	}
	return imageID, nil
}

// noStage is what the daemon says of a Dockerfile without FROM.
const noStage = "no build stage in current context"

func buildError(err error, log string, opts runtime.BuildOptions) error {
	var failed *streamError
	inStream := errors.As(err, &failed)
	switch {
	case opts.Target != "" && says(err, "failed to reach build target", "target stage", noStage):
		return as(err, runtime.ErrInvalid, "name a stage of the Dockerfile")
	case inStream && errors.Is(err, io.ErrUnexpectedEOF):
		return &runtime.Error{Kind: runtime.ErrConnectionLost, Message: "the daemon ended the build's log early", Log: log, Err: err}
	case inStream, cerrdefs.IsNotFound(err):
		return &runtime.Error{Kind: runtime.ErrBuildFailed, Message: words(err), Log: log}
	case says(err, "dockerfile parse error", "cannot be empty", "file with no instructions", noStage):
		return &runtime.Error{Kind: runtime.ErrBuildFailed, Message: words(err), Log: words(err), Hint: "mend the Dockerfile"}
	}
	return translate(err)
}

// Pull implements engine.API.
func (a *api) Pull(ctx context.Context, ref string, opts runtime.PullOptions) (string, error) {
	request := image.PullOptions{}
	if opts.Username != "" || opts.Password != "" {
		auth, err := registry.EncodeAuthConfig(registry.AuthConfig{Username: opts.Username, Password: opts.Password})
		if err != nil {
			return "", translate(err)
		}
		request.RegistryAuth = auth
	}
	body, err := a.cli.ImagePull(ctx, ref, request)
	if err != nil {
		return "", pullError(err)
	}
	defer body.Close()
	err = readStream(body, func(m message) error {
		if opts.Progress == nil || m.Status == "" || m.isProgress() {
			return nil
		}
		if _, err := fmt.Fprintln(opts.Progress, m.line()); err != nil {
			return &runtime.Error{Message: "writing the progress", Err: err}
		}
		return nil
	})
	if err != nil {
		return "", pullError(err)
	}
	found, err := a.cli.ImageInspect(ctx, ref)
	if err != nil {
		return "", imageError(err)
	}
	return found.ID, nil
}

// pullError tells a registry that does not have, or does not give, an image from one that does not answer. The daemon passes on what
// it heard with changing statuses.
func pullError(err error) error {
	switch {
	case says(err, "no such host", "connection refused", "no route to host", "network is unreachable", "timeout", "Client.Timeout",
		"deadline exceeded", "server gave HTTP response", "server misbehaving", "connection reset", ": EOF", "x509:", "tls:", "502 Bad Gateway", "503 Service", "500 Internal"):
		return as(err, runtime.ErrUnavailable, "")
	case cerrdefs.IsNotFound(err), cerrdefs.IsUnauthorized(err), cerrdefs.IsPermissionDenied(err),
		says(err, "not found", "manifest unknown", "denied", "unauthorized", "no basic auth", "no matching manifest", "name unknown", "does not exist"):
		return as(err, runtime.ErrImageNotFound, "")
	}
	return translate(err)
}

// RemoveImage implements engine.API.
func (a *api) RemoveImage(ctx context.Context, ref string) error {
	_, err := a.cli.ImageRemove(ctx, ref, image.RemoveOptions{PruneChildren: true})
	return imageError(err)
}

func imageError(err error) error {
	switch {
	case err == nil:
		return nil
	case cerrdefs.IsNotFound(err):
		return as(err, runtime.ErrImageNotFound, "")
	case says(err, "dependent child images"):
		return as(err, runtime.ErrInUse, "remove the images that were built of it first; docker image prune removes what builds that failed have left")
	case cerrdefs.IsConflict(err):
		return as(err, runtime.ErrInUse, "remove the containers that use it first")
	}
	return translate(err)
}

// UnusedVolumes implements engine.VolumeLister.
func (a *api) UnusedVolumes(ctx context.Context, prefix string) ([]engine.Volume, error) {
	all, err := a.cli.VolumeList(ctx, volume.ListOptions{Filters: filters.NewArgs(filters.Arg("dangling", "true"))})
	if err != nil {
		return nil, translate(err)
	}
	var unused []engine.Volume
	for _, v := range all.Volumes {
		if strings.HasPrefix(v.Name, prefix) {
			created, _ := time.Parse(time.RFC3339, v.CreatedAt)
			unused = append(unused, engine.Volume{Name: v.Name, Created: created})
		}
	}
	return unused, nil
}

// VolumeExists implements engine.API.
func (a *api) VolumeExists(ctx context.Context, name string) (bool, error) {
	_, err := a.cli.VolumeInspect(ctx, name)
	if cerrdefs.IsNotFound(err) {
		return false, nil
	}
	return err == nil, translate(err)
}

// RemoveVolume implements engine.API.
func (a *api) RemoveVolume(ctx context.Context, name string) error {
	err := a.cli.VolumeRemove(ctx, name, false)
	if cerrdefs.IsConflict(err) {
		return as(err, runtime.ErrInUse, "remove the containers that use it first")
	}
	return translate(err)
}

// A message is one of those that builds and pulls consist of.
type message struct {
	Stream   string
	Status   string
	ID       string
	Progress json.RawMessage `json:"progressDetail"`
	Error    string
	Aux      json.RawMessage
}

// isProgress says that the message is about a bar that moves.
func (m message) isProgress() bool {
	detail := strings.TrimSpace(string(m.Progress))
	return detail != "" && detail != "{}" && detail != "null"
}

func (m message) line() string {
	if m.ID != "" {
		return m.ID + ": " + m.Status
	}
	return m.Status
}

func (m message) imageID() string {
	var aux struct{ ID string }
	if len(m.Aux) > 0 && json.Unmarshal(m.Aux, &aux) == nil && strings.HasPrefix(aux.ID, "sha256:") {
		return aux.ID
	}
	return ""
}

// A streamError is an error within an answer that began as a success.
type streamError struct {
	message string
	cause   error
}

func (e *streamError) Error() string { return e.message }
func (e *streamError) Unwrap() error { return e.cause }

// readStream reads messages to the end.
func readStream(r io.Reader, each func(message) error) error {
	for decoder := json.NewDecoder(r); ; {
		var m message
		err := decoder.Decode(&m)
		switch {
		case err == io.EOF:
			return nil
		case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
			return err
		case err != nil:
			return &streamError{err.Error(), err}
		case m.Error != "":
			return &streamError{m.Error, nil}
		}
		if err := each(m); err != nil {
			return err
		}
	}
}
