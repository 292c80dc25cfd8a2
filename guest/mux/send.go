package mux

import (
	"encoding/binary"
	"sync"
	"time"
)

const (
	// maxQueued is where streams wait before they queue more data.
	maxQueued = 128 << 10
	// keepQueue is how large an empty queue's memory may stay.
	keepQueue = 4 << 10
	// tooMuch is what no end has to send that keeps the rules to one that keeps them.
	tooMuch = 512 << 10
)

// A queue is what is to be sent, frames one behind the other. Data are bounded by maxQueued. Of all other types a stream can have but a
// few frames in it, and there are so many streams.
type queue struct {
	buf     []byte
	spare   []byte    // for what is queued while buf is written
	large   sync.Pool // of memory for data, which an empty queue gives back
	writing bool      // some of it is being written
	failed  bool      // writing failed
	ponged  bool      // a pong is in buf
	waiting []*Stream
	change  sync.Cond
}

func (q *queue) idle() bool { return len(q.buf) == 0 && !q.writing || q.failed }

func (q *queue) full() bool { return len(q.buf) >= maxQueued }

// grow makes room, small or large.
func (q *queue) grow(need int) {
	if need <= keepQueue {
		q.buf = append(make([]byte, 0, keepQueue), q.buf...)
		return
	}
	large, ok := q.large.Get().(*[]byte)
	if !ok {
		memory := make([]byte, 0, maxQueued+largeChunk+keepQueue)
		large = &memory
	}
	q.buf = append((*large)[:0], q.buf...)
}

// shrink gives back what an empty queue does not need.
func (q *queue) shrink() {
	for _, b := range []*[]byte{&q.buf, &q.spare} {
		if large := (*b)[:0]; cap(large) > keepQueue {
			q.large.Put(&large)
			*b = nil
		}
	}
}

// emit queues a frame. The lock is held.
func (s *Session) emit(typ byte, id uint32, payload []byte) {
	q := &s.out
	if q.failed || s.err != nil {
		return // the end is near
	}
	if len(q.buf) > tooMuch {
		s.end(broken("it makes answers necessary and takes none"))
		go s.carrier.Close()
		return
	}
	if len(q.buf) == 0 {
		q.change.Broadcast()
	}
	if need := len(q.buf) + headerSize + len(payload); need > cap(q.buf) && cap(q.buf) <= keepQueue {
		q.grow(need)
	}
	q.buf = appendHeader(q.buf, header{typ, len(payload), id})
	q.buf = append(q.buf, payload...)
}

func (s *Session) emitCredit(id uint32, n int) {
	var payload [4]byte
	binary.BigEndian.PutUint32(payload[:], uint32(n))
	s.emit(typeCredit, id, payload[:])
}

// send writes the queue to the carrier, until the session ends.
func (s *Session) send() {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := &s.out
	for {
		for len(q.buf) == 0 && s.err == nil {
			q.change.Wait()
		}
		if s.err != nil {
			return
		}
		frames := q.buf
		q.buf, q.spare, q.writing, q.ponged = q.spare[:0], nil, true, false
		for _, st := range q.waiting {
			st.queued = false
			st.writable.Broadcast()
		}
		clear(q.waiting)
		q.waiting = q.waiting[:0]
		s.mu.Unlock()
		_, err := s.carrier.Write(frames)
		s.mu.Lock()
		q.writing = false
		if err != nil && s.err == nil {
			// What the other end still had to say, perhaps goodbye, is there to be read.
			q.failed = true
			time.AfterFunc(closeGrace, func() { s.fail(lost(err)) })
			q.change.Broadcast()
			return
		}
		if q.spare = frames; len(q.buf) == 0 {
			q.shrink()
		}
		if s.leaving && q.idle() {
			q.change.Broadcast()
		}
	}
}
