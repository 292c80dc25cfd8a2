package guest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sandlot-dev/sandlot/guest/wire"
	"github.com/sandlot-dev/sandlot/runtime"
)

// A fakeGuest is a channel whose other end a test plays. All of a test's time is synctest's.
type fakeGuest struct {
	r *wire.Reader // what the host sends
	w *wire.Writer
	// toHost is beneath w.
	toHost *io.PipeWriter

	fromGuest *io.PipeReader
	toGuest   *io.PipeWriter
	fromHost  *io.PipeReader
	closed    sync.Once
	isClosed  chan struct{}
}

func newFakeGuest() *fakeGuest {
	g := &fakeGuest{isClosed: make(chan struct{})}
	g.fromGuest, g.toHost = io.Pipe()
	g.fromHost, g.toGuest = io.Pipe()
	g.r, g.w = wire.NewReader(g.fromHost), wire.NewWriter(g.toHost)
	return g
}

func (g *fakeGuest) Read(p []byte) (int, error)  { return g.fromGuest.Read(p) }
func (g *fakeGuest) Write(p []byte) (int, error) { return g.toGuest.Write(p) }
func (g *fakeGuest) CloseWrite() error           { return g.toGuest.Close() }
func (g *fakeGuest) Close() error {
	g.closed.Do(func() {
		g.fromGuest.Close()
		g.toGuest.CloseWithError(io.ErrClosedPipe)
		close(g.isClosed)
	})
	return nil
}

// hello plays the beginning, up to the request.
func (g *fakeGuest) hello() {
	_ = g.w.WriteHello(wire.Hello{Sandlot: wire.Version, PID: 42})
	_, _ = g.r.ReadRequest()
}

// next waits for a frame of the host's.
func (g *fakeGuest) next() (wire.Type, string) {
	typ, payload, err := g.r.Next()
	if err != nil {
		return 0, err.Error()
	}
	return typ, string(payload)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

type played struct {
	result  runtime.ExecResult
	err     error
	rescued []int
	took    time.Duration
	closed  bool
}

// play runs an exec against a guest that a test plays.
func play(t *testing.T, ctx func() context.Context, opts runtime.ExecOptions, guest func(g *fakeGuest)) (p played) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		g := newFakeGuest()
		played := make(chan struct{})
		go func() { defer close(played); guest(g) }()
		start := time.Now()
		p.result, p.err = Exec(ctx(), g, []string{"x"}, opts, func(ctx context.Context, pid int) error {
			if ctx.Err() != nil {
				t.Error("the rescue's context is done")
			}
			p.rescued = append(p.rescued, pid)
			return nil
		})
		p.took = time.Since(start)
		select {
		case <-g.isClosed:
			p.closed = true
		default:
			t.Error("the channel is open")
		}
		g.toHost.Close()
		g.fromHost.Close()
		<-played
	})
	var e *runtime.Error
	if p.err != nil && (!errors.As(p.err, &e) || e.Op != "" || e.Runtime != "" || e.ID != "") {
		t.Errorf("%#v is no bare *runtime.Error", p.err)
	}
	return p
}

func background() context.Context { return context.Background() }

func TestNoGuest(t *testing.T) {
	for said, message := range map[string]string{
		"": "",
		"OCI runtime exec failed: \x1b[31mno such file\r\n": "OCI runtime exec failed: \ufffd[31mno such file",
		"\x01\x00\x00\x00\x02{}":                            "what was started is no guest",
		"\x01\x00":                                          "unexpected EOF",
		strings.Repeat("x", 10000):                          strings.Repeat("x", 4096),
	} {
		p := play(t, background, runtime.ExecOptions{}, func(g *fakeGuest) {
			_, _ = io.WriteString(g.toHost, said)
			g.toHost.Close()
		})
		var e *runtime.Error
		if !errors.Is(p.err, ErrNoGuest) || !errors.Is(p.err, runtime.ErrConnectionLost) || !errors.As(p.err, &e) || e.Message != message {
			t.Errorf("%.100q: %v", said, p.err)
		}
		if p.rescued != nil || p.result.ExitCode != -1 {
			t.Errorf("%.100q: %+v", said, p)
		}
	}
	// Words that do not end.
	p := play(t, background, runtime.ExecOptions{}, func(g *fakeGuest) { _, _ = io.WriteString(g.toHost, "Error: x") })
	if !errors.Is(p.err, ErrNoGuest) || !strings.Contains(p.err.Error(), "Error: x") {
		t.Errorf("%v", p.err)
	}
}

func TestOtherProtocol(t *testing.T) {
	this := fmt.Sprint(wire.Version)
	for hello, says := range map[string]string{
		`{"sandlot":1,"pid":42}`: "speaks protocol 1, and this Sandlot " + this, `{"sandlot":99,"other":[]}`: "speaks protocol 99, and this Sandlot " + this,
	} {
		p := play(t, background, runtime.ExecOptions{}, func(g *fakeGuest) { _ = g.w.Write(wire.TypeHello, []byte(hello)) })
		if !errors.Is(p.err, runtime.ErrInvalid) || !strings.Contains(p.err.Error(), says) || !strings.Contains(p.err.Error(), "make it anew") || p.rescued != nil {
			t.Errorf("%s: %+v", hello, p)
		}
	}
}

// A guest that breaks the protocol is no guest any more. What it started is ended from outside.
func TestGuestBreaksProtocol(t *testing.T) {
	for name, frames := range map[string]func(g *fakeGuest){
		"ends":            func(g *fakeGuest) {},
		"unknown type":    func(g *fakeGuest) { _, _ = io.WriteString(g.toHost, "\x63\x00\x00\x00\x00") },
		"too long":        func(g *fakeGuest) { _, _ = io.WriteString(g.toHost, "\x0a\xff\xff\xff\xff") },
		"host's type":     func(g *fakeGuest) { _ = g.w.Write(wire.TypeCancel, nil) },
		"hello again":     func(g *fakeGuest) { g.hello() },
		"started twice":   func(g *fakeGuest) { _ = g.w.Write(wire.TypeStarted, nil); _ = g.w.Write(wire.TypeStarted, nil) },
		"bad credit":      func(g *fakeGuest) { _ = g.w.Write(wire.TypeCredit, []byte("abc")) },
		"no result":       func(g *fakeGuest) { _ = g.w.Write(wire.TypeResult, []byte("abc")) },
		"exit code":       func(g *fakeGuest) { _ = g.w.WriteResult(wire.Result{Exit: 256}) },
		"negative":        func(g *fakeGuest) { _ = g.w.WriteResult(wire.Result{Exit: -1}) },
		"signal":          func(g *fakeGuest) { _ = g.w.WriteResult(wire.Result{Signal: 200}) },
		"gives up itself": func(g *fakeGuest) { _ = g.w.WriteResult(wire.Result{Cancelled: true, Left: true}) },
	} {
		p := play(t, background, runtime.ExecOptions{}, func(g *fakeGuest) {
			g.hello()
			frames(g)
			g.toHost.Close()
		})
		if !errors.Is(p.err, runtime.ErrConnectionLost) || errors.Is(p.err, ErrNoGuest) || p.result.ExitCode != -1 || fmt.Sprint(p.rescued) != "[42]" {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

func TestGuestDoesNotAnswer(t *testing.T) {
	cancelled := func() context.Context {
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(time.Second, cancel)
		return ctx
	}
	silent := func(g *fakeGuest) {
		g.hello()
		_ = g.w.Write(wire.TypeStarted, nil)
		_ = g.w.Write(wire.TypeStdout, []byte("so far"))
		for {
			if typ, _ := g.next(); typ == 0 {
				return
			}
		}
	}
	deaf := func(g *fakeGuest) { g.hello(); <-g.isClosed }
	mute := func(g *fakeGuest) { <-g.isClosed }
	failing := writerFunc(func([]byte) (int, error) { return 0, io.ErrClosedPipe })
	for name, c := range map[string]struct {
		ctx      func() context.Context
		opts     runtime.ExecOptions
		guest    func(g *fakeGuest)
		want     error
		took     time.Duration
		rescued  string
		timedOut bool
	}{
		"cancelled":                  {cancelled, runtime.ExecOptions{}, silent, context.Canceled, 6 * time.Second, "[42]", false},
		"cancelled, deaf":            {cancelled, runtime.ExecOptions{}, deaf, context.Canceled, 6 * time.Second, "[42]", false},
		"cancelled before the hello": {cancelled, runtime.ExecOptions{}, mute, context.Canceled, time.Second, "[]", false},
		"deadline":                   {background, runtime.ExecOptions{Timeout: time.Second}, silent, runtime.ErrTimeout, 8 * time.Second, "[42]", true},
		"deadline, deaf":             {background, runtime.ExecOptions{Timeout: time.Second}, deaf, runtime.ErrTimeout, 16 * time.Second, "[42]", true},
		"write error":                {background, runtime.ExecOptions{Stdout: failing}, silent, io.ErrClosedPipe, 5 * time.Second, "[42]", false},
	} {
		p := play(t, c.ctx, c.opts, c.guest)
		if !errors.Is(p.err, c.want) || p.took != c.took || fmt.Sprint(p.rescued) != c.rescued || p.result.ExitCode != runtime.ExitTimeout || p.result.TimedOut != c.timedOut {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

// A guest that is gone after the deadline was killed for it.
func TestGuestGoneAfterDeadline(t *testing.T) {
	p := play(t, background, runtime.ExecOptions{Timeout: time.Second}, func(g *fakeGuest) {
		g.hello()
		_ = g.w.Write(wire.TypeStarted, nil)
		time.Sleep(3 * time.Second)
		g.toHost.Close()
	})
	if !errors.Is(p.err, runtime.ErrTimeout) || !p.result.TimedOut || fmt.Sprint(p.rescued) != "[42]" {
		t.Errorf("%+v", p)
	}
}

// Whoever writes slowly is not taken for a guest that does not answer.
func TestSlowWriter(t *testing.T) {
	var out bytes.Buffer
	slow := writerFunc(func(p []byte) (int, error) { time.Sleep(time.Minute); return out.Write(p) })
	p := play(t, background, runtime.ExecOptions{Timeout: time.Second, Stdout: slow}, func(g *fakeGuest) {
		g.hello()
		_ = g.w.Write(wire.TypeStarted, nil)
		_ = g.w.Write(wire.TypeStdout, []byte("x"))
		_ = g.w.WriteResult(wire.Result{Exit: 3})
	})
	if p.err != nil || p.result.ExitCode != 3 || out.String() != "x" || p.rescued != nil {
		t.Errorf("%+v", p)
	}
}

func TestInputUnderCredit(t *testing.T) {
	p := play(t, background, runtime.ExecOptions{Stdin: strings.NewReader("0123456789")}, func(g *fakeGuest) {
		g.hello()
		for _, step := range []struct {
			credit int
			data   string
		}{{4, "0123"}, {1, "4"}, {100, "56789"}} {
			_ = g.w.WriteCredit(step.credit)
			if typ, data := g.next(); typ != wire.TypeData || data != step.data {
				t.Errorf("type %d, %q; want %q", typ, data, step.data)
			}
		}
		if typ, _ := g.next(); typ != wire.TypeEOF {
			t.Errorf("type %d, want the end", typ)
		}
		_ = g.w.WriteResult(wire.Result{})
	})
	if p.err != nil {
		t.Error(p.err)
	}
}

// Without credit nothing is read, and a cancel still gets through.
func TestNoCredit(t *testing.T) {
	read := false
	input := readerFunc(func(p []byte) (int, error) { read = true; return len(p), nil })
	cancelled := func() context.Context {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		time.AfterFunc(time.Minute, cancel)
		return ctx
	}
	p := play(t, cancelled, runtime.ExecOptions{Stdin: input}, func(g *fakeGuest) {
		g.hello()
		if typ, _ := g.next(); typ != wire.TypeCancel {
			t.Errorf("type %d, want a cancel", typ)
		}
		_ = g.w.WriteResult(wire.Result{Exit: 124, Cancelled: true})
	})
	if !errors.Is(p.err, context.DeadlineExceeded) || p.result.ExitCode != runtime.ExitTimeout || read || p.rescued != nil {
		t.Errorf("%+v, read %v", p, read)
	}
}

// The command ended by itself although the context is done: what it did counts.
func TestResultBeforeCancel(t *testing.T) {
	cancelled := func() context.Context {
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(time.Second, cancel)
		return ctx
	}
	p := play(t, cancelled, runtime.ExecOptions{}, func(g *fakeGuest) {
		g.hello()
		g.next()
		_ = g.w.WriteResult(wire.Result{Exit: 5})
	})
	if p.err != nil || p.result.ExitCode != 5 {
		t.Errorf("%+v", p)
	}
}

func TestResizeNeedsTerminal(t *testing.T) {
	sizes := make(chan runtime.WindowSize, 1)
	sizes <- runtime.WindowSize{Rows: 1, Cols: 2}
	p := play(t, background, runtime.ExecOptions{Resize: sizes}, func(g *fakeGuest) {
		g.hello()
		_ = g.w.Write(wire.TypeStarted, nil)
		time.Sleep(time.Second)
		_ = g.w.WriteResult(wire.Result{})
	})
	if p.err != nil || len(sizes) != 1 {
		t.Errorf("%+v, %d sizes left", p, len(sizes))
	}
}

// Whatever a guest sends, Exec returns, and says so where it was no result.
func FuzzExec(f *testing.F) {
	var good bytes.Buffer
	w := wire.NewWriter(&good)
	_ = w.WriteHello(wire.Hello{Sandlot: wire.Version, PID: 42})
	_ = w.Write(wire.TypeStarted, nil)
	_ = w.WriteCredit(10)
	_ = w.Write(wire.TypeStdout, []byte("out"))
	_ = w.Write(wire.TypeStderr, []byte("err"))
	f.Add(good.Bytes())
	_ = w.WriteResult(wire.Result{Exit: 3})
	f.Add(good.Bytes())
	f.Add([]byte("OCI runtime exec failed"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		ch := &recorded{r: bytes.NewReader(stream)}
		result, err := Exec(context.Background(), ch, []string{"x"}, runtime.ExecOptions{Stdin: strings.NewReader("in")}, nil)
		var e *runtime.Error
		if err != nil && !errors.As(err, &e) {
			t.Errorf("%v is no *runtime.Error", err)
		}
		if err == nil && (result.ExitCode < 0 || result.ExitCode > 255) {
			t.Errorf("%+v", result)
		}
	})
}

type recorded struct{ r io.Reader }

func (c *recorded) Read(p []byte) (int, error)  { return c.r.Read(p) }
func (c *recorded) Write(p []byte) (int, error) { return len(p), nil }
func (c *recorded) CloseWrite() error           { return nil }
func (c *recorded) Close() error                { return nil }
