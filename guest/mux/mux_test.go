package mux

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/nettest"
)

// patience bounds what should happen at once.
const patience = 20 * time.Second

// pair makes two ends over a carrier.
func pair(t testing.TB, a, b io.ReadWriteCloser) (client, server *Session) {
	t.Helper()
	made := make(chan *Session)
	go func() {
		s, err := Server(b)
		if err != nil {
			t.Error(err)
		}
		made <- s
	}()
	client, err := Client(a)
	if err != nil {
		t.Fatal(err)
	}
	if server = <-made; server == nil {
		t.FailNow()
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}

func pipePair(t testing.TB) (client, server *Session) {
	a, b := net.Pipe()
	return pair(t, a, b)
}

// stream opens one and accepts it.
func stream(t testing.TB, client, server *Session) (a, b *Stream) {
	t.Helper()
	a, err := client.Open(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	b, err = server.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return a, b
}

func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func expectEnd(t testing.TB, s *Session, want error) {
	t.Helper()
	select {
	case <-s.Done():
	case <-within(t).Done():
		t.Fatal("the session does not end")
	}
	if err := s.Err(); !errors.Is(err, want) {
		t.Fatalf("the session ended with %v, want %v", err, want)
	}
}

func TestConn(t *testing.T) {
	carriers := map[string]func() (io.ReadWriteCloser, io.ReadWriteCloser){
		"pipe":   func() (io.ReadWriteCloser, io.ReadWriteCloser) { return net.Pipe() },
		"socket": func() (io.ReadWriteCloser, io.ReadWriteCloser) { return socketPair(t) },
	}
	for name, carrier := range carriers {
		for _, reverse := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
					a, b := carrier()
					client, server := pair(t, a, b)
					c1, c2 := stream(t, client, server)
					if reverse {
						c1, c2 = c2, c1
					}
					return c1, c2, func() { client.Close(); server.Close() }, nil
				})
			})
		}
	}
}

// socketPair makes two ends of a connection of the system's.
func socketPair(t testing.TB) (net.Conn, net.Conn) {
	t.Helper()
	l, err := net.Listen("unix", t.TempDir()+"/s")
	if err != nil {
		l, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err := net.Dial(l.Addr().Network(), l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return a, b
}

func TestManyStreams(t *testing.T) {
	client, server := pipePair(t)
	go func() {
		for {
			st, err := server.Accept()
			if err != nil {
				return
			}
			go func() {
				defer st.Close()
				if _, err := io.Copy(st, st); err != nil {
					t.Error(err)
				}
				_ = st.CloseWrite()
			}()
		}
	}()
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			st, err := client.Open(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			want := bytes.Repeat([]byte{byte(i), byte(i >> 1), 7}, 1+i*5000)
			go func() {
				if n, err := st.Write(want); n != len(want) || err != nil {
					t.Errorf("wrote %d of %d: %v", n, len(want), err)
				}
				_ = st.CloseWrite()
			}()
			got, err := io.ReadAll(st)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("got %d of %d bytes, %v", len(got), len(want), err)
			}
			if err := st.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, s := range []*Session{client, server} {
		if err := s.Ping(within(t)); err != nil {
			t.Error(err)
		}
	}
	client.mu.Lock()
	defer client.mu.Unlock()
	if n := len(client.streams); n != 0 {
		t.Errorf("%d streams are left", n)
	}
}

func TestHalfClose(t *testing.T) {
	client, server := pipePair(t)
	a, b := stream(t, client, server)
	if _, err := a.Write([]byte("question")); err != nil {
		t.Fatal(err)
	}
	if err := a.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Write([]byte("x")); err != io.ErrClosedPipe {
		t.Errorf("a write behind the end: %v", err)
	}
	if got, err := io.ReadAll(b); string(got) != "question" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := b.Write([]byte("answer")); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(a); string(got) != "answer" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	for _, st := range []*Stream{a, b} {
		if _, err := st.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("a read of a closed stream: %v", err)
		}
		if err := st.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("closed again: %v", err)
		}
	}
}

func TestCloseStopsTheOtherEnd(t *testing.T) {
	client, server := pipePair(t)
	a, b := stream(t, client, server)
	wrote := make(chan error)
	go func() {
		_, err := a.Write(make([]byte, 2*Window))
		wrote <- err
	}()
	if _, err := io.ReadFull(b, make([]byte, Window/2)); err != nil {
		t.Fatal(err)
	}
	b.Close()
	if err := <-wrote; err != ErrPeerClosed {
		t.Errorf("the write: %v", err)
	}
	if _, err := a.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("a read: %v", err)
	}
	a.Close()
	unused(t, client, server)
}

// unused sees that nothing is left of streams.
func unused(t testing.TB, sessions ...*Session) {
	t.Helper()
	for range 2 { // each ping goes behind the frames of the other's last
		for _, s := range sessions {
			if err := s.Ping(within(t)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, s := range sessions {
		s.mu.Lock()
		if len(s.streams) > 0 || s.accepted > 0 || len(s.backlog) > 0 {
			t.Errorf("%d streams are left, %d accepted, %d in the backlog", len(s.streams), s.accepted, len(s.backlog))
		}
		s.mu.Unlock()
	}
}

func TestReset(t *testing.T) {
	client, server := pipePair(t)
	a, b := stream(t, client, server)
	if _, err := a.Write([]byte("data that do not count")); err != nil {
		t.Fatal(err)
	}
	a.Reset()
	a.Reset()
	if err := client.Ping(within(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Read(make([]byte, 1)); err != ErrReset {
		t.Errorf("a read: %v", err)
	}
	if _, err := b.Write(make([]byte, 1)); err != ErrReset {
		t.Errorf("a write: %v", err)
	}
	if _, err := a.Write(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a write on this end: %v", err)
	}
	b.Close()
	unused(t, client, server)

	// One that nobody has accepted yet is not there any more.
	for range MaxStreams + 1 {
		c, err := client.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		c.Reset()
		if err := client.Ping(within(t)); err != nil {
			t.Fatal(err)
		}
	}
	unused(t, client, server)
}

func TestSlowReaderStallsOnlyItself(t *testing.T) {
	client, server := pipePair(t)
	slow, slowEnd := stream(t, client, server)
	stuck := make(chan error)
	go func() {
		_, err := slow.Write(make([]byte, 10*Window))
		stuck <- err
	}()
	if _, err := io.ReadFull(slowEnd, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	fast, fastEnd := stream(t, client, server)
	go func() {
		_, _ = io.Copy(fastEnd, fastEnd)
		fastEnd.Close()
	}()
	for range 200 {
		if _, err := fast.Write(make([]byte, 10000)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(fast, make([]byte, 10000)); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case err := <-stuck:
		t.Fatalf("the write is done: %v", err)
	default:
	}
	server.mu.Lock()
	if held := slowEnd.in.len; held > Window {
		t.Errorf("%d bytes are kept for a stream that is not read", held)
	}
	server.mu.Unlock()
	slow.Close()
	if err := <-stuck; !errors.Is(err, net.ErrClosed) {
		t.Errorf("the write: %v", err)
	}
}

func TestTooManyStreams(t *testing.T) {
	client, server := pipePair(t)
	var open []*Stream
	for range MaxStreams {
		st, err := client.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, st)
	}
	if _, err := client.Open(t.Context()); err != ErrTooManyStreams {
		t.Errorf("one more: %v", err)
	}
	if _, err := server.Open(t.Context()); err != ErrTooManyStreams {
		t.Errorf("one that a server opens: %v", err)
	}
	// What the server's program has not closed has its place there, though the client has closed it.
	open[0].Close()
	if err := client.Ping(within(t)); err != nil {
		t.Fatal(err)
	}
	st, err := client.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := st.Read(make([]byte, 1)); err != ErrRefused {
		t.Errorf("a read of a stream refused: %v", err)
	}
	if _, err := st.Write(make([]byte, 1)); err != ErrRefused {
		t.Errorf("a write: %v", err)
	}
	first, err := server.Accept()
	if err != nil {
		t.Fatal(err)
	}
	first.Close()
	st, err = client.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range MaxStreams {
		last, err := server.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if last.id == st.id {
			return
		}
	}
	t.Error("the last stream has not come")
}

func TestDeadlineOnAStuckCarrier(t *testing.T) {
	a, b := net.Pipe()
	client, server := pair(t, stuckWriter{a, make(chan struct{})}, b)
	st, err := client.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_ = st.SetWriteDeadline(time.Now().Add(10 * time.Millisecond))
	if _, err := st.Write(make([]byte, Window)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a write: %v", err)
	}
	_ = st.SetWriteDeadline(time.Time{})
	wrote := make(chan error)
	go func() {
		_, err := st.Write(make([]byte, Window))
		wrote <- err
	}()
	st.Close()
	if err := <-wrote; !errors.Is(err, net.ErrClosed) {
		t.Errorf("a write on a stream closed meanwhile: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := client.Ping(ctx); err != context.Canceled {
		t.Errorf("a ping: %v", err)
	}
	if _, err := client.Open(ctx); err != context.Canceled {
		t.Errorf("an open: %v", err)
	}
	client.Close()
	expectEnd(t, client, ErrClosed)
	expectEnd(t, server, ErrLost)
}

// stuckWriter takes a hello, and then nothing.
type stuckWriter struct {
	net.Conn
	closed chan struct{}
}

func (s stuckWriter) Write(p []byte) (int, error) {
	if isMagic(p) {
		return s.Conn.Write(p)
	}
	<-s.closed
	return 0, net.ErrClosed
}

func (s stuckWriter) Close() error {
	close(s.closed)
	return s.Conn.Close()
}

func TestClose(t *testing.T) {
	client, server := pipePair(t)
	a, b := stream(t, client, server)
	if _, err := b.Write([]byte("last words")); err != nil {
		t.Fatal(err)
	}
	if err := b.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	expectEnd(t, server, ErrClosed)
	expectEnd(t, client, ErrGone)
	if got, err := io.ReadAll(a); string(got) != "last words" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := a.Write([]byte("x")); err != ErrGone {
		t.Errorf("a write: %v", err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	if _, err := client.Open(t.Context()); err != ErrGone {
		t.Errorf("an open: %v", err)
	}
	if _, err := client.Accept(); err != ErrGone {
		t.Errorf("an accept: %v", err)
	}
	if err := client.Ping(within(t)); err != ErrGone {
		t.Errorf("a ping: %v", err)
	}
	if _, err := server.Open(t.Context()); err != ErrClosed {
		t.Errorf("an open on the other end: %v", err)
	}
	if _, err := b.Read(make([]byte, 1)); err != ErrClosed {
		t.Errorf("a read on the other end: %v", err)
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
}

func TestLost(t *testing.T) {
	a, b := net.Pipe()
	client, server := pair(t, a, b)
	st, _ := stream(t, client, server)
	b.Close()
	if _, err := st.Read(make([]byte, 1)); !errors.Is(err, ErrLost) {
		t.Errorf("a read: %v", err)
	}
	expectEnd(t, client, ErrLost)
	expectEnd(t, server, ErrLost)
}

func TestPings(t *testing.T) {
	client, server := pipePair(t)
	var all sync.WaitGroup
	for _, s := range []*Session{client, server} {
		for range 50 {
			all.Go(func() {
				if err := s.Ping(within(t)); err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
}

func TestAbort(t *testing.T) {
	client, server := pipePair(t)
	a, b := stream(t, client, server)
	if _, err := b.Write([]byte("before")); err != nil {
		t.Fatal(err)
	}
	b.Abort()
	if got, err := io.ReadAll(a); string(got) != "before" || !errors.Is(err, ErrReset) {
		t.Errorf("got %q, %v; want what was written and ErrReset", got, err)
	}
	if _, err := a.Write([]byte("x")); !errors.Is(err, ErrReset) {
		t.Errorf("writing: got %v, want ErrReset", err)
	}
}

func TestUnwanted(t *testing.T) {
	for name, test := range map[string]struct {
		end  func(client *Session, a, b *Stream)
		want error
	}{
		"closed there":  {func(_ *Session, a, _ *Stream) { a.Close() }, ErrPeerClosed},
		"reset there":   {func(_ *Session, a, _ *Stream) { a.Reset() }, ErrReset},
		"closed here":   {func(_ *Session, _, b *Stream) { b.Close() }, net.ErrClosed},
		"session ended": {func(s *Session, _, _ *Stream) { s.Close() }, ErrGone},
	} {
		t.Run(name, func(t *testing.T) {
			client, server := pipePair(t)
			a, b := stream(t, client, server)
			// What ends only a half, or passes, is no end.
			_ = a.CloseWrite()
			_ = b.SetWriteDeadline(time.Now())
			if _, err := b.Read(make([]byte, 1)); err != io.EOF {
				t.Fatal(err)
			}
			told := make(chan error)
			go func() { told <- b.Unwanted() }()
			test.end(client, a, b)
			if err := <-told; !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}
