package conformance

import (
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/sandlot-dev/sandlot/runtime"
)

// BenchmarkDial measures connections into a sandbox on the first engine: how fast one is made, how fast a byte comes back, and how fast much goes each way.
func BenchmarkDial(b *testing.B) {
	s := testEngines(b)[0].suite(b)
	made, err := s.rt.Run(b.Context(), s.image, runtime.RunOptions{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.rt.Remove(b.Context(), made.ID, runtime.RemoveOptions{})
	serve := func(address string, how ...string) func() net.Conn {
		ready := newWatch()
		go func() {
			argv := append(probeArgv("serve", "tcp", address), how...)
			_, _ = s.rt.Exec(b.Context(), made.ID, argv, runtime.ExecOptions{Stdout: ready})
		}()
		<-ready.Seen("ready\n")
		return func() net.Conn {
			c, err := s.rt.(runtime.Dialer).Dial(b.Context(), made.ID, "tcp", address, runtime.DialOptions{})
			if err != nil {
				b.Fatal(err)
			}
			return c
		}
	}
	echo := serve("127.0.0.1:1", "echo")
	b.Run("connect", func(b *testing.B) {
		for b.Loop() {
			echo().Close()
		}
	})
	b.Run("round-trip", func(b *testing.B) {
		c := echo()
		defer c.Close()
		one := make([]byte, 1)
		for b.Loop() {
			_, _ = c.Write(one)
			if _, err := io.ReadFull(c, one); err != nil {
				b.Fatal(err)
			}
		}
	})
	const size = 256 << 20
	zeros := make([]byte, 64<<10)
	b.Run("in", func(b *testing.B) {
		dial := serve("127.0.0.1:2", "take")
		b.SetBytes(size)
		for b.Loop() {
			c := dial()
			for range size / len(zeros) {
				if _, err := c.Write(zeros); err != nil {
					b.Fatal(err)
				}
			}
			_ = c.(halfConn).CloseWrite()
			_, _ = io.ReadAll(c) // the server has read all
			c.Close()
		}
	})
	b.Run("out", func(b *testing.B) {
		dial := serve("127.0.0.1:3", "zeros", fmt.Sprint(size))
		b.SetBytes(size)
		for b.Loop() {
			c := dial()
			if n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, c, zeros); n != size || err != nil {
				b.Fatal(n, err)
			}
			c.Close()
		}
	})
}
