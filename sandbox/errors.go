package sandbox

import (
	"errors"
	"io/fs"
	"strings"

	"github.com/sandlot-dev/sandlot/runtime"
)

// A matching error matches a second error as well, and reads as the first.
type matching struct{ err, also error }

func (e matching) Error() string   { return e.err.Error() }
func (e matching) Unwrap() []error { return []error{e.err, e.also} }

// fileError makes an error about a file match the errors of package fs.
func fileError(err error) error {
	for _, m := range []matching{
		{runtime.ErrFileNotFound, fs.ErrNotExist},
		{runtime.ErrPermission, fs.ErrPermission},
		{runtime.ErrInvalid, fs.ErrInvalid},
		{runtime.ErrClosed, fs.ErrClosed},
	} {
		if errors.Is(err, m.err) {
			return matching{err, m.also}
		}
	}
	return err
}

// named says of the sandbox what its caller calls it, where the runtime's error has the engine's id.
func (s *Sandbox) named(err error) error {
	own, ok := err.(*runtime.Error)
	if !ok {
		return err
	}
	out := *own
	if rest, is := strings.CutPrefix(out.ID, s.id); is { // behind it may be what in the sandbox it is about
		out.ID = s.called + rest
	}
	out.Message = strings.ReplaceAll(out.Message, s.id, s.called)
	return &out
}

func invalid(op, id, message, hint string) error {
	return fileError(&runtime.Error{Op: op, ID: id, Kind: runtime.ErrInvalid, Message: message, Hint: hint})
}

// unexpected is an error about what came from the sandbox and no honest one sends.
func unexpected(op, id, message string) error {
	return &runtime.Error{Op: op, ID: id, Kind: runtime.ErrConnectionLost, Message: "the sandbox sent " + message}
}
