package mux

import "sync"

const (
	smallChunk = 4 << 10
	largeChunk = 64 << 10
)

// chunks lends memory for what has come and is not read yet.
type chunks struct {
	small, large sync.Pool
}

// get lends room for n bytes, at most largeChunk.
func (c *chunks) get(n int) []byte {
	pool, size := &c.small, smallChunk
	if n > smallChunk {
		pool, size = &c.large, largeChunk
	}
	if b, ok := pool.Get().(*[]byte); ok {
		return (*b)[:0]
	}
	return make([]byte, 0, size)
}

func (c *chunks) put(b []byte) {
	switch b = b[:0]; cap(b) {
	case smallChunk:
		c.small.Put(&b)
	case largeChunk:
		c.large.Put(&b)
	}
}

// A buffer is what of a stream has come and is not read yet. All its chunks are at least half full but the last, so that it takes at most
// twice what it holds, and a chunk. An empty one takes nothing.
type buffer struct {
	chunks [][]byte
	read   int // of the first chunk
	len    int
}

// write copies p.
func (b *buffer) write(from *chunks, p []byte) {
	b.len += len(p)
	for len(p) > 0 {
		last := len(b.chunks) - 1
		if last < 0 || len(b.chunks[last]) == cap(b.chunks[last]) {
			n := len(p)
			if last >= 0 {
				n = largeChunk // much has come already
			}
			b.chunks = append(b.chunks, from.get(min(n, largeChunk)))
			last++
		}
		chunk := b.chunks[last]
		n := copy(chunk[len(chunk):cap(chunk)], p)
		b.chunks[last] = chunk[:len(chunk)+n]
		p = p[n:]
	}
}

// take gets a chunk, or copies it where it holds little.
func (b *buffer) take(from *chunks, chunk []byte) {
	if len(chunk) < cap(chunk)/2 {
		b.write(from, chunk)
		from.put(chunk)
		return
	}
	b.len += len(chunk)
	b.chunks = append(b.chunks, chunk)
}

func (b *buffer) readInto(from *chunks, p []byte) (n int) {
	for n < len(p) && b.len > 0 {
		first := b.chunks[0]
		m := copy(p[n:], first[b.read:])
		n += m
		b.read += m
		b.len -= m
		if b.read == len(first) {
			from.put(first)
			b.chunks[0] = nil
			b.chunks = b.chunks[1:]
			b.read = 0
		}
	}
	if b.len == 0 {
		b.chunks = nil
	}
	return n
}

func (b *buffer) free(from *chunks) {
	for _, chunk := range b.chunks {
		from.put(chunk)
	}
	*b = buffer{}
}
