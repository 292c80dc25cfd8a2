package engine

import (
	"context"
	"net"
	"sync"

	"github.com/sandlot-dev/sandlot/guest"
	"github.com/sandlot-dev/sandlot/runtime"
)

// Dial implements runtime.Dialer.
func (e *engine) Dial(ctx context.Context, id, network, address string, opts runtime.DialOptions) (net.Conn, error) {
	return call(ctx, e, "dial", id, func(ctx context.Context) (net.Conn, error) {
		if err := e.check(ctx, runtime.CapabilityDial, "a connection into a sandbox"); err != nil {
			return nil, err
		}
		if err := guest.CheckDial(network, address); err != nil {
			return nil, err
		}
		if err := e.checkUser(ctx, opts.User); err != nil {
			return nil, err
		}
		full, err := e.resolve(ctx, id)
		if err != nil {
			return nil, err
		}
		return e.dial(ctx, sessionKey{id: full, as: who{user: opts.User}}, network, address)
	})
}

// dial connects over the sandbox's session. One that is to have none that stays gets one for as long as it has connections.
func (e *engine) dial(ctx context.Context, key sessionKey, network, address string) (net.Conn, error) {
	if !e.single(key.id) {
		return e.dialAs(ctx, key, network, address, e.sessions.get, func(*session) {})
	}
	key.dials = true
	var used *session
	conn, err := e.dialAs(ctx, key, network, address, func(key sessionKey) *session {
		used = e.sessions.use(key)
		return used
	}, e.sessions.done)
	if err != nil {
		return nil, err
	}
	return &lastConn{halfConn: conn.(halfConn), done: func() { e.sessions.done(used) }}, nil
}

// dialAs connects over a session that get gives, and that has failed when unused is called.
func (e *engine) dialAs(
	ctx context.Context, key sessionKey, network, address string, get func(sessionKey) *session, unused func(*session),
) (net.Conn, error) {
	return overSession(ctx, e, key, get, unused, func(ctx context.Context, s *guest.Session) (net.Conn, error) {
		conn, err := s.Dial(ctx, network, address)
		return conn, atAddress(err, network, address)
	})
}

// atAddress says of an error about an address which.
func atAddress(err error, network, address string) error {
	own, ok := err.(*runtime.Error)
	if !ok || own.Kind == nil {
		return err
	}
	out := *own
	out.Message = network + " " + address + ": " + own.Message
	return &out
}

type halfConn interface {
	net.Conn
	CloseWrite() error
}

// A lastConn says when it is closed, for its session may end then.
type lastConn struct {
	halfConn
	once sync.Once
	done func()
}

func (c *lastConn) Close() error {
	err := c.halfConn.Close()
	c.once.Do(c.done)
	return err
}
