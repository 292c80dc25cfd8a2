//go:build linux

package guest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/sandlot-dev/sandlot/runtime"
)

// newFilesSession opens a session for archives, and gives its carrier and what opens its channels.
func newFilesSession(t *testing.T, b *box) (*Session, *pipeChannel, func() Channel) {
	t.Helper()
	carrier := b.start(asEngine, "session", "files")
	s, err := OpenSession(context.Background(), carrier, testRoom, func(context.Context) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, carrier, func() Channel {
		ch, ok := s.Idle()
		if !ok {
			if ch, err = s.Open(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		return ch
	}
}

// A put is an upload that goes on until the test has it end.
type put struct {
	w     *io.PipeWriter
	rest  []byte
	ended chan error
}

// halfPut begins an upload, and returns when the guest has begun with its file.
func halfPut(t *testing.T, ch Channel, dir, name string) *put {
	t.Helper()
	r, w := io.Pipe()
	whole := tarOf(t, file(name, strings.Repeat("x", 1<<20)))
	p := &put{w: w, rest: whole[512<<10:], ended: make(chan error, 1)}
	before := len(names(t, dir))
	go func() {
		_, err := PutArchive(context.Background(), ch, dir, r, runtime.PutArchiveOptions{})
		r.Close()
		p.ended <- err
	}()
	if _, err := w.Write(whole[:512<<10]); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the file is begun", func() bool { return len(names(t, dir)) > before })
	return p
}

func (p *put) finish() error {
	_, _ = p.w.Write(p.rest)
	p.w.Close()
	return <-p.ended
}

// The session serves one stream itself. Others go on beside it, and it serves again when it has served.
func TestFilesSessionAtOnce(t *testing.T) {
	dir := openDir(t)
	b := newBox(t, asUser, dir)
	_, _, open := newFilesSession(t, b)
	first, second := open(), open()
	if l := first.(*turn).hello; l.PID != l.Session {
		t.Errorf("process %d serves, not the session, %d", l.PID, l.Session)
	}
	if l := second.(*turn).hello; l.PID == l.Session {
		t.Error("the session serves two at once")
	}
	one, two := halfPut(t, first, dir, "one"), halfPut(t, second, dir, "two")
	if err := errors.Join(two.finish(), one.finish()); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		var got bytes.Buffer
		if _, err := GetArchive(context.Background(), open(), filepath.Join(dir, "one"), &got, runtime.GetArchiveOptions{}); err != nil || got.Len() < 1<<20 {
			t.Fatalf("%d bytes, %v", got.Len(), err)
		}
	}
	if _, err := PutArchive(context.Background(), open(), dir+"/missing", bytes.NewReader(tarOf(t)), runtime.PutArchiveOptions{}); !errors.Is(err, runtime.ErrFileNotFound) {
		t.Errorf("a put to nowhere: %v", err)
	}
	// It is no supervisor of commands.
	if _, err := Exec(context.Background(), open(), []string{"true"}, runtime.ExecOptions{}, nil); !errors.Is(err, runtime.ErrInvalid) {
		t.Errorf("a command: %v", err)
	}
	if got := names(t, dir); !slices.Equal(got, []string{".", "one", "two"}) {
		t.Errorf("there is %q", got)
	}
}

// Whatever ends an upload that the session serves, nothing of its file is left, and no process.
func TestFilesSessionEnds(t *testing.T) {
	for name, end := range map[string]func(b *box, s *Session, carrier, ch Channel){
		"stream":  func(_ *box, _ *Session, _, ch Channel) { ch.Close() },
		"session": func(_ *box, s *Session, _, _ Channel) { s.Close() },
		"host":    func(_ *box, _ *Session, carrier, _ Channel) { carrier.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			dir := openDir(t)
			b := newBox(t, asUser, dir)
			s, carrier, open := newFilesSession(t, b)
			ch := open()
			p := halfPut(t, ch, dir, "half")
			end(b, s, carrier, ch)
			p.w.Close()
			if err := <-p.ended; err == nil {
				t.Error("no error")
			}
			eventually(t, "nothing is left", func() bool { return slices.Equal(names(t, dir), []string{"."}) })
			if name == "stream" {
				eventually(t, "the session serves again", func() bool {
					ch = open()
					l := ch.(*turn).hello
					if l.PID != l.Session {
						ch.Close()
					}
					return l.PID == l.Session
				})
				if err := halfPut(t, ch, dir, "again").finish(); err != nil {
					t.Errorf("the next one: %v", err)
				}
				s.Close()
			}
			within(t, "the session", func() { <-carrier.ended })
			b.mustBeEmpty()
		})
	}
}

// A sandbox that is stopped ends with a session that serves nothing, and lets what one serves come to its end.
func TestFilesSessionStopped(t *testing.T) {
	dir := openDir(t)
	b := newBox(t, asUser, dir)
	_, _, open := newFilesSession(t, b)
	p := halfPut(t, open(), dir, "last")
	if err := syscall.Kill(b.pid, syscall.SIGPWR); err != nil {
		t.Fatal(err)
	}
	if err := p.finish(); err != nil {
		t.Errorf("an upload while the sandbox is being stopped: %v", err)
	}
	eventually(t, "the sandbox ends", func() bool { return !alive(b.pid) })
	if st, err := os.Stat(filepath.Join(dir, "last")); err != nil || st.Size() != 1<<20 {
		t.Errorf("%v, %v", st, err)
	}
}
