//go:build linux

package supervise

import (
	"io"
	"sync"

	"github.com/sandlot-dev/sandlot/guest/wire"
)

// How much data the host may send ahead of who reads it: much of an archive, which has a long way to come and is always wanted.
const (
	inputWindow   = 256 << 10
	archiveWindow = 1 << 20
)

// An inbox holds data from the host until it is read. The host sends no more than it was allowed to, so nothing waits on the way in.
type inbox struct {
	w *wire.Writer

	allowing sync.Mutex // held while the host is told

	mu     sync.Mutex
	change *sync.Cond
	over   bool   // nothing more is wanted
	window int    // how much the host may send ahead; 0: nothing
	ring   []byte // made when the first data comes
	start  int
	length int
	spent  int   // read, and not yet allowed anew
	err    error // at the end of what is there: io.EOF, or io.ErrUnexpectedEOF
}

func newInbox(w *wire.Writer) *inbox {
	b := &inbox{w: w}
	b.change = sync.NewCond(&b.mu)
	return b
}

// open allows the host to send.
func (b *inbox) open(window int) error {
	b.mu.Lock()
	b.window = window
	b.mu.Unlock()
	return b.allow(window)
}

// allow lets the host send more, unless nothing more is wanted: the host would take it for the next request's.
func (b *inbox) allow(n int) error {
	b.allowing.Lock()
	defer b.allowing.Unlock()
	b.mu.Lock()
	over := b.over
	b.mu.Unlock()
	if over {
		return io.ErrClosedPipe
	}
	return b.w.WriteCredit(n)
}

// close aborts, and returns when the host is allowed nothing more.
func (b *inbox) close() {
	b.abort()
	b.allowing.Lock() // whoever is about to allow something
	defer b.allowing.Unlock()
}

// put takes what the host sent. False: it was more than allowed, or after the end. What comes when nothing more is wanted was sent before the host knew.
func (b *inbox) put(data []byte) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over {
		return true
	}
	if b.length+b.spent+len(data) > b.window || b.err != nil {
		return false
	}
	if b.ring == nil {
		b.ring = make([]byte, b.window)
	}
	end := (b.start + b.length) % b.window
	n := copy(b.ring[end:], data)
	copy(b.ring, data[n:])
	b.length += len(data)
	b.change.Signal()
	return true
}

// end says that no more comes, abort that the data is cut off, or not wanted any more.
func (b *inbox) end()   { b.finish(io.EOF, false) }
func (b *inbox) abort() { b.finish(io.ErrUnexpectedEOF, true) }

func (b *inbox) finish(err error, over bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.err = err
	}
	b.over = b.over || over
	b.change.Broadcast()
}

// Read waits for data. For one reader.
func (b *inbox) Read(p []byte) (int, error) {
	n, credit, err := b.take(p)
	if credit > 0 {
		_ = b.allow(credit) // that nobody is there shows elsewhere
	}
	return n, err
}

func (b *inbox) take(p []byte) (n, credit int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.length == 0 && b.err == nil {
		b.change.Wait()
	}
	if b.length == 0 {
		return 0, 0, b.err
	}
	n = copy(p, b.ring[b.start:min(b.start+b.length, b.window)])
	b.start = (b.start + n) % b.window
	b.length -= n
	b.spent += n
	if b.spent >= b.window/4 {
		credit, b.spent = b.spent, 0
	}
	return n, credit, nil
}
