package mux

import (
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"time"
)

// A Stream is one of a session's. It is a net.Conn; all its methods are safe for concurrent use. A write returns when the data are queued,
// which says nothing of the other end.
type Stream struct {
	s  *Session
	id uint32

	// All below is guarded by the session's lock.
	readable, writable sync.Cond
	in                 buffer
	window             int // what the other end may still send
	eaten              int // what was read since the other end last got credit
	credit             int // what may still be sent
	sentEnd, gotEnd    bool
	eof                bool  // all of what the other end sent has come
	closed             bool  // here
	held               bool  // the other end opened it, and the program has not closed it
	writing            bool  // a write is under way
	queued             bool  // it waits for the queue
	err                error // why it ended before its time
	readBy, writeBy    deadline
}

// newStream makes a stream and enters it. The lock is held.
func (s *Session) newStream(id uint32) *Stream {
	st := &Stream{s: s, id: id, window: Window, credit: int(s.peer.window)}
	st.readable.L, st.writable.L = &s.mu, &s.mu
	s.streams[id] = st
	return st
}

// Read waits for data. What had come before the stream or the session ended can still be read, unless the stream was reset. At the end
// the error is io.EOF; [ErrReset], [ErrRefused] or why the session ended where the end did not come.
func (st *Stream) Read(p []byte) (int, error) {
	s := st.s
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case st.closed:
			return 0, net.ErrClosed
		case st.readBy.expired:
			return 0, os.ErrDeadlineExceeded
		case len(p) == 0:
			return 0, nil
		case st.in.len > 0:
			n := st.in.readInto(&s.chunks, p)
			st.ate(n)
			if st.in.len > 0 || st.eof {
				st.readable.Signal() // there may be another reader
			}
			return n, nil
		case st.eof:
			return 0, io.EOF
		case st.err != nil:
			return 0, st.err
		}
		st.readable.Wait()
	}
}

// ate gives the other end credit, when enough was read that a frame for it is worth while.
func (st *Stream) ate(n int) {
	st.eaten += n
	if st.eaten < Window/4 || st.gotEnd || st.err != nil {
		return
	}
	st.s.emitCredit(st.id, st.eaten)
	st.window += st.eaten
	st.eaten = 0
}

// Write waits while the other end gives no credit, or the carrier takes nothing. Errors: [ErrPeerClosed], [ErrReset], [ErrRefused], or why the session
// ended; io.ErrClosedPipe behind CloseWrite.
func (st *Stream) Write(p []byte) (n int, err error) {
	s := st.s
	s.mu.Lock()
	defer s.mu.Unlock()
	for st.writing {
		if err := st.writeError(); err != nil {
			return 0, err
		}
		st.writable.Wait()
	}
	st.writing = true
	defer func() {
		st.writing = false
		st.writable.Broadcast()
	}()
	for {
		if err := st.writeError(); err != nil || len(p) == 0 {
			return n, err
		}
		switch {
		case st.credit == 0:
			st.writable.Wait()
		case s.out.full():
			if !st.queued {
				st.queued = true
				s.out.waiting = append(s.out.waiting, st)
			}
			st.writable.Wait()
		default:
			m := min(len(p)-n, st.credit, MaxPayload)
			s.emit(typeData, st.id, p[n:n+m])
			st.credit -= m
			n += m
			if n == len(p) {
				return n, nil
			}
		}
	}
}

// writeError is why nothing can be written, if so.
func (st *Stream) writeError() error {
	switch {
	case st.closed:
		return net.ErrClosed
	case st.writeBy.expired:
		return os.ErrDeadlineExceeded
	case st.err != nil:
		return st.err
	case st.sentEnd:
		return io.ErrClosedPipe
	}
	return nil
}

// CloseWrite tells the other end that no more data follow. It can still be read.
func (st *Stream) CloseWrite() error {
	st.s.mu.Lock()
	defer st.s.mu.Unlock()
	switch {
	case st.closed:
		return net.ErrClosed
	case st.err != nil:
		return st.err
	case st.sentEnd:
		return nil
	}
	st.s.emit(typeEOF, st.id, nil)
	st.sentEnd = true
	st.writable.Broadcast()
	st.settle()
	return nil
}

// Close ends the stream: the other end still gets what was written, and io.EOF behind it, and its writes are [ErrPeerClosed], unless it had ended already.
func (st *Stream) Close() error {
	st.s.mu.Lock()
	defer st.s.mu.Unlock()
	if st.closed {
		return net.ErrClosed
	}
	st.shut(codeClosed)
	return nil
}

// Reset gives the stream up. At the other end reads and writes are [ErrReset], also of data that have arrived there.
func (st *Stream) Reset() {
	st.s.mu.Lock()
	defer st.s.mu.Unlock()
	if !st.closed {
		st.shut(codeReset)
	}
}

// Abort is Reset after all that was written: the other end still gets that, and [ErrReset] in place of the end.
func (st *Stream) Abort() {
	st.s.mu.Lock()
	defer st.s.mu.Unlock()
	if !st.closed {
		st.shut(codeAborted)
	}
}

// Unwanted waits until the other end reads no more, or the stream or the session has ended, and says which: [ErrPeerClosed], [ErrReset], [ErrRefused],
// why the session ended, or that the stream was closed here. That both ends have ended their halves is none of that.
func (st *Stream) Unwanted() error {
	st.s.mu.Lock()
	defer st.s.mu.Unlock()
	for st.err == nil && !st.closed {
		st.writable.Wait()
	}
	if st.closed {
		return net.ErrClosed
	}
	return st.err
}

// shut closes the stream here. The lock is held.
func (st *Stream) shut(code byte) {
	s := st.s
	st.closed = true
	st.free()
	if st.err == nil && !(st.sentEnd && st.gotEnd) {
		s.emit(typeClose, st.id, []byte{code})
		st.sentEnd = true
		st.settle()
	}
	st.readable.Broadcast()
	st.writable.Broadcast()
}

// free gives back what a closed stream holds.
func (st *Stream) free() {
	st.in.free(&st.s.chunks)
	st.readBy.stop()
	st.writeBy.stop()
	if st.held {
		st.held = false
		st.s.accepted--
	}
}

// peerClosed takes a close from the other end. The lock is held.
func (st *Stream) peerClosed(code byte) {
	s := st.s
	if !st.sentEnd {
		// Nothing is sent any more. The other end waits to hear so.
		s.emit(typeClose, st.id, []byte{codeClosed})
		st.sentEnd = true
	}
	st.gotEnd, st.eof = true, code == codeClosed
	switch code {
	case codeClosed:
		st.end(ErrPeerClosed)
	case codeRefused:
		st.end(ErrRefused)
	default:
		st.end(ErrReset)
	}
	if !st.eof && code != codeAborted {
		st.in.free(&s.chunks)
		if i := slices.Index(s.backlog, st); i >= 0 { // nobody will miss it
			s.backlog = slices.Delete(s.backlog, i, i+1)
			st.closed = true
			st.free()
		}
	}
	st.settle()
}

// end ends the stream for err. The lock is held.
func (st *Stream) end(err error) {
	if st.err == nil {
		st.err = err
	}
	st.readable.Broadcast()
	st.writable.Broadcast()
}

// settle forgets a stream when both ends have sent their last. The lock is held.
func (st *Stream) settle() {
	if st.sentEnd && st.gotEnd {
		delete(st.s.streams, st.id)
	}
}

// wants says whether data that come are to be kept.
func (st *Stream) wants() bool { return !st.closed && st.err == nil }

// A deadline of a stream's reads or writes.
type deadline struct {
	timer   *time.Timer
	expired bool
}

func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}

// set changes the deadline. The lock, wake's, is held.
func (d *deadline) set(t time.Time, wake *sync.Cond) {
	d.stop()
	d.expired = false
	if t.IsZero() {
		return
	}
	left := time.Until(t)
	if left <= 0 {
		d.expired = true
		wake.Broadcast()
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(left, func() {
		wake.L.Lock()
		defer wake.L.Unlock()
		if d.timer == timer {
			d.expired = true
			wake.Broadcast()
		}
	})
	d.timer = timer
}

// SetDeadline is that of a net.Conn.
func (st *Stream) SetDeadline(t time.Time) error { return st.setDeadlines(t, true, true) }

// SetReadDeadline is that of a net.Conn.
func (st *Stream) SetReadDeadline(t time.Time) error { return st.setDeadlines(t, true, false) }

// SetWriteDeadline is that of a net.Conn. It also holds while the carrier is stuck.
func (st *Stream) SetWriteDeadline(t time.Time) error { return st.setDeadlines(t, false, true) }

func (st *Stream) setDeadlines(t time.Time, reads, writes bool) error {
	st.s.mu.Lock()
	defer st.s.mu.Unlock()
	if st.closed {
		return net.ErrClosed
	}
	if reads {
		st.readBy.set(t, &st.readable)
	}
	if writes {
		st.writeBy.set(t, &st.writable)
	}
	return nil
}
