package guest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sandlot-dev/sandlot/guest/mux"
	"github.com/sandlot-dev/sandlot/guest/wire"
	"github.com/sandlot-dev/sandlot/runtime"
)

const (
	// surely is how long a guest that has been heard of is taken to be there.
	surely = 20 * time.Millisecond
	// keepIdle is how many idle lanes stay for good, and idleTime how long others do.
	keepIdle = 1
	idleTime = 5 * time.Second
)

// SessionArgv is the command line that makes a guest for many execs, or with files for archives, over its standard streams. It must
// be run as ServeArgv would be.
func SessionArgv(files bool) []string {
	if files {
		return []string{Path, "session", "files"}
	}
	return []string{Path, "session"}
}

// DialArgv is SessionArgv for connections alone: it starts no supervisor ahead.
func DialArgv() []string { return []string{Path, "session", "dial"} }

// A Session makes many channels out of one, each to a supervisor in the sandbox. Supervisors are used again, so that most execs
// cost no start of one. A Session is safe for concurrent use.
type Session struct {
	mux    *mux.Session
	silent func(context.Context) error
	room   int

	mu     sync.Mutex
	idle   []*lane   // the last used last
	heard  time.Time // when the guest gave the last sign of life
	doubt  bool      // something has ended since that should not have
	trim   *time.Timer
	look   *look // under way
	closed bool
	pid    int // the session's own process id in the sandbox; 0: not known yet
}

// OpenSession makes a session of a channel to a guest that was started with SessionArgv. ch is the session's from then on; with an error it
// is closed. Errors are those of [Exec] for a guest that does not speak, and ctx's.
//
// room is how many supervisors may stay for a while with nothing to do, one at least. Each takes eight of the processes that the sandbox may have, and up to 3 MB.
//
// silent is called when the guest does not answer while a request is served. It lets the guest go on where a command has stopped it (see [KillArgv]), or says
// in its error why it cannot: a request of which nothing has been heard yet ends with that.
func OpenSession(ctx context.Context, ch Channel, room int, silent func(context.Context) error) (*Session, error) {
	stop := context.AfterFunc(ctx, func() { ch.Close() })
	m, err := mux.Client(ch)
	if !stop() {
		ch.Close()
		return nil, ctx.Err()
	}
	var (
		other   *mux.VersionError
		nothing *mux.NotMuxError
	)
	switch {
	case err == nil:
		return &Session{mux: m, silent: silent, room: max(room, keepIdle)}, nil
	case errors.As(err, &other):
		return nil, otherVersion(other.Theirs, other.Ours)
	case errors.As(err, &nothing):
		return nil, noGuest(string(nothing.Said))
	default:
		return nil, noGuest(err.Error())
	}
}

func otherVersion(theirs, ours int) error {
	return &runtime.Error{
		Kind:    runtime.ErrInvalid,
		Message: fmt.Sprintf("the sandbox's guest speaks protocol %d, and this Sandlot %d", theirs, ours),
		Hint:    "remove the sandbox and make it anew",
	}
}

// Done is closed when the session has ended, and all its channels with it.
func (s *Session) Done() <-chan struct{} { return s.mux.Done() }

// Ended says whether Done is closed, or about to be: what failed with its session's end finds it true.
func (s *Session) Ended() bool { return s.mux.Err() != nil }

// PID is the session's own process id, as the sandbox sees it; 0 before the first channel.
func (s *Session) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pid
}

// Close ends the session. Commands under way lose their host, and are ended with all that they started.
func (s *Session) Close() error {
	s.mu.Lock()
	s.closed = true
	if s.trim != nil {
		s.trim.Stop()
	}
	s.mu.Unlock()
	return s.mux.Close()
}

// Idle is a channel for [Exec], [PutArchive] or [GetArchive] to a supervisor that was used before, if there is one and the guest has just been
// heard of. Without it, Open waits for one.
func (s *Session) Idle() (Channel, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.doubt || time.Since(s.heard) > surely {
		return nil, false
	}
	return s.takeIdle()
}

// takeIdle takes the lane that was used last. The lock is held.
func (s *Session) takeIdle() (Channel, bool) {
	for len(s.idle) > 0 {
		l := s.idle[len(s.idle)-1]
		s.idle = s.idle[:len(s.idle)-1]
		if !l.stream.Ended() {
			return &turn{lane: l}, true
		}
		_ = l.stream.Close()
	}
	return nil, false
}

// Open is Idle that waits until the guest has answered. Errors are ctx's, and ErrConnectionLost that matches ErrNoGuest: no supervisor could be
// reached, and nothing has been asked of it.
func (s *Session) Open(ctx context.Context) (Channel, error) {
	s.mu.Lock()
	any := len(s.idle) > 0
	s.mu.Unlock()
	if any {
		// What ended before it answers is known to have ended then.
		if err := s.mux.Ping(ctx); err != nil {
			return nil, unreached(ctx, err)
		}
		s.hear(true)
		s.mu.Lock()
		ch, ok := s.takeIdle()
		s.mu.Unlock()
		if ok {
			return ch, nil
		}
	}
	stream, err := s.open(ctx, wire.ForExec)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, stream.Reset)
	l := &lane{session: s, stream: stream, r: wire.NewReader(bufio.NewReaderSize(stream, laneBuffer))}
	err = l.greet()
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
	return &turn{lane: l}, nil
}

// open opens a stream, and says what it is for.
func (s *Session) open(ctx context.Context, purpose byte) (*mux.Stream, error) {
	stream, err := s.mux.Open(ctx)
	if err == nil {
		_, err = stream.Write([]byte{purpose})
	}
	if err != nil {
		return nil, unreached(ctx, err)
	}
	return stream, nil
}

// pongTime is how long an answer to the question whether the guest is there may take.
const pongTime = 2 * time.Second

// A look is one at a guest that does not answer.
type look struct {
	done chan struct{}
	err  error
}

// Probe asks whether the guest is there, and sees to it where it does not answer, as OpenSession says. The error is why it cannot.
func (s *Session) Probe(ctx context.Context) (answers bool, err error) {
	asking, cancel := context.WithTimeout(ctx, pongTime)
	defer cancel()
	if err := s.mux.Ping(asking); err == nil || ctx.Err() != nil || asking.Err() == nil {
		return true, nil // where the session has ended everybody knows
	}
	s.mu.Lock()
	l, mine := s.look, false
	if l == nil {
		l, mine = &look{done: make(chan struct{})}, true
		s.look = l
	}
	s.mu.Unlock()
	if mine { // one is enough for all who wait
		l.err = s.silent(ctx)
		close(l.done)
		s.mu.Lock()
		s.look = nil
		s.mu.Unlock()
	}
	select {
	case <-l.done:
		return false, l.err
	case <-ctx.Done():
		return false, nil
	}
}

func unreached(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, mux.ErrTooManyStreams):
		return &runtime.Error{Kind: runtime.ErrUnavailable, Message: err.Error(), Hint: "run fewer at once as one user of one sandbox"}
	}
	return noGuest(err.Error())
}

// hear notes a sign of life.
func (s *Session) hear(sure bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard = time.Now()
	if sure {
		s.doubt = false
	}
}

// putBack takes a lane whose supervisor waits for another request.
func (s *Session) putBack(l *lane) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard = time.Now()
	if s.closed || l.stream.Ended() || len(s.idle) >= s.room {
		_ = l.stream.Close()
		return
	}
	l.since = s.heard
	s.idle = append(s.idle, l)
	if len(s.idle) > keepIdle && s.trim == nil {
		s.trim = time.AfterFunc(idleTime, s.trimIdle)
	}
}

// trimIdle ends lanes that nobody has wanted for a while.
func (s *Session) trimIdle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trim = nil
	for len(s.idle) > keepIdle && time.Since(s.idle[0].since) >= idleTime {
		_ = s.idle[0].stream.Close()
		s.idle[0] = nil
		s.idle = s.idle[1:]
	}
	if len(s.idle) > keepIdle && !s.closed {
		s.trim = time.AfterFunc(idleTime, s.trimIdle)
	}
}
