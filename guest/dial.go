package guest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/sandlot-dev/sandlot/guest/mux"
	"github.com/sandlot-dev/sandlot/guest/wire"
	"github.com/sandlot-dev/sandlot/runtime"
)

// CheckDial says whether a network and an address are such as runtime.Dialer's Dial takes.
func CheckDial(network, address string) error {
	_, err := dialRequest(network, address)
	return err
}

func dialRequest(network, address string) (*wire.DialRequest, error) {
	switch network {
	case "unix":
		if address == "" || strings.ContainsRune(address, 0) {
			return nil, badAddress("give the path of a socket in the sandbox", "%q is no path", address)
		}
		return &wire.DialRequest{Path: []byte(address)}, nil
	case "tcp":
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, badAddress("write IP:PORT or localhost:PORT", "%q is no address", address)
		}
		number, err := strconv.ParseUint(port, 10, 16)
		if err != nil || number == 0 {
			return nil, badAddress("give a number from 1 to 65535", "%q is no port", port)
		}
		request := &wire.DialRequest{Port: uint16(number)}
		if host == "localhost" {
			request.IPs = [][]byte{{127, 0, 0, 1}, netip.IPv6Loopback().AsSlice()}
			return request, nil
		}
		ip, err := netip.ParseAddr(host)
		if err != nil || ip.Zone() != "" {
			return nil, badAddress("write an IP address, or localhost: no names are looked up", "%q is no IP address", host)
		}
		request.IPs = [][]byte{ip.Unmap().AsSlice()}
		return request, nil
	}
	return nil, badAddress("use tcp or unix", "%q is no network that can be dialled", network)
}

func badAddress(hint, format string, args ...any) error {
	return &runtime.Error{Kind: runtime.ErrInvalid, Message: fmt.Sprintf(format, args...), Hint: hint}
}

// Dial connects to what listens in the sandbox, as runtime.Dialer's Dial says, as the user that the session has. An ErrConnectionLost that matches
// ErrNoGuest says that the session has ended.
func (s *Session) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	request, err := dialRequest(network, address)
	if err != nil {
		return nil, err
	}
	stream, err := s.open(ctx, wire.ForDial)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, stream.Reset)
	err = ask(stream, request)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		stream.Reset()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, err
	}
	s.hear(false)
	return newConn(stream, network, address), nil
}

// ask sends the request and waits for the answer. It reads nothing behind that, which is the connection's.
func ask(stream *mux.Stream, request *wire.DialRequest) error {
	if err := wire.NewWriter(stream).WriteRequest(wire.Request{Dial: request}); err != nil {
		return noGuest(err.Error())
	}
	typ, payload, err := wire.NewReader(stream).Next()
	switch {
	case errors.Is(err, wire.ErrFrame):
		return lost(err)
	case err != nil:
		return noGuest(err.Error())
	case typ == wire.TypeStarted && len(payload) == 0:
		return nil
	}
	var result wire.Result
	if err := wire.Unmarshal(payload, &result); err != nil || typ != wire.TypeResult || result.Failure == nil {
		return lost(fmt.Errorf("%w: type %d is no answer to a dial", wire.ErrFrame, typ))
	}
	failed := failure(result.Failure)
	if errors.Is(failed, runtime.ErrRefused) {
		return &runtime.Error{
			Kind: runtime.ErrRefused, Message: "nothing listens there in the sandbox", Hint: "see whether the server has started", Err: syscall.ECONNREFUSED,
		}
	}
	return failed
}

// A conn is a connection into a sandbox.
type conn struct {
	*mux.Stream
	network, address string
}

func newConn(stream *mux.Stream, network, address string) net.Conn {
	return &conn{stream, network, address}
}

// An addr is an address in a sandbox.
type addr struct{ network, address string }

func (a addr) Network() string { return a.network }
func (a addr) String() string  { return a.address }

// LocalAddr has no address: nothing on this side listens or could be reached.
func (c *conn) LocalAddr() net.Addr  { return addr{c.network, ""} }
func (c *conn) RemoteAddr() net.Addr { return addr{c.network, c.address} }

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Stream.Read(p)
	return n, c.named("read", err)
}

func (c *conn) Write(p []byte) (int, error) {
	n, err := c.Stream.Write(p)
	return n, c.named("write", err)
}

func (c *conn) CloseWrite() error { return c.named("close", c.Stream.CloseWrite()) }
func (c *conn) Close() error      { return c.named("close", c.Stream.Close()) }

// named makes an error such as those of package net of a stream's.
func (c *conn) named(op string, err error) error {
	switch {
	case err == nil || err == io.EOF:
		return err
	case errors.Is(err, mux.ErrReset):
		err = syscall.ECONNRESET
	case errors.Is(err, mux.ErrPeerClosed), errors.Is(err, io.ErrClosedPipe):
		err = syscall.EPIPE
	case errors.Is(err, net.ErrClosed), errors.Is(err, os.ErrDeadlineExceeded):
	default:
		err = &runtime.Error{Kind: runtime.ErrConnectionLost, Err: err, Message: "the connection into the sandbox ended", Hint: "see whether the sandbox still runs"}
	}
	return &net.OpError{Op: op, Net: c.network, Addr: c.RemoteAddr(), Err: err}
}
