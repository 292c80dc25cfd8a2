package engine

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"
)

func frame(kind byte, data string) string {
	header := make([]byte, 8)
	header[0] = kind
	binary.BigEndian.PutUint32(header[4:], uint32(len(data)))
	return string(header) + data
}

func TestStreamRead(t *testing.T) {
	long := strings.Repeat("x", stderrHead) + "the end"
	tests := map[string]struct {
		in, stdout, stderr string
		err                error
	}{
		"both":              {in: frame(1, "out") + frame(2, "err") + frame(1, "put"), stdout: "output", stderr: "err"},
		"empty":             {},
		"empty frames":      {in: frame(1, "") + frame(2, "") + frame(0, "a"), stdout: "a"},
		"long stderr":       {in: frame(2, long) + frame(1, "a"), stdout: "a", stderr: long[:stderrHead]},
		"cut in header":     {in: frame(1, "a") + "\x01\x00", stdout: "a", err: io.ErrUnexpectedEOF},
		"cut in stdout":     {in: frame(1, "abc")[:10], stdout: "ab", err: io.ErrUnexpectedEOF},
		"cut in stderr":     {in: frame(2, "abc")[:10], stderr: "ab", err: io.ErrUnexpectedEOF},
		"the engine failed": {in: frame(3, "disk on fire"), stderr: "disk on fire", err: errors.New("disk on fire")},
		"no frames":         {in: "HTTP/1.1 500", err: errors.New("the engine sent something that is no stream frame: 48 54 54 50 2f 31 2e 31")},
		"huge length":       {in: "\x02\x00\x00\x00\xff\xff\xff\xffabc", stderr: "abc", err: io.ErrUnexpectedEOF},
	}
	for name, test := range tests {
		for how, wrap := range map[string]func(io.Reader) io.Reader{
			"whole":     func(r io.Reader) io.Reader { return r },
			"bytewise":  iotest.OneByteReader,
			"data, EOF": iotest.DataErrReader,
		} {
			t.Run(name+"/"+how, func(t *testing.T) {
				s := NewStream(nil, wrap(strings.NewReader(test.in)), "")
				got, err := io.ReadAll(s)
				if string(got) != test.stdout || s.Stderr() != test.stderr || s.Stdout() != test.stdout {
					t.Errorf("stdout %q, want %q; its beginning %q; stderr %q, want %q", got, test.stdout, s.Stdout(), s.Stderr(), test.stderr)
				}
				if !errors.Is(err, test.err) && (test.err == nil || err.Error() != test.err.Error()) {
					t.Errorf("error %v, want %v", err, test.err)
				}
			})
		}
	}
}

func TestStreamEndsWithWords(t *testing.T) {
	s := NewStream(nil, strings.NewReader(frame(1, "out")+frame(2, "it is over")+frame(1, "more")), "")
	s.endsWithWords = true
	if got, err := io.ReadAll(s); string(got) != "out" || err != nil || s.Stderr() != "it is over" {
		t.Errorf("got %q, %v, the words %q", got, err, s.Stderr())
	}
}

func TestStreamKeepsTheBeginningOfStdout(t *testing.T) {
	s := NewStream(nil, strings.NewReader(frame(1, strings.Repeat("a", stdoutHead-1))+frame(1, "bc")), "")
	if _, err := io.Copy(io.Discard, s); err != nil {
		t.Fatal(err)
	}
	if got := s.Stdout(); len(got) != stdoutHead || !strings.HasSuffix(got, "ab") {
		t.Errorf("%d bytes, the last %q", len(got), got[len(got)-2:])
	}
}

func TestStreamCloseUnblocks(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close()
	s := NewStream(here, here, "id")
	closed := 0
	s.onClose = func() { closed++ }
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.wait(ctx) }()
	if _, err := there.Write([]byte(frame(1, "a"))); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("wait: %v, want context.Canceled", err)
	}
	if _, err := s.Write([]byte("x")); err == nil {
		t.Error("a write to a closed stream was no error")
	}
	s.Close()
	if closed != 1 {
		t.Errorf("onClose was called %d times", closed)
	}
}

func TestStreamCloseWrite(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	there, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer there.Close()
	s := NewStream(conn, conn, "")
	defer s.Close()
	if _, err := s.Write([]byte("in")); err != nil {
		t.Fatal(err)
	}
	if err := s.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(there); err != nil || !bytes.Equal(got, []byte("in")) {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := io.WriteString(there, frame(1, "still open")); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 20)
	if n, err := s.Read(buf); err != nil || string(buf[:n]) != "still open" {
		t.Errorf("got %q, %v", buf[:n], err)
	}
	here, _ := net.Pipe()
	if err := NewStream(here, here, "").CloseWrite(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a pipe: %v, want ErrUnsupported", err)
	}
}

// FuzzStream feeds what no engine should send: it ends, and keeps no more than it may.
func FuzzStream(f *testing.F) {
	f.Add([]byte(frame(1, "out") + frame(2, "err") + frame(3, "failed")))
	f.Add([]byte("\x02\x00\x00\x00\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, in []byte) {
		s := NewStream(nil, bytes.NewReader(in), "")
		out, _ := io.ReadAll(s)
		if len(out)+len(s.Stderr()) > len(in) || len(s.Stderr()) > stderrHead || len(s.Stdout()) > stdoutHead || !strings.HasPrefix(string(out), s.Stdout()) {
			t.Errorf("%d bytes became %d on stdout, %d and %d kept", len(in), len(out), len(s.Stdout()), len(s.Stderr()))
		}
	})
}
