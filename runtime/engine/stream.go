package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
)

// How much of a process's words is kept to explain why it did not become a guest.
const (
	stderrHead = 4 << 10
	stdoutHead = 1 << 10
)

// A Stream is an attached process: writes go to its stdin, reads come from its stdout. The beginning of what it writes to stderr is
// kept, to a bound. It is a guest.Channel. One goroutine may read while another writes; Close unblocks both.
type Stream struct {
	// ExecID is what API.ExecState wants.
	ExecID string

	// endsWithWords has what is said on stderr be the end, once Read has come to it.
	endsWithWords bool

	conn io.WriteCloser // with CloseWrite, where it can be closed by half
	r    io.Reader
	left uint32 // of the stdout frame that is being read

	mu       sync.Mutex
	stderr   []byte // the first stderrHead bytes
	stdout   []byte // the first stdoutHead bytes
	closed   bool
	onClose  func()
	closeErr error
}

// NewStream makes a Stream of a hijacked connection on which stdout and stderr come multiplexed (8-byte headers). r holds what was read ahead
// of conn. execID is for API.ExecState. The Stream owns conn.
func NewStream(conn net.Conn, r io.Reader, execID string) *Stream {
	return &Stream{ExecID: execID, conn: conn, r: r}
}

// Read reads the process's stdout.
func (s *Stream) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for s.left == 0 {
		if err := s.nextFrame(); err != nil {
			return 0, err
		}
	}
	if uint32(len(p)) > s.left {
		p = p[:s.left]
	}
	n, err := s.r.Read(p)
	s.left -= uint32(n)
	if room := stdoutHead - len(s.stdout); room > 0 && n > 0 {
		s.mu.Lock()
		s.stdout = append(s.stdout, p[:min(room, n)]...)
		s.mu.Unlock()
	}
	if err == io.EOF && s.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// nextFrame reads headers up to the next one of stdout, and takes in all of stderr on the way.
func (s *Stream) nextFrame() error {
	var header [8]byte
	if _, err := io.ReadFull(s.r, header[:]); err != nil {
		return err // io.EOF exactly between frames
	}
	length := binary.BigEndian.Uint32(header[4:])
	kind := header[0]
	switch {
	case header[1] != 0 || header[2] != 0 || header[3] != 0 || kind > 3:
		return fmt.Errorf("the engine sent something that is no stream frame: % x", header)
	case kind == 2 || kind == 3:
		err := s.keepStderr(int64(length))
		if err == nil && kind == 3 { // the engine itself failed
			err = errors.New(s.Stderr())
		}
		if err == nil && s.endsWithWords {
			err = io.EOF
		}
		return err
	}
	s.left = length
	return nil
}

func (s *Stream) keepStderr(length int64) error {
	buf := make([]byte, min(length, stderrHead))
	for length > 0 {
		n, err := s.r.Read(buf[:min(length, int64(len(buf)))])
		length -= int64(n)
		s.mu.Lock()
		s.stderr = append(s.stderr, buf[:min(n, stderrHead-len(s.stderr))]...)
		s.mu.Unlock()
		switch {
		case err == io.EOF && length > 0:
			return io.ErrUnexpectedEOF
		case err != nil && length > 0:
			return err
		}
	}
	return nil
}

// Stderr is the beginning of what the process wrote to stderr, as far as Read got. It says why a process could not be launched, or crashed.
func (s *Stream) Stderr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.stderr)
}

// Stdout is the beginning of what Read returned. Engines put the error of a process that cannot be launched into
// either stream.
func (s *Stream) Stdout() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.stdout)
}

// words is all that is kept.
func (s *Stream) words() string { return strings.TrimSpace(s.Stderr() + "\n" + s.Stdout()) }

// Write writes to the process's stdin.
func (s *Stream) Write(p []byte) (int, error) { return s.conn.Write(p) }

// CloseWrite ends the process's stdin. It is errors.ErrUnsupported where the connection cannot be closed by half.
func (s *Stream) CloseWrite() error {
	half, ok := s.conn.(interface{ CloseWrite() error })
	if !ok {
		return fmt.Errorf("%w: the connection to the engine cannot be closed by half", errors.ErrUnsupported)
	}
	return half.CloseWrite()
}

// Close ends the connection. The process is not killed by that: it sees the end of its stdin.
func (s *Stream) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return s.closeErr
	}
	s.closed = true
	s.closeErr = s.conn.Close()
	if s.onClose != nil {
		s.onClose()
	}
	return s.closeErr
}

// wait reads stdout until the process ends and closes the stream, also when ctx is done before, which is then the error.
func (s *Stream) wait(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { s.Close() })
	_, err := io.Copy(io.Discard, s)
	if !stop() {
		err = ctx.Err()
	}
	s.Close()
	return err
}
