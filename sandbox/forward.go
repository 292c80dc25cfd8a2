package sandbox

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"

	"github.com/sandlot-dev/sandlot/runtime"
)

// DefaultForwardConnections is how many connections a [Forwarder] carries at once when no number is given.
const DefaultForwardConnections = 128

// ForwardOptions are the options of [Sandbox.Forward].
type ForwardOptions struct {
	// Listen is the host's address to listen at. Empty: "127.0.0.1:0", a free port. Whoever reaches it reaches the sandbox.
	Listen string
	// Listener is used in place of Listen. The Forwarder closes it.
	Listener net.Listener
	// Connections is how many are carried at once; others wait. 0: DefaultForwardConnections. Negative: runtime.ErrInvalid.
	Connections int
	// User is as in runtime.DialOptions.
	User string
	// Failed is told of each connection that could not be made, one call at a time. Nil: nobody is.
	Failed func(error)
}

// A Forwarder passes connections on into a sandbox.
type Forwarder struct {
	listener net.Listener
	cancel   context.CancelCauseFunc
	ended    chan struct{}
	err      error // valid once it has ended
}

// Forward listens on the host, and passes each connection on to what listens at address in the sandbox, as [Sandbox.Dial] would. It needs neither a network
// nor a published port. The Forwarder goes on until ctx is done, it is closed, or no connection can be made any more, as when the sandbox is removed: where
// nothing listens in it yet, it goes on.
func (s *Sandbox) Forward(ctx context.Context, network, address string, opts ForwardOptions) (*Forwarder, error) {
	if _, err := s.dialer("forward"); err != nil {
		return nil, err
	}
	if opts.Connections < 0 {
		return nil, invalid("forward", s.called, "the number of connections is negative", "leave it 0 for the default")
	}
	if opts.Connections == 0 {
		opts.Connections = DefaultForwardConnections
	}
	if opts.Listen == "" {
		opts.Listen = "127.0.0.1:0"
	}
	listener := opts.Listener
	if listener == nil {
		var err error
		if listener, err = new(net.ListenConfig).Listen(ctx, "tcp", opts.Listen); err != nil {
			return nil, &runtime.Error{Op: "forward", ID: s.called, Message: "listening on the host", Err: err}
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	f := &Forwarder{listener: listener, cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(f.ended)
		defer cancel(nil)
		f.err = forward(ctx, cancel, listener, opts, func() (net.Conn, error) {
			return s.dial(ctx, network, address, runtime.DialOptions{User: opts.User})
		})
	}()
	return f, nil
}

// Addr is where the Forwarder listens.
func (f *Forwarder) Addr() net.Addr { return f.listener.Addr() }

// Wait waits until the Forwarder has ended, with all its connections, and says why: nil after Close, else ctx's error, or that of the last connection.
func (f *Forwarder) Wait() error {
	<-f.ended
	return f.err
}

// Close ends the Forwarder and its connections, and waits for them. It may be called more than once.
func (f *Forwarder) Close() error {
	f.cancel(errForwarderClosed)
	<-f.ended
	return nil
}

var errForwarderClosed = errors.New("the forwarder was closed")

// forward accepts until ctx is done.
func forward(ctx context.Context, end context.CancelCauseFunc, listener net.Listener, opts ForwardOptions, dial func() (net.Conn, error)) error {
	stop := context.AfterFunc(ctx, func() { listener.Close() })
	defer stop()
	defer listener.Close()
	var (
		conns   sync.WaitGroup
		failing sync.Mutex
	)
	slots := make(chan struct{}, opts.Connections)
	for ctx.Err() == nil {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			continue
		}
		outer, err := listener.Accept()
		if err != nil {
			end(&runtime.Error{Op: "forward", Message: "accepting connections", Err: err})
			break
		}
		conns.Go(func() {
			defer func() { <-slots }()
			inner, err := dial()
			if err == nil {
				relay(ctx, outer, inner)
				return
			}
			giveUp(outer)
			if ctx.Err() != nil {
				return
			}
			if opts.Failed != nil {
				failing.Lock()
				opts.Failed(err)
				failing.Unlock()
			}
			for _, final := range []error{runtime.ErrNotFound, runtime.ErrClosed, runtime.ErrInvalid, runtime.ErrUnsupported} {
				if errors.Is(err, final) {
					end(err)
				}
			}
		})
	}
	conns.Wait()
	if cause := context.Cause(ctx); cause != errForwarderClosed {
		return cause
	}
	return nil
}

// relay copies both ways until both have ended, one is broken, or ctx is done. It closes both.
func relay(ctx context.Context, outer, inner net.Conn) {
	defer inner.Close()
	defer outer.Close()
	stop := context.AfterFunc(ctx, func() {
		inner.Close()
		giveUp(outer)
	})
	defer stop()
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{inner, outer}, {outer, inner}} {
		both.Go(func() {
			to, from := way[0], way[1]
			if _, err := io.Copy(to, from); err != nil { // that it is broken is all that can be told
				inner.Close()
				giveUp(outer)
				return
			}
			if half, is := to.(interface{ CloseWrite() error }); is {
				_ = half.CloseWrite()
			} else {
				_ = to.Close()
			}
		})
	}
	both.Wait()
}

// giveUp closes a connection so that the other end does not take it for a proper end, where it can.
func giveUp(c net.Conn) {
	if tcp, is := c.(*net.TCPConn); is {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}
