package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// A Message is what a frame's payload holds. Fields names each of its fields to c, always the same ones in the same order: that is how the message is
// written, and how it is read.
type Message interface{ Fields(c *Codec) }

// maxList is how many values a list holds at most, since each takes more memory than it takes bytes.
const maxList = 1 << 20

// A Codec writes the values it is given, or reads what takes their place. Numbers are varints, byte strings and lists begin with their lengths. The
// first error is kept, and nothing is read behind it.
type Codec struct {
	buf     []byte // what is written, or still to be read
	reading bool
	err     error
}

// Marshal writes a message. It can be read again unless it holds a list of more than a million values, which is ErrTooLarge.
func Marshal(m Message) ([]byte, error) {
	c := &Codec{}
	m.Fields(c)
	return c.buf, c.err
}

// Unmarshal reads a message, which must be empty. What is no such message, or has something behind it, is ErrFrame. The payload is not kept.
func Unmarshal(payload []byte, m Message) error {
	c := &Codec{buf: bytes.Clone(payload), reading: true}
	m.Fields(c)
	if c.err == nil && len(c.buf) > 0 {
		c.fail("%d bytes behind a message", len(c.buf))
	}
	return c.err
}

func (c *Codec) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("%w: %s", ErrFrame, fmt.Sprintf(format, args...))
	}
}

// Bool is one byte, 0 or 1.
func (c *Codec) Bool(v *bool) {
	switch {
	case !c.reading && *v:
		c.buf = append(c.buf, 1)
	case !c.reading:
		c.buf = append(c.buf, 0)
	case c.err != nil:
	case len(c.buf) == 0 || c.buf[0] > 1:
		c.fail("no bool")
	default:
		*v, c.buf = c.buf[0] == 1, c.buf[1:]
	}
}

// Int is a number of any size up to 64 bits.
func Int[T ~int | ~int64 | ~uint16 | ~uint32](c *Codec, v *T) {
	if !c.reading {
		c.buf = binary.AppendVarint(c.buf, int64(*v))
		return
	}
	if c.err != nil {
		return
	}
	x, n := binary.Varint(c.buf)
	if n <= 0 || int64(T(x)) != x {
		c.fail("no number, or one out of bounds")
		return
	}
	*v, c.buf = T(x), c.buf[n:]
}

// length is a number of bytes, or of values of a byte at least.
func (c *Codec) length(n int) int {
	if !c.reading {
		c.buf = binary.AppendUvarint(c.buf, uint64(n))
		return n
	}
	if c.err != nil {
		return 0
	}
	x, size := binary.Uvarint(c.buf)
	if size <= 0 || x > uint64(len(c.buf)-size) {
		c.fail("no length, or more than there is")
		return 0
	}
	c.buf = c.buf[size:]
	return int(x)
}

// Bytes are any bytes. None are nil.
func (c *Codec) Bytes(v *[]byte) {
	n := c.length(len(*v))
	if !c.reading {
		c.buf = append(c.buf, *v...)
	} else if n > 0 {
		*v, c.buf = c.buf[:n:n], c.buf[n:]
	}
}

// String is any bytes, too.
func String[T ~string](c *Codec, v *T) {
	b := []byte(*v)
	c.Bytes(&b)
	if c.reading {
		*v = T(b)
	}
}

// List is a list, of which each writes and reads a value. Without a value it is nil.
func List[T any](c *Codec, v *[]T, each func(*T)) {
	n := c.length(len(*v))
	if n > maxList && c.err == nil {
		c.err = fmt.Errorf("%w: a list of %d", ErrTooLarge, n)
	}
	if c.err != nil || n == 0 {
		return
	}
	if c.reading {
		*v = make([]T, n)
	}
	for i := range *v {
		each(&(*v)[i])
	}
}

// ByteLists is a list of byte strings, none of which is nil.
func (c *Codec) ByteLists(v *[][]byte) {
	List(c, v, func(b *[]byte) {
		if c.Bytes(b); *b == nil {
			*b = []byte{}
		}
	})
}

// Optional is a message, or nil.
func Optional[T any, M interface {
	*T
	Message
}](c *Codec, v *M) {
	is := *v != nil
	c.Bool(&is)
	if !is {
		return
	}
	if c.reading {
		*v = new(T)
	}
	(*v).Fields(c)
}
