package docker

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/docker/docker/api/types/container"

	"github.com/sandlot-dev/sandlot/runtime/engine"
)

// Attach implements engine.API.
func (a *api) Attach(ctx context.Context, id string, p engine.Process) (*engine.Stream, error) {
	created, err := a.cli.ContainerExecCreate(ctx, id, container.ExecOptions{
		Cmd: p.Argv, Env: p.Env, User: p.User, Privileged: p.Privileged, WorkingDir: "/",
		AttachStdin: true, AttachStdout: true, AttachStderr: true, DetachKeys: engine.DetachKeys(),
	})
	if err != nil {
		return nil, attachError(err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.execURL(created.ID, "/start"), strings.NewReader(`{"Detach":false,"Tty":false}`))
	if err != nil {
		return nil, translate(err)
	}
	req.Header.Set("Content-Type", "application/json")
	conn, r, err := engine.Hijack(ctx, a.dial, req)
	if err != nil {
		return nil, attachError(err)
	}
	return engine.NewStream(conn, r, created.ID), nil
}

// AttachFirst implements engine.Attacher.
func (a *api) AttachFirst(ctx context.Context, id string) (*engine.Stream, error) {
	query := url.Values{"stream": {"1"}, "stdin": {"1"}, "stdout": {"1"}, "stderr": {"1"}, "detachKeys": {engine.DetachKeys()}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost,
		a.base+"/v"+a.cli.ClientVersion()+"/containers/"+url.PathEscape(id)+"/attach?"+query.Encode(), nil)
	if err != nil {
		return nil, translate(err)
	}
	conn, r, err := engine.Hijack(ctx, a.dial, req)
	if err != nil {
		return nil, attachError(err)
	}
	return engine.NewStream(conn, r, ""), nil
}

// ExecState implements engine.API. It reads the answer itself: the client makes 0, success, of an exit code that is not there.
func (a *api) ExecState(ctx context.Context, execID string) (engine.ExecState, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.execURL(execID, "/json"), nil)
	if err != nil {
		return engine.ExecState{}, translate(err)
	}
	answer, err := a.cli.HTTPClient().Do(req)
	if err != nil {
		return engine.ExecState{}, translate(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err != nil {
		return engine.ExecState{}, translate(err)
	}
	if answer.StatusCode != http.StatusOK {
		return engine.ExecState{}, translate(&engine.StatusError{Code: answer.StatusCode, Message: engine.ErrorMessage(body)})
	}
	var state struct {
		Running  bool
		ExitCode *int
	}
	if err := json.Unmarshal(body, &state); err != nil {
		return engine.ExecState{}, translate(err)
	}
	if state.Running || state.ExitCode == nil {
		return engine.ExecState{Running: true}, nil
	}
	return engine.ExecState{ExitCode: *state.ExitCode}, nil
}

func (a *api) execURL(execID, what string) string {
	return a.base + "/v" + a.cli.ClientVersion() + "/exec/" + url.PathEscape(execID) + what
}
