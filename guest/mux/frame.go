package mux

import (
	"encoding/binary"
	"strconv"
)

const headerSize = 8

// The types of frames. Each says its payload.
const (
	typeOpen   = 1 + iota // none: a new stream
	typeData              // 1 byte at least
	typeEOF               // none: no data follow
	typeClose             // 1 byte, a code: no data follow, and none are wanted
	typeCredit            // 4 bytes, big endian: how much more of a stream may be sent
	typePing              // none; stream 0
	typePong              // none; stream 0
	typeGoAway            // none; stream 0: the session ends
)

// The codes of typeClose.
const (
	codeClosed  = iota // what was sent before counts
	codeReset          // what was sent before does not count
	codeRefused        // the stream was not taken
	codeAborted        // what was sent before counts, and is not all
)

type header struct {
	typ    byte
	length int
	id     uint32
}

func parseHeader(b []byte) header {
	first := binary.BigEndian.Uint32(b)
	return header{byte(first >> 24), int(first & 0xffffff), binary.BigEndian.Uint32(b[4:])}
}

func appendHeader(b []byte, h header) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(h.typ)<<24|uint32(h.length))
	return binary.BigEndian.AppendUint32(b, h.id)
}

// check looks at what a header must be, whatever streams there are.
func (h header) check() error {
	fixed, onStream := 0, true
	switch h.typ {
	case typeOpen, typeEOF:
	case typeData:
		if h.length == 0 || h.length > MaxPayload {
			return broken("data of " + decimal(h.length) + " bytes")
		}
		fixed = h.length
	case typeClose:
		fixed = 1
	case typeCredit:
		fixed = 4
	case typePing, typePong, typeGoAway:
		onStream = false
	default:
		return broken("no frame has type " + decimal(int(h.typ)))
	}
	if h.length != fixed {
		return broken("a frame of type " + decimal(int(h.typ)) + " with " + decimal(h.length) + " bytes")
	}
	if onStream != (h.id != 0) {
		return broken("a frame of type " + decimal(int(h.typ)) + " for stream " + decimal(int(h.id)))
	}
	return nil
}

func decimal(n int) string { return strconv.Itoa(n) }

func quote(b []byte) string { return strconv.Quote(string(b)) }
