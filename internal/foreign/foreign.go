// Package foreign makes containers that are not Sandlot's, for the conformance suite: over the API that Docker and Podman share.
package foreign

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/sandlot-dev/sandlot/runtime"
)

// Make makes a container on the engine of this URL, and returns what removes it. An engine that is not at a socket of this machine is
// runtime.ErrUnsupported.
func Make(ctx context.Context, engineURL, image, name string) (remove func(context.Context) error, err error) {
	u, err := url.Parse(engineURL)
	if err != nil || !strings.HasSuffix(u.Scheme, "+unix") || u.Path == "" {
		return nil, fmt.Errorf("%w: a container that is not Sandlot's is made at an engine's socket only", runtime.ErrUnsupported)
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", u.Path)
	}}
	call := func(ctx context.Context, method, path string, body any) error {
		defer transport.CloseIdleConnections()
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
	remove = func(ctx context.Context) error {
		return call(ctx, http.MethodDelete, "/containers/"+name+"?force=1", nil)
	}
	return remove, call(ctx, http.MethodPost, "/containers/create?name="+name, map[string]any{"Image": image})
}
