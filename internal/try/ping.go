package try

import (
	"context"
	"net"
	"net/http"
)

// Ping asks a unix socket, or a tcp address without TLS, who answers there: Podman's header has Libpod-Api-Version in it, Docker's
// Api-Version alone. Nil: nobody who speaks HTTP.
func Ping(ctx context.Context, network, address string) http.Header {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://d/_ping", nil)
	if err != nil {
		return nil
	}
	answer, err := transport.RoundTrip(req)
	if err != nil {
		return nil
	}
	answer.Body.Close()
	return answer.Header
}
