package main

import (
	"context"
	"io"
	"net"

	"github.com/sandlot-dev/sandlot/bench/report"
)

// A contender is one way to run commands, on one engine. A nil function is something that it does not have.
type contender struct {
	name, engine string
	role         report.Role

	// exec runs a command that must succeed, in a container that is there.
	exec func(ctx context.Context, stdout io.Writer, argv ...string) error
	// put copies a file or directory of the host to a name that is not there, get one of the container to a name that is not there.
	put, get      func(ctx context.Context, from, to string) error
	getsFilesOnly bool
	// remove removes what put put. It is not measured.
	remove func(ctx context.Context, name string) error
	// create makes a container, runs true in it, and gives what removes it.
	create func(ctx context.Context) (remove func(), err error)
	// dial connects to the server of serve.go.
	dial func(ctx context.Context) (net.Conn, error)
	// stdoutReason is why exec does not serve for much output.
	stdoutReason string
}

// with are those who have something.
func (b *bench) with(has func(*contender) bool) []*contender {
	var out []*contender
	for _, c := range b.contenders {
		if has(c) {
			out = append(out, c)
		}
	}
	return out
}
