package sandbox

import (
	"context"
	"net"

	"github.com/sandlot-dev/sandlot/runtime"
)

// Dial connects to what listens in the sandbox, as [runtime.Dialer].Dial says: "tcp" with an address such as "localhost:8080", or "unix" with the path of a
// socket. It needs neither a network nor a published port, and serves as an http.Transport's DialContext. A runtime that cannot is
// errors.ErrUnsupported.
func (s *Sandbox) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return s.dial(ctx, network, address, runtime.DialOptions{})
}

func (s *Sandbox) dial(ctx context.Context, network, address string, opts runtime.DialOptions) (net.Conn, error) {
	dialer, err := s.dialer("dial")
	if err != nil {
		return nil, fileError(err)
	}
	conn, err := dialer.Dial(ctx, s.id, network, address, opts)
	if err != nil {
		return nil, fileError(s.named(err))
	}
	return conn, nil
}

func (s *Sandbox) dialer(op string) (runtime.Dialer, error) {
	if err := s.open(op); err != nil {
		return nil, err
	}
	dialer, can := s.rt.(runtime.Dialer)
	if !can {
		return nil, &runtime.Error{
			Op: op, ID: s.name, Kind: runtime.ErrUnsupported, Message: "this runtime cannot connect into sandboxes",
			Hint: "publish a port when the sandbox is made",
		}
	}
	return dialer, nil
}
