//go:build linux

// Package link is the connection between a supervisor, or a session, and the sandbox's first process: an abstract unix socket.
package link

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sandlot-dev/sandlot/guest/program/internal/proc"
)

// Register is the first message.
type Register struct {
	// Session says that whoever registers is no supervisor: it starts them.
	Session bool `json:"session,omitempty"`
	// Renew says that whoever registers wants the sandbox's lease renewed, and nothing else. The welcome says that it is.
	Renew bool `json:"renew,omitempty"`
}

// Welcome is the answer: what the first process knows of the sandbox. Nothing follows it but the connection's end, when the sandbox is
// being stopped.
type Welcome struct {
	Dir []byte `json:"dir"` // the working directory, absolute
	UID int    `json:"uid"`
	GID int    `json:"gid"`
}

// Deadline is a supervisor's message for each command: before it is started, and with 0 when it has ended.
type Deadline struct {
	// Timeout is how long the command may take from now. 0: as long as it likes.
	Timeout time.Duration `json:"timeout"`
}

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

// Send writes a message: a line of JSON.
func Send(w io.Writer, message any) error {
	line, err := json.Marshal(message)
	if err != nil {
		return err
	}
	_, err = w.Write(append(line, '\n'))
	return err
}

// Receive reads a message. One that does not fit r's buffer is an error.
func Receive(r *bufio.Reader, message any) error {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return err
	}
	return json.Unmarshal(line, message)
}

// PeerPID is the process id of who connected to, or listens behind, a socket.
func PeerPID(fd int) (int, error) {
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return 0, err
	}
	return int(cred.Pid), nil
}
