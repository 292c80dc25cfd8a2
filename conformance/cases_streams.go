package conformance

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing/iotest"

	"github.com/sandlot-dev/sandlot/conformance/internal/answer"
	"github.com/sandlot-dev/sandlot/runtime"
)

func streamCases() []Case {
	return []Case{
		{
			ID: "exec/stdin/eof", Contract: contractExecOptions + ".Stdin",
			Rule: "The end of Stdin closes the command's standard input.",
			Run: func(t *T) {
				got := answerOf[answer.Sum](t, t.Sandbox(), runtime.ExecOptions{Stdin: strings.NewReader("hello")}, "sum")
				t.Equal("what the command read", got, sumOf(strings.NewReader("hello")))
			},
		},
		{
			ID: "exec/stdin/none", Contract: contractExecOptions + ".Stdin",
			Rule: "Without Stdin a command's standard input is empty.",
			Run: func(t *T) {
				got := answerOf[answer.Sum](t, t.Sandbox(), runtime.ExecOptions{}, "sum")
				t.Equal("what the command read", got.Bytes, int64(0))
			},
		},
		{
			ID: "exec/stdin/large", Contract: contractExecOptions + ".Stdin",
			Rule: "Stdin is copied to the command until EOF, all of it.",
			Run: func(t *T) {
				const n = 16 << 20
				got := answerOf[answer.Sum](t, t.Sandbox(), runtime.ExecOptions{Stdin: answer.Noise(n)}, "sum")
				t.Equal("what the command read", got, sumOf(answer.Noise(n)))
			},
		},
		{
			ID: "exec/stdin/binary", Contract: contractExecOptions + ".Stdin",
			Rule: "Every byte passes as it is, also those that engines take for detach keys, one at a time.",
			Run: func(t *T) {
				all := make([]byte, 0, 300)
				for b := range 256 {
					all = append(all, byte(b))
				}
				all = append(all, 0x10, 0x11, 0x10, 0x11, 'x') // ctrl-p, ctrl-q
				in := iotest.OneByteReader(bytes.NewReader(all))
				out := t.MustExec(t.Sandbox(), runtime.ExecOptions{Stdin: in}, "cat")
				t.Equal("what came back", []byte(out), all)
			},
		},
		{
			ID: "exec/stdin/unread", Contract: contractExecOptions + ".Stdin",
			Rule: "A command that does not read its input, or has exited, is no error.",
			Run: func(t *T) {
				id := t.Sandbox()
				out := t.Exec(id, runtime.ExecOptions{Stdin: answer.Noise(4 << 20)}, "exit", "3")
				t.Equal("the error", out.Err, nil)
				t.Equal("the result", out.ExecResult, runtime.ExecResult{ExitCode: 3})
				endless := io.MultiReader(strings.NewReader("line\n"), answer.Noise(1<<40))
				t.Equal("the output", t.MustExec(id, runtime.ExecOptions{Stdin: endless}, "first"), "line\n")
			},
		},
		{
			ID: "exec/stdin/blocked-reader", Contract: contractExec,
			Rule: "A Stdin that gives nothing does not keep an exec from its end, and is not read again after it.",
			Run: func(t *T) {
				r, w := io.Pipe()
				defer w.Close()
				counted := &countingReader{r: r}
				id := t.Sandbox()
				out := t.Exec(id, runtime.ExecOptions{Stdin: counted}, "exit", "0")
				reads := counted.count()
				t.Equal("the error", out.Err, nil)
				if reads > 0 { // one that was blocked, and may finish now
					_, err := io.WriteString(w, "late")
					t.NoError("writing to the reader", err)
				}
				t.MustExec(id, runtime.ExecOptions{}, "exit", "0") // by when another Read would have come
				t.Equal("Reads of Stdin after Exec returned", counted.count()-reads, 0)
			},
		},
		{
			ID: "exec/streams/separate", Contract: contractExecOptions + ".Stdout",
			Rule: "Standard output and standard error are separate.",
			Run: func(t *T) {
				out := t.Exec(t.Sandbox(), runtime.ExecOptions{}, "say", "to out", "to err")
				t.Equal("the output", out, Output{Stdout: "to out", Stderr: "to err"})
			},
		},
		{
			ID: "exec/streams/one-writer", Contract: contractExecOptions + ".Stdout",
			Rule: "The same writer may serve as both, and is written by one goroutine at a time.",
			Run: func(t *T) {
				const n = 2000
				w := &soleWriter{}
				t.MustExec(t.Sandbox(), runtime.ExecOptions{Stdout: w, Stderr: w}, "both", fmt.Sprint(n))
				t.Equal("Writes at the same time", w.overlaps, 0)
				t.Equal("lines of standard output", strings.Count(w.buf.String(), "out "), n)
				t.Equal("lines of standard error", strings.Count(w.buf.String(), "err "), n)
			},
		},
		{
			ID: "exec/streams/discarded", Contract: contractExecOptions + ".Stdout",
			Rule: "A nil writer discards, however much there is.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.Input("exec output 4 MiB, no writers")
				res, err := t.Runtime().Exec(t.ctx, id, probeArgv("output", fmt.Sprint(4<<20)), runtime.ExecOptions{})
				t.Equal("the error", err, nil)
				t.Equal("the result", res, runtime.ExecResult{})
			},
		},
		{
			ID: "exec/streams/as-they-come", Contract: contractExecOptions + ".Stdout",
			Rule: "Output arrives as it comes, and input is taken meanwhile.",
			Run: func(t *T) {
				r, w := io.Pipe()
				p := t.Start(t.Sandbox(), runtime.ExecOptions{Stdin: r}, "cat")
				for _, word := range []string{"one", "two"} {
					_, err := io.WriteString(w, word)
					t.NoError("writing to the command", err)
					p.Await(word) // comes only where nothing waits for the end
				}
				t.NoError("closing", w.Close())
				out := p.Wait()
				t.Equal("the error", out.Err, nil)
				t.Equal("the output", out.Stdout, "onetwo")
			},
		},
		{
			ID: "exec/streams/64-mib", Contract: contractExecOptions + ".Stdout",
			Rule: "All output arrives, in order: 64 MiB on standard output and 8 on standard error.",
			Run: func(t *T) {
				id := t.Sandbox()
				for stream, n := range map[string]int64{"stdout": 64 << 20, "stderr": 8 << 20} {
					got := newSummer()
					opts := runtime.ExecOptions{Stdout: got}
					if stream == "stderr" {
						opts = runtime.ExecOptions{Stderr: got}
					}
					t.MustExec(id, opts, "output", fmt.Sprint(n), stream)
					t.Equal(stream, got.sum(), sumOf(answer.Noise(n)))
				}
			},
		},
		{
			ID: "exec/streams/write-error", Contract: contractExec,
			Rule: "A write error ends the exec like a cancelled ctx and is returned.",
			Run: func(t *T) {
				id := t.Sandbox()
				full := errors.New("the writer is full")
				out := t.Exec(id, runtime.ExecOptions{Stdout: failingWriter{full}}, "tree", t.token, "child", "daemon")
				t.ErrorIs("exec", out.Err, full)
				t.Equal("the exit code", out.ExitCode, runtime.ExitTimeout)
				t.Gone(id, t.token)
			},
		},
		{
			ID: "exec/background/goes-on", Contract: contractExec,
			Rule: "An exec is complete when its leader exits, and what it left running goes on.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{})
				for _, kind := range []string{"child", "setsid", "daemon"} {
					mark := t.token + kind
					out := t.Exec(id, runtime.ExecOptions{}, "leave", mark, kind, "7")
					t.Equal("the error", out.Err, nil)
					t.Equal("the result", out.ExecResult, runtime.ExecResult{ExitCode: 7})
					t.Equal("how many processes are left", len(t.Alive(id, mark)), 1)
				}
			},
		},
		{
			ID: "exec/background/holds-output", Contract: contractExec,
			Rule: "A background child that holds the output does not keep an exec from its end; OutputHeld tells, and the child goes on.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{})
				out := t.Exec(id, runtime.ExecOptions{}, "leave", t.token, "holds", "7")
				t.Equal("the error", out.Err, nil)
				t.Equal("the result", out.ExecResult, runtime.ExecResult{ExitCode: 7, OutputHeld: true})
				t.Equal("the output", out.Stdout, "ready\n")
				t.Equal("how many processes are left", len(t.Alive(id, t.token)), 1)
			},
		},
		{
			ID: "exec/background/writes-on", Contract: contractExec,
			Rule: "Exec does not write to a writer after it has returned, though a background child goes on writing.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{})
				w := &closedWriter{}
				out := t.Exec(id, runtime.ExecOptions{Stdout: w}, "leave", t.token, "flood")
				w.close()
				t.Equal("the error", out.Err, nil)
				t.Equal("how many processes are left", len(t.Alive(id, t.token)), 1) // by when it has written more
				t.Equal("Writes after Exec returned", w.lateWrites(), 0)
			},
		},
	}
}

func sumOf(r io.Reader) answer.Sum {
	s := newSummer()
	_, _ = io.Copy(s, r) // neither side fails
	return s.sum()
}

// A summer is a writer that keeps length and hash.
type summer struct {
	h interface {
		io.Writer
		Sum([]byte) []byte
	}
	n int64
}

func newSummer() *summer { return &summer{h: sha256.New()} }

func (s *summer) Write(p []byte) (int, error) {
	s.n += int64(len(p))
	return s.h.Write(p)
}

func (s *summer) sum() answer.Sum {
	return answer.Sum{Bytes: s.n, SHA256: hex.EncodeToString(s.h.Sum(nil))}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

// A soleWriter counts Writes that overlap.
type soleWriter struct {
	busy     sync.Mutex
	buf      bytes.Buffer
	overlaps int
}

func (w *soleWriter) Write(p []byte) (int, error) {
	if !w.busy.TryLock() {
		w.busy.Lock()
		w.overlaps++
	}
	defer w.busy.Unlock()
	return w.buf.Write(p)
}

// A closedWriter counts Writes after close.
type closedWriter struct {
	mu     sync.Mutex
	closed bool
	late   int
}

func (w *closedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		w.late++
	}
	return len(p), nil
}

func (w *closedWriter) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
}

func (w *closedWriter) lateWrites() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.late
}

// A countingReader counts Reads.
type countingReader struct {
	r  io.Reader
	mu sync.Mutex
	n  int
}

func (r *countingReader) Read(p []byte) (int, error) {
	r.mu.Lock()
	r.n++
	r.mu.Unlock()
	return r.r.Read(p)
}

func (r *countingReader) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.n
}
