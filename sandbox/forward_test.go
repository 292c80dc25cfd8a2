package sandbox_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/sandbox"
)

// A fakeDialer connects to listeners of the host's, by the address in the sandbox.
type fakeDialer struct {
	*fake
	mu      sync.Mutex
	servers map[string]net.Addr
	err     error
}

func (f *fakeDialer) Dial(ctx context.Context, _, network, address string, _ runtime.DialOptions) (net.Conn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return nil, f.err
	}
	at, is := f.servers[network+" "+address]
	if !is {
		return nil, &runtime.Error{Op: "dial", Kind: runtime.ErrRefused, Err: syscall.ECONNREFUSED}
	}
	return new(net.Dialer).DialContext(ctx, at.Network(), at.String())
}

// newDialBox makes a sandbox with a server at tcp 127.0.0.1:80 that does serve with each connection.
func newDialBox(t *testing.T, serve func(*net.TCPConn)) (*fakeDialer, *sandbox.Sandbox) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serve(c.(*net.TCPConn))
		}
	}()
	f := &fakeDialer{fake: newFake("an-image"), servers: map[string]net.Addr{"tcp 127.0.0.1:80": l.Addr()}}
	box, err := sandbox.New(t.Context(), f, sandbox.Options{Image: "an-image"})
	if err != nil {
		t.Fatal(err)
	}
	return f, box
}

func echo(c *net.TCPConn) {
	defer c.Close()
	_, _ = io.Copy(c, c)
}

// roundTrip sends a word to a server that echoes, and its end.
func roundTrip(t *testing.T, at net.Addr, word string) {
	t.Helper()
	c, err := net.Dial("tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, word)
	_ = c.(*net.TCPConn).CloseWrite()
	got, err := io.ReadAll(c)
	if string(got) != word || err != nil {
		t.Errorf("got %q, %v; want %q", got, err, word)
	}
}

func TestForward(t *testing.T) {
	_, box := newDialBox(t, echo)
	f, err := box.Forward(t.Context(), "tcp", "127.0.0.1:80", sandbox.ForwardOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if ip := f.Addr().(*net.TCPAddr).IP; !ip.Equal(net.IPv4(127, 0, 0, 1)) {
		t.Errorf("got %v, want 127.0.0.1", ip)
	}
	roundTrip(t, f.Addr(), "one")
	roundTrip(t, f.Addr(), "two")
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if err := f.Wait(); err != nil {
		t.Errorf("after Close: got %v, want nil", err)
	}
	if c, err := net.Dial("tcp", f.Addr().String()); err == nil {
		c.Close()
		t.Error("after Close somebody listens")
	}
}

func TestForwardEnds(t *testing.T) {
	held := make(chan struct{})
	_, box := newDialBox(t, func(c *net.TCPConn) { held <- struct{}{}; _, _ = io.Copy(io.Discard, c); c.Close() })
	ctx, cancel := context.WithCancel(t.Context())
	f, err := box.Forward(ctx, "tcp", "127.0.0.1:80", sandbox.ForwardOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", f.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	<-held
	cancel()
	if _, err := c.Read(make([]byte, 1)); err == nil || err == io.EOF {
		t.Errorf("a connection that was cut: got %v, want an error that is no end", err)
	}
	if err := f.Wait(); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
}

func TestForwardWithoutServer(t *testing.T) {
	fake, box := newDialBox(t, echo)
	failed := make(chan error, 10)
	f, err := box.Forward(t.Context(), "tcp", "127.0.0.1:81", sandbox.ForwardOptions{Failed: func(err error) { failed <- err }})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	try := func() {
		c, err := net.Dial("tcp", f.Addr().String())
		if errors.Is(err, syscall.ECONNRESET) { // so soon
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Read(make([]byte, 1)); err == nil || err == io.EOF {
			t.Errorf("got %v, want an error that is no end", err)
		}
	}
	try()
	if err := <-failed; !errors.Is(err, runtime.ErrRefused) {
		t.Errorf("got %v, want ErrRefused", err)
	}
	fake.mu.Lock()
	fake.servers["tcp 127.0.0.1:81"] = fake.servers["tcp 127.0.0.1:80"]
	fake.mu.Unlock()
	roundTrip(t, f.Addr(), "now")

	fake.mu.Lock()
	fake.err = &runtime.Error{Op: "dial", Kind: runtime.ErrNotFound}
	fake.mu.Unlock()
	try()
	if err := f.Wait(); !errors.Is(err, runtime.ErrNotFound) {
		t.Errorf("when the sandbox is gone: got %v, want ErrNotFound", err)
	}
}

// With room for one connection the second waits until the first has ended.
func TestForwardIsBounded(t *testing.T) {
	began := make(chan string, 2)
	_, box := newDialBox(t, func(c *net.TCPConn) {
		defer c.Close()
		word := make([]byte, 1)
		_, _ = c.Read(word)
		began <- string(word)
		_, _ = io.Copy(io.Discard, c)
	})
	f, err := box.Forward(t.Context(), "tcp", "127.0.0.1:80", sandbox.ForwardOptions{Connections: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var conns []net.Conn
	for _, word := range []string{"1", "2"} {
		c, err := net.Dial("tcp", f.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, _ = io.WriteString(c, word)
		conns = append(conns, c)
		if word == "1" && <-began != "1" {
			t.Fatal("the first did not begin first")
		}
	}
	select {
	case <-began:
		t.Error("the second began next to the first")
	default:
	}
	conns[0].Close()
	if got := <-began; got != "2" {
		t.Errorf("got %q, want the second", got)
	}
}

func TestForwardWrong(t *testing.T) {
	_, box := newDialBox(t, echo)
	if _, err := box.Forward(t.Context(), "tcp", "127.0.0.1:80", sandbox.ForwardOptions{Connections: -1}); !errors.Is(err, runtime.ErrInvalid) {
		t.Errorf("got %v, want ErrInvalid", err)
	}
	if _, err := box.Forward(t.Context(), "tcp", "127.0.0.1:80", sandbox.ForwardOptions{Listen: "nowhere"}); err == nil {
		t.Error("listening nowhere: got no error")
	}
	_, none := newBox(t)
	if _, err := none.Forward(t.Context(), "tcp", "127.0.0.1:80", sandbox.ForwardOptions{}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a runtime that cannot: got %v, want ErrUnsupported", err)
	}
	if _, err := none.Dial(t.Context(), "tcp", "127.0.0.1:80"); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a runtime that cannot: got %v, want ErrUnsupported", err)
	}
}
