package docker

import (
	"context"
	"crypto/tls"
	"net"
	"net/url"
	"strings"

	"github.com/docker/docker/client"

	"github.com/sandlot-dev/sandlot/runtime/engine"
)

// dialFunc is what an http.Transport takes.
type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// dialer gives how to connect to a place, and the host that the client is told. A nil one leaves it to the client (named pipes).
func dialer(p place) (dial dialFunc, host string, err error) {
	u, err := url.Parse(p.host)
	if err != nil {
		return nil, "", invalidPlace(err.Error())
	}
	switch u.Scheme {
	case "unix":
		if u.Host != "" || !strings.HasPrefix(u.Path, "/") {
			return nil, "", invalidPlace("the path of the socket in " + p.host + " is not absolute")
		}
		return func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", u.Path)
		}, p.host, nil
	case "tcp":
		if u.Port() == "" {
			return nil, "", invalidPlace(p.host + " has no port")
		}
		return func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", u.Host)
		}, p.host, nil
	case "ssh":
		argv, err := sshArgv(u)
		if err != nil {
			return nil, "", err
		}
		return func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialCommand(ctx, argv)
		}, "http://docker.example.com", nil // never resolved
	case "npipe":
		return nil, p.host, nil
	}
	return nil, "", invalidPlace("Docker cannot be reached by " + p.host)
}

// hijackDialer connects for streams, which do not go through the HTTP client. config, where there is one, has the ServerName.
func hijackDialer(cli *client.Client, dial dialFunc, config *tls.Config) engine.Dial {
	if dial == nil {
		return cli.Dialer()
	}
	return func(ctx context.Context) (net.Conn, error) {
		conn, err := dial(ctx, "", "")
		if err != nil || config == nil {
			return conn, err
		}
		secure := tls.Client(conn, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			conn.Close()
			return nil, err
		}
		return secure, nil
	}
}

// baseURL begins the URL of each request.
func baseURL(host string, secure bool) string {
	u, err := url.Parse(host)
	if err != nil || (u.Scheme != "tcp" && u.Scheme != "http") {
		return "http://" + client.DummyHost
	}
	scheme := "http"
	if secure {
		scheme = "https"
	}
	return scheme + "://" + u.Host + strings.TrimSuffix(u.Path, "/")
}
