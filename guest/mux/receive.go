package mux

import (
	"bufio"
	"encoding/binary"
	"io"
)

// readAhead is the size of the buffer between the carrier and the streams: frames that fit are read several at once, larger ones past it.
const readAhead = 16 << 10

// receive takes the other end's frames until something is wrong, and says what.
func (s *Session) receive() error {
	r := bufio.NewReaderSize(s.carrier, readAhead)
	for {
		b, err := r.Peek(headerSize)
		if err != nil {
			return s.ending(len(b), err)
		}
		h := parseHeader(b)
		if err := h.check(); err != nil {
			return err
		}
		_, _ = r.Discard(headerSize)
		if h.typ == typeData {
			err = s.receiveData(r, h)
		} else {
			var payload []byte
			if payload, err = r.Peek(h.length); err != nil {
				return s.ending(headerSize, err)
			}
			err = s.handle(h, payload)
			_, _ = r.Discard(h.length)
		}
		if err != nil {
			return err
		}
	}
}

// ending is what the carrier's end means, when some bytes of a frame have come.
func (s *Session) ending(some int, err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.peerGone && some == 0 {
		return ErrGone
	}
	return lost(eof(err))
}

// handle takes a frame that is no data.
func (s *Session) handle(h header, payload []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	switch h.typ {
	case typePing:
		if s.out.ponged {
			return broken("a ping before the last was answered")
		}
		s.emit(typePong, 0, nil)
		s.out.ponged = true
		return nil
	case typePong:
		if s.pong == nil {
			return broken("an answer to no ping")
		}
		close(s.pong)
		s.pong = nil
		<-s.ping
		return nil
	case typeGoAway:
		s.peerGone = true
		return nil
	case typeOpen:
		return s.opened(h.id)
	}
	st := s.streams[h.id]
	if st == nil {
		// A stream's end may cross with what this end had yet to say of it.
		if (h.typ == typeClose || h.typ == typeCredit) && s.wasOpen(h.id) {
			return nil
		}
		return broken("a frame of type " + decimal(int(h.typ)) + " for a stream that is not open")
	}
	switch h.typ {
	case typeEOF:
		if st.gotEnd {
			return broken("the end of a stream that has ended")
		}
		st.gotEnd, st.eof = true, true
		st.readable.Broadcast()
		st.settle()
	case typeClose:
		st.peerClosed(payload[0])
	case typeCredit:
		n := int64(binary.BigEndian.Uint32(payload))
		if n == 0 || int64(st.credit)+n > int64(s.peer.window) {
			return broken("no credit, or more than a window")
		}
		st.credit += int(n)
		st.writable.Broadcast()
	}
	return nil
}

func (s *Session) ours(id uint32) bool { return id%2 == 1 == s.client }

func (s *Session) wasOpen(id uint32) bool {
	if s.ours(id) {
		return id <= s.lastOurs
	}
	return id <= s.lastPeer
}

// opened takes a new stream of the other end's.
func (s *Session) opened(id uint32) error {
	if s.ours(id) || id <= s.lastPeer {
		return broken("a stream with number " + decimal(int(id)))
	}
	// The other end counts, too, and frees a stream's place no sooner than this one.
	if s.client || len(s.streams) >= MaxStreams {
		return broken("more streams than allowed")
	}
	s.lastPeer = id
	st := s.newStream(id)
	if s.leaving || s.accepted >= MaxStreams {
		st.shut(codeRefused)
		return nil
	}
	st.held = true
	s.accepted++
	s.backlog = append(s.backlog, st)
	s.arrival.Signal()
	return nil
}

// receiveData takes a data frame's payload.
func (s *Session) receiveData(r *bufio.Reader, h header) error {
	s.mu.Lock()
	st := s.streams[h.id]
	var err error
	switch {
	case s.err != nil:
		err = s.err
	case st == nil:
		err = broken("data for a stream that is not open")
	case st.gotEnd:
		err = broken("data behind the end of a stream")
	case h.length > st.window:
		err = broken("data without credit")
	default:
		st.window -= h.length
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}

	if h.length <= r.Buffered() {
		payload, _ := r.Peek(h.length)
		s.mu.Lock()
		if st.wants() {
			st.in.write(&s.chunks, payload)
			st.readable.Signal()
		}
		s.mu.Unlock()
		_, _ = r.Discard(h.length)
		return nil
	}
	chunk := s.chunks.get(h.length)[:h.length]
	if _, err := io.ReadFull(r, chunk); err != nil {
		return s.ending(headerSize, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if st.wants() {
		st.in.take(&s.chunks, chunk)
		st.readable.Signal()
	} else {
		s.chunks.put(chunk)
	}
	return nil
}
