package conformance

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
)

// A dialing is what a Dial was asked for.
type dialing struct {
	ctx                  context.Context
	id, network, address string
	opts                 runtime.DialOptions
}

// dials makes a breaker that changes what is asked for.
func dials(change func(*dialing)) breaker {
	return func(b *broken) {
		b.dial = func(ctx context.Context, id, network, address string, opts runtime.DialOptions) (net.Conn, error) {
			d := dialing{ctx, id, network, address, opts}
			change(&d)
			return b.whole.Dial(d.ctx, d.id, d.network, d.address, d.opts)
		}
	}
}

// connects makes a breaker that changes the connection.
func connects(change func(halfConn) net.Conn) breaker {
	return func(b *broken) {
		b.dial = func(ctx context.Context, id, network, address string, opts runtime.DialOptions) (net.Conn, error) {
			c, err := b.whole.Dial(ctx, id, network, address, opts)
			if err != nil {
				return nil, err
			}
			return change(c.(halfConn)), nil
		}
	}
}

// wrongly makes a breaker that fails otherwise than it should.
func wrongly(kind error) breaker {
	return func(b *broken) {
		b.error = func(err error) error { return &runtime.Error{Op: "dial", Kind: kind, Message: err.Error()} }
	}
}

type readsConn struct {
	halfConn
	read func(p []byte) (int, error)
}

func (c readsConn) Read(p []byte) (int, error) { return c.read(p) }

// reading changes each read.
func reading(after func(p []byte, n int, err error) (int, error)) breaker {
	return connects(func(c halfConn) net.Conn {
		return readsConn{c, func(p []byte) (int, error) {
			n, err := c.Read(p)
			return after(p, n, err)
		}}
	})
}

type wholeConn struct{ halfConn }

func (c wholeConn) CloseWrite() error { return c.Close() }

// A hastyConn loses the last of what was written when it is closed.
type hastyConn struct{ halfConn }

func (c hastyConn) Write(p []byte) (int, error) {
	if len(p) > 1 {
		_, err := c.halfConn.Write(p[:len(p)-1])
		return len(p), err
	}
	return len(p), nil
}

type noDeadlineConn struct{ halfConn }

func (c noDeadlineConn) SetReadDeadline(t time.Time) error {
	if t.IsZero() {
		return c.halfConn.SetReadDeadline(t)
	}
	return nil
}

func dialBreakers() map[string]breaker {
	return map[string]breaker{
		"dial/tcp": dials(func(d *dialing) { d.address = strings.Replace(d.address, ":8080", ":8081", 1) }),
		"dial/localhost": func(b *broken) {
			b.dial = func(ctx context.Context, id, network, address string, opts runtime.DialOptions) (net.Conn, error) {
				if strings.HasPrefix(address, "localhost") {
					return nil, &runtime.Error{Op: "dial", Kind: runtime.ErrInvalid, Message: "no such host"}
				}
				return b.whole.Dial(ctx, id, network, address, opts)
			}
		},
		"dial/unix":          dials(func(d *dialing) { d.address += "x" }),
		"dial/unix-relative": dials(func(d *dialing) { d.address = "/" + d.address }),
		"dial/unix-long-path": func(b *broken) {
			b.dial = func(ctx context.Context, id, network, address string, opts runtime.DialOptions) (net.Conn, error) {
				if len(address) > 107 {
					return nil, &runtime.Error{Op: "dial", Kind: runtime.ErrInvalid, Err: syscall.ENAMETOOLONG}
				}
				return b.whole.Dial(ctx, id, network, address, opts)
			}
		},
		"dial/refused":      wrongly(runtime.ErrRefused), // without the system's own
		"dial/missing-path": wrongly(runtime.ErrRefused),
		"dial/user":         dials(func(d *dialing) { d.opts.User = "" }),
		"dial/other-sandbox": func(b *broken) {
			var mu sync.Mutex
			first := ""
			b.dial = func(ctx context.Context, id, network, address string, opts runtime.DialOptions) (net.Conn, error) {
				mu.Lock()
				if first == "" {
					first = id
				}
				mu.Unlock()
				return b.whole.Dial(ctx, first, network, address, opts) // as if all had one loopback
			}
		},
		"dial/invalid":     wrongly(runtime.ErrRefused),
		"dial/not-running": wrongly(runtime.ErrConnectionLost),
		"dial/ctx": func(b *broken) {
			b.dial = func(ctx context.Context, id, network, address string, opts runtime.DialOptions) (net.Conn, error) {
				c, err := b.whole.Dial(ctx, id, network, address, opts)
				if err == nil {
					context.AfterFunc(ctx, func() { c.Close() })
				}
				return c, err
			}
		},
		"dial/end": reading(func(_ []byte, n int, err error) (int, error) {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return n, err
		}),
		"dial/reset": reading(func(_ []byte, n int, err error) (int, error) {
			if errors.Is(err, syscall.ECONNRESET) {
				err = io.EOF
			}
			return n, err
		}),
		"dial/close":      connects(func(c halfConn) net.Conn { return hastyConn{c} }),
		"dial/half-close": connects(func(c halfConn) net.Conn { return wholeConn{c} }),
		"dial/both-ways": reading(func(p []byte, n int, err error) (int, error) {
			if n > 1000 {
				p[1000] ^= 1
			}
			return n, err
		}),
		"dial/many": func(b *broken) {
			var n atomic.Int32
			var mu sync.Mutex
			var shared net.Conn
			b.dial = func(ctx context.Context, id, network, address string, opts runtime.DialOptions) (net.Conn, error) {
				mu.Lock()
				defer mu.Unlock()
				if n.Add(1) > 60 { // the last ones get one together
					return shared, nil
				}
				var err error
				shared, err = b.whole.Dial(ctx, id, network, address, opts)
				return shared, err
			}
		},
		"dial/slow-reader": func(b *broken) {
			var busy sync.Mutex // one at a time
			b.dial = func(ctx context.Context, id, network, address string, opts runtime.DialOptions) (net.Conn, error) {
				for !busy.TryLock() {
					select {
					case <-ctx.Done():
						return nil, &runtime.Error{Op: "dial", Err: ctx.Err()}
					case <-time.After(10 * time.Millisecond):
					}
				}
				return b.whole.Dial(ctx, id, network, address, opts)
			}
		},
		"dial/deadline": connects(func(c halfConn) net.Conn { return noDeadlineConn{c} }),
		"dial/sandbox-ends": reading(func(_ []byte, n int, err error) (int, error) {
			if err != nil {
				err = io.EOF
			}
			return n, err
		}),
		"dial/everything-killed": func(b *broken) {
			var dialled atomic.Bool
			b.dial = func(ctx context.Context, id, network, address string, opts runtime.DialOptions) (net.Conn, error) {
				if dialled.Swap(true) {
					return nil, &runtime.Error{Op: "dial", Kind: runtime.ErrConnectionLost}
				}
				return b.whole.Dial(ctx, id, network, address, opts)
			}
		},
	}
}
