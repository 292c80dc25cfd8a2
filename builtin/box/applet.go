//go:build linux

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"unicode"

	"github.com/spf13/pflag"
)

// call is one call of a tool. out is flushed when the tool has returned.
type call struct {
	name string
	args []string
	in   io.Reader
	out  *bufio.Writer
	err  io.Writer

	failed bool // something was reported by fail or errorf
}

// flags returns an empty set of flags, to be filled and given to parse. usage is what follows the name.
func (c *call) flags(usage string) *pflag.FlagSet {
	fs := pflag.NewFlagSet(c.name, pflag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.SortFlags = false
	fs.Usage = func() {
		fmt.Fprintf(c.out, "usage: %s %s\n%s", c.name, usage, fs.FlagUsages())
	}
	return fs
}

// parse parses the call's arguments and leaves what is not a flag in c.args. If it answers false the tool is to return
// status at once: help was asked for, or a flag was wrong.
func (c *call) parse(fs *pflag.FlagSet) (status int, ok bool) {
	switch err := fs.Parse(c.args); {
	case errors.Is(err, pflag.ErrHelp):
		return 0, false
	case err != nil:
		c.errorf("%v (try %s --help)", err, c.name)
		return 2, false
	}
	c.args = fs.Args()
	return 0, true
}

// parseSome is parse where there must be an argument. want says which.
func (c *call) parseSome(fs *pflag.FlagSet, want string) (status int, ok bool) {
	if status, ok := c.parse(fs); !ok || len(c.args) > 0 {
		return status, ok
	}
	return c.usage("%s", want), false
}

// usage reports a wrong call and answers the status for it.
func (c *call) usage(format string, a ...any) int {
	c.errorf(format, a...)
	return 2
}

// fail reports err and lets status answer 1.
func (c *call) fail(err error) { c.errorf("%s", errText(err)) }

func (c *call) errorf(format string, a ...any) {
	c.out.Flush() // in the order in which things happened
	c.failed = true
	fmt.Fprintf(c.err, "%s: %s\n", c.name, fmt.Sprintf(format, a...))
}

// status is 1 if anything was reported, else 0.
func (c *call) status() int {
	if c.failed {
		return 1
	}
	return 0
}

// errText says an error the way Unix tools do: "path: No such file or directory".
func errText(err error) string {
	var (
		pathErr *fs.PathError
		linkErr *os.LinkError
		sysErr  *os.SyscallError
		errno   syscall.Errno
	)
	switch {
	case errors.As(err, &pathErr):
		return pathErr.Path + ": " + errText(pathErr.Err)
	case errors.As(err, &linkErr):
		return linkErr.Old + " -> " + linkErr.New + ": " + errText(linkErr.Err)
	case errors.As(err, &sysErr):
		return errText(sysErr.Err)
	case errors.As(err, &errno):
		return capitalized(errno.Error())
	}
	return err.Error()
}

func capitalized(s string) string {
	for i, r := range s {
		return string(unicode.ToUpper(r)) + s[i+len(string(r)):]
	}
	return s
}

// open opens a file for reading; "-" is standard input.
func (c *call) open(name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(c.in), nil
	}
	return os.Open(name)
}

// each calls do for every file named in the arguments, for standard input if there is none, and reports errors.
func (c *call) each(do func(name string, r io.Reader) error) {
	names := c.args
	if len(names) == 0 {
		names = []string{"-"}
	}
	for _, name := range names {
		r, err := c.open(name)
		if err == nil {
			err = do(name, r)
			r.Close()
		}
		if err != nil {
			c.fail(err)
		}
	}
}

// lines calls do for each line of r, without its newline, until do answers false. A last line need not end in a newline.
func lines(r io.Reader, do func(line string) bool) error {
	return records(r, '\n', do)
}

func records(r io.Reader, end byte, do func(string) bool) error {
	br := bufio.NewReaderSize(r, 64<<10)
	for {
		line, err := br.ReadString(end)
		if err == nil {
			line = line[:len(line)-1]
		}
		if err == nil || line != "" {
			if !do(line) {
				return nil
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// cutDigits turns the old form -5 of -n 5, which must be the first argument, into the new one.
func cutDigits(args []string, flag string) []string {
	if len(args) == 0 {
		return args
	}
	digits, ok := strings.CutPrefix(args[0], "-")
	if !ok || digits == "" || strings.Trim(digits, "0123456789") != "" {
		return args
	}
	return append([]string{flag, digits}, args[1:]...)
}
