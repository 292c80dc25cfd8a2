//go:build linux

package supervise

import (
	"sync"
	"time"

	"github.com/sandlot-dev/sandlot/guest/wire"
)

// outputTypes are a command's outputs, in the order in which they are counted.
var outputTypes = [2]wire.Type{wire.TypeStdout, wire.TypeStderr}

// outputs keep what a command writes, within bounds, for whoever asks. They never let the command wait.
type outputs struct {
	mu     sync.Mutex
	change *sync.Cond
	tapes  [2]tape
	ended  bool
}

func newOutputs() *outputs {
	o := &outputs{}
	o.change = sync.NewCond(&o.mu)
	return o
}

// Write implements sink.
func (o *outputs) Write(typ wire.Type, data []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i, t := range outputTypes {
		if t == typ {
			o.tapes[i].write(data)
		}
	}
	o.change.Broadcast()
	return nil
}

// Defer implements sink. Whether the command has started is asked of its leader.
func (o *outputs) Defer(wire.Type, time.Duration) {}

// end says that nothing more comes.
func (o *outputs) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = true
	o.change.Broadcast()
}

// wake has everybody who waits look again.
func (o *outputs) wake() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.change.Broadcast()
}

// send sends what is asked for until its end, or with OpLook what there is now, or until over is closed and the outputs are woken. It says how far it
// came.
func (o *outputs) send(w *wire.Writer, request *wire.ProcessRequest, over <-chan struct{}) (at [2]int64) {
	at = request.From
	until := o.written()
	var buf []byte
	for {
		o.mu.Lock()
		i := o.next(request, at)
		for ; i < 0 && request.Op == wire.OpWait && !o.ended && !isOver(over); i = o.next(request, at) {
			o.change.Wait()
		}
		if request.Op != wire.OpWait && i >= 0 && at[i] >= until[i] { // it is written faster than it is sent
			i = 1 - i
			if request.Quiet[i] || at[i] >= until[i] {
				i = -1
			}
		}
		if i < 0 || isOver(over) {
			for i, quiet := range request.Quiet {
				if quiet {
					at[i] = o.tapes[i].total
				}
			}
			o.mu.Unlock()
			return at
		}
		if buf == nil {
			buf = make([]byte, 32<<10)
		}
		n, skipped := o.tapes[i].read(at[i], buf)
		o.mu.Unlock()
		if skipped > 0 && w.WriteSkipped(outputTypes[i], skipped) != nil || w.Write(outputTypes[i], buf[:n]) != nil {
			return at
		}
		at[i] += skipped + int64(n)
	}
}

// next is the output of which something is to be sent, or -1. The lock is held.
func (o *outputs) next(request *wire.ProcessRequest, at [2]int64) int {
	for i := range o.tapes {
		if !request.Quiet[i] && o.tapes[i].total > at[i] {
			return i
		}
	}
	return -1
}

// written is how much of each there was so far.
func (o *outputs) written() (n [2]int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range o.tapes {
		n[i] = o.tapes[i].total
	}
	return n
}

func isOver(over <-chan struct{}) bool {
	select {
	case <-over:
		return true
	default:
		return false
	}
}

// A tape keeps the beginning and the end of what is written to it.
type tape struct {
	head, tail []byte
	next       int // where the oldest byte of tail is, once it is full
	total      int64
}

func (t *tape) write(p []byte) {
	t.total += int64(len(p))
	n := min(len(p), wire.KeepHead-len(t.head))
	t.head = append(t.head, p[:n]...)
	if p = p[n:]; len(p) > wire.KeepTail {
		p = p[len(p)-wire.KeepTail:]
	}
	n = min(len(p), wire.KeepTail-len(t.tail))
	t.tail = append(t.tail, p[:n]...)
	for p = p[n:]; len(p) > 0; p = p[n:] {
		n = copy(t.tail[t.next:], p)
		t.next = (t.next + n) % wire.KeepTail
	}
}

// read copies what is kept from a place on, and says how much before that is not kept any more.
func (t *tape) read(at int64, p []byte) (n int, skipped int64) {
	if at < int64(len(t.head)) {
		return copy(p, t.head[at:]), 0
	}
	oldest := t.total - int64(len(t.tail))
	if at < oldest {
		skipped, at = oldest-at, oldest
	}
	i := int(at - oldest)
	if rest := t.tail[t.next:]; i < len(rest) {
		return copy(p, rest[i:]), skipped
	} else {
		i -= len(rest)
	}
	return copy(p, t.tail[i:t.next]), skipped
}
