package conformance

import (
	"context"
	"net"
	"testing"

	"golang.org/x/net/nettest"

	"github.com/sandlot-dev/sandlot/runtime"
)

// What Dial gives is a net.Conn in all respects: both ends of a pipe are, which goes through the sandbox.
func TestDialledConnIsANetConn(t *testing.T) {
	for _, engine := range testEngines(t) {
		t.Run(engine.name, func(t *testing.T) {
			s := engine.suite(t)
			made, err := s.rt.Run(t.Context(), s.image, runtime.RunOptions{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if _, err := s.rt.Remove(context.WithoutCancel(t.Context()), made.ID, runtime.RemoveOptions{}); err != nil {
					t.Error(err)
				}
			})
			for network, address := range map[string]string{"tcp": "127.0.0.1:8080", "unix": "/tmp/socket"} {
				ready := newWatch()
				go func() {
					_, _ = s.rt.Exec(t.Context(), made.ID, probeArgv("serve", network, address, "join"), runtime.ExecOptions{Stdout: ready, Stderr: ready})
				}()
				<-ready.Seen("ready\n")
				dial := func() (net.Conn, error) {
					return s.rt.(runtime.Dialer).Dial(t.Context(), made.ID, network, address, runtime.DialOptions{})
				}
				t.Run(network, func(t *testing.T) {
					nettest.TestConn(t, func() (a, b net.Conn, stop func(), err error) {
						if a, err = dial(); err != nil {
							return nil, nil, nil, err
						}
						if b, err = dial(); err != nil {
							a.Close()
							return nil, nil, nil, err
						}
						return a, b, func() { a.Close(); b.Close() }, nil
					})
				})
			}
		})
	}
}
