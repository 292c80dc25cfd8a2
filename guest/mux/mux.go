// Package mux carries many streams at once over one: the session between Sandlot and its guest.
//
// Both ends say hello first. Then everything is frames: a type (1 byte), a length (3 bytes, big endian, at most [MaxPayload]), the stream's
// number (4 bytes, big endian) and the payload. docs/protocol.md tells what each may say and when.
//
// Neither end trusts the other's bytes. Whatever is no frame, or does not belong where it comes, ends the session with [ErrProtocol]. Nothing
// that the other end does, or leaves undone, makes memory grow beyond what the limits allow, and a stream that is not read
// stalls nothing but itself.
package mux

import "errors"

// Version is the protocol's. Both ends must have the same.
const Version = 2

const (
	// MaxPayload is the most that a frame holds. With its header it fits a pipe.
	MaxPayload = 64<<10 - headerSize
	// Window is how much of a stream the other end may send before it has been read here.
	Window = 1 << 20
	// MaxStreams is how many streams a client may have open at once.
	MaxStreams = 1024
)

var (
	// ErrNotMux is matched when what is at the other end does not say hello: see [NotMuxError].
	ErrNotMux = errors.New("the other end is no session")
	// ErrProtocol is matched when the other end broke a rule of the protocol.
	ErrProtocol = errors.New("the other end broke the session's protocol")
	// ErrLost is matched when the carrier failed, or ended with no goodbye.
	ErrLost = errors.New("the session's connection is lost")
	// ErrGone says that the other end closed the session.
	ErrGone = errors.New("the other end closed the session")
	// ErrClosed says that the session was closed here.
	ErrClosed = errors.New("the session is closed")
	// ErrTooManyStreams says that as many streams are open as the other end allows.
	ErrTooManyStreams = errors.New("too many streams are open")
	// ErrRefused says that the other end did not take a stream.
	ErrRefused = errors.New("the other end refused the stream")
	// ErrReset says that the other end gave a stream up.
	ErrReset = errors.New("the other end reset the stream")
	// ErrPeerClosed says that the other end reads no more of a stream.
	ErrPeerClosed = errors.New("the other end closed the stream")
)

// A VersionError says that the other end speaks another version of the protocol.
type VersionError struct {
	Ours, Theirs int
}

func (e *VersionError) Error() string {
	return "the other end speaks version " + decimal(e.Theirs) + " of the session's protocol, and this one version " + decimal(e.Ours)
}

// A NotMuxError matches [ErrNotMux] and keeps what the other end said in place of a hello.
type NotMuxError struct {
	Said []byte // what has come, at most 4 KiB
	Err  error  // why reading a hello failed; nil: it did not
}

func (e *NotMuxError) Error() string {
	text := ErrNotMux.Error()
	if len(e.Said) > 0 {
		text += ": it said " + quote(e.Said)
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Is makes ErrNotMux match.
func (e *NotMuxError) Is(target error) bool { return target == ErrNotMux }

// Unwrap returns Err.
func (e *NotMuxError) Unwrap() error { return e.Err }

// An ended is one of the errors above with its reason.
type ended struct {
	kind   error
	detail string
	err    error
}

func (e *ended) Error() string {
	text := e.kind.Error()
	if e.detail != "" {
		text += ": " + e.detail
	}
	if e.err != nil {
		text += ": " + e.err.Error()
	}
	return text
}

func (e *ended) Unwrap() []error {
	if e.err == nil {
		return []error{e.kind}
	}
	return []error{e.kind, e.err}
}

func broken(detail string) error { return &ended{kind: ErrProtocol, detail: detail} }
func lost(err error) error       { return &ended{kind: ErrLost, err: err} }
