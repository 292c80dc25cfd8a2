//go:build linux

// Package archive unpacks tar streams into the sandbox, packs its files, changes and watches them, as the sandbox's administrator. What it meets there may change under its
// hands, made by whoever the sandbox holds: so it opens before it looks, and never follows a link out of where it works.
package archive

import (
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/sandlot-dev/sandlot/guest/program/internal/link"
	"github.com/sandlot-dev/sandlot/guest/wire"
)

// ErrCancelled says that the host wants no more of it.
var ErrCancelled = errors.New("cancelled")

// A failure is an error of a kind that the host knows.
type failure struct {
	kind wire.Kind
	err  error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func fail(kind wire.Kind, format string, args ...any) error {
	return &failure{kind, fmt.Errorf(format, args...)}
}

// Result makes a wire.Result of what was done, and of why it ended.
func (d Done) Result(err error) wire.Result {
	result := wire.Result{Entries: d.Entries, Bytes: d.Bytes}
	if err != nil {
		result.Failure = &wire.Failure{Kind: kindOf(err), Message: err.Error()}
	}
	return result
}

// Done is how much was unpacked or packed.
type Done struct {
	Entries int
	Bytes   int64
}

// errnoKinds are the kinds of the system's errors. What is not here has no kind.
var errnoKinds = map[unix.Errno]wire.Kind{
	unix.EROFS: wire.KindReadOnly, unix.ENOSPC: wire.KindNoSpace, unix.EDQUOT: wire.KindNoSpace, unix.EFBIG: wire.KindNoSpace,
	unix.EACCES: wire.KindPermission, unix.EPERM: wire.KindPermission, unix.ENOENT: wire.KindNotFound,
	unix.ENOTDIR: wire.KindInvalid, unix.EISDIR: wire.KindInvalid, unix.EEXIST: wire.KindInvalid, unix.ENOTEMPTY: wire.KindInvalid,
	unix.EINVAL: wire.KindInvalid, unix.ELOOP: wire.KindInvalid, unix.ENAMETOOLONG: wire.KindInvalid, unix.EXDEV: wire.KindInvalid,
	unix.EBUSY: wire.KindInUse, unix.ETXTBSY: wire.KindInUse,
}

func kindOf(err error) wire.Kind {
	var f *failure
	var errno unix.Errno
	switch {
	case errors.As(err, &f):
		return f.kind
	case errors.Is(err, ErrCancelled):
		return wire.KindCancelled
	case errors.Is(err, io.ErrUnexpectedEOF):
		return wire.KindTruncated
	case errors.As(err, &errno):
		return errnoKinds[errno]
	case escapes(err):
		return wire.KindInvalid
	}
	return wire.KindOther
}

// absolute is a path as the sandbox's commands would understand it.
func absolute(welcome link.Welcome, name []byte) string {
	if filepath.IsAbs(string(name)) {
		return filepath.Clean(string(name))
	}
	return filepath.Join(string(welcome.Dir), string(name))
}

// local is the name of an entry, or of a link's target, below the directory that an archive is unpacked in. "." is the directory itself.
func local(name string) (string, error) {
	clean := path.Clean(strings.TrimLeft(name, "/"))
	if strings.ContainsRune(name, 0) {
		return "", fail(wire.KindInvalid, "the name %q holds a zero byte", name)
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == ".." {
			return "", fail(wire.KindInvalid, "the name %q leads out of the directory", name)
		}
	}
	return clean, nil
}
