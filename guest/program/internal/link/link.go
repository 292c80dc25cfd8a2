//go:build linux

// Package link is the connection between a supervisor, or a session, and the sandbox's first process: an abstract unix socket.
package link

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sandlot-dev/sandlot/guest/program/internal/proc"
	"github.com/sandlot-dev/sandlot/guest/wire"
)

// Register is the first message.
type Register struct {
	// Session says that whoever registers is no supervisor: it starts them.
	Session bool
	// Process is about processes that nobody waits for, over a connection of its own.
	Process *Process
	// Renew says that whoever registers wants the sandbox's lease renewed, and nothing else. The welcome says that it is.
	Renew bool
}

// Fields is for the codec.
func (r *Register) Fields(c *wire.Codec) {
	c.Bool(&r.Session)
	wire.Optional(c, &r.Process)
	c.Bool(&r.Renew)
}

// Welcome is the answer: what the first process knows of the sandbox. Nothing follows it but the connection's end, when the sandbox is
// being stopped.
type Welcome struct {
	Dir []byte // the working directory, absolute
	UID int
	GID int
	// Answer is to Register.Process.
	Answer *Answer
}

// Fields is for the codec.
func (w *Welcome) Fields(c *wire.Codec) {
	c.Bytes(&w.Dir)
	wire.Int(c, &w.UID)
	wire.Int(c, &w.GID)
	wire.Optional(c, &w.Answer)
}

// Deadline is a supervisor's message for each command: before it is started, and with 0 when it has ended.
type Deadline struct {
	// Timeout is how long the command may take from now. 0: as long as it likes.
	Timeout time.Duration
}

// Fields is for the codec.
func (d *Deadline) Fields(c *wire.Codec) { wire.Int(c, &d.Timeout) }

// Grace is what a supervisor gets beyond its deadline before it is killed.
const Grace = 2 * time.Second

// Name is the socket's. A sandbox on the host's network shares the names of abstract sockets with others there, so it is
// made of what both sides know and no other sandbox has: the number of the sandbox's pid namespace.
func Name(fs *proc.FS) (string, error) {
	ns, err := fs.Link("self/ns/pid")
	if err != nil {
		return "", fmt.Errorf("reading the pid namespace: %w", err)
	}
	return "@sandlot/" + ns, nil
}

// lengthSize is how many bytes of a message's length stand before it, big endian.
const lengthSize = 2

// Send writes a message.
func Send(w io.Writer, message wire.Message) error {
	payload, err := wire.Marshal(message)
	if err != nil {
		return err
	}
	if len(payload) > math.MaxUint16 {
		return wire.ErrTooLarge
	}
	_, err = w.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(payload))), payload...))
	return err
}

// Receive reads a message. One that does not fit r's buffer is an error.
func Receive(r *bufio.Reader, message wire.Message) error {
	header, err := r.Peek(lengthSize)
	if err != nil {
		return err
	}
	size := lengthSize + int(binary.BigEndian.Uint16(header))
	whole, err := r.Peek(size)
	if err != nil {
		return err
	}
	err = wire.Unmarshal(whole[lengthSize:], message)
	_, _ = r.Discard(size) // which are there
	return err
}

// PeerPID is the process id of who connected to, or listens behind, a socket.
func PeerPID(fd int) (int, error) {
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return 0, err
	}
	return int(cred.Pid), nil
}
