package guest

import (
	"fmt"
	"io"
	"strings"
	"syscall"
	"unicode"

	"github.com/sandlot-dev/sandlot/guest/wire"
	"github.com/sandlot-dev/sandlot/runtime"
)

var kinds = map[wire.Kind]error{
	wire.KindInvalid:     runtime.ErrInvalid,
	wire.KindNotFound:    runtime.ErrFileNotFound,
	wire.KindPermission:  runtime.ErrPermission,
	wire.KindReadOnly:    runtime.ErrReadOnly,
	wire.KindNoSpace:     runtime.ErrNoSpace,
	wire.KindInUse:       runtime.ErrInUse,
	wire.KindUnavailable: runtime.ErrUnavailable,
	wire.KindTruncated:   runtime.ErrInvalid,
	wire.KindRefused:     runtime.ErrRefused,
	wire.KindCrossDevice: runtime.ErrInvalid,
	wire.KindNoProcess:   runtime.ErrProcessNotFound,
	wire.KindLost:        runtime.ErrConnectionLost,
}

// failure is the error that a guest reported.
func failure(f *wire.Failure) error {
	err := &runtime.Error{Kind: kinds[f.Kind], Message: printable(f.Message)}
	switch f.Kind {
	case wire.KindTruncated:
		err.Err = io.ErrUnexpectedEOF
	case wire.KindCrossDevice:
		err.Err, err.Hint = syscall.EXDEV, "copy it and delete the original"
	}
	return err
}

// printable is the first line of a guest's text, which may quote the sandbox's file names, without what a terminal could act on.
func printable(text string) string {
	text, _, _ = strings.Cut(strings.TrimSpace(text), "\n")
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) || r == '\t' {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}

func invalid(format string, args ...any) error {
	return &runtime.Error{Kind: runtime.ErrInvalid, Message: fmt.Sprintf(format, args...)}
}

// lost is a channel that ended, or made no sense, before there was a result.
func lost(err error) error {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return &runtime.Error{
		Kind: runtime.ErrConnectionLost, Message: "the guest ended without a result", Err: err,
		Hint: "see whether the sandbox still runs",
	}
}

// noGuest is a channel that ended before the guest had said anything. said is what came in its place.
func noGuest(said string) error {
	return &runtime.Error{Kind: runtime.ErrConnectionLost, Message: printable(said), Err: ErrNoGuest}
}
