package mux

import (
	"context"
	"io"
	"sync"
	"time"
)

// closeGrace is how long Close waits for the carrier to take what is queued.
const closeGrace = time.Second

// A Session is one end. Its methods are safe for concurrent use.
type Session struct {
	carrier io.ReadWriteCloser
	client  bool
	peer    hello
	done    chan struct{}
	ping    chan struct{} // holds a token while a ping is under way
	chunks  chunks

	mu       sync.Mutex // guards all below, and all streams
	err      error      // why the session ended
	streams  map[uint32]*Stream
	lastOurs uint32 // the last stream opened here, and there
	lastPeer uint32
	peerGone bool // the other end has said goodbye
	leaving  bool // this end has
	out      queue

	// Of streams that the other end opened: those not accepted yet, and how many the program has not closed yet.
	backlog  []*Stream
	accepted int
	arrival  sync.Cond
	pong     chan struct{} // closed when the pong comes; nil: no ping is under way
}

// Client makes the end that opens streams. It returns when the other end has said hello; whoever wants that bounded closes carrier. Afterwards carrier is
// the session's: it closes it. Carrier needs one Read and one Write at a time, and Close must end both.
//
// Errors: a *[NotMuxError], a *[VersionError], or one that matches [ErrLost] or [ErrProtocol]. Carrier is closed then.
func Client(carrier io.ReadWriteCloser) (*Session, error) {
	return start(carrier, true, hello{window: Window})
}

// Server makes the end that accepts streams; else it is like [Client].
func Server(carrier io.ReadWriteCloser) (*Session, error) {
	return start(carrier, false, hello{window: Window, streams: MaxStreams})
}

func start(carrier io.ReadWriteCloser, client bool, ours hello) (*Session, error) {
	wrote := make(chan error, 1)
	go func() {
		_, err := carrier.Write(ours.append(nil))
		wrote <- err
	}()
	theirs, err := readHello(carrier, func() { carrier.Close() })
	if _, other := err.(*VersionError); err == nil || other { // the other end should learn of the version, too
		if werr := <-wrote; werr != nil && err == nil {
			err = lost(werr)
		}
	}
	if err != nil {
		carrier.Close()
		return nil, err
	}
	s := &Session{
		carrier: carrier, client: client, peer: theirs,
		done: make(chan struct{}), ping: make(chan struct{}, 1),
		streams: map[uint32]*Stream{},
	}
	s.arrival.L, s.out.change.L = &s.mu, &s.mu
	go s.send()
	go func() { s.fail(s.receive()) }()
	return s, nil
}

// Open makes a stream. It does not wait for the other end, which may still refuse it: reads and writes are [ErrRefused] then. Errors are ctx's,
// [ErrTooManyStreams], [ErrGone], or why the session ended.
func (s *Session) Open(ctx context.Context) (*Stream, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.err != nil:
		return nil, s.err
	case s.leaving:
		return nil, ErrClosed
	case s.peerGone:
		return nil, ErrGone
	case len(s.streams) >= int(s.peer.streams), s.lastOurs >= 1<<32-2:
		return nil, ErrTooManyStreams
	}
	if s.lastOurs == 0 && s.client {
		s.lastOurs = 1
	} else {
		s.lastOurs += 2
	}
	st := s.newStream(s.lastOurs)
	s.emit(typeOpen, st.id, nil)
	return st, nil
}

// Accept waits for a stream that the other end opens. The error is why the session ended.
func (s *Session) Accept() (*Stream, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.backlog) == 0 {
		if s.err != nil {
			return nil, s.err
		}
		s.arrival.Wait()
	}
	st := s.backlog[0]
	s.backlog[0] = nil
	s.backlog = s.backlog[1:]
	return st, nil
}

// Ping waits for the other end to answer. The error is ctx's or why the session ended.
func (s *Session) Ping(ctx context.Context) error {
	// One at a time: the other end has never more than one answer to keep.
	select {
	case s.ping <- struct{}{}:
	case <-s.done:
		return s.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
	pong := make(chan struct{})
	s.mu.Lock()
	if s.err == nil {
		s.pong = pong
		s.emit(typePing, 0, nil)
	}
	s.mu.Unlock()
	select {
	case <-pong:
		return nil
	case <-s.done:
		return s.Err()
	case <-ctx.Done():
		return ctx.Err() // the token goes back when the answer comes
	}
}

// Close says goodbye and ends the session, all streams with it. What was written before is still sent, if the carrier takes it within a second.
func (s *Session) Close() error {
	s.mu.Lock()
	if s.err == nil && !s.leaving {
		s.leaving = true
		s.emit(typeGoAway, 0, nil)
	}
	timer := time.AfterFunc(closeGrace, func() { s.fail(ErrClosed) })
	for s.err == nil && !s.out.idle() {
		s.out.change.Wait()
	}
	s.mu.Unlock()
	timer.Stop()
	s.fail(ErrClosed)
	return nil
}

// Done is closed when the session has ended.
func (s *Session) Done() <-chan struct{} { return s.done }

// Err is why the session ended; nil: it has not.
func (s *Session) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// fail ends the session.
func (s *Session) fail(err error) {
	s.mu.Lock()
	first := s.err == nil
	if first {
		s.end(err)
	}
	s.mu.Unlock()
	if first {
		s.carrier.Close()
	}
}

// end ends all but the carrier. The lock is held.
func (s *Session) end(err error) {
	s.err = err
	for _, st := range s.streams {
		st.end(err)
	}
	s.streams, s.out.buf, s.out.spare, s.out.waiting = nil, nil, nil, nil
	s.out.change.Broadcast()
	s.arrival.Broadcast()
	close(s.done)
}
