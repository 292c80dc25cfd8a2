//go:build linux

package supervise

import (
	"bufio"
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"github.com/sandlot-dev/sandlot/guest/wire"
)

// lingerTime is how long the host has for hanging up when it has the result.
const lingerTime = 2 * time.Second

// A Conn is what a channel comes over.
type Conn interface {
	io.ReadWriteCloser
	CloseWrite() error
}

// A stdio is a Conn of two files, which may be one socket.
type stdio struct{ in, out *os.File }

func (s stdio) Read(p []byte) (int, error)  { return s.in.Read(p) }
func (s stdio) Write(p []byte) (int, error) { return s.out.Write(p) }
func (s stdio) CloseWrite() error           { closeWrite(s.out); return nil }
func (s stdio) Close() error                { return errors.Join(s.in.Close(), s.out.Close()) }

// A channel is the connection to the host. Requests come over it, one after the other.
type channel struct {
	conn     Conn
	w        *wire.Writer
	requests chan request  // the one that is to be served
	gone     chan struct{} // closed when nothing comes any more

	mu      sync.Mutex
	current *host // nil: no request is served
}

// A request is one from the host, or what is wrong with it.
type request struct {
	wire.Request
	host *host
	err  error
}

func newChannel(conn Conn) *channel {
	return &channel{conn: conn, w: wire.NewWriter(conn), requests: make(chan request, 1), gone: make(chan struct{})}
}

// hello says who we are. The host may speak from then on.
func (c *channel) hello(hello wire.Hello) {
	_ = c.w.WriteHello(hello)
	go c.listen(wire.NewReader(bufio.NewReaderSize(c.conn, 32<<10)))
}

// listen takes what the host sends, until there is no host any more.
func (c *channel) listen(r *wire.Reader) {
	defer close(c.gone)
	defer c.finish((*host).lost)
	var parts wire.Parts
	for {
		typ, payload, err := r.Next()
		if err != nil {
			return
		}
		if typ != wire.TypePart && typ != wire.TypeRequest {
			if !c.take(typ, payload) {
				return
			}
			continue
		}
		whole, err := parts.Add(typ, payload)
		if whole == nil && err == nil {
			continue
		}
		h := newHost(c.w)
		if !c.begin(h) {
			return
		}
		next := request{host: h, err: err}
		if err == nil {
			next.Request = *whole
		}
		c.requests <- next
		if err != nil {
			_, _ = io.Copy(io.Discard, c.conn)
			return
		}
	}
}

// take gives a frame to the request that is served. What is for one that has been answered was sent before the host knew.
func (c *channel) take(typ wire.Type, payload []byte) bool {
	c.mu.Lock()
	h := c.current
	c.mu.Unlock()
	return h == nil || h.take(typ, payload)
}

// begin makes h the request that is served. False: there is one.
func (c *channel) begin(h *host) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current != nil {
		return false
	}
	c.current = h
	return true
}

// finish ends the request that is served, if there is one.
func (c *channel) finish(how func(*host)) {
	c.mu.Lock()
	h := c.current
	c.current = nil
	c.mu.Unlock()
	if h != nil {
		how(h)
	}
}

// hangUp closes the channel. What is on its way to us must be taken until the host has the result: an engine whose write fails gives up
// reading, too.
func (c *channel) hangUp() {
	_ = c.conn.CloseWrite()
	select {
	case <-c.gone:
	case <-time.After(lingerTime):
	}
	c.conn.Close()
}
