//go:build linux

package session

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// The sizes of the pipe to the engine. While much is sent a large one saves a quarter of all work, as neither end waits for the other so often. It is not kept:
// all large pipes of a user together have a limit, beyond which the user's new ones get two pages.
const (
	smallPipe = 64 << 10
	largePipe = 1 << 20
	much      = 64 << 10 // in one write
	little    = 4 << 10
)

// A carrier is what the session came with.
type carrier struct {
	in, out *os.File
	large   bool
}

func (c *carrier) Read(p []byte) (int, error) { return c.in.Read(p) }

func (c *carrier) Write(p []byte) (int, error) {
	switch {
	case !c.large && len(p) >= much:
		c.resize(largePipe)
		c.large = true
	case c.large && len(p) <= little:
		c.large = !c.resize(smallPipe) // not while it holds more
	}
	return c.out.Write(p)
}

// resize says whether the pipe has that size now.
func (c *carrier) resize(size int) (ok bool) {
	raw, err := c.out.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) {
			_, err := unix.FcntlInt(fd, unix.F_SETPIPE_SZ, size)
			ok = err == nil
		})
	}
	return ok && err == nil
}

func (c *carrier) Close() error { return errors.Join(c.in.Close(), c.out.Close()) }
