package runtime

import (
	"errors"
	"strings"
)

// The kinds of errors. Match with errors.Is.
var (
	ErrNotFound        = errors.New("not found")               // no such sandbox, network, published port, volume
	ErrImageNotFound   = errors.New("image not found")         // the engine, or the registry, does not have it
	ErrFileNotFound    = errors.New("file not found")          // no such file or directory in the sandbox
	ErrProcessNotFound = errors.New("process not found")       // no such process that was started in the sandbox
	ErrAlreadyExists   = errors.New("already exists")          // a name is taken
	ErrPortInUse       = errors.New("port is in use")          // a host port is taken
	ErrInUse           = errors.New("in use")                  // an image or volume that a container uses
	ErrNotRunning      = errors.New("not running")             // the sandbox does not run
	ErrTimeout         = errors.New("timed out")               // an exec's deadline passed
	ErrInvalid         = errors.New("invalid")                 // what was asked for makes no sense
	ErrUnavailable     = errors.New("unavailable")             // the engine, or a registry, does not answer
	ErrPermission      = errors.New("permission denied")       // the engine, or the sandbox, does not let us
	ErrReadOnly        = errors.New("read-only file system")   // a write to what is read-only
	ErrNoSpace         = errors.New("no space left on device") // a write to what is full
	ErrBuildFailed     = errors.New("build failed")            // a step of a build failed
	ErrConnectionLost  = errors.New("connection lost")         // the sandbox or the engine went away during a call
	ErrClosed          = errors.New("closed")                  // a call after Close
	ErrRefused         = errors.New("connection refused")      // nothing listens there
	ErrUnsupported     = errors.ErrUnsupported                 // a capability that this runtime lacks
)

// An Error is what every failed call of a runtime returns.
type Error struct {
	Op      string // what was done: "run", "exec", "put archive"
	Runtime string // the driver's name
	ID      string // the sandbox, image or path, as the caller named it
	Kind    error  // one of this package's sentinels; nil when none fits
	Message string // the engine's own words, or ours
	Hint    string // what to do next, where the kind does not say it
	Log     string // the end of a failed build's log, at most 4 KiB
	Err     error  // the cause, if there is one: a context's error, io.ErrUnexpectedEOF, …
}

// Error gives "op id on runtime: kind: message; hint".
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.ID != "" {
		b.WriteString(" " + e.ID)
	}
	if e.Runtime != "" {
		b.WriteString(" on " + e.Runtime)
	}
	if e.Kind != nil {
		b.WriteString(": " + e.Kind.Error())
	}
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	}
	if e.Err != nil && e.Err.Error() != e.Message {
		b.WriteString(": " + e.Err.Error())
	}
	if e.Hint != "" {
		b.WriteString("; " + e.Hint)
	}
	if e.Log != "" {
		b.WriteString("\n" + e.Log)
	}
	return b.String()
}

// Unwrap gives Kind and Err to errors.Is and errors.As.
func (e *Error) Unwrap() []error {
	var out []error
	if e.Kind != nil {
		out = append(out, e.Kind)
	}
	if e.Err != nil {
		out = append(out, e.Err)
	}
	return out
}
