package mux

import (
	"io"
	"net"
	"strconv"
	"testing"
)

func carriers(b *testing.B, bench func(b *testing.B, client, server *Session)) {
	b.Run("socket", func(b *testing.B) {
		c, s := socketPair(b)
		client, server := pair(b, c, s)
		bench(b, client, server)
	})
	b.Run("pipe", func(b *testing.B) {
		c, s := net.Pipe()
		client, server := pair(b, c, s)
		bench(b, client, server)
	})
}

// One way through one stream.
func BenchmarkThroughput(b *testing.B) {
	for _, size := range []int{512, 4 << 10, 32 << 10, 64 << 10} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			carriers(b, func(b *testing.B, client, server *Session) {
				from, to := stream(b, client, server)
				flow(b, from, to, size)
			})
		})
	}
}

// The carrier itself, for comparison.
func BenchmarkCarrier(b *testing.B) {
	from, to := socketPair(b)
	defer to.Close()
	flow(b, from, to, 64<<10)
}

func flow(b *testing.B, from io.WriteCloser, to io.Reader, size int) {
	b.SetBytes(int64(size))
	b.ReportAllocs()
	data := make([]byte, size)
	done := make(chan error)
	b.ResetTimer()
	go func() {
		buf := make([]byte, 64<<10)
		for {
			if _, err := to.Read(buf); err != nil {
				done <- err
				return
			}
		}
	}()
	for range b.N {
		if _, err := from.Write(data); err != nil {
			b.Fatal(err)
		}
	}
	from.Close()
	if err := <-done; err != io.EOF {
		b.Fatal(err)
	}
}

// There and back.
func BenchmarkRoundTrip(b *testing.B) {
	for _, size := range []int{1, 1 << 10, 32 << 10} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			carriers(b, func(b *testing.B, client, server *Session) {
				near, far := stream(b, client, server)
				bounce(b, near, far, size)
			})
		})
	}
}

// The carrier itself, for comparison.
func BenchmarkCarrierRoundTrip(b *testing.B) {
	near, far := socketPair(b)
	defer far.Close()
	defer near.Close()
	bounce(b, near, far, 1)
}

func bounce(b *testing.B, near, far io.ReadWriter, size int) {
	b.ReportAllocs()
	go func() {
		buf := make([]byte, size)
		for {
			if _, err := io.ReadFull(far, buf); err != nil {
				return
			}
			if _, err := far.Write(buf); err != nil {
				return
			}
		}
	}()
	buf := make([]byte, size)
	for b.Loop() {
		if _, err := near.Write(buf); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(near, buf); err != nil {
			b.Fatal(err)
		}
	}
}

// A stream's life: open, a question, an answer, close.
func BenchmarkCall(b *testing.B) {
	carriers(b, func(b *testing.B, client, server *Session) {
		b.ReportAllocs()
		go func() {
			for {
				st, err := server.Accept()
				if err != nil {
					return
				}
				go func() {
					defer st.Close()
					buf := make([]byte, 100)
					if _, err := io.ReadFull(st, buf); err == nil {
						_, _ = st.Write(buf)
					}
				}()
			}
		}()
		for b.Loop() {
			st, err := client.Open(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			if _, err := st.Write(make([]byte, 100)); err != nil {
				b.Fatal(err)
			}
			if _, err := io.ReadAll(st); err != nil {
				b.Fatal(err)
			}
			st.Close()
		}
	})
}
