package engine

import (
	"context"
	"errors"
	"net"

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

// dial connects over the sandbox's session, or over one for the connection alone where the sandbox is to have none that stays.
func (e *engine) dial(ctx context.Context, key sessionKey, network, address string) (net.Conn, error) {
	if e.single(key.id) {
		key.only = e.dials.Add(1)
	}
	for again := false; ; {
		s := e.sessions.get(key)
		isNew, err := e.openSession(ctx, s)
		if err == errReplaced {
			continue
		}
		if err != nil {
			return nil, err
		}
		conn, err := attended(ctx, e, s, func(ctx context.Context) (net.Conn, error) { return s.guest.Dial(ctx, network, address) })
		if err == nil && key.only != 0 {
			return &onlyConn{conn.(halfConn), func() { e.sessions.drop(s) }}, nil
		}
		if err == nil {
			return conn, nil
		}
		lost := errors.Is(err, guest.ErrNoGuest)
		if lost || key.only != 0 {
			e.sessions.drop(s)
		}
		if !lost {
			return nil, atAddress(err, network, address)
		}
		if isNew || again {
			return nil, e.explain(ctx, key.id, line{words: s.stream.words}, err)
		}
		again = true
	}
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

// An onlyConn is the only connection of its session.
type onlyConn struct {
	halfConn
	end func()
}

func (c *onlyConn) Close() error {
	err := c.halfConn.Close()
	c.end()
	return err
}
