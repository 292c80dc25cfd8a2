package conformance

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net"

	"github.com/sandlot-dev/sandlot/conformance/internal/answer"
	"github.com/sandlot-dev/sandlot/runtime"
)

// dialled is where the probe listens in these cases' sandboxes.
const dialled = "127.0.0.1:8080"

// A halfConn is a connection that ends in halves.
type halfConn interface {
	net.Conn
	CloseWrite() error
}

// TryDialIn connects to what listens in a sandbox. The connection is closed after the case, or when the watchdog's patience ends.
func (t *T) TryDialIn(ctx context.Context, id, network, address string, opts runtime.DialOptions) (net.Conn, error) {
	dialer, is := t.Runtime().(runtime.Dialer)
	if !is {
		t.Fatalf("the runtime\n  got:   a capability to dial, and no runtime.Dialer\n  want:  both")
	}
	t.Input("dial %s %s %s", network, address, given(opts))
	c, err := dialer.Dial(ctx, id, network, address, opts)
	if err == nil {
		stop := context.AfterFunc(t.ctx, func() { c.Close() })
		t.Cleanup(func(context.Context) error {
			stop()
			c.Close() // the case may have
			return nil
		})
	}
	return c, err
}

// DialIn is TryDialIn that must work, of a connection that ends in halves.
func (t *T) DialIn(id, network, address string) halfConn {
	c, err := t.TryDialIn(t.ctx, id, network, address, runtime.DialOptions{})
	t.NoError("dialling "+network+" "+address, err)
	half, is := c.(halfConn)
	if !is {
		t.Fatalf("the connection\n  got:   %T\n  want:  one with CloseWrite", c)
	}
	return half
}

// serving starts a probe that serves at dialled.
func (t *T) serving(id string, how ...string) *Process {
	return t.Start(id, runtime.ExecOptions{}, append([]string{"serve", "tcp", dialled}, how...)...).Ready()
}

// echoesBack asserts that a word comes back.
func (t *T) echoesBack(c net.Conn, word string) {
	_, err := io.WriteString(c, word)
	t.NoError("writing", err)
	got := make([]byte, len(word))
	_, err = io.ReadFull(c, got)
	t.NoError("reading", err)
	t.Equal("what came back", string(got), word)
}

// readsAll is what comes until the end, which must be one.
func (t *T) readsAll(r io.Reader) string {
	all, err := io.ReadAll(r)
	t.NoError("reading to the end", err)
	return string(all)
}

// noiseSum is the hash of n bytes of noise.
func noiseSum(n int64) string {
	h := sha256.New()
	_, _ = io.Copy(h, answer.Noise(n))
	return hex.EncodeToString(h.Sum(nil))
}
