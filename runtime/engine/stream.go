package engine

import (
	"io"
	"net"
)

// A Stream is an attached process: writes go to its stdin, reads come from its stdout. What it writes to stderr is kept to a bound.
type Stream struct{}

// NewStream makes a Stream of a hijacked connection on which stdout and stderr come multiplexed (8-byte headers). r holds what was read ahead
// of conn. execID is for API.ExecState.
func NewStream(conn net.Conn, r io.Reader, execID string) *Stream { panic("engine: being built") }
