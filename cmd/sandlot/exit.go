package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/hashicorp/go-multierror"

	"github.com/sandlot-dev/sandlot/runtime"
)

// exitFailed is the exit status when Sandlot or the engine failed, or was asked for something that makes no sense.
const exitFailed = 125

// exitCode is an error that only sets the exit status: what there was to say has been said.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// usageError is a command line that makes no sense.
type usageError struct{ message string }

func (e *usageError) Error() string { return e.message }

func usage(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// status turns how a command ended into its exit status, and says on stderr why it failed.
func status(ctx context.Context, err error, stderr io.Writer) int {
	var code exitCode
	var sig *signalError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	case errors.As(context.Cause(ctx), &sig):
		if !errors.Is(err, context.Canceled) {
			say(stderr, describe(err))
		}
		return 128 + sig.number()
	case nobodyReads(err):
		// Whoever read the output has gone, as with any command in a pipe: nobody is there to tell.
		return 128 + int(syscall.SIGPIPE)
	}
	say(stderr, describe(err))
	return exitFailed
}

// nobodyReads says that err is a write to our own output that nobody reads any more. The engine's connection can fail with EPIPE too.
func nobodyReads(err error) bool {
	var write *fs.PathError
	return errors.As(err, &write) && errors.Is(write, syscall.EPIPE) && (write.Path == os.Stdout.Name() || write.Path == os.Stderr.Name())
}

// hint says what to do next, in terms of flags, where an error does not.
func hint(err error) string {
	is := func(kind error) bool { return errors.Is(err, kind) }
	switch {
	case is(runtime.ErrImageNotFound):
		return "name another with --image, let it be pulled with --pull missing, or build one with --build DIR"
	case is(runtime.ErrFileNotFound):
		return "sandlot exec NAME -- ls shows what is there"
	case is(runtime.ErrAlreadyExists):
		return "choose another --name, or --replace a sandbox of Sandlot's"
	case is(runtime.ErrPortInUse):
		return "choose another port of the host, or leave it out of --publish for a free one"
	case is(runtime.ErrNotRunning):
		return "sandlot start NAME starts it"
	case is(runtime.ErrNotFound):
		return "sandlot ls shows what there is"
	case is(runtime.ErrUnavailable):
		return "see whether the engine runs and whether --runtime names it"
	case is(runtime.ErrPermission):
		return "run as a user who may use the engine, or name another one with --runtime"
	case is(runtime.ErrUnsupported):
		return "leave the flag out, or name another engine with --runtime"
	case is(runtime.ErrInvalid):
		return "see the flags of the command with --help"
	}
	return ""
}

// describe gives an error's text, and what to do next on a line of its own.
func describe(err error) string {
	if many, ok := err.(*multierror.Error); ok {
		each := make([]string, len(many.Errors))
		for i, err := range many.Errors {
			each[i] = describe(err)
		}
		return strings.Join(each, "\n")
	}
	var e *runtime.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	if e.Hint == "" {
		return err.Error() + "\n" + hint(err)
	}
	if err != error(e) {
		return err.Error() // with the hint
	}
	bare := *e
	bare.Hint = ""
	return bare.Error() + "\n" + e.Hint
}

// say writes lines for people.
func say(stderr io.Writer, text string) {
	for line := range strings.Lines(strings.TrimRight(text, "\n")) {
		fmt.Fprintf(stderr, "sandlot: %s\n", strings.TrimRight(line, "\n"))
	}
}
