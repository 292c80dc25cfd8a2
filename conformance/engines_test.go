package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/runtime/docker"
	"github.com/sandlot-dev/sandlot/runtime/podman"
)

// A testEngine is a real engine that the tests run on.
type testEngine struct{ name, url string }

// testEngines are those that SANDLOT_TEST_ENGINES names.
func testEngines(t *testing.T) []testEngine {
	t.Helper()
	var out []testEngine
	for _, pair := range strings.Fields(os.Getenv("SANDLOT_TEST_ENGINES")) {
		name, url, ok := strings.Cut(pair, "=")
		if !ok {
			t.Fatalf("SANDLOT_TEST_ENGINES: %q is not NAME=URL", pair)
		}
		out = append(out, testEngine{name, url})
	}
	if len(out) == 0 {
		t.Fatal("SANDLOT_TEST_ENGINES names no engine: run make test, or set it to NAME=URL pairs")
	}
	return out
}

func (e testEngine) open(ctx context.Context) (runtime.Runtime, error) {
	return runtime.Open(ctx, e.url, docker.Driver(), podman.Driver())
}

// foreign makes a container that is not Sandlot's, over the API that Docker and Podman share.
func (e testEngine) foreign(ctx context.Context, image, name string) (func(context.Context) error, error) {
	u, err := url.Parse(e.url)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", u.Path)
	}}
	call := func(ctx context.Context, method, path string, body any) error {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		req, err := http.NewRequestWithContext(ctx, method, "http://engine/v1.40"+path, bytes.NewReader(b))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := (&http.Client{Transport: transport}).Do(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if res.StatusCode >= 300 {
			message, _ := io.ReadAll(io.LimitReader(res.Body, 4096))
			return fmt.Errorf("%s %s: %s: %s", method, path, res.Status, message)
		}
		return nil
	}
	remove := func(ctx context.Context) error {
		defer transport.CloseIdleConnections()
		return call(ctx, http.MethodDelete, "/containers/"+name+"?force=1", nil)
	}
	return remove, call(ctx, http.MethodPost, "/containers/create?name="+name, map[string]any{"Image": image})
}

func TestConformance(t *testing.T) {
	for _, e := range testEngines(t) {
		t.Run(e.name, func(t *testing.T) { Run(t, Config{Open: e.open, Foreign: e.foreign}) })
	}
}
