package engine

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/sandlot-dev/sandlot/guest"
	"github.com/sandlot-dev/sandlot/runtime"
)

const (
	// lookTime is how long a session may be silent before it is asked whether it is there, and the engine why it is not. After looks in vain
	// it counts as broken.
	lookTime = time.Second
	looks    = 10
)

// A session and its idle supervisor are there for good: 16 threads and 3 MB, and half as much again for archives. Below these limits each exec has a guest for
// itself instead, and all that the limits leave.
const (
	sessionPids   = 128
	sessionMemory = 64 << 20
)

// Idle supervisors make a burst of execs cheap when the last is not long past. They get a quarter of the processes that a sandbox may have, and a fifth of the memory.
const (
	maxRoom    = 64
	roomPids   = 32
	roomMemory = 16 << 20
)

// roomOf says how many idle supervisors a sandbox has room for. None: it has none for sessions.
func roomOf(spec Spec) int {
	room := maxRoom
	if spec.Pids > 0 {
		if spec.Pids < sessionPids {
			return 0
		}
		room = min(room, int(spec.Pids/roomPids))
	}
	if spec.Memory > 0 {
		if spec.Memory < sessionMemory {
			return 0
		}
		room = min(room, int(spec.Memory/roomMemory))
	}
	return room
}

// who is as whom a guest runs.
type who struct {
	user  string
	files bool // as the sandbox's administrator, whatever its user, to write and read archives
}

func (w who) process(argv []string) Process {
	if w.files {
		return Process{Argv: argv, User: "0", Privileged: true}
	}
	return Process{Argv: argv, User: w.user}
}

// A line is a channel to a guest.
type line struct {
	guest.Channel
	// words is what the process at the other end wrote before it was a guest.
	words func() string
}

// connect gives a channel to a guest in a running sandbox.
func (e *engine) connect(ctx context.Context, id string, as who) (line, error) {
	if e.single(id) {
		return e.own(ctx, id, as)
	}
	for again := false; ; {
		s := e.sessions.get(sessionKey{id: id, as: as})
		isNew, err := e.openSession(ctx, s)
		if err == errReplaced {
			continue
		}
		if err != nil {
			return line{}, err
		}
		ch, err := e.channel(ctx, s)
		if err == nil {
			return line{ch, func() string { return "" }}, nil
		}
		if !errors.Is(err, guest.ErrNoGuest) {
			return line{}, err
		}
		// Nothing has been asked of the guest yet.
		if !s.broken(err) { // only a supervisor of its has ended
			return e.own(ctx, id, as)
		}
		e.sessions.drop(s)
		if isNew || again {
			return line{}, e.explain(ctx, id, line{words: s.stream.words}, err)
		}
		again = true
	}
}

// own gives a channel to a guest for that channel alone.
func (e *engine) own(ctx context.Context, id string, as who) (line, error) {
	stream, err := e.api.Attach(ctx, id, as.process(guest.ServeArgv()))
	if err != nil {
		e.note(err, id)
		return line{}, err
	}
	return line{stream, stream.words}, nil
}

// single says that a sandbox is to have no session that stays.
func (e *engine) single(id string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	room, ok := e.room[id]
	return e.options.NoSessions || ok && room == 0
}

// roomIn is how many idle supervisors a sandbox has room for.
func (e *engine) roomIn(id string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.room[id]
}

// channel gives a channel of an open session.
func (e *engine) channel(ctx context.Context, s *session) (guest.Channel, error) {
	if ch, ok := s.guest.Idle(); ok {
		return ch, nil
	}
	ch, err := attended(ctx, e, s, s.guest.Open)
	if errors.Is(err, errNoAnswer) {
		e.endSilent(ctx, s)
	}
	return ch, err
}

// attended asks something of a session. While it is silent it is looked after.
func attended[R any](ctx context.Context, e *engine, s *session, ask func(context.Context) (R, error)) (R, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	look := time.AfterFunc(lookTime, func() { cancel(e.watch(ctx, s)) })
	defer look.Stop()
	answer, err := ask(ctx)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return answer, err
}

var errNoAnswer = &runtime.Error{Kind: runtime.ErrConnectionLost, Message: "the sandbox's guest does not answer", Err: guest.ErrNoGuest}

// watch looks after a session that somebody waits for, and says why that is in vain.
func (e *engine) watch(ctx context.Context, s *session) error {
	for silent := 0; silent < looks; {
		answers, err := s.guest.Probe(ctx)
		if err != nil {
			return err
		}
		if silent++; answers { // it has much to do
			silent = 0
		}
		if err := sleep(ctx, lookTime); err != nil {
			return err
		}
	}
	return errNoAnswer
}

// whySilent asks the engine why a guest does not answer. Nil: it should, and a command that has stopped it is undone.
func (e *engine) whySilent(ctx context.Context, s *session) error {
	look, cancel := context.WithTimeout(ctx, explainTime)
	defer cancel()
	c, err := e.api.Inspect(look, s.key.id)
	switch {
	case errors.Is(err, runtime.ErrNotFound):
		e.note(err, s.key.id)
		return err
	case err == nil && c.State == runtime.StatePaused:
		return errPaused(runtime.ErrNotRunning, nil)
	case err == nil && c.State == runtime.StateRunning:
		_ = e.kill(ctx, s.key.id, s.key.as.process(guest.KillArgv(0)))
	}
	return nil
}

// endSilent ends a session that does not answer, and all that its supervisors have started: a command may have stopped it.
func (e *engine) endSilent(ctx context.Context, s *session) {
	if pid := s.guest.PID(); pid > 0 {
		_ = e.rescue(s.key.id, s.key.as.process(nil).User)(ctx, pid)
	}
}

// openSession sees to it that a session is open.
func (e *engine) openSession(ctx context.Context, s *session) (isNew bool, err error) {
	if err := s.lock.take(ctx); err != nil {
		return false, err
	}
	defer s.lock.release()
	if s.guest != nil {
		return false, nil
	}
	if !e.sessions.enter(s) {
		return false, errReplaced
	}
	defer func() {
		if err != nil {
			e.sessions.drop(s) // whoever waits for it tries the same, and enters it again
		}
	}()
	stream, err := e.api.Attach(ctx, s.key.id, s.key.as.process(s.key.argv()))
	if err != nil {
		e.note(err, s.key.id)
		return false, err
	}
	return true, e.open(ctx, s, stream)
}

// open makes the session of its carrier. The session's lock is held.
func (e *engine) open(ctx context.Context, s *session, stream *Stream) error {
	opened, err := e.guest.session(ctx, stream, e.roomIn(s.key.id), func(ctx context.Context) error { return e.whySilent(ctx, s) })
	if err != nil {
		return e.explain(ctx, s.key.id, line{words: stream.words}, err)
	}
	s.mu.Lock()
	s.guest, s.stream = opened, stream
	s.mu.Unlock()
	go func() {
		<-opened.Done()
		e.sessions.drop(s)
	}()
	return nil
}

type sessionKey struct {
	id    string
	as    who
	dials bool // for connections alone, and no longer than there are any
}

func (k sessionKey) argv() []string {
	if k.dials {
		return guest.DialArgv()
	}
	return guest.SessionArgv(k.as.files)
}

// A session is one with a sandbox, as one user. It is opened once.
type session struct {
	key  sessionKey
	lock lock // of who opens it
	uses int  // of one for connections; guarded by the sessions' lock

	mu     sync.Mutex
	guest  *guest.Session // nil: not open yet
	stream *Stream        // its carrier
}

// broken says whether it is of no more use to anybody, and not only the stream that got err.
func (s *session) broken(err error) bool { return err == errNoAnswer || s.guest.Ended() }

// close ends it, if it is open.
func (s *session) close() {
	s.mu.Lock()
	opened := s.guest
	s.mu.Unlock()
	if opened != nil {
		_ = opened.Close()
	}
}

// sessions are those of a Runtime.
type sessions struct {
	mu  sync.Mutex
	all map[sessionKey]*session
}

func (ss *sessions) get(key sessionKey) *session {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return ss.find(key)
}

// use is get of a session that ends when all who use it have said done.
func (ss *sessions) use(key sessionKey) *session {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	s := ss.find(key)
	s.uses++
	return s
}

func (ss *sessions) done(s *session) {
	ss.mu.Lock()
	s.uses--
	last := s.uses == 0
	if last && ss.all[s.key] == s { // nobody gets it any more
		delete(ss.all, s.key)
	}
	ss.mu.Unlock()
	if last {
		s.close()
	}
}

// find gives the session of a key, a new one where there is none. The lock is held.
func (ss *sessions) find(key sessionKey) *session {
	s := ss.all[key]
	if s == nil {
		s = &session{key: key, lock: newLock()}
		ss.all[key] = s
	}
	return s
}

// errReplaced says that somebody else opens another session in a dropped one's place.
var errReplaced = errors.New("there is another session")

// enter puts a session that is about to be opened back where it was dropped meanwhile. False: there is another one.
func (ss *sessions) enter(s *session) bool {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if ss.all[s.key] == nil {
		ss.all[s.key] = s
	}
	return ss.all[s.key] == s
}

// drop forgets a session, and ends it.
func (ss *sessions) drop(s *session) {
	ss.mu.Lock()
	if ss.all[s.key] == s {
		delete(ss.all, s.key)
	}
	ss.mu.Unlock()
	s.close()
}

// end ends all sessions with a sandbox; without an id, with all.
func (ss *sessions) end(id string) {
	ss.mu.Lock()
	some := slices.DeleteFunc(slices.Collect(maps.Values(ss.all)), func(s *session) bool { return id != "" && s.key.id != id })
	ss.mu.Unlock()
	var ended sync.WaitGroup
	for _, s := range some {
		ended.Go(func() { ss.drop(s) })
	}
	ended.Wait()
}

// withGuest has do speak with a guest in a sandbox.
func withGuest[R any](ctx context.Context, e *engine, id string, who who, do func(full string, ch guest.Channel) (R, error)) (R, error) {
	var none R
	full, err := e.resolve(ctx, id)
	if err != nil {
		return none, err
	}
	line, err := e.connect(ctx, full, who)
	if err != nil {
		return none, err
	}
	result, err := do(full, line.Channel)
	return result, e.explain(ctx, full, line, err)
}
