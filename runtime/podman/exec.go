package podman

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/containers/podman/v5/libpod/define"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/runtime/engine"
)

type execSpec struct {
	AttachStdin, AttachStdout, AttachStderr bool
	DetachKeys                              string
	Cmd                                     []string
	Env                                     []string
	User                                    string
	Privileged                              bool
	WorkingDir                              string
}

// Attach upgrades a connection of its own. The bindings' ExecStartAndAttach is not used: it outlives its context, leaks, and touches
// the terminal of the calling process.
func (a *api) Attach(ctx context.Context, id string, p engine.Process) (*engine.Stream, error) {
	var created struct {
		ID string `json:"Id"`
	}
	err := a.client.json(ctx, call{method: http.MethodPost, path: endpoint("containers", id, "exec")}, execSpec{
		AttachStdin: true, AttachStdout: true, AttachStderr: true, DetachKeys: engine.DetachKeys(),
		Cmd: p.Argv, Env: p.Env, User: p.User, Privileged: p.Privileged, WorkingDir: "/",
	}, &created)
	if err != nil {
		return nil, failure(err, runtime.ErrNotFound)
	}
	req, err := a.client.request(ctx, call{
		method: http.MethodPost, path: endpoint("exec", created.ID, "start"),
		header: http.Header{"Content-Type": {"application/json"}},
		// Of a known length: the end of a chunked body would be read as the process's input.
		body: bytes.NewReader([]byte(`{"Detach":false,"Tty":false}`)),
	})
	if err != nil {
		return nil, err
	}
	conn, r, err := engine.Hijack(ctx, a.client.dial, req)
	if err != nil {
		return nil, failure(err, runtime.ErrNotFound)
	}
	return engine.NewStream(conn, r, created.ID), nil
}

// AttachFirst has Podman prepare the container, which is where it finds most of what Start would.
func (a *api) AttachFirst(ctx context.Context, id string) (*engine.Stream, error) {
	req, err := a.client.request(ctx, call{
		method: http.MethodPost, path: endpoint("containers", id, "attach"),
		query: url.Values{"stream": {"true"}, "stdin": {"true"}, "stdout": {"true"}, "stderr": {"true"}, "detachKeys": {engine.DetachKeys()}},
	})
	if err != nil {
		return nil, err
	}
	conn, r, err := engine.Hijack(ctx, a.client.dial, req)
	if err != nil {
		return nil, startFailure(err)
	}
	return engine.NewStream(conn, r, ""), nil
}

// ExecState is exact only for a process that Attach has started: one that was only created looks like one that exited with 0.
func (a *api) ExecState(ctx context.Context, execID string) (engine.ExecState, error) {
	var session define.InspectExecSession
	err := a.client.json(ctx, call{method: http.MethodGet, path: endpoint("exec", execID, "json")}, nil, &session)
	if err != nil {
		return engine.ExecState{}, failure(err, runtime.ErrNotFound)
	}
	return engine.ExecState{Running: session.Running, ExitCode: session.ExitCode}, nil
}

// LaunchError reads Podman's own words, which begin with "Error:" and come on stderr. A second line, of a connection that was reset, says
// nothing.
func (a *api) LaunchError(words string) error {
	_, message, ours := strings.Cut(words, "Error: ")
	if !ours {
		return nil
	}
	message, _, _ = strings.Cut(message, "\nError: ")
	message = strings.TrimSpace(message)
	return &runtime.Error{Kind: kindOf(&engine.StatusError{Message: message}, nil, nil), Message: message}
}
