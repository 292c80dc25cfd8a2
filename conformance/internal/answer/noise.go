package answer

import (
	"io"
	"math/rand/v2"
)

// Noise are n bytes that compress badly and are the same each time.
func Noise(n int64) io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{'s', 'a', 'n', 'd'}), n)
}
