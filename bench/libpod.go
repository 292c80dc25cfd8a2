package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path"

	"github.com/docker/docker/pkg/stdcopy"

	"github.com/sandlot-dev/sandlot/bench/report"
	"github.com/sandlot-dev/sandlot/runtime"
)

func (b *bench) podmanContenders(d *bed) ([]*contender, error) {
	cs := []*contender{newLibpod(d.socket).contender(d, b)}
	if installed("podman") {
		cs = append(cs, command("podman", "--url", d))
	}
	return cs, nil
}

// libpod is Podman's own API, spoken as plainly as it can be: Podman's bindings do the same calls.
type libpod struct{ http *http.Client }

func newLibpod(socket string) *libpod {
	return &libpod{&http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
		MaxIdleConnsPerHost: 64, // as many as there are execs at once
	}}}
}

// call sends a request and gives the answer's body, which must be closed.
func (l *libpod) call(ctx context.Context, method, path string, body any, header http.Header) (io.ReadCloser, error) {
	content, isReader := body.(io.Reader)
	if body != nil && !isReader {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://podman/v4.0.0/libpod"+path, content)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	for key, values := range header {
		req.Header[key] = values
	}
	answer, err := l.http.Do(req)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode >= 400 || answer.StatusCode < 200 && answer.StatusCode != http.StatusSwitchingProtocols {
		defer answer.Body.Close()
		message, _ := io.ReadAll(io.LimitReader(answer.Body, 4096))
		return nil, fmt.Errorf("%s %s: %s: %s", method, path, answer.Status, bytes.TrimSpace(message))
	}
	return answer.Body, nil
}

// do is a call whose answer is JSON, or nothing of interest.
func (l *libpod) do(ctx context.Context, method, path string, body, result any) error {
	answer, err := l.call(ctx, method, path, body, nil)
	if err != nil {
		return err
	}
	defer answer.Close()
	if result != nil {
		return json.NewDecoder(answer).Decode(result)
	}
	_, err = io.Copy(io.Discard, answer) // so that the connection is used again
	return err
}

func (l *libpod) exec(ctx context.Context, id string, stdout io.Writer, argv []string) error {
	if stdout == nil {
		stdout = io.Discard
	}
	var made struct{ ID string }
	err := l.do(ctx, "POST", "/containers/"+id+"/exec", map[string]any{"Cmd": argv, "AttachStdout": true, "AttachStderr": true}, &made)
	if err != nil {
		return err
	}
	stream, err := l.call(ctx, "POST", "/exec/"+made.ID+"/start", map[string]any{"Detach": false},
		http.Header{"Connection": {"Upgrade"}, "Upgrade": {"tcp"}})
	if err != nil {
		return err
	}
	_, err = stdcopy.StdCopy(stdout, io.Discard, stream)
	if err = errors.Join(err, stream.Close()); err != nil {
		return err
	}
	var ended struct {
		ExitCode int
		Running  bool
	}
	if err := l.do(ctx, "GET", "/exec/"+made.ID+"/json", nil, &ended); err != nil {
		return err
	}
	if ended.Running {
		return errors.New("the exec still runs after its output has ended")
	}
	return exited(ended.ExitCode)
}

func (l *libpod) contender(d *bed, b *bench) *contender {
	id := d.sb.ID()
	archive := func(id, name string) string { return "/containers/" + id + "/archive?path=" + url.QueryEscape(name) }
	return &contender{
		name: "libpod API", engine: d.name, role: report.API,
		exec: func(ctx context.Context, stdout io.Writer, argv ...string) error {
			return l.exec(ctx, id, stdout, argv)
		},
		put: func(ctx context.Context, from, to string) error {
			content := packed(from, path.Base(to))
			defer content.Close()
			return l.do(ctx, "PUT", archive(id, path.Dir(to)), content, nil)
		},
		remove: d.sb.Delete,
		get: func(ctx context.Context, from, to string) error {
			content, err := l.call(ctx, "GET", archive(id, from), nil, nil)
			if err != nil {
				return err
			}
			defer content.Close()
			return unpack(content, path.Base(from), to)
		},
		create: func(ctx context.Context) (func(), error) {
			var made struct{ ID string }
			err := l.do(ctx, "POST", "/containers/create", map[string]any{
				"image": d.build.Tag, "command": idle, "labels": map[string]string{label: b.token},
				"netns": map[string]string{"nsmode": "none"}, "cap_drop": []string{"ALL"}, "no_new_privileges": true,
				"resource_limits": l.limits(d),
			}, &made)
			if err != nil {
				return nil, err
			}
			remove := func() {
				b.check(l.do(context.WithoutCancel(ctx), "DELETE", "/containers/"+made.ID+"?force=true&timeout=0&v=true", nil, nil))
			}
			if err := l.do(ctx, "POST", "/containers/"+made.ID+"/start", nil, nil); err != nil {
				return remove, err
			}
			return remove, l.exec(ctx, made.ID, nil, []string{imageTrue})
		},
	}
}

// limits are Sandlot's own, where the engine can have any.
func (l *libpod) limits(d *bed) any {
	info, err := d.rt.Info(context.Background())
	if err != nil || !info.Capabilities[runtime.CapabilityPidsLimit].OK {
		return nil
	}
	return map[string]any{"pids": map[string]int64{"limit": runtime.DefaultPids}}
}
