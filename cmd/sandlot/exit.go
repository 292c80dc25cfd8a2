package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"unicode"

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

// hints say what to do next about a kind of error, in terms of flags. The first that matches counts.
var hints = []struct {
	kind error
	text string
}{
	{runtime.ErrImageNotFound, "name another with --image, let it be pulled with --pull missing, or build one with --build DIR"},
	{runtime.ErrFileNotFound, "sandlot exec NAME -- ls shows what is there"},
	{runtime.ErrProcessNotFound, "sandlot processes NAME shows a sandbox's processes"},
	{runtime.ErrAlreadyExists, "choose another --name, or let --replace remove the sandbox that has it"},
	{runtime.ErrPortInUse, "choose another port of the host, or leave it out of --publish for a free one"},
	{runtime.ErrNotRunning, "sandlot start NAME starts it"},
	{runtime.ErrNotFound, "sandlot ls shows what there is"},
	{runtime.ErrUnavailable, "see whether the engine runs and whether --runtime names it"},
	{runtime.ErrPermission, "run as a user who may use the engine, or name another one with --runtime"},
	{runtime.ErrUnsupported, "leave the flag out, or name another engine with --runtime"},
	{runtime.ErrInvalid, "see the flags of the command with --help"},
}

// mistakes are what the engines and the kernel say of a value that is wrong, and what to do then.
var mistakes = []struct{ said, text string }{
	{"bind source path does not exist", makeSource}, // Docker
	{"statfs ", makeSource},                         // Podman
	{"chdir ", "name a directory that the sandbox has with --workdir, or make it first"},
}

const makeSource = "make the directory first: --volume mounts one that the engine's host has"

// hint says what to do next: what the error itself says, else what its kind does.
func hint(e *runtime.Error) string {
	if e.Op == "pull" {
		return strings.TrimLeft(e.Hint+"\n"+"--build DIR builds an image, --image REF names another, and with --pull never no registry is asked", "\n")
	}
	if e.Hint != "" {
		return e.Hint
	}
	if errors.Is(e, runtime.ErrInvalid) {
		for _, m := range mistakes {
			if strings.Contains(e.Error(), m.said) {
				return m.text
			}
		}
	}
	for _, h := range hints {
		if errors.Is(e, h.kind) {
			return strings.ReplaceAll(h.text, "NAME", cmp.Or(e.ID, "NAME"))
		}
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
	text := err.Error()
	if e.Hint != "" {
		text = strings.Replace(text, "; "+e.Hint, "", 1)
	}
	return text + "\n" + hint(e)
}

// say writes lines for people. What a terminal could act on is taken out: names of a sandbox's files may be in it. Lists of errors have empty lines, which
// say nothing.
func say(stderr io.Writer, text string) {
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		fmt.Fprintf(stderr, "sandlot: %s\n", strings.Map(printable, strings.TrimRight(line, "\n")))
	}
}

func printable(r rune) rune {
	if unicode.IsPrint(r) || r == '\t' {
		return r
	}
	return unicode.ReplacementChar
}
