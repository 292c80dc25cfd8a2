// Package wire is what Sandlot and its guest say to each other: frames over the guest's standard streams.
//
// A frame is a type (1 byte), the payload's length (4 bytes, big endian) and the payload, at most [MaxPayload] bytes. The
// guest speaks first: [TypeHello]. The host then sends one request, in as many [TypePart] frames as it takes and a last
// [TypeRequest]. Data flows both ways; towards the guest only as much as [TypeCredit] frames have allowed, so that whoever
// does not read its data never holds up a [TypeCancel] behind it. A [TypeResult] ends everything.
//
// Neither side trusts the other's bytes: a length beyond the bound, and a frame that is not expected, end the conversation.
package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// Version is the protocol's. Both sides must have the same.
const Version = 3

// A Type says what a frame is.
type Type byte

// The types of frames, and who sends them.
const (
	TypeHello   Type = 1 + iota // guest: [Hello]
	TypePart                    // host: a request, to be continued
	TypeRequest                 // host: [Request], or the rest of it
	TypeStarted                 // guest: the request's work has begun
	TypeCredit                  // guest: how many bytes of data more it takes, 4 bytes, big endian
	TypeData                    // host: standard input, or an archive
	TypeEOF                     // host: the end of data
	TypeResize                  // host: rows and columns, 2 bytes each, big endian
	TypeCancel                  // host: end the work, then send the result
	TypeStdout                  // guest: standard output, the terminal's output, or an archive
	TypeStderr                  // guest: standard error
	TypeResult                  // guest: [Result], its last frame
	TypeProcess                 // guest: [ProcessInfo]
	TypeSkipped                 // guest: how much of an output was not kept
)

const headerSize = 5

const (
	// MaxPayload is the most that a frame holds.
	MaxPayload = 64 << 10
	// MaxData is what senders of data put into a frame, so that all of it fits a pipe, also as one frame of a session.
	MaxData = MaxPayload - headerSize - 8
	// MaxRequest is the most that a request has in all its parts.
	MaxRequest = 8 << 20
)

// ErrFrame is matched by errors about bytes that are no frame, or not one that belongs there.
var ErrFrame = errors.New("malformed frame")

// A Reader reads frames. It is not safe for concurrent use.
type Reader struct {
	r       io.Reader
	header  [headerSize]byte
	payload []byte
}

// NewReader reads frames from r, with two reads each: give it a buffered reader where frames are many.
func NewReader(r io.Reader) *Reader { return &Reader{r: r} }

// Next returns the next frame. The payload is valid until the next call. At the end of the stream the error is io.EOF, within a frame
// io.ErrUnexpectedEOF.
func (r *Reader) Next() (Type, []byte, error) {
	if _, err := io.ReadFull(r.r, r.header[:]); err != nil {
		return 0, nil, err
	}
	typ, length := Type(r.header[0]), binary.BigEndian.Uint32(r.header[1:])
	if typ < TypeHello || typ > TypeSkipped {
		return 0, nil, fmt.Errorf("%w: no type %d", ErrFrame, typ)
	}
	if length > MaxPayload {
		return 0, nil, fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrFrame, length, MaxPayload)
	}
	if int(length) > cap(r.payload) {
		r.payload = make([]byte, length)
	}
	payload := r.payload[:length]
	if _, err := io.ReadFull(r.r, payload); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return 0, nil, err
	}
	return typ, payload, nil
}

// A Writer writes frames, each in one write. It is safe for concurrent use.
type Writer struct {
	mu       sync.Mutex
	w        io.Writer
	buf      []byte
	deferred int // bytes at the start of buf that are still to be written
	late     *time.Timer
}

// NewWriter writes frames to w.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Write writes a frame. More than MaxPayload bytes are an error.
func (w *Writer) Write(typ Type, payload []byte) error {
	if len(payload) > MaxPayload {
		return fmt.Errorf("%w: %d bytes to send, at most %d are allowed", ErrFrame, len(payload), MaxPayload)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.append(typ, payload)
	return w.flush()
}

// Defer writes a frame without a payload together with the next one, or alone after a while.
func (w *Writer) Defer(typ Type, most time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.append(typ, nil)
	w.deferred = len(w.buf)
	w.late = time.AfterFunc(most, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		_ = w.flush() // an error shows again with the next frame
	})
}

func (w *Writer) append(typ Type, payload []byte) {
	w.buf = append(w.buf[:w.deferred], byte(typ), 0, 0, 0, 0)
	binary.BigEndian.PutUint32(w.buf[w.deferred+1:], uint32(len(payload)))
	w.buf = append(w.buf, payload...)
}

func (w *Writer) flush() error {
	if len(w.buf) == 0 {
		return nil
	}
	if w.late != nil {
		w.late.Stop()
		w.late = nil
	}
	_, err := w.w.Write(w.buf)
	w.buf, w.deferred = w.buf[:0], 0
	return err
}
