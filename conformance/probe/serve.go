//go:build linux

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"

	"github.com/sandlot-dev/sandlot/conformance/internal/answer"
)

// A half is a connection that ends in halves.
type half interface {
	net.Conn
	CloseWrite() error
}

// serve NETWORK ADDRESS HOW… listens, says "ready", and does with each connection what HOW says:
//
//	echo: sends back what it gets
//	say WORD: sends a word and closes
//	sum: reads to the end, says the hash, and answers with it
//	exchange BYTES: sends noise and reads at the same time; then sends the hash of what it has read, and closes
//	take: reads to the end, and closes
//	zeros BYTES: sends zeros, and closes
//	hold: says "held", and does nothing
//	reset: sends a word, reads one byte, and resets
//	join: connects each two
func serve(args []string) int {
	l, err := net.Listen(args[0], args[1])
	check(err)
	ready()
	var other half
	for {
		accepted, err := l.Accept()
		check(err)
		c := accepted.(half)
		if args[2] != "join" {
			go serveOne(c, args[2:])
			continue
		}
		if other == nil {
			other = c
			continue
		}
		go joined(other, c)
		other = nil
	}
}

func serveOne(c half, how []string) {
	defer c.Close()
	switch how[0] {
	case "echo":
		_, _ = io.Copy(c, c)
	case "say":
		_, _ = io.WriteString(c, how[1])
	case "sum":
		h := sha256.New()
		_, err := io.Copy(h, c)
		check(err)
		sum := hex.EncodeToString(h.Sum(nil))
		fmt.Println(sum)
		_, _ = io.WriteString(c, sum)
	case "exchange":
		h := sha256.New()
		var both sync.WaitGroup
		both.Go(func() { _, _ = io.Copy(h, c) })
		both.Go(func() { _, _ = io.Copy(c, answer.Noise(int64(number(how, 1)))) })
		both.Wait()
		_, _ = io.WriteString(c, hex.EncodeToString(h.Sum(nil)))
	case "take":
		_, _ = io.Copy(io.Discard, c)
	case "zeros":
		zeros := make([]byte, 64<<10)
		for range number(how, 1) / len(zeros) {
			_, _ = c.Write(zeros)
		}
	case "hold":
		fmt.Println("held")
		forever()
	case "reset":
		_, _ = io.WriteString(c, "word")
		_, _ = c.Read(make([]byte, 1))
		if tcp, is := c.(*net.TCPConn); is {
			check(tcp.SetLinger(0))
		}
	}
}

func joined(a, b half) {
	var both sync.WaitGroup
	for _, way := range [][2]half{{a, b}, {b, a}} {
		both.Go(func() {
			_, err := io.Copy(way[0], way[1])
			if err != nil { // nobody reads any more, or nothing comes for sure
				way[0].Close()
				way[1].Close()
				return
			}
			_ = way[0].CloseWrite()
		})
	}
	both.Wait()
	a.Close()
	b.Close()
}

// deaf PATH listens at a unix socket, and accepts nothing.
func deaf(args []string) int {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	check(err)
	check(syscall.Bind(fd, &syscall.SockaddrUnix{Name: args[0]}))
	check(syscall.Listen(fd, 0))
	ready()
	forever()
	return 0
}
