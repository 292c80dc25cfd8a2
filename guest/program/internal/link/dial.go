//go:build linux

package link

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sandlot-dev/sandlot/guest/program/internal/proc"
)

// patience is how long one waits for the first process to come up and answer.
const patience = 10 * time.Second

// ErrNoAnswer says that the sandbox's first process does not answer.
var ErrNoAnswer = errors.New("the sandbox's first process does not answer")

// A Conn is a supervisor's or a session's connection. Its end is that process's end, so it is never closed.
type Conn struct {
	Welcome Welcome
	file    *os.File
}

// Dial registers this process.
func Dial(fs *proc.FS, register Register) (*Conn, error) {
	name, err := Name(fs)
	if err != nil {
		return nil, err
	}
	until := time.Now().Add(patience)
	for {
		c, err := dial(name, register, until)
		if err == nil {
			return c, nil
		}
		if time.Now().After(until) || errors.Is(err, errImpostor) {
			return nil, fmt.Errorf("%w: %w", ErrNoAnswer, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Renew renews the sandbox's lease.
func Renew(fs *proc.FS) error {
	c, err := Dial(fs, Register{Renew: true})
	if err != nil {
		return err
	}
	return c.file.Close()
}

var errImpostor = errors.New("somebody else listens in its place")

func dial(name string, register Register, until time.Time) (*Conn, error) {
	file, err := connect(name, 1)
	if err != nil {
		return nil, err
	}
	c := &Conn{file: file}
	_ = file.SetDeadline(until)
	if err := errors.Join(Send(file, &register), Receive(bufio.NewReaderSize(file, 16<<10), &c.Welcome)); err != nil {
		file.Close()
		return nil, err
	}
	_ = file.SetDeadline(time.Time{})
	return c, nil
}

// connect connects to a socket that a process listens at.
func connect(name string, pid int) (*os.File, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: name}); err != nil {
		unix.Close(fd)
		return nil, err
	}
	if peer, err := PeerPID(fd); err != nil || peer != pid {
		unix.Close(fd)
		return nil, errors.Join(err, errImpostor)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// Listen listens at a name that nobody has.
func Listen(name string) (*os.File, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: name}); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("listening at %s: %w", name, err)
	}
	if err := unix.Listen(fd, 4096); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// Deadline says when the command that is about to start must have ended; 0: the command has.
func (c *Conn) Deadline(timeout time.Duration) error { return Send(c.file, &Deadline{timeout}) }

// Stopping returns when the sandbox is being stopped.
func (c *Conn) Stopping() { _, _ = c.file.Read(make([]byte, 1)) }
