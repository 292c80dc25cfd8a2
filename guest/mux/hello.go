package mux

import (
	"encoding/binary"
	"io"
	"time"
)

// A hello is the magic, the version (2 bytes), and what this end takes: bytes of each stream ahead of its reader, and streams at once (4 bytes each).
// The magic and the version are where they are in every version there will be.
const (
	magic     = "\x00sandlot"
	versioned = len(magic) + 2
	helloSize = versioned + 8
	// maxSaid is how much is kept of what is said in place of a hello.
	maxSaid = 4 << 10
	// sayTime is how long the rest of it is waited for.
	sayTime = time.Second
)

type hello struct {
	window, streams uint32
}

func (h hello) append(b []byte) []byte {
	b = append(b, magic...)
	b = binary.BigEndian.AppendUint16(b, Version)
	b = binary.BigEndian.AppendUint32(b, h.window)
	return binary.BigEndian.AppendUint32(b, h.streams)
}

// readHello reads the other end's. When something else comes it is a *NotMuxError; giveUp must end a read then.
func readHello(r io.Reader, giveUp func()) (h hello, err error) {
	buf := make([]byte, maxSaid)
	said := 0
	for said < versioned {
		// Not a byte more than the hello has, for the rest is frames.
		n, err := r.Read(buf[said:helloSize])
		said += n
		if !isMagic(buf[:said]) {
			timer := time.AfterFunc(sayTime, giveUp)
			defer timer.Stop()
			for err == nil && said < len(buf) {
				n, err = r.Read(buf[said:])
				said += n
			}
			return h, &NotMuxError{Said: buf[:said:said]}
		}
		if err != nil && said < versioned {
			return h, &NotMuxError{Said: buf[:said:said], Err: eof(err)}
		}
	}
	if theirs := binary.BigEndian.Uint16(buf[len(magic):]); theirs != Version {
		return h, &VersionError{Ours: Version, Theirs: int(theirs)}
	}
	if _, err := io.ReadFull(r, buf[said:helloSize]); err != nil {
		return h, lost(eof(err))
	}
	h = hello{binary.BigEndian.Uint32(buf[versioned:]), binary.BigEndian.Uint32(buf[versioned+4:])}
	if h.window == 0 || h.window > 1<<30 || h.streams > 1<<20 {
		return h, broken("a hello out of bounds")
	}
	return h, nil
}

func isMagic(said []byte) bool {
	n := min(len(said), len(magic))
	return string(said[:n]) == magic[:n]
}

func eof(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
