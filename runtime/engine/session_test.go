package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sandlot-dev/sandlot/guest"
	"github.com/sandlot-dev/sandlot/guest/mux"
	"github.com/sandlot-dev/sandlot/guest/wire"
	"github.com/sandlot-dev/sandlot/runtime"
)

// openSessions makes a Runtime of f whose guest is the real one's host side, and whose sandboxes have guests that tests play.
func (f *fake) openSessions(t *testing.T) (*engine, *guests) {
	e := New(f, "fake", "fake:///", Options{}).(*engine)
	e.guest.version = func(string) (string, error) { return "v1", nil }
	e.guest.program = func(string) ([]byte, error) { return []byte("the program"), nil }
	g := &guests{started: make(chan *playedSession, 100)}
	f.attach = g.attach
	t.Cleanup(func() { e.Close() })
	return e, g
}

// guests are the sessions that a test plays.
type guests struct {
	started chan *playedSession
	// silent are to be those that are made: they answer nothing.
	silent bool
	// stillborn supervisors end before they have said anything, while it is true.
	stillborn atomic.Bool
}

// A playedSession is the guest's end of one.
type playedSession struct {
	carrier net.Conn
	ended   chan struct{}
	frozen  sync.Mutex // held: it neither hears nor says anything
}

// attach is API.Attach.
func (g *guests) attach(p Process) *Stream {
	if slices.Equal(p.Argv, guest.ServeArgv()) {
		return attachOwn()
	}
	here, there := net.Pipe()
	s := &playedSession{carrier: there, ended: make(chan struct{})}
	go func() {
		defer close(s.ended)
		defer there.Close()
		if g.silent {
			_, _ = io.Copy(io.Discard, there)
			return
		}
		m, err := mux.Server(stdout{there, s})
		if err != nil {
			return
		}
		for {
			stream, err := m.Accept()
			if err != nil {
				return
			}
			if g.stillborn.Load() {
				stream.Close()
				continue
			}
			go func() {
				purpose := make([]byte, 1)
				if _, err := io.ReadFull(stream, purpose); err != nil || purpose[0] != wire.ForExec {
					stream.Close()
					return
				}
				serveTrue(stream)
			}()
		}
	}()
	g.started <- s
	return NewStream(here, here, "exec")
}

// attachOwn is API.Attach of a guest that is no session.
func attachOwn() *Stream {
	here, there := net.Pipe()
	go serveTrue(stdout{there, &playedSession{}})
	return NewStream(here, here, "exec")
}

// serveTrue runs a command that does nothing, as often as it is asked to.
func serveTrue(stream io.ReadWriteCloser) {
	defer stream.Close()
	w, r := wire.NewWriter(stream), wire.NewReader(stream)
	_ = w.WriteHello(wire.Hello{Sandlot: wire.Version, PID: 7, Session: 5})
	for {
		if _, err := r.ReadRequest(); err != nil {
			return
		}
		_ = w.WriteResult(wire.Result{Again: true})
	}
}

// stdout frames what is written as an engine does.
type stdout struct {
	net.Conn
	s *playedSession
}

func (s stdout) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	s.s.frozen.Lock()
	defer s.s.frozen.Unlock()
	return n, err
}

func (s stdout) Write(p []byte) (int, error) {
	header := []byte{1, 0, 0, 0, 0, 0, 0, 0}
	binary.BigEndian.PutUint32(header[4:], uint32(len(p)))
	if _, err := s.Conn.Write(append(header, p...)); err != nil {
		return 0, err
	}
	return len(p), nil
}

func mustRun(t *testing.T, e *engine, opts runtime.ExecOptions) {
	t.Helper()
	if result, err := e.Exec(t.Context(), "box", []string{"true"}, opts); err != nil || result.ExitCode != 0 {
		t.Errorf("%+v, %v", result, err)
	}
}

func TestExecsShareASession(t *testing.T) {
	f := newFake()
	e, _ := f.openSessions(t)
	f.add("box", ours, time.Now())
	for range 10 {
		mustRun(t, e, runtime.ExecOptions{})
		mustRun(t, e, runtime.ExecOptions{User: "nobody"})
	}
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() { mustRun(t, e, runtime.ExecOptions{User: "else"}) })
		all.Go(func() {
			if _, err := e.PutArchive(t.Context(), "box", "/", strings.NewReader(""), runtime.PutArchiveOptions{}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, want := range []string{
		"attach session user= privileged=false", "attach session user=nobody privileged=false",
		"attach session user=else privileged=false", "attach session user=0 privileged=true",
	} {
		if got := strings.Count(f.calls("attach"), want); got != 1 {
			t.Errorf("%d times %q in %s", got, want, f.calls("attach"))
		}
	}
}

// A session that has ended is replaced, once for each call; and the engine is asked why there is none.
func TestSessionIsReplaced(t *testing.T) {
	f := newFake()
	e, g := f.openSessions(t)
	id := f.add("box", ours, time.Now())
	for range 3 {
		mustRun(t, e, runtime.ExecOptions{})
		s := <-g.started
		s.carrier.Close()
		for len(e.sessions.open()) > 0 { // until it has noticed
			time.Sleep(time.Millisecond)
		}
	}
	f.words = fails(runtime.ErrInvalid, "no such user")()
	f.attach = nil
	f.streamOut = frame(2, "no such user")
	_, err := e.Exec(t.Context(), "box", []string{"true"}, runtime.ExecOptions{User: "nobody"})
	check(t, err, runtime.ErrInvalid, "no such user")
	f.words = nil
	f.containers[id].State = runtime.StateExited
	_, err = e.Exec(t.Context(), "box", []string{"true"}, runtime.ExecOptions{User: "nobody"})
	check(t, err, runtime.ErrNotRunning, "the sandbox ended")
	f.failAttach = fails(runtime.ErrNotFound, "gone")
	_, err = e.Exec(t.Context(), "box", []string{"true"}, runtime.ExecOptions{User: "nobody"})
	check(t, err, runtime.ErrNotFound)
	if kept := e.sessions.open(); len(kept) > 0 {
		t.Errorf("sessions that could not be opened are kept: %v", kept)
	}
}

// A supervisor that dies at its birth takes neither the session nor another exec with it: its exec has a guest of its own.
func TestSessionOutlivesASupervisor(t *testing.T) {
	f := newFake()
	e, g := f.openSessions(t)
	f.add("box", ours, time.Now())
	mustRun(t, e, runtime.ExecOptions{})
	s := <-g.started
	e.guest.exec = func(ctx context.Context, ch guest.Channel, argv []string, opts runtime.ExecOptions, rescue guest.Rescue) (runtime.ExecResult, error) {
		if argv[0] == "long" {
			g.stillborn.Store(true)
			mustRun(t, e, runtime.ExecOptions{})
			if _, err := e.Dial(t.Context(), "box", "tcp", "127.0.0.1:1", runtime.DialOptions{}); !errors.Is(err, runtime.ErrConnectionLost) {
				t.Errorf("a connection gave %v", err)
			}
			g.stillborn.Store(false)
		}
		return guest.Exec(ctx, ch, argv, opts, rescue)
	}
	if result, err := e.Exec(t.Context(), "box", []string{"long"}, runtime.ExecOptions{}); err != nil || result.ExitCode != 0 {
		t.Errorf("the exec that was under way: %+v, %v", result, err)
	}
	mustRun(t, e, runtime.ExecOptions{})
	if isClosed(s.ended) {
		t.Error("the session has ended")
	}
	if want := "attach session user= privileged=false, attach serve user= privileged=false"; f.calls("attach") != want {
		t.Errorf("%s, want %s", f.calls("attach"), want)
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// What ends a sandbox for good, or for a while, ends its sessions, and no others.
func TestSessionsEnd(t *testing.T) {
	for name, end := range map[string]func(e *engine) error{
		"remove": func(e *engine) error {
			_, err := e.Remove(t.Context(), "box", runtime.RemoveOptions{})
			return err
		},
		"stop": func(e *engine) error { _, err := e.Stop(t.Context(), "box", runtime.StopOptions{}); return err },
		"close": func(e *engine) error {
			return e.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			e, g := f.openSessions(t)
			f.add("box", ours, time.Now())
			f.add("other", ours, time.Now())
			mustRun(t, e, runtime.ExecOptions{})
			mustRun(t, e, runtime.ExecOptions{User: "nobody"})
			first, second := <-g.started, <-g.started
			if _, err := e.Exec(t.Context(), "other", []string{"true"}, runtime.ExecOptions{}); err != nil {
				t.Fatal(err)
			}
			third := <-g.started
			if err := end(e); err != nil {
				t.Fatal(err)
			}
			<-first.ended
			<-second.ended
			if name == "close" {
				<-third.ended
				return
			}
			if _, err := e.Exec(t.Context(), "other", []string{"true"}, runtime.ExecOptions{}); err != nil {
				t.Error(err)
			}
			if n := strings.Count(f.calls("attach"), "attach"); n != 3 {
				t.Errorf("%d sessions were made, and 3 were needed", n)
			}
		})
	}
}

// A paused sandbox says nothing. The engine knows why.
func TestSessionWithAPausedSandbox(t *testing.T) {
	f := newFake()
	e, g := f.openSessions(t)
	id := f.add("box", ours, time.Now())
	mustRun(t, e, runtime.ExecOptions{})
	s := <-g.started
	f.mu.Lock()
	f.containers[id].State = runtime.StatePaused
	f.mu.Unlock()
	s.frozen.Lock()
	defer s.frozen.Unlock()
	_, err := e.Exec(t.Context(), "box", []string{"true"}, runtime.ExecOptions{})
	check(t, err, runtime.ErrNotRunning, "paused")
	if n := strings.Count(f.calls("attach"), "attach"); n != 1 {
		t.Errorf("%d processes were attached to", n)
	}
}

// With a context that ends nobody waits, for a session or for a guest.
func TestSessionHeedsContext(t *testing.T) {
	f := newFake()
	e, g := f.openSessions(t)
	f.add("box", ours, time.Now())
	g.silent = true
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	for range 2 { // the second waits for the first
		go func() {
			_, err := e.Exec(ctx, "box", []string{"true"}, runtime.ExecOptions{})
			ended <- err
		}()
	}
	<-g.started
	cancel()
	for range 2 {
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}

// A sandbox that has no room for a session has none, for whoever finds it.
func TestSmallSandboxHasNoSession(t *testing.T) {
	f := newFake()
	e, _ := f.openSessions(t)
	for _, c := range []struct {
		spec Spec
		room int
	}{
		{Spec{}, 64}, {Spec{Pids: 2048}, 64}, {Spec{Pids: 1024}, 32}, {Spec{Memory: 512 << 20}, 32}, {Spec{Pids: 128, Memory: 1 << 40}, 4},
		{Spec{Pids: 128, Memory: 64 << 20}, 4}, {Spec{Pids: 127}, 0}, {Spec{Memory: 64<<20 - 1}, 0},
	} {
		if room := roomOf(c.spec); room != c.room {
			t.Errorf("%d processes and %d bytes have room for %d, want %d", c.spec.Pids, c.spec.Memory, room, c.room)
		}
	}
	res, err := e.Run(t.Context(), "image", runtime.RunOptions{PidsLimit: 100})
	if err != nil {
		t.Fatal(err)
	}
	again, _ := f.openSessions(t)
	e.guest.exec = fakeExec
	again.guest.exec = fakeExec
	for _, rt := range []*engine{e, again} {
		if _, err := rt.Exec(t.Context(), res.ID, []string{"true"}, runtime.ExecOptions{}); err != nil {
			t.Error(err)
		}
	}
	if want := "attach serve user= privileged=false, attach serve user= privileged=false"; f.calls("attach") != want {
		t.Errorf("%s, want %s", f.calls("attach"), want)
	}
}

func fakeExec(_ context.Context, ch guest.Channel, _ []string, _ runtime.ExecOptions, _ guest.Rescue) (runtime.ExecResult, error) {
	return runtime.ExecResult{}, ch.Close()
}

// With NoSessions each has a process of its own, and the URL says so.
func TestNoSessions(t *testing.T) {
	f := newFake()
	e := f.open(t)
	f.add("box", ours, time.Now())
	mustRun(t, e, runtime.ExecOptions{})
	mustRun(t, e, runtime.ExecOptions{})
	if want := "attach serve user= privileged=false, attach serve user= privileged=false"; f.calls("attach") != want {
		t.Errorf("%s, want %s", f.calls("attach"), want)
	}
	if info, _ := e.Info(t.Context()); info.URL != "fake:///?sessions=off" {
		t.Errorf("the URL is %s", info.URL)
	}
}

func (ss *sessions) open() (keys []sessionKey) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	for key := range ss.all {
		keys = append(keys, key)
	}
	return keys
}
