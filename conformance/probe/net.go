//go:build linux

package main

import (
	"fmt"
	"io"
	"net"
	"time"

	"github.com/sandlot-dev/sandlot/conformance/internal/answer"
)

// listen tcp|udp PORT listens on all addresses, says "ready", and sends back what it gets, after "echo:".
func listen(args []string) int {
	address := fmt.Sprintf(":%d", number(args, 1))
	if args[0] == "udp" {
		c, err := net.ListenPacket("udp", address)
		check(err)
		ready()
		buf := make([]byte, 2048)
		for {
			n, from, err := c.ReadFrom(buf)
			check(err)
			_, _ = c.WriteTo(append([]byte("echo:"), buf[:n]...), from)
		}
	}
	l, err := net.Listen("tcp", address)
	check(err)
	ready()
	for {
		c, err := l.Accept()
		check(err)
		go func() {
			defer c.Close()
			_, _ = io.WriteString(c, "echo:")
			_, _ = io.Copy(c, c)
		}()
	}
}

// dial NETWORK ADDRESS tries to connect, for at most some seconds.
func dial(args []string) int {
	c, err := net.DialTimeout(args[0], args[1], 3*time.Second)
	if err == nil {
		err = c.Close()
	}
	return reply(answer.Attempt{What: args[1], Err: errText(err)})
}
