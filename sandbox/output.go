package sandbox

import (
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/sandlot-dev/sandlot/runtime"
)

// DefaultOutputLimit is how many bytes of an output are kept when no limit is given: 1 MiB.
const DefaultOutputLimit = 1 << 20

// An Output is the result of a command with what it wrote.
type Output struct {
	runtime.ExecResult
	// Stdout and Stderr are what the command wrote, each within the sandbox's output limit (Options.OutputLimit): of a longer one the first half
	// of as many bytes and the last, with a line between that says how many were left out, "[... 5 bytes left out ...]". With
	// ExecOptions.TTY all is in Stdout.
	Stdout, Stderr []byte
	// StdoutCut and StderrCut are how many bytes were left out.
	StdoutCut, StderrCut int64
}

// Output is [Sandbox.Exec] with both outputs kept, so that a command that never stops writing costs no more memory than twice the limit of each. For
// another limit than the sandbox's, give Exec a [Buffer] for each output. opts.Stdout and opts.Stderr, where set, get everything as well. After a timeout or a
// cancelled ctx the Output holds what was written until then.
func (s *Sandbox) Output(ctx context.Context, argv []string, opts runtime.ExecOptions) (Output, error) {
	stdout, stderr := Buffer{Limit: s.limit}, Buffer{Limit: s.limit}
	opts.Stdout, opts.Stderr = both(&stdout, opts.Stdout), both(&stderr, opts.Stderr)
	result, err := s.Exec(ctx, argv, opts)
	return Output{
		ExecResult: result,
		Stdout:     stdout.Bytes(), StdoutCut: stdout.Cut(),
		Stderr: stderr.Bytes(), StderrCut: stderr.Cut(),
	}, err
}

// ShellOutput is [Sandbox.Shell] with both outputs kept, as [Sandbox.Output] keeps them.
func (s *Sandbox) ShellOutput(ctx context.Context, line string, opts runtime.ExecOptions) (Output, error) {
	argv, err := s.ShellArgv(ctx, line)
	if err != nil {
		return Output{ExecResult: runtime.ExecResult{ExitCode: -1}}, err
	}
	return s.Output(ctx, argv, opts)
}

func both(kept *Buffer, given io.Writer) io.Writer {
	if given == nil {
		return kept
	}
	return io.MultiWriter(kept, given)
}

// A Buffer keeps the head and the tail of what is written to it, and counts what is between them. It never fails. The zero value is ready
// for use. Its methods may be called at the same time.
type Buffer struct {
	// Limit is how many bytes are kept, besides the line that says how many are not. 0: DefaultOutputLimit. It must not change after the first Write.
	Limit int

	mu   sync.Mutex
	head []byte
	tail []byte // a ring once it is full
	next int    // where the ring's oldest byte is
	cut  int64
}

// Write keeps p as far as the limit lets it. It always returns len(p), nil.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	written := len(p)
	limit := b.Limit
	if limit <= 0 {
		limit = DefaultOutputLimit
	}
	headRoom := limit - limit/2
	n := min(len(p), headRoom-len(b.head))
	b.head = append(b.head, p[:n]...)
	p = p[n:]

	room := limit / 2
	if len(p) > room { // only the end of it can stay
		b.cut += int64(len(p) - room)
		p = p[len(p)-room:]
	}
	n = min(len(p), room-len(b.tail))
	b.tail = append(b.tail, p[:n]...)
	p = p[n:]
	b.cut += int64(len(p))
	for len(p) > 0 {
		n := copy(b.tail[b.next:], p)
		p = p[n:]
		b.next = (b.next + n) % room
	}
	return written, nil
}

// Cut is how many bytes were left out.
func (b *Buffer) Cut() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.cut
}

// Bytes is a copy of what is kept: all that was written, or the head, a line that says how many bytes are left out, and the tail.
func (b *Buffer) Bytes() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := append([]byte(nil), b.head...)
	if b.cut > 0 {
		out = fmt.Appendf(out, "\n[... %d bytes left out ...]\n", b.cut)
	}
	out = append(out, b.tail[b.next:]...)
	return append(out, b.tail[:b.next]...)
}

// String is Bytes as a string.
func (b *Buffer) String() string { return string(b.Bytes()) }
