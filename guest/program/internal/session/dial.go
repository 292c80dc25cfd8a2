//go:build linux

package session

import (
	"bufio"
	"errors"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sandlot-dev/sandlot/guest/mux"
	"github.com/sandlot-dev/sandlot/guest/wire"
)

// dial makes a connection of a stream: the host asks for it, and when it stands all bytes are the connection's.
func dial(stream *mux.Stream, dir string) {
	defer stream.Close()
	r := bufio.NewReaderSize(stream, few)
	request, err := wire.NewReader(r).ReadRequest()
	if err != nil || request.Dial == nil {
		stream.Reset()
		return
	}
	gone := make(chan struct{})
	go func() {
		_ = stream.Unwanted()
		close(gone)
	}()
	w := wire.NewWriter(stream)
	socket, err := reach(request.Dial, dir, gone)
	if err != nil {
		_ = w.WriteResult(wire.Result{Failure: &wire.Failure{Kind: kind(err), Message: err.Error()}})
		return
	}
	defer socket.Close()
	if w.Write(wire.TypeStarted, nil) == nil {
		join(stream, r, socket, gone)
	}
}

// kind tells the host which error it is.
func kind(err error) wire.Kind {
	switch {
	case errors.Is(err, unix.ECONNREFUSED):
		return wire.KindRefused
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR):
		return wire.KindNotFound
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return wire.KindPermission
	case errors.Is(err, unix.ENAMETOOLONG), errors.Is(err, unix.EPROTOTYPE), errors.Is(err, unix.EINVAL), errors.Is(err, unix.ELOOP):
		return wire.KindInvalid
	case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE), errors.Is(err, unix.ENOMEM), errors.Is(err, unix.ENOBUFS):
		return wire.KindUnavailable
	}
	return wire.KindOther
}

// join copies both ways between the host and a socket until both directions have ended. r reads stream. gone is closed when the host reads no more.
func join(stream *mux.Stream, r io.Reader, socket *os.File, gone <-chan struct{}) {
	said := make(chan struct{}) // closed when there is nothing more to say to the host
	go func() {
		defer close(said)
		switch readErr, _ := pump(stream, socket); {
		case readErr == nil, errors.Is(readErr, os.ErrDeadlineExceeded): // the host wants no more
		case readErr == io.EOF:
			_ = stream.CloseWrite()
		default:
			stream.Abort()
		}
	}()
	go func() {
		<-gone
		now := time.Now()
		_ = socket.SetReadDeadline(now)
		_ = socket.SetWriteDeadline(now.Add(leaveTime)) // for what the host has sent before
	}()
	readErr, writeErr := pump(socket, r)
	switch {
	case writeErr != nil: // the other end reads no more, but may have something to say
		go func() {
			<-said
			_ = stream.Close()
		}()
		_, _ = io.Copy(io.Discard, stream)
	case readErr == io.EOF:
		control(socket, func(fd int) error { return unix.Shutdown(fd, unix.SHUT_WR) })
	default: // the host has given up, or is gone: so be it for the other end
		control(socket, func(fd int) error {
			return unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
		})
	}
	<-said
}

// pump copies until the end, or an error on either side.
func pump(to io.Writer, from io.Reader) (readErr, writeErr error) {
	small := make([]byte, few)
	buf, large := small, (*[64 << 10]byte)(nil)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return nil, err
			}
		}
		if err != nil {
			return err, nil
		}
		switch {
		case n == few && large == nil:
			large = many.Get().(*[64 << 10]byte)
			buf = large[:]
		case n < few && large != nil:
			many.Put(large)
			buf, large = small, nil
		}
	}
}

// control does something with a socket's descriptor. That it is closed already is no matter.
func control(socket *os.File, do func(fd int) error) {
	if raw, err := socket.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { _ = do(int(fd)) })
	}
}
