package wire

import (
	"bytes"
	"fmt"
	"strconv"
)

// Hello is the guest's first frame.
type Hello struct {
	// Sandlot is the protocol's version.
	Sandlot int
	// PID is the guest's process id, as the sandbox sees it.
	PID int
	// Session is the process id of the session that has started it, where one has.
	Session int
}

// A hello is the only message whose beginning is the same in every version there will be: text, which the first version read as JSON.
const (
	helloVersion = `{"sandlot":`
	helloPID     = `,"pid":`
	helloSession = `,"session":`
	helloEnd     = `}`
)

// WriteHello writes a hello.
func (w *Writer) WriteHello(h Hello) error {
	return w.Write(TypeHello, fmt.Appendf(nil, helloVersion+"%d"+helloPID+"%d"+helloSession+"%d"+helloEnd, h.Sandlot, h.PID, h.Session))
}

// ParseHello reads the payload of a TypeHello frame. Of another version's nothing but the version is known.
func ParseHello(payload []byte) (h Hello, err error) {
	version, rest, err := helloNumber(payload, helloVersion)
	if err != nil || version != Version {
		return Hello{Sandlot: version}, err
	}
	h.Sandlot = version
	if h.PID, rest, err = helloNumber(rest, helloPID); err != nil {
		return Hello{}, err
	}
	if h.Session, rest, err = helloNumber(rest, helloSession); err != nil {
		return Hello{}, err
	}
	if string(rest) != helloEnd || h.PID == 0 {
		return Hello{}, fmt.Errorf("%w: no hello", ErrFrame)
	}
	return h, nil
}

// helloNumber reads a number behind a name.
func helloNumber(text []byte, name string) (n int, rest []byte, err error) {
	text, ok := bytes.CutPrefix(text, []byte(name))
	rest = bytes.TrimLeft(text, "0123456789")
	number, err := strconv.ParseUint(string(text[:len(text)-len(rest)]), 10, 31)
	if !ok || err != nil {
		return 0, nil, fmt.Errorf("%w: no hello", ErrFrame)
	}
	return int(number), rest, nil
}
