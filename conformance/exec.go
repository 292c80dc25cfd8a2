package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"sync"

	"github.com/sandlot-dev/sandlot/runtime"
)

// probePath is where the suite's program is in its image.
const probePath = "/probe"

// probeArgv is the command line that has the suite's program do something.
func probeArgv(args ...string) []string { return append([]string{probePath}, args...) }

// An Output is what became of an exec.
type Output struct {
	runtime.ExecResult
	Err            error
	Stdout, Stderr string
}

// Exec runs the probe in a sandbox and waits for it. Writers in opts that are nil are caught in the Output.
func (t *T) Exec(id string, opts runtime.ExecOptions, args ...string) Output {
	return t.ExecArgv(t.ctx, id, opts, probeArgv(args...))
}

// ExecArgv is Exec of any command line, with any context.
func (t *T) ExecArgv(ctx context.Context, id string, opts runtime.ExecOptions, argv []string) Output {
	t.Input("exec %q %s", argv, given(opts))
	return execOn(ctx, t.Runtime(), id, opts, argv)
}

func execOn(ctx context.Context, rt runtime.Runtime, id string, opts runtime.ExecOptions, argv []string) Output {
	var stdout, stderr lockedBuffer
	if opts.Stdout == nil {
		opts.Stdout = &stdout
	}
	if opts.Stderr == nil {
		opts.Stderr = &stderr
	}
	res, err := rt.Exec(ctx, id, argv, opts)
	return Output{ExecResult: res, Err: err, Stdout: stdout.String(), Stderr: stderr.String()}
}

// MustExec is Exec of a probe that must exit with 0. It returns its standard output.
func (t *T) MustExec(id string, opts runtime.ExecOptions, args ...string) string {
	out := t.Exec(id, opts, args...)
	if out.Err != nil || out.ExitCode != 0 {
		t.Fatalf("exec\n  got:   code %d, error %v, stderr %q\n  want:  code 0", out.ExitCode, out.Err, out.Stderr)
	}
	return out.Stdout
}

// answerOf is MustExec of a probe that answers in JSON.
func answerOf[A any](t *T, id string, opts runtime.ExecOptions, args ...string) A {
	var a A
	stdout := t.MustExec(id, opts, args...)
	if err := json.Unmarshal([]byte(stdout), &a); err != nil {
		t.Fatalf("the probe's answer\n  got:   %s\n  want:  JSON: %v", show(stdout), err)
	}
	return a
}

// A Process is an exec under way.
type Process struct {
	t      *T
	argv   []string
	cancel context.CancelFunc
	done   chan struct{}
	out    Output
	// Stdout and Stderr hold the output so far.
	Stdout, Stderr *Watch
}

// Start runs the probe in a sandbox and does not wait for it. After the case it is cancelled and waited for.
func (t *T) Start(id string, opts runtime.ExecOptions, args ...string) *Process {
	return t.StartOn(t.Runtime(), id, opts, args...)
}

// StartOn is Start on another Runtime.
func (t *T) StartOn(rt runtime.Runtime, id string, opts runtime.ExecOptions, args ...string) *Process {
	ctx, cancel := context.WithCancel(t.ctx)
	p := &Process{
		t: t, argv: probeArgv(args...), cancel: cancel, done: make(chan struct{}),
		Stdout: newWatch(), Stderr: newWatch(),
	}
	t.Input("exec %q %s", p.argv, given(opts))
	opts.Stdout, opts.Stderr = p.Stdout, p.Stderr
	go func() {
		defer close(p.done)
		res, err := rt.Exec(ctx, id, p.argv, opts)
		p.out = Output{ExecResult: res, Err: err, Stdout: p.Stdout.String(), Stderr: p.Stderr.String()}
	}()
	t.Cleanup(func(ctx context.Context) error {
		cancel()
		select {
		case <-p.done:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("exec %q goes on although its context is cancelled", p.argv)
		}
	})
	return p
}

// Cancel ends the exec's context.
func (p *Process) Cancel() { p.cancel() }

// Await waits until the standard output holds text. When the exec ends before, the case ends.
func (p *Process) Await(text string) {
	select {
	case <-p.Stdout.Seen(text):
		return
	case <-p.done:
		if strings.Contains(p.out.Stdout, text) {
			return
		}
		p.t.Fatalf("exec %q\n  got:   ended before its output held %q: code %d, error %v, stdout %s, stderr %s",
			p.argv, text, p.out.ExitCode, p.out.Err, show(p.out.Stdout), show(p.out.Stderr))
	case <-p.t.ctx.Done():
		p.t.Fatalf("exec %q\n  got:   stdout %s when the watchdog's patience ended\n  want:  %q in it", p.argv, show(p.Stdout.String()), text)
	}
}

// Ready waits until the probe says that it stands.
func (p *Process) Ready() *Process { p.Await("ready\n"); return p }

// Wait waits for the exec. When it goes on until the watchdog's patience ends, the case ends.
func (p *Process) Wait() Output {
	select {
	case <-p.done:
		return p.out
	case <-p.t.ctx.Done():
	}
	p.t.Fatalf("exec %q\n  got:   still under way when the watchdog's patience ended, stdout %s\n  want:  its end",
		p.argv, show(p.Stdout.String()))
	return Output{}
}

// Done is closed when the exec has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// A lockedBuffer is a bytes.Buffer for two streams at once.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// A Watch is a writer that keeps what is written and tells when it holds a text. Use newWatch.
type Watch struct {
	mu    sync.Mutex
	buf   []byte
	waits map[string]chan struct{}
}

// newWatch returns an empty Watch.
func newWatch() *Watch { return &Watch{waits: map[string]chan struct{}{}} }

func (w *Watch) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.buf = append(w.buf, p...)
	for text, ch := range w.waits {
		if bytes.Contains(w.buf, []byte(text)) {
			close(ch)
			delete(w.waits, text)
		}
	}
	return len(p), nil
}

// String is all that was written so far.
func (w *Watch) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return string(w.buf)
}

// Seen is closed when what was written holds text.
func (w *Watch) Seen(text string) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ch, ok := w.waits[text]; ok {
		return ch
	}
	ch := make(chan struct{})
	if bytes.Contains(w.buf, []byte(text)) {
		close(ch)
	} else {
		w.waits[text] = ch
	}
	return ch
}

var _ io.Writer = (*Watch)(nil)

// given prints the options that are set.
func given(opts any) string {
	v := reflect.ValueOf(opts)
	var out []string
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() != reflect.Interface && f.Kind() != reflect.Chan && !f.IsZero() {
			out = append(out, fmt.Sprintf("%s=%v", v.Type().Field(i).Name, f.Interface()))
		}
	}
	return "{" + strings.Join(out, " ") + "}"
}
