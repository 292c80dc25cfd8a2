package mux

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
)

// frame makes one, right or wrong.
func frame(typ byte, id uint32, payload ...byte) []byte {
	return append(appendHeader(nil, header{typ, len(payload), id}), payload...)
}

func frames(all ...[]byte) []byte { return bytes.Join(all, nil) }

func credit(id uint32, n int) []byte {
	return frame(typeCredit, id, binary.BigEndian.AppendUint32(nil, uint32(n))...)
}

// raw makes an end whose other end is the test: it has said hello, and reads all that comes if it should.
func raw(t testing.TB, client, reads bool) (*Session, net.Conn) {
	t.Helper()
	near, far := net.Pipe()
	t.Cleanup(func() { near.Close(); far.Close() })
	go func() {
		_, _ = io.ReadFull(far, make([]byte, helloSize))
		_, _ = far.Write(hello{Window, MaxStreams}.append(nil))
		if reads {
			_, _ = io.Copy(io.Discard, far)
		}
	}()
	start := Server
	if client {
		start = Client
	}
	s, err := start(near)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, far
}

func TestBrokenProtocol(t *testing.T) {
	window := bytes.Repeat(frame(typeData, 1, make([]byte, 32<<10)...), Window/(32<<10))
	opens := func(n int) (all []byte) {
		for i := range n {
			all = append(all, frame(typeOpen, uint32(2*i+1))...)
		}
		return all
	}
	for _, c := range []struct {
		name   string
		client bool // the end under test; it has opened stream 1 then
		sent   []byte
		want   string
	}{
		{"no type 0", false, frame(0, 0), "no frame has type 0"},
		{"an unknown type", false, frame(typeGoAway+1, 0), "no frame has type 9"},
		{"text", false, []byte("HTTP/1.1 400 Bad Request\r\n\r\n"), "no frame has type 72"},
		{"a giant length", false, frames(frame(typeOpen, 1), appendHeader(nil, header{typeData, 0xffffff, 1})), "data of 16777215 bytes"},
		{"a length one too large", false, frames(frame(typeOpen, 1), appendHeader(nil, header{typeData, MaxPayload + 1, 1})), "data of 65529 bytes"},
		{"no data", false, frames(frame(typeOpen, 1), frame(typeData, 1)), "data of 0 bytes"},
		{"an open with a payload", false, frame(typeOpen, 1, 1), "type 1 with 1 bytes"},
		{"a ping with a payload", false, frame(typePing, 0, 1), "type 6 with 1 bytes"},
		{"a ping on a stream", false, frame(typePing, 1), "type 6 for stream 1"},
		{"an open of stream 0", false, frame(typeOpen, 0), "type 1 for stream 0"},
		{"an open of this end's number", false, frame(typeOpen, 2), "a stream with number 2"},
		{"opened twice", false, frames(frame(typeOpen, 1), frame(typeOpen, 1)), "a stream with number 1"},
		{"opened backwards", false, frames(frame(typeOpen, 3), frame(typeOpen, 1)), "a stream with number 1"},
		{"a server that opens", true, frame(typeOpen, 2), "more streams than allowed"},
		{"opens without end", false, opens(MaxStreams + 1), "more streams than allowed"},
		{"data for no stream", false, frame(typeData, 1, 1), "data for a stream that is not open"},
		{"an end for no stream", false, frame(typeEOF, 1), "type 3 for a stream that is not open"},
		{"a close for no stream", false, frame(typeClose, 1, 0), "type 4 for a stream that is not open"},
		{"credit for no stream", false, credit(1, 1), "type 5 for a stream that is not open"},
		{"data behind a close", false, frames(frame(typeOpen, 1), frame(typeClose, 1, 0), frame(typeData, 1, 1)), "data for a stream that is not open"},
		{"an end behind a close", false, frames(frame(typeOpen, 1), frame(typeClose, 1, 0), frame(typeEOF, 1)), "type 3 for a stream that is not open"},
		{"data behind the end", false, frames(frame(typeOpen, 1), frame(typeEOF, 1), frame(typeData, 1, 1)), "data behind the end"},
		{"two ends", false, frames(frame(typeOpen, 1), frame(typeEOF, 1), frame(typeEOF, 1)), "the end of a stream that has ended"},
		{"data without credit", false, frames(frame(typeOpen, 1), window, frame(typeData, 1, 1)), "data without credit"},
		{"too much credit", true, credit(1, 1), "more than a window"},
		{"credit without bound", true, credit(1, 0xffffffff), "more than a window"},
		{"no credit", true, credit(1, 0), "no credit"},
		{"credit of 3 bytes", true, frame(typeCredit, 1, 0, 0, 1), "type 5 with 3 bytes"},
		{"an answer to no ping", false, frame(typePong, 0), "an answer to no ping"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, far := raw(t, c.client, true)
			if c.client {
				if _, err := s.Open(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			_, _ = far.Write(c.sent)
			expectEnd(t, s, ErrProtocol)
			if got := s.Err().Error(); !strings.Contains(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestCutOffFrame(t *testing.T) {
	whole := frames(frame(typeOpen, 1), frame(typeData, 1, make([]byte, 40<<10)...), frame(typeGoAway, 0), frame(typeClose, 1, 0))
	for _, n := range []int{0, 1, 7, headerSize + 1, 2 * headerSize, 2*headerSize + 1, 30 << 10, len(whole) - 10, len(whole) - 1} {
		s, far := raw(t, false, true)
		if _, err := far.Write(whole[:n]); err != nil {
			t.Fatal(err)
		}
		far.Close()
		expectEnd(t, s, ErrLost)
		if !errors.Is(s.Err(), io.ErrUnexpectedEOF) {
			t.Errorf("cut after %d bytes: %v", n, s.Err())
		}
	}
}

// What crosses with the end of a stream breaks no rule.
func TestCrossing(t *testing.T) {
	s, far := raw(t, false, true)
	go func() {
		_, _ = far.Write(frames(
			frame(typeOpen, 1), frame(typeClose, 1, codeReset), frame(typeClose, 1, 0), credit(1, 1),
			frame(typeOpen, 3), frame(typeData, 3, 1)))
	}()
	st, err := s.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if n, err := st.Read(make([]byte, 2)); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	st.Reset()
	// The other end does not know yet and goes on, as far as its credit goes.
	if _, err := far.Write(frames(frame(typeData, 3, make([]byte, 20<<10)...), frame(typeData, 3, 1), credit(3, 0)[:headerSize-1])); err != nil {
		t.Fatal(err)
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if st.in.len > 0 || st.in.chunks != nil {
		t.Errorf("a stream that was reset keeps %d bytes", st.in.len)
	}
}

// Credit is given for what was read, and not for a byte more.
func TestCredit(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	credits := make(chan int, 2*Window)
	go func() {
		defer close(credits)
		_, _ = io.ReadFull(far, make([]byte, helloSize))
		_, _ = far.Write(hello{Window, 0}.append(nil))
		b := make([]byte, headerSize+4)
		for {
			if _, err := io.ReadFull(far, b[:headerSize]); err != nil || parseHeader(b).typ != typeCredit {
				return
			}
			if _, err := io.ReadFull(far, b[headerSize:]); err != nil {
				return
			}
			credits <- int(binary.BigEndian.Uint32(b[headerSize:]))
		}
	}()
	s, err := Server(near)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := far.Write(frame(typeOpen, 1)); err != nil {
		t.Fatal(err)
	}
	st, err := s.Accept()
	if err != nil {
		t.Fatal(err)
	}
	allowed := Window
	for range 20 {
		size := min(allowed, 50<<10)
		go func() { _, _ = far.Write(frame(typeData, 1, make([]byte, size)...)) }()
		if _, err := io.ReadFull(st, make([]byte, size)); err != nil {
			t.Fatal(err)
		}
		for allowed -= size; allowed < Window/2; {
			allowed += <-credits
		}
	}
	if _, err := far.Write(frame(typePing, 0)); err != nil {
		t.Fatal(err)
	}
	for n := range credits { // up to the answer
		allowed += n
	}
	for allowed > 0 {
		size := min(allowed, MaxPayload)
		if _, err := far.Write(frame(typeData, 1, make([]byte, size)...)); err != nil {
			t.Fatal(err)
		}
		allowed -= size
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	_, _ = far.Write(frame(typeData, 1, 1))
	expectEnd(t, s, ErrProtocol)
}

// A carrier that takes nothing any more may still have something to say.
func TestLastWordsOfACarrier(t *testing.T) {
	failed := make(chan struct{})
	last := frames(frame(typeData, 1, []byte("last words")...), frame(typeEOF, 1), frame(typeGoAway, 0))
	s, err := Client(&dying{said: [][]byte{hello{Window, MaxStreams}.append(nil), last}, failed: failed})
	if err != nil {
		t.Fatal(err)
	}
	st, err := s.Open(t.Context()) // its frame fails
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(st); string(got) != "last words" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	expectEnd(t, s, ErrGone)
}

// A dying carrier takes a hello, and says its last when the next write has failed.
type dying struct {
	said   [][]byte
	failed chan struct{}
}

func (d *dying) Read(p []byte) (int, error) {
	switch len(d.said) {
	case 0:
		return 0, io.EOF
	case 1:
		<-d.failed
	}
	n := copy(p, d.said[0])
	if d.said[0] = d.said[0][n:]; len(d.said[0]) == 0 {
		d.said = d.said[1:]
	}
	return n, nil
}

func (d *dying) Write(p []byte) (int, error) {
	if isMagic(p) {
		return len(p), nil
	}
	close(d.failed)
	return 0, io.ErrClosedPipe
}

func (*dying) Close() error { return nil }

// A peer that makes answers necessary and reads none of them does not fill the memory.
func TestFloods(t *testing.T) {
	for name, next := range map[string]func(i int) []byte{
		"pings":            func(int) []byte { return frame(typePing, 0) },
		"opens and closes": func(i int) []byte { return frames(frame(typeOpen, uint32(2*i+1)), frame(typeClose, uint32(2*i+1), 0)) },
		"opens and resets": func(i int) []byte {
			return frames(frame(typeOpen, uint32(2*i+1)), frame(typeClose, uint32(2*i+1), codeReset))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, far := raw(t, false, false)
			for i := 0; s.Err() == nil; i++ {
				if _, err := far.Write(next(i)); err != nil {
					break
				}
				s.mu.Lock()
				queued := len(s.out.buf)
				s.mu.Unlock()
				if queued > tooMuch+1000 || i > tooMuch {
					t.Fatalf("after %d, %d bytes are queued", i, queued)
				}
			}
			expectEnd(t, s, ErrProtocol)
		})
	}
}

// However its data come, a stream takes not much more memory than its window.
func TestMemoryOfAStream(t *testing.T) {
	for _, size := range []int{1, 100, 5000, 16<<10 + 1, 33 << 10, MaxPayload} {
		s, far := raw(t, false, true)
		if _, err := far.Write(frame(typeOpen, 1)); err != nil {
			t.Fatal(err)
		}
		for n := 0; n+size <= Window; n += size {
			if _, err := far.Write(frame(typeData, 1, make([]byte, size)...)); err != nil {
				t.Fatal(err)
			}
		}
		st, err := s.Accept()
		if err != nil {
			t.Fatal(err)
		}
		// The first header of the next frame is only read when the last frame is dealt with.
		if _, err := far.Write(frame(typeGoAway, 0)); err != nil {
			t.Fatal(err)
		}
		s.mu.Lock()
		total := 0
		for _, chunk := range st.in.chunks {
			total += cap(chunk)
		}
		if total > 2*Window+largeChunk {
			t.Errorf("%d bytes in frames of %d take %d", st.in.len, size, total)
		}
		s.mu.Unlock()
	}
}

func TestHello(t *testing.T) {
	good := hello{Window, 1}.append(nil)
	newer := bytes.Clone(good)
	newer[versioned-1] = Version + 1
	for _, c := range []struct {
		name string
		said []byte
		test func(err error) bool
	}{
		{"nothing", nil, func(err error) bool {
			var not *NotMuxError
			return errors.As(err, &not) && len(not.Said) == 0 && errors.Is(err, io.ErrUnexpectedEOF)
		}},
		{"an engine's words", []byte("OCI runtime exec failed: exec: \"/.sandlot/guest\": no such file"), func(err error) bool {
			var not *NotMuxError
			return errors.Is(err, ErrNotMux) && errors.As(err, &not) && strings.HasSuffix(string(not.Said), "no such file")
		}},
		{"half of the magic", good[:4], func(err error) bool { return errors.Is(err, ErrNotMux) }},
		{"no window", hello{0, 1}.append(nil), func(err error) bool { return errors.Is(err, ErrProtocol) }},
		{"giant window", hello{1<<30 + 1, 1}.append(nil), func(err error) bool { return errors.Is(err, ErrProtocol) }},
		{"too many streams", hello{1, 1<<20 + 1}.append(nil), func(err error) bool { return errors.Is(err, ErrProtocol) }},
		{"cut off", good[:helloSize-1], func(err error) bool { return errors.Is(err, ErrLost) }},
		{"newer", newer, func(err error) bool {
			var version *VersionError
			return errors.As(err, &version) && version.Ours == Version && version.Theirs == Version+1
		}},
		{"newer and shorter", newer[:versioned], func(err error) bool {
			var version *VersionError
			return errors.As(err, &version)
		}},
	} {
		for name, start := range map[string]func(io.ReadWriteCloser) (*Session, error){"client": Client, "server": Server} {
			t.Run(c.name+"/"+name, func(t *testing.T) {
				near, far := net.Pipe()
				ours := make(chan []byte, 1)
				go func() {
					got, _ := io.ReadAll(io.LimitReader(far, int64(helloSize)))
					ours <- got
				}()
				go func() {
					_, _ = far.Write(c.said)
					if string(c.said) != string(newer) {
						far.Close()
					}
				}()
				s, err := start(near)
				if s != nil || !c.test(err) {
					t.Errorf("%v, %v", s, err)
				}
				if string(c.said) == string(newer) {
					if got := <-ours; !isMagic(got) || len(got) != helloSize {
						t.Errorf("the other end was told %q", got)
					}
				}
				if _, err := near.Write(nil); err != io.ErrClosedPipe {
					t.Errorf("the carrier is still open: %v", err)
				}
			})
		}
	}
}

// Whoever starts a session can give up by closing the carrier.
func TestHelloThatNeverComes(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	got := make(chan error)
	go func() {
		_, err := Client(near)
		got <- err
	}()
	if _, err := io.ReadFull(far, make([]byte, helloSize)); err != nil {
		t.Fatal(err)
	}
	near.Close()
	if err := <-got; !errors.Is(err, ErrNotMux) {
		t.Error(err)
	}
}
