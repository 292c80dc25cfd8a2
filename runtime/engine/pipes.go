package engine

import (
	"encoding/binary"
	"io"
	"sync"
)

// NewPipes makes a Stream of a process whose three standard streams are separate, as an engine's are that is no server. execID is for
// API.ExecState. The Stream owns all three.
func NewPipes(stdin io.WriteCloser, stdout, stderr io.ReadCloser, execID string) *Stream {
	r, w := io.Pipe()
	var both sync.WaitGroup
	var mu sync.Mutex
	for kind, output := range map[byte]io.ReadCloser{1: stdout, 2: stderr} {
		both.Go(func() {
			_, _ = io.Copy(&framer{w: w, mu: &mu, kind: kind}, output) // an output that cannot be read has ended
			output.Close()
		})
	}
	go func() {
		both.Wait()
		w.Close()
	}()
	return &Stream{ExecID: execID, conn: &pipes{WriteCloser: stdin, rest: []io.Closer{r, stdout, stderr}}, r: r}
}

// A framer writes an output as Stream reads it.
type framer struct {
	w    io.Writer
	mu   *sync.Mutex // a frame is not torn apart
	kind byte
}

func (f *framer) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	header := [8]byte{f.kind}
	binary.BigEndian.PutUint32(header[4:], uint32(len(p)))
	if _, err := f.w.Write(header[:]); err != nil {
		return 0, err
	}
	return f.w.Write(p)
}

// pipes are what a Stream of pipes has in place of a connection.
type pipes struct {
	io.WriteCloser
	rest []io.Closer // what to close besides: it unblocks whoever reads, and what forwards the outputs
}

func (p *pipes) CloseWrite() error { return p.WriteCloser.Close() }

func (p *pipes) Close() error {
	for _, c := range p.rest {
		c.Close()
	}
	p.WriteCloser.Close() // CloseWrite may have been before
	return nil
}
