package podman

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/containers/podman/v5/pkg/bindings"

	"github.com/sandlot-dev/sandlot/runtime/engine"
)

// apiVersion is the version of libpod's API that is asked for. Servers from 4.0 on take it.
const apiVersion = "v5.0.0"

// maxAnswer bounds the answers that are read as a whole.
const maxAnswer = 32 << 20

// A client sends requests. It uses the bindings' HTTP client and dialer directly: their DoRequest sends a request three times,
// with sleeps between and with a body that has been read, and does not look at the context meanwhile.
type client struct {
	conn      *bindings.Connection
	transport *http.Transport
	base      string // scheme and host
}

func newClient(conn *bindings.Connection) (*client, error) {
	transport, ok := conn.Client.Transport.(*http.Transport)
	if !ok {
		return nil, fmt.Errorf("the connection has a transport of type %T", conn.Client.Transport)
	}
	transport.IdleConnTimeout = time.Minute
	transport.MaxIdleConnsPerHost = 16
	c := &client{conn: conn, transport: transport, base: "http://d"}
	if conn.URI.Scheme == "tcp" {
		c.base = "http://" + conn.URI.Host + conn.URI.Path
		if transport.TLSClientConfig != nil {
			c.base = "https://" + conn.URI.Host + conn.URI.Path
		}
	}
	return c, nil
}

// dial gives a connection of its own to the server.
func (c *client) dial(ctx context.Context) (net.Conn, error) {
	conn, err := c.transport.DialContext(ctx, c.conn.URI.Scheme, c.conn.URI.Host)
	if err != nil || c.transport.TLSClientConfig == nil {
		return conn, err
	}
	config := c.transport.TLSClientConfig.Clone()
	config.ServerName = c.conn.URI.Hostname()
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return secure, nil
}

// A call is a request of libpod's API. Path elements are escaped by endpoint.
type call struct {
	method string
	path   string
	query  url.Values
	header http.Header
	body   io.Reader
}

// endpoint joins path elements of which each may hold any character.
func endpoint(elements ...string) string {
	path := ""
	for _, e := range elements {
		path += "/" + url.PathEscape(e)
	}
	return path
}

func (c *client) request(ctx context.Context, q call) (*http.Request, error) {
	target := c.base + "/" + apiVersion + "/libpod" + q.path
	if len(q.query) > 0 {
		target += "?" + q.query.Encode()
	}
	body := q.body
	if body != nil {
		if _, ours := body.(*bytes.Reader); !ours {
			body = io.NopCloser(body) // the caller's, to close or not
		}
	}
	req, err := http.NewRequestWithContext(ctx, q.method, target, body)
	if err != nil {
		return nil, err
	}
	for k, v := range q.header {
		req.Header[k] = v
	}
	return req, nil
}

// do sends a request and returns the answer where it is a success. Anything else is an *engine.StatusError, or the error of the
// connection. The caller closes the body.
func (c *client) do(ctx context.Context, q call) (*http.Response, error) {
	req, err := c.request(ctx, q)
	if err != nil {
		return nil, err
	}
	resp, err := c.conn.Client.Do(req)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err // it would repeat the address
		}
		return nil, err
	}
	if resp.StatusCode < 300 || resp.StatusCode == http.StatusNotModified {
		return resp, nil
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	return nil, &engine.StatusError{Code: resp.StatusCode, Message: engine.ErrorMessage(body)}
}

// json sends in as JSON, unless it is nil, and reads the answer into out, unless that is nil.
func (c *client) json(ctx context.Context, q call, in, out any) error {
	if in != nil {
		body, err := json.Marshal(in)
		if err != nil {
			return err
		}
		q.body = bytes.NewReader(body)
		q.header = http.Header{"Content-Type": {"application/json"}}
	}
	resp, err := c.do(ctx, q)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return err
	}
	if out == nil || len(body) == 0 {
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("the answer of %s %s makes no sense: %w", q.method, q.path, err)
	}
	return nil
}

func (c *client) close() { c.transport.CloseIdleConnections() }
