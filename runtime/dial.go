package runtime

import (
	"context"
	"net"
)

// A Dialer is a Runtime that connects to what listens in a sandbox, whatever network that has: it needs no published port, and no network.
type Dialer interface {
	// Dial connects to address as the sandbox's user would, from within. network is
	//
	//   - "tcp": address is "IP:PORT", "[IPv6]:PORT", or "localhost:PORT", which is 127.0.0.1 and then ::1, with no name looked up;
	//   - "unix": address is the path of a socket, absolute or relative to the sandbox's working directory.
	//
	// The sandbox's loopback is not the host's, nor another sandbox's. Errors: where nothing listens [ErrRefused], which matches syscall.ECONNREFUSED
	// as well; a path that does not exist [ErrFileNotFound]; a socket that the user may not connect to [ErrPermission]; another network, or an address
	// that is none, [ErrInvalid]; a sandbox that does not run [ErrNotRunning]; too many connections at once [ErrUnavailable].
	//
	// ctx bounds the connecting, and not the connection. That has deadlines, and ends in halves: it is an
	// interface{ CloseWrite() error } as well. What it reads ends with io.EOF where the other end has closed, with an error that matches syscall.ECONNRESET
	// where it was reset, and with [ErrConnectionLost] where the sandbox or the engine has gone, or the Runtime was closed. What was written before Close is
	// still delivered.
	Dial(ctx context.Context, id, network, address string, opts DialOptions) (net.Conn, error)
}

// DialOptions are the options of [Dialer].Dial.
type DialOptions struct {
	// User is as in [RunOptions]: as whom to connect, which is what permissions of unix sockets are about. Empty: the sandbox's.
	User string
}
