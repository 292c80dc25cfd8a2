package mux

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// A script is a carrier that says what it is told and takes everything.
type script struct {
	io.Reader
	once   sync.Once
	closed chan struct{}
}

func (s *script) Write(p []byte) (int, error) { return len(p), nil }
func (s *script) Close() error                { s.once.Do(func() { close(s.closed) }); return nil }

// play lets an end hear what was said, and sees that it ends as it should.
func play(t *testing.T, start func(io.ReadWriteCloser) (*Session, error), said []byte, use func(*Session)) {
	carrier := &script{Reader: bytes.NewReader(frames(hello{Window, MaxStreams}.append(nil), said)), closed: make(chan struct{})}
	s, err := start(carrier)
	if err != nil {
		t.Fatal(err)
	}
	use(s)
	<-s.Done()
	<-carrier.closed
	if err := s.Err(); !errors.Is(err, ErrProtocol) && !errors.Is(err, ErrLost) && err != ErrGone {
		t.Errorf("it ended with %v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.accepted > MaxStreams || len(s.backlog) > MaxStreams {
		t.Errorf("%d streams are accepted, %d are to be", s.accepted, len(s.backlog))
	}
}

// sees checks what a stream may hold, and uses it.
func sees(t *testing.T, st *Stream) {
	defer st.Close()
	buf := make([]byte, 1000)
	for i := 0; ; i++ {
		st.s.mu.Lock()
		if st.in.len > Window || st.window < 0 || st.credit < 0 || st.credit > Window {
			t.Errorf("a stream holds %d bytes, gives credit for %d and has it for %d", st.in.len, st.window, st.credit)
		}
		st.s.mu.Unlock()
		n, err := st.Read(buf)
		if err != nil {
			return
		}
		if i == 1 {
			_, _ = st.Write(buf[:n])
			_ = st.CloseWrite()
		}
	}
}

func seeds(f *testing.F) {
	f.Add(frames(frame(typeOpen, 1), frame(typeData, 1, 'x'), frame(typeEOF, 1), frame(typeOpen, 3), frame(typeClose, 3, codeReset), frame(typePing, 0)))
	f.Add(frames(frame(typeData, 1, make([]byte, 2000)...), credit(1, 10), frame(typeClose, 3, codeRefused), frame(typeEOF, 1)))
	f.Add(frames(frame(typeOpen, 1), frame(typeData, 1, make([]byte, 20<<10)...), frame(typeClose, 1, codeClosed), frame(typeGoAway, 0)))
	f.Add(frames(frame(typeEOF, 1), frame(typeData, 3, 'x'), credit(3, 1), frame(typeClose, 5, codeClosed), frame(typePong, 0)))
	f.Add([]byte{})
}

// What a host, or whoever got hold of its end, could send to a guest.
func FuzzServer(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, said []byte) {
		play(t, Server, said, func(s *Session) {
			for {
				st, err := s.Accept()
				if err != nil {
					return
				}
				if st.id%8 == 3 {
					st.Reset()
				} else {
					go sees(t, st)
				}
			}
		})
	})
}

// What a hostile guest could send to a host.
func FuzzClient(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, said []byte) {
		play(t, Client, said, func(s *Session) {
			var all sync.WaitGroup
			for i := range 4 {
				st, err := s.Open(t.Context())
				if err != nil {
					break
				}
				all.Go(func() {
					switch i {
					case 1:
						_, _ = st.Write(make([]byte, 10))
						_ = st.CloseWrite()
					case 2:
						_, _ = st.Write(make([]byte, Window+1))
					case 3:
						st.Reset()
					}
					sees(t, st)
				})
			}
			_ = s.Ping(t.Context())
			all.Wait()
		})
	})
}

// What could be there in place of a session.
func FuzzHello(f *testing.F) {
	f.Add(hello{Window, MaxStreams}.append(nil))
	f.Add([]byte("\x00sandlot\x00\x03"))
	f.Add([]byte("OCI runtime exec failed: exec failed: no such file or directory"))
	f.Fuzz(func(t *testing.T, said []byte) {
		h, err := readHello(bytes.NewReader(said), func() {})
		var version *VersionError
		switch {
		case err == nil:
			if len(said) < helloSize || !bytes.Equal(h.append(nil), said[:helloSize]) {
				t.Errorf("%q is taken for %+v", said, h)
			}
		case errors.As(err, &version):
			if version.Theirs == Version {
				t.Error(err)
			}
		case !errors.Is(err, ErrNotMux) && !errors.Is(err, ErrProtocol) && !errors.Is(err, ErrLost):
			t.Error(err)
		}
	})
}

// Two ends that keep the rules, whatever their programs do: neither finds the other breaking them, data come as they were sent, and nothing is left.
func FuzzBothEnds(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x08\x13\x24\x35\x46"), false)
	f.Add([]byte("\x00\x10\x18\x00\x11\x19\x22\x2a\x33\x3b\x04\x0c\x05\x0d"), true)
	f.Add(bytes.Repeat([]byte{0, 8, 1, 9, 17, 25, 2, 10, 3, 11, 4, 12}, 10), true)
	f.Fuzz(func(t *testing.T, ops []byte, reverse bool) {
		near, far := net.Pipe()
		client, server := pair(t, near, far)
		if len(ops) > 400 {
			ops = ops[:400]
		}
		var ends []*end
		var all sync.WaitGroup
		for _, op := range ops {
			what, which := op&7, int(op>>3)
			if what == 0 && len(ends) < 16 {
				a, b := stream(t, client, server)
				one, other := newEnd(t, a), newEnd(t, b)
				ends = append(ends, one, other)
				all.Go(one.work)
				all.Go(other.work)
			} else if len(ends) > 0 {
				ends[which%len(ends)].ops <- what
			}
		}
		for i := range ends {
			if reverse {
				i = len(ends) - 1 - i
			}
			ends[i].st.Close()
			close(ends[i].ops)
		}
		all.Wait()
		unused(t, client, server)
	})
}

// An end of a stream with its program.
type end struct {
	t           *testing.T
	st          *Stream
	ops         chan byte
	wrote, read int
}

func newEnd(t *testing.T, st *Stream) *end { return &end{t: t, st: st, ops: make(chan byte, 400)} }

func (e *end) work() {
	for what := range e.ops {
		switch what {
		case 0, 1, 2:
			data := make([]byte, []int{1, 5000, 100 << 10}[what])
			for i := range data {
				data[i] = pattern(e.wrote + i)
			}
			n, err := e.st.Write(data)
			if n < len(data) && err == nil {
				e.t.Errorf("wrote %d of %d", n, len(data))
			}
			e.wrote += n
		case 3, 4:
			_ = e.st.SetReadDeadline(time.Now().Add(time.Millisecond))
			buf := make([]byte, []int{100, 200 << 10}[what-3])
			n, _ := e.st.Read(buf)
			for i, got := range buf[:n] {
				if want := pattern(e.read + i); got != want {
					e.t.Errorf("byte %d is %d, want %d", e.read+i, got, want)
					return
				}
			}
			e.read += n
		case 5:
			_ = e.st.CloseWrite()
		case 6:
			e.st.Close()
		case 7:
			e.st.Reset()
		}
	}
}

func pattern(i int) byte { return byte(i % 251) }
