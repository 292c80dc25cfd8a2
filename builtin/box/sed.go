//go:build linux

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"
)

// sedRun is the state of a script that runs.
type sedRun struct {
	*call
	cmds     []*sedCommand
	quiet    bool
	end      byte
	out      *bufio.Writer
	input    *sedInput
	space    string // the pattern space
	hold     string
	appends  []func()
	lastRE   *regexp.Regexp
	noEnd    bool // the line at hand is the last one and has no newline
	quitting bool
	status   int
}

func sed(c *call) int {
	// -i takes its suffix only without a space
	for i, arg := range c.args {
		if arg == "--" {
			break
		}
		if suffix, ok := strings.CutPrefix(arg, "-i"); ok {
			c.args[i] = "--in-place=" + suffix
		}
	}
	f := c.flags("[-nErsz] [-i[SUFFIX]] [-e SCRIPT]... [-f FILE]... [SCRIPT] [FILE]...")
	quiet := f.BoolP("quiet", "n", false, "print only what the script says")
	silent := f.Bool("silent", false, "the same")
	scripts := f.StringArrayP("expression", "e", nil, "a script")
	files := f.StringArrayP("file", "f", nil, "a file with a script")
	extended := f.BoolP("regexp-extended", "E", false, "extended expressions")
	extendedToo := f.BoolP("regexp-extended-gnu", "r", false, "the same")
	inPlace := f.String("in-place", "", "change the files (-i), keeping the old ones with SUFFIX")
	f.Lookup("in-place").NoOptDefVal = ""
	separate := f.BoolP("separate", "s", false, "each file has line numbers of its own")
	zero := f.BoolP("null-data", "z", false, "lines end with NUL")
	f.BoolP("unbuffered", "u", false, "taken, and ignored")
	f.Bool("posix", false, "taken, and ignored")
	if status, ok := c.parse(f); !ok {
		return status
	}
	var script []string
	script = append(script, *scripts...)
	for _, name := range *files {
		b, err := os.ReadFile(name)
		if err != nil {
			c.fail(err)
			return 1
		}
		script = append(script, strings.TrimSuffix(string(b), "\n"))
	}
	if !f.Changed("expression") && !f.Changed("file") {
		if len(c.args) == 0 {
			return c.usage("give a script")
		}
		script, c.args = c.args[:1], c.args[1:]
	}
	p := sedParser{src: strings.Join(script, "\n"), extended: *extended || *extendedToo, outputs: map[string]io.Writer{}, labels: map[string]int{}}
	if strings.HasPrefix(p.src, "#n\n") {
		*quiet = true
	}
	if err := p.parse(); err != nil {
		return c.usage("%v", err)
	}
	s := &sedRun{call: c, cmds: p.cmds, quiet: *quiet || *silent, end: lineEnd(*zero)[0], out: c.out}
	if !f.Changed("in-place") {
		names := c.args
		if len(names) == 0 {
			names = []string{"-"}
		}
		if *separate {
			for _, name := range names {
				s.run(name)
			}
		} else {
			s.run(names...)
		}
	} else {
		for _, name := range c.args {
			if err := s.inPlace(name, *inPlace); err != nil {
				c.fail(err)
			}
		}
	}
	if s.status != 0 {
		return s.status
	}
	return c.status()
}

// inPlace runs the script on a file and puts the result in its place.
func (s *sedRun) inPlace(name, suffix string) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s: not a regular file", name)
	}
	temp, err := os.CreateTemp(filepath.Dir(name), ".sed")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	s.out = bufio.NewWriter(temp)
	s.run(name)
	err = errors.Join(s.out.Flush(), temp.Chmod(info.Mode()), temp.Close())
	s.out, s.quitting = s.call.out, false
	if err != nil {
		return err
	}
	if suffix != "" {
		backup := name + suffix
		if strings.Contains(suffix, "*") {
			backup = filepath.Join(filepath.Dir(name), strings.ReplaceAll(suffix, "*", filepath.Base(name)))
		}
		if err := os.Rename(name, backup); err != nil {
			return err
		}
	}
	return os.Rename(temp.Name(), name)
}

// sedInput reads lines of several files as one, and knows whether a line is the last one.
type sedInput struct {
	s     *sedRun
	names []string
	r     *bufio.Reader
	close io.Closer
	name  string
	line  int
	next  *string
	noEnd bool // of next
}

func (in *sedInput) fill() {
	for in.next == nil {
		if in.r == nil {
			if len(in.names) == 0 {
				return
			}
			in.name, in.names = in.names[0], in.names[1:]
			r, err := in.s.open(in.name)
			if err != nil {
				in.s.fail(err)
				continue
			}
			in.r, in.close = bufio.NewReader(r), r
			if f, ok := r.(*os.File); ok {
				if info, err := f.Stat(); err == nil && info.IsDir() {
					in.s.errorf("couldn't edit %s: not a regular file", in.name)
					in.r = nil
					continue
				}
			}
		}
		line, err := in.r.ReadString(in.s.end)
		if err != nil {
			if noEOF(err) != nil {
				in.s.fail(err)
			}
			in.close.Close()
			in.r = nil
			if line == "" {
				continue
			}
		}
		text, hasEnd := strings.CutSuffix(line, string(in.s.end))
		in.next, in.noEnd = &text, !hasEnd
	}
}

func (in *sedInput) last() bool { in.fill(); return in.next == nil }

// read takes the next line.
func (s *sedRun) read() (string, bool) {
	in := s.input
	in.fill()
	if in.next == nil {
		return "", false
	}
	line := *in.next
	in.next = nil
	in.line++
	s.noEnd = in.noEnd
	return line, true
}

func (s *sedRun) run(names ...string) {
	s.input = &sedInput{s: s, names: names}
	again := false
	for !s.quitting {
		if !again {
			line, ok := s.read()
			if !ok {
				return
			}
			s.space = line
		}
		again = s.cycle()
	}
}

func (s *sedRun) print(text string) {
	s.out.WriteString(text)
	if !(s.noEnd && s.input.last()) {
		s.out.WriteByte(s.end)
	}
}

func (s *sedRun) endCycle() {
	if !s.quiet {
		s.print(s.space)
	}
	s.flushAppends()
}

func (s *sedRun) flushAppends() {
	for _, do := range s.appends {
		do()
	}
	s.appends = nil
}

// cycle runs the script on the pattern space. It answers true if the next cycle is to go on with what is in it (D).
func (s *sedRun) cycle() (again bool) {
	substituted := false
	for i := 0; i < len(s.cmds); i++ {
		cmd := s.cmds[i]
		if s.selects(cmd) == cmd.invert {
			if cmd.verb == '{' {
				i = cmd.target
			}
			continue
		}
		switch cmd.verb {
		case 'a':
			s.appends = append(s.appends, func() { s.out.WriteString(cmd.text) })
		case 'i':
			s.out.WriteString(cmd.text)
		case 'c':
			if cmd.addr[1] == nil || cmd.invert || !cmd.inRange {
				s.out.WriteString(cmd.text)
			}
			s.flushAppends()
			return false
		case 'b':
			i = cmd.target - 1
		case 't', 'T':
			if substituted == (cmd.verb == 't') {
				i = cmd.target - 1
			}
			substituted = false
		case '=':
			fmt.Fprintf(s.out, "%d\n", s.input.line)
		case 'd':
			s.flushAppends()
			return false
		case 'D':
			first, rest, more := strings.Cut(s.space, "\n")
			_ = first
			s.flushAppends()
			s.space = rest
			return more
		case 'g':
			s.space = s.hold
		case 'G':
			s.space += "\n" + s.hold
		case 'h':
			s.hold = s.space
		case 'H':
			s.hold += "\n" + s.space
		case 'x':
			s.space, s.hold = s.hold, s.space
		case 'l':
			s.out.WriteString(sedList(s.space) + "$\n")
		case 'n', 'N':
			if s.input.last() {
				if cmd.verb == 'n' || !s.quiet {
					s.endCycle() // GNU prints the pattern space when N has no next line
				}
				s.quitting = true
				return false
			}
			old := s.space
			if cmd.verb == 'n' {
				s.endCycle()
			} else {
				s.flushAppends()
			}
			s.space, _ = s.read()
			if cmd.verb == 'N' {
				s.space = old + "\n" + s.space
			}
		case 'p':
			s.print(s.space)
		case 'P':
			first, _, _ := strings.Cut(s.space, "\n")
			s.out.WriteString(first + string(s.end))
		case 'q', 'Q':
			if cmd.verb == 'q' {
				s.endCycle()
			}
			s.quitting, s.status = true, cmd.code
			return false
		case 'r':
			s.appends = append(s.appends, func() {
				if b, err := os.ReadFile(cmd.text); err == nil { // a file that is not there is empty
					s.out.Write(b)
				}
			})
		case 's':
			if s.substitute(cmd) {
				substituted = true
				if cmd.print {
					s.print(s.space)
				}
				if cmd.out != nil {
					fmt.Fprintf(cmd.out, "%s\n", s.space)
				}
			}
		case 'w':
			if cmd.out == os.Stdout {
				s.print(s.space)
			} else {
				fmt.Fprintf(cmd.out, "%s\n", s.space)
			}
		case 'y':
			s.space = strings.Map(func(r rune) rune {
				if to, ok := cmd.mapping[r]; ok {
					return to
				}
				return r
			}, s.space)
		case 'z':
			s.space = ""
		case 'F':
			s.out.WriteString(s.input.name + "\n")
		}
	}
	s.endCycle()
	return false
}

func (s *sedRun) matches(a *sedAddress) bool {
	switch {
	case a.re != nil:
		s.lastRE = a.re
		return a.re.MatchString(s.space)
	case a.any:
		return s.lastRE != nil && s.lastRE.MatchString(s.space)
	case a.last:
		return s.input.last()
	case a.step > 0:
		return s.input.line >= a.line && (s.input.line-a.line)%a.step == 0
	}
	return s.input.line == a.line
}

// selects says whether a command's addresses select the line at hand.
func (s *sedRun) selects(cmd *sedCommand) bool {
	first, second := cmd.addr[0], cmd.addr[1]
	if first == nil {
		return true
	}
	if second == nil {
		return s.matches(first)
	}
	if first.zero && s.input.line == 1 && cmd.rangeEnd == 0 {
		cmd.inRange, cmd.rangeEnd = true, -1
		if s.matches(second) {
			cmd.inRange = false
		}
		return true
	}
	if cmd.inRange {
		switch {
		case cmd.rangeEnd > 0:
			cmd.inRange = s.input.line < cmd.rangeEnd
			if s.input.line > cmd.rangeEnd { // it ended before this line
				return s.matches(first)
			}
		case s.matches(second):
			cmd.inRange = false
		}
		return true
	}
	if first.zero || !s.matches(first) {
		return false
	}
	cmd.inRange, cmd.rangeEnd = true, -1
	switch {
	case second.re == nil && !second.any && !second.last:
		cmd.rangeEnd = second.line
		if second.line == 0 {
			cmd.rangeEnd = s.input.line + second.plus
		}
		cmd.inRange = s.input.line < cmd.rangeEnd
	case second.last:
		cmd.inRange = !s.input.last()
	}
	return true
}

func (s *sedRun) substitute(cmd *sedCommand) bool {
	re := cmd.re
	if re == nil {
		if re = s.lastRE; re == nil {
			return false
		}
	}
	s.lastRE = re
	var b strings.Builder
	end, n := 0, 0
	for _, at := range re.FindAllStringSubmatchIndex(s.space, -1) {
		if n++; n < cmd.nth {
			continue
		}
		b.WriteString(s.space[end:at[0]])
		b.WriteString(s.expand(cmd.replace, at))
		end = at[1]
		if !cmd.global {
			break
		}
	}
	if n == 0 || n < cmd.nth {
		return false
	}
	s.space = b.String() + s.space[end:]
	return true
}

func (s *sedRun) expand(parts []sedPart, at []int) string {
	var b strings.Builder
	all, one := byte(0), byte(0) // \U or \L until \E; \u or \l for one letter
	for _, part := range parts {
		switch part.fold {
		case 'U', 'L':
			all = part.fold
		case 'E':
			all = 0
		case 'u', 'l':
			one = part.fold
		}
		text := part.text
		if g := part.group; g >= 0 && 2*g+1 < len(at) && at[2*g] >= 0 {
			text = s.space[at[2*g]:at[2*g+1]]
		}
		switch all {
		case 'U':
			text = strings.ToUpper(text)
		case 'L':
			text = strings.ToLower(text)
		}
		if one != 0 && text != "" {
			runes := []rune(text)
			if one == 'u' {
				runes[0] = unicode.ToUpper(runes[0])
			} else {
				runes[0] = unicode.ToLower(runes[0])
			}
			text, one = string(runes), 0
		}
		b.WriteString(text)
	}
	return b.String()
}

func sedList(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		switch {
		case strings.IndexByte("\\\a\b\f\n\r\t\v", c) >= 0:
			b.WriteString(map[byte]string{'\\': `\\`, 7: `\a`, 8: `\b`, 12: `\f`, '\n': `\n`, '\r': `\r`, '\t': `\t`, 11: `\v`}[c])
		case c < 32 || c > 126:
			fmt.Fprintf(&b, `\%03o`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
