//go:build linux

package guest

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sandlot-dev/sandlot/runtime"
)

// carried is a box whose first process has pipes for standard streams, and their other ends.
func carried(t *testing.T, as []string, opts InitOptions) (*box, *pipes) {
	t.Helper()
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	if err := errors.Join(unix.Mkfifo(in, 0o600), unix.Mkfifo(out, 0o600)); err != nil {
		t.Fatal(err)
	}
	opts.WorkingDir = "/"
	p, opened := &pipes{}, make(chan error, 1)
	go func() { // the guest starts when both ends are there
		var inErr, outErr error
		p.WriteCloser, inErr = os.OpenFile(in, os.O_WRONLY, 0)
		p.Reader, outErr = os.Open(out)
		opened <- errors.Join(inErr, outErr)
	}()
	b := newBoxWith(t, as, []string{"sh", "-c", `exec "$@" <` + in + " >" + out, "sh"}, opts)
	if err := <-opened; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return b, p
}

type pipes struct {
	io.Reader
	io.WriteCloser
}

func (p *pipes) CloseWrite() error { return p.WriteCloser.Close() }

func (p *pipes) Close() error {
	p.WriteCloser.Close()
	return p.Reader.(io.Closer).Close()
}

// newCarriedBox makes a box whose execs go through the session over its own streams, for as long as that lives.
func newCarriedBox(t *testing.T, as []string, opts InitOptions) *box {
	t.Helper()
	opts.Carrier = true
	b, ours := carried(t, as, opts)
	b.sessions = &boxSessions{open: make(map[string]*boxSession)}
	t.Cleanup(b.closeSessions)
	s, err := OpenSession(context.Background(), ours, testRoom, func(ctx context.Context) error { return b.rescue(ctx, 0) })
	if err != nil {
		t.Fatalf("opening the session: %v", err)
	}
	b.sessions.open[strings.Join(as, " ")] = &boxSession{Session: s}
	return b
}

// What the first process has started is not what it has adopted: orphans are ended, and the session is not.
func TestCarriedSession(t *testing.T) {
	for name, as := range map[string][]string{"root": asRoot, "user": asUser} {
		t.Run(name, func(t *testing.T) {
			b := newCarriedBox(t, as, InitOptions{})
			session := b.session(as)
			mustExit(t, b.exec(runtime.ExecOptions{}, "true"), 0)
			r := b.sh(runtime.ExecOptions{}, "grep Sig[BI] /proc/self/status; pwd; env | grep -c PATH=")
			s := b.execIn(context.Background(), b.serve(as), runtime.ExecOptions{}, "sh", "-c", "grep Sig[BI] /proc/self/status; pwd; env | grep -c PATH=")
			if r.stdout != s.stdout || r.stdout == "" {
				t.Errorf("a command sees %q, and one of an engine's exec %q", r.stdout, s.stdout)
			}
			other := b.bystander()
			for range 3 {
				r := b.sh(runtime.ExecOptions{}, "(setsid sleep 4321 &); setsid sleep 4321 & kill -KILL $PPID; sleep 4321")
				if !errors.Is(r.err, runtime.ErrConnectionLost) {
					t.Errorf("%+v", r)
				}
				if err := b.rescue(context.Background(), 0); err != nil {
					t.Error(err)
				}
				b.mustHold("orphans", other)
			}
			if b.session(as) != session || isClosed(session.Done()) {
				t.Fatal("the session has ended")
			}
			mustExit(t, b.execIn(context.Background(), b.serve(as), runtime.ExecOptions{}, "kill", "-STOP", strconv.Itoa(session.PID())), 0)
			r = b.sh(runtime.ExecOptions{}, "echo alive")
			if mustExit(t, r, 0); r.stdout != "alive\n" {
				t.Errorf("%+v", r)
			}
			if err := session.Renew(context.Background()); err != nil {
				t.Errorf("renewing: %v", err)
			}
			// When a command kills it, its supervisors have lost it, as with any other; the next one is an exec's.
			r = b.sh(runtime.ExecOptions{}, "(setsid sleep 4321 &); kill -KILL "+strconv.Itoa(session.PID())+"; sleep 4321")
			if !errors.Is(r.err, runtime.ErrConnectionLost) {
				t.Errorf("%+v", r)
			}
			b.mustHold("session killed", other)
			b.mustLive()
		})
	}
}

// The last resort ends the session, too, where it is asked to.
func TestCarriedSessionRescued(t *testing.T) {
	b := newCarriedBox(t, asUser, InitOptions{})
	mustExit(t, b.exec(runtime.ExecOptions{}, "true"), 0)
	session := b.session(asUser)
	if err := b.rescue(context.Background(), session.PID()); err != nil {
		t.Fatal(err)
	}
	within(t, "the session", func() { <-session.Done() })
	b.mustLive()
}

// An attached sandbox ends with its owner, whatever runs in it, and whoever it runs as.
func TestAttached(t *testing.T) {
	running := func(b *box) {
		for _, as := range [][]string{asUser, asOther} {
			r := b.execIn(context.Background(), b.serve(as), runtime.ExecOptions{}, "sh", "-c", "trap '' TERM HUP; setsid sleep 4321 >/dev/null 2>&1 & true")
			mustExit(t, r, 0)
		}
	}
	ends := func(t *testing.T, b *box) {
		t.Helper()
		eventually(t, "the first process ends", func() bool { return !alive(b.pid) })
	}
	t.Run("session", func(t *testing.T) {
		b := newCarriedBox(t, asUser, InitOptions{Attached: true})
		running(b)
		mustExit(t, b.sh(runtime.ExecOptions{}, "setsid sleep 4321 >/dev/null 2>&1 &"), 0)
		b.closeSessions()
		ends(t, b)
	})
	t.Run("session, dropped", func(t *testing.T) {
		b, ours := carried(t, asUser, InitOptions{Attached: true, Carrier: true})
		running(b)
		ours.Close()
		ends(t, b)
	})
	t.Run("session, killed", func(t *testing.T) {
		b := newCarriedBox(t, asUser, InitOptions{Attached: true})
		mustExit(t, b.exec(runtime.ExecOptions{}, "true"), 0)
		r := b.sh(runtime.ExecOptions{}, "kill -KILL "+strconv.Itoa(b.session(asUser).PID())+"; sleep 4321")
		if !errors.Is(r.err, runtime.ErrConnectionLost) {
			t.Errorf("%+v", r)
		}
		ends(t, b)
	})
	t.Run("session, garbage", func(t *testing.T) {
		b, ours := carried(t, asUser, InitOptions{Attached: true, Carrier: true})
		go io.Copy(io.Discard, ours)
		_, _ = ours.Write([]byte(strings.Repeat("garbage", 100)))
		ends(t, b)
	})
	t.Run("session, stopped", func(t *testing.T) {
		b := newCarriedBox(t, asUser, InitOptions{Attached: true})
		mustExit(t, b.exec(runtime.ExecOptions{}, "true"), 0)
		pid := b.session(asUser).PID()
		mustExit(t, b.execIn(context.Background(), b.serve(asUser), runtime.ExecOptions{}, "kill", "-STOP", strconv.Itoa(pid)), 0)
		b.closeSessions()
		ends(t, b)
	})
	t.Run("alone", func(t *testing.T) {
		b, ours := carried(t, asUser, InitOptions{Attached: true})
		running(b)
		_, _ = ours.Write([]byte("nothing that anybody reads"))
		mustExit(t, b.execIn(context.Background(), b.serve(asUser), runtime.ExecOptions{}, "true"), 0)
		ours.Close()
		ends(t, b)
	})
	t.Run("sandbox stopped", func(t *testing.T) {
		b := newCarriedBox(t, asUser, InitOptions{Attached: true})
		started := make(chan struct{})
		ended := make(chan ran, 1)
		ch := b.channel(asUser)
		go func() {
			ended <- b.execIn(context.Background(), ch, runtime.ExecOptions{Stdout: writerFunc(func(p []byte) (int, error) {
				close(started)
				return len(p), nil
			})}, "sh", "-c", "trap 'exit 7' TERM; echo; while :; do sleep 0.05; done")
		}()
		<-started
		if err := syscall.Kill(b.pid, syscall.SIGPWR); err != nil {
			t.Fatal(err)
		}
		mustExit(t, <-ended, 7)
		ends(t, b)
	})
}
