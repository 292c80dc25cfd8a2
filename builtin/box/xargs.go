//go:build linux

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
)

// xargs answers 123 if a command failed, 124 if one answered 255, 125 if one was killed, 126 and 127 if it could not start.
func xargs(c *call) int {
	f := c.flags("[-0rt] [-n N] [-L LINES] [-P PROCS] [-s CHARS] [-I TEXT] [-d CHAR] [-a FILE] [COMMAND [ARG]...]")
	f.SetInterspersed(false)
	null := f.BoolP("null", "0", false, "arguments end with NUL")
	noRun := f.BoolP("no-run-if-empty", "r", false, "do nothing if there are no arguments")
	trace := f.BoolP("verbose", "t", false, "say the commands")
	count := f.IntP("max-args", "n", 0, "at most so many arguments in one command")
	lineCount := f.IntP("max-lines", "L", 0, "at most so many lines in one command")
	parallel := f.IntP("max-procs", "P", 1, "at most so many commands at once")
	size := f.IntP("max-chars", "s", 128<<10, "commands at most so long")
	replace := f.StringP("replace", "I", "", "put each line in the place of this")
	delim := f.StringP("delimiter", "d", "", "arguments end with this character")
	file := f.StringP("arg-file", "a", "", "arguments from this file")
	f.BoolP("exit", "x", false, "taken, and ignored")
	if status, ok := c.parse(f); !ok {
		return status
	}
	argv := c.args
	if len(argv) == 0 {
		argv = []string{"echo"}
	}
	if *parallel < 1 {
		*parallel = 1 << 16
	}
	var in io.Reader = c.in
	childIn := io.Reader(nil)
	if *file != "" {
		r, err := os.Open(*file)
		if err != nil {
			c.fail(err)
			return 1
		}
		defer r.Close()
		in, childIn = r, c.in
	}
	next, err := xargsReader(in, *null, *delim, *replace != "", *lineCount > 0)
	if err != nil {
		return c.usage("%v", err)
	}
	r := xargsRun{call: c, slots: make(chan struct{}, *parallel), stdin: childIn, trace: *trace}
	r.loop(argv, next, *replace, *count, *lineCount, *size, *noRun)
	r.wg.Wait()
	return r.status
}

type xargsRun struct {
	*call
	slots  chan struct{}
	stdin  io.Reader
	trace  bool
	wg     sync.WaitGroup
	mu     sync.Mutex
	status int
	stop   bool
}

func (r *xargsRun) loop(argv []string, next func() (string, bool, error), replace string, count, lineCount, size int, noRun bool) {
	var batch []string
	length, seenLines, any := 0, 0, false
	base := 0
	for _, a := range argv {
		base += len(a) + 1
	}
	flush := func() {
		if len(batch) > 0 {
			r.start(append(slices.Clone(argv), batch...))
		}
		batch, length, seenLines = nil, 0, 0
	}
	for !r.stopped() {
		item, endsLine, err := next()
		if err == io.EOF {
			break
		}
		if err != nil {
			r.fail(err)
			r.set(1)
			return
		}
		any = true
		if replace != "" {
			one := slices.Clone(argv)
			for i := range one {
				one[i] = strings.ReplaceAll(one[i], replace, item)
			}
			r.start(one)
			continue
		}
		if len(batch) > 0 && base+length+len(item)+1 > size {
			flush()
		}
		batch = append(batch, item)
		length += len(item) + 1
		if endsLine {
			seenLines++
		}
		if count > 0 && len(batch) == count || lineCount > 0 && seenLines >= lineCount {
			flush()
		}
	}
	if r.stopped() {
		return
	}
	flush()
	if !any && !noRun && replace == "" {
		r.start(argv)
	}
}

func (r *xargsRun) set(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = max(r.status, status)
	r.stop = r.stop || status != 123
}

func (r *xargsRun) stopped() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stop
}

func (r *xargsRun) start(argv []string) {
	r.slots <- struct{}{}
	if r.stopped() {
		return
	}
	if r.trace {
		fmt.Fprintln(r.err, strings.Join(argv, " "))
	}
	path, err := lookPath(argv[0], nil)
	cmd := &exec.Cmd{Path: path, Args: argv, Stdin: r.stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		r.set(r.cannotRun(argv[0], err))
		<-r.slots
		return
	}
	done := func() {
		switch status := (&process{cmd: cmd}).wait(); {
		case status == 0:
		case status == 255:
			r.set(124)
		case status > 128:
			r.set(125)
		default:
			r.set(123)
		}
		<-r.slots
	}
	if cap(r.slots) == 1 {
		done()
		return
	}
	r.wg.Add(1)
	go func() { defer r.wg.Done(); done() }()
}

// xargsReader answers a function for the arguments: words with quotes, or lines, or what ends with a character.
func xargsReader(in io.Reader, null bool, delim string, byLine, countLines bool) (func() (string, bool, error), error) {
	br := bufio.NewReader(in)
	end := byte('\n')
	if delim = unescape(delim); null {
		delim = "\x00"
	}
	if len(delim) > 1 {
		return nil, errors.New("the delimiter is one character")
	}
	if delim != "" || byLine {
		if delim != "" {
			end = delim[0]
		}
		return func() (string, bool, error) {
			for {
				s, err := br.ReadString(end)
				if s == "" && err != nil {
					return "", false, err
				}
				s = strings.TrimSuffix(s, string(end))
				if byLine && delim == "" {
					if s = strings.TrimLeft(s, " \t"); s == "" {
						continue
					}
				}
				return s, true, nil
			}
		}, nil
	}
	return func() (string, bool, error) { return xargsWord(br, countLines) }, nil
}

// xargsWord reads a word. endsLine says that a line ended with it.
func xargsWord(br *bufio.Reader, countLines bool) (word string, endsLine bool, err error) {
	var b bytes.Buffer
	started := false
	for {
		ch, err := br.ReadByte()
		if err != nil {
			if started && err == io.EOF {
				return b.String(), true, nil
			}
			return "", false, err
		}
		switch ch {
		case ' ', '\t', '\n':
			if !started {
				continue
			}
			for countLines && ch != '\n' { // is this the line's last word?
				next, err := br.ReadByte()
				if err != nil {
					break
				}
				if ch = next; next != ' ' && next != '\t' && next != '\n' {
					br.UnreadByte()
					return b.String(), false, nil
				}
			}
			return b.String(), ch == '\n', nil
		case '\'', '"':
			s, err := br.ReadString(ch)
			if err != nil || strings.Contains(s, "\n") {
				return "", false, fmt.Errorf("unmatched %c", ch)
			}
			b.WriteString(s[:len(s)-1])
		case '\\':
			if ch, err = br.ReadByte(); err == nil {
				b.WriteByte(ch)
			}
		default:
			b.WriteByte(ch)
		}
		started = true
	}
}
