package sandbox

import (
	"errors"
	"io/fs"

	"github.com/sandlot-dev/sandlot/runtime"
)

// A matching error matches a second error as well, and reads as the first.
type matching struct{ err, also error }

func (e matching) Error() string   { return e.err.Error() }
func (e matching) Unwrap() []error { return []error{e.err, e.also} }

// fileError makes an error about a file match the errors of package fs.
func fileError(err error) error {
	for kind, also := range map[error]error{
		runtime.ErrFileNotFound: fs.ErrNotExist,
		runtime.ErrPermission:   fs.ErrPermission,
		runtime.ErrInvalid:      fs.ErrInvalid,
		runtime.ErrClosed:       fs.ErrClosed,
	} {
		if errors.Is(err, kind) {
			return matching{err, also}
		}
	}
	return err
}
