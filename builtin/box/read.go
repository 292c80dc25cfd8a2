//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// readOptions are those of the builtin read.
type readOptions struct {
	raw, silent, exact bool
	array              string
	prompt             string
	delim              byte
	count              int
	timeout            time.Duration
	timed              bool
	fd                 int
	names              []string
}

func parseRead(args []string) (o readOptions, err error) {
	o.delim, o.fd = '\n', -1
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		flags := args[0][1:]
		args = args[1:]
		if flags == "-" {
			break
		}
		for i := 0; i < len(flags); i++ {
			flag := flags[i]
			if strings.IndexByte("rse", flag) >= 0 {
				o.raw, o.silent = o.raw || flag == 'r', o.silent || flag == 's'
				continue
			}
			if strings.IndexByte("apdnNtui", flag) < 0 {
				return o, fmt.Errorf("-%c: invalid option", flag)
			}
			value := flags[i+1:]
			if value == "" {
				if len(args) == 0 {
					return o, fmt.Errorf("-%c: option requires an argument", flag)
				}
				value, args = args[0], args[1:]
			}
			switch flag {
			case 'a':
				o.array = value
			case 'p':
				o.prompt = value
			case 'd':
				o.delim = 0
				if value != "" {
					o.delim = value[0]
				}
			case 'n', 'N':
				o.exact = flag == 'N'
				if o.count, err = strconv.Atoi(value); err != nil || o.count < 0 {
					return o, fmt.Errorf("%s: invalid number", value)
				}
			case 't':
				seconds, err := strconv.ParseFloat(value, 64)
				if err != nil || seconds < 0 {
					return o, fmt.Errorf("%s: invalid timeout", value)
				}
				o.timed, o.timeout = true, time.Duration(seconds*float64(time.Second))
			case 'u':
				if o.fd, err = strconv.Atoi(value); err != nil {
					return o, fmt.Errorf("%s: invalid descriptor", value)
				}
			}
			break
		}
	}
	o.names = args
	for _, name := range append([]string{o.array}, args...) {
		if name != "" && !syntax.ValidName(name) {
			return o, fmt.Errorf("%s: not a valid identifier", name)
		}
	}
	return o, nil
}

// read is the builtin. It reads byte by byte, so that what follows stays for others.
func (sh *shell) read(ctx context.Context, hc interp.HandlerContext, args []string) int {
	o, err := parseRead(args)
	if err != nil {
		fmt.Fprintf(hc.Stderr, "%s: read: %v\n", sh.name, err)
		return 2
	}
	in, _ := hc.Stdin.(*os.File)
	if o.fd >= 0 {
		file, err := sh.dupOf(hc, strconv.Itoa(o.fd))
		if err != nil {
			fmt.Fprintf(hc.Stderr, "%s: read: %s\n", sh.name, errText(err))
			return 1
		}
		in = file.(*os.File)
		defer in.Close()
	}
	if in == nil {
		fmt.Fprintf(hc.Stderr, "%s: read: Bad file descriptor\n", sh.name)
		return 1
	}
	if tty := term.IsTerminal(int(in.Fd())); tty {
		fmt.Fprint(hc.Stderr, o.prompt)
		if restore := sh.ttyFor(int(in.Fd()), o); restore != nil {
			defer restore()
		}
	}
	line, status := readBytes(in, o)
	if o.timed && o.timeout == 0 {
		return min(status, 1)
	}
	config := &expand.Config{Env: hc.Env}
	var text strings.Builder
	assign := func(name, value string) {
		quoted, _ := syntax.Quote(value, syntax.LangBash)
		fmt.Fprintf(&text, "%s=%s\n", name, quoted)
	}
	switch {
	case o.array != "":
		text.WriteString(o.array + "=(")
		for _, field := range expand.ReadFields(config, line, -1, o.raw) {
			quoted, _ := syntax.Quote(field, syntax.LangBash)
			text.WriteString(quoted + " ")
		}
		text.WriteString(")\n")
	case len(o.names) == 0:
		if !o.raw {
			line = dropBackslashes(line)
		}
		assign("REPLY", line)
	case o.exact:
		for i, name := range o.names {
			if i > 0 {
				line = ""
			}
			assign(name, line)
		}
	default:
		fields := expand.ReadFields(config, line, len(o.names), o.raw)
		for i, name := range o.names {
			value := ""
			if i < len(fields) {
				value = fields[i]
			}
			assign(name, value)
		}
	}
	if err := hc.Builtin(ctx, []string{"eval", text.String()}); err != nil {
		return 1
	}
	return status
}

// ttyFor sets a terminal up for -s and -n.
func (sh *shell) ttyFor(fd int, o readOptions) (restore func()) {
	if !o.silent && o.count == 0 {
		return nil
	}
	old, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nil
	}
	t := *old
	if o.silent {
		t.Lflag &^= unix.ECHO
	}
	if o.count > 0 {
		t.Lflag &^= unix.ICANON
		t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
	}
	unix.IoctlSetTermios(fd, unix.TCSETS, &t)
	return func() { unix.IoctlSetTermios(fd, unix.TCSETS, old) }
}

// readBytes reads up to the delimiter. The status is 1 at the end of the input, 142 when the time was over.
func readBytes(in *os.File, o readOptions) (string, int) {
	var line []byte
	deadline := time.Now().Add(o.timeout)
	fd := int(in.Fd())
	escaped := false
	for n := 0; o.count == 0 || n < o.count; n++ {
		if o.timed && !readable(fd, time.Until(deadline)) {
			return string(line), 142
		}
		if o.timed && o.timeout == 0 { // only whether there is something
			return "", 0
		}
		var buf [1]byte
		got, err := in.Read(buf[:])
		if got == 0 || err != nil {
			return string(line), 1
		}
		b := buf[0]
		switch {
		case !o.raw && escaped && b == '\n':
			line = line[:len(line)-1]
			escaped = false
			continue
		case b == o.delim && !escaped && !o.exact:
			return string(line), 0
		}
		escaped = !o.raw && b == '\\' && !escaped
		line = append(line, b)
	}
	return string(line), 0
}

func readable(fd int, wait time.Duration) bool {
	for {
		start := time.Now()
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, int(max(0, wait.Milliseconds())))
		if err == unix.EINTR {
			wait -= time.Since(start)
			continue
		}
		return err != nil || n > 0
	}
}

func dropBackslashes(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
