package runtime

import (
	"io"
	"time"
)

// ExecOptions are the options of [Runtime].Exec.
type ExecOptions struct {
	// Env is KEY=VALUE entries, over the sandbox's environment. The last of a key counts.
	Env []string
	// Dir is the working directory, absolute or relative to the sandbox's. Empty: the sandbox's.
	Dir string
	// User is as in [RunOptions]. Empty: the sandbox's.
	User string
	// Stdin is copied to the command until EOF, which closes its standard input. Nil: an empty one. A command that does not read its
	// input, or has exited, is no error.
	Stdin io.Reader
	// Stdout and Stderr get the command's output as it comes. Nil discards. Each is written by one goroutine at a time; the same writer may serve
	// as both.
	Stdout, Stderr io.Writer
	// TTY gives the command a terminal of its own, of Size; everything it writes goes to Stdout. The EOF of Stdin is sent as ^D.
	TTY  bool
	Size WindowSize
	// Resize changes the terminal's size. The runtime reads until it is closed or the exec ends. Ignored without TTY.
	Resize <-chan WindowSize
	// Timeout is the deadline, counted inside the sandbox from the start of the command. 0: none. Negative: ErrInvalid.
	Timeout time.Duration
}

// WindowSize is the size of a terminal in characters. Zero means 24 rows, 80 columns.
type WindowSize struct{ Rows, Cols uint16 }

// ExitTimeout is the exit code of an exec that was ended by its deadline or by its context.
const ExitTimeout = 124

// Exit codes of commands that could not be started.
const (
	ExitNotExecutable = 126
	ExitNotFound      = 127
)

// ExecResult is the result of [Runtime].Exec. It tells the ends of a command apart: exit, signal, timeout, out of memory. A lost connection is an
// error.
type ExecResult struct {
	// ExitCode is the command's own, 128 + Signal when a signal ended it, and ExitTimeout when the deadline or the context did.
	// -1 when it is not known, because the connection was lost.
	ExitCode int `json:"exitCode"`
	// Signal is the number of the signal that ended the leader, else 0.
	Signal int `json:"signal,omitempty"`
	// TimedOut says that the deadline passed.
	TimedOut bool `json:"timedOut,omitempty"`
	// OOMKilled says that the leader died because the sandbox was out of memory.
	OOMKilled bool `json:"oomKilled,omitempty"`
	// OutputHeld says that something the command left behind still held its output when draining ended.
	OutputHeld bool `json:"outputHeld,omitempty"`
}
