//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// sedCommand is one command of a script. A script is a flat list: { jumps to its } if the address does not match.
type sedCommand struct {
	addr   [2]*sedAddress
	invert bool
	verb   byte
	text   string // of a, i, c, r, w, and the label of :, b, t, T
	target int    // of b, t, T and {
	code   int    // of q and Q

	re       *regexp.Regexp // of s; nil is the last one used
	replace  []sedPart
	global   bool
	print    bool
	nth      int
	out      io.Writer // of w and s///w
	mapping  map[rune]rune
	inRange  bool
	rangeEnd int
}

type sedAddress struct {
	line int // 0: not a line's number
	last bool
	re   *regexp.Regexp
	any  bool // an empty expression, the last one used
	step int  // first~step
	plus int  // addr,+N
	zero bool // 0,/re/
}

// sedPart is a piece of a replacement: text, or a group, with a change of case before it.
type sedPart struct {
	text  string
	group int // -1: text
	fold  byte
}

type sedParser struct {
	src      string
	extended bool
	outputs  map[string]io.Writer
	cmds     []*sedCommand
	blocks   []int
	labels   map[string]int
}

func (p *sedParser) skip(chars string) { p.src = strings.TrimLeft(p.src, chars) }

func (p *sedParser) parse() error {
	for {
		p.skip(" \t\n;")
		if p.src == "" {
			break
		}
		if p.src[0] == '#' {
			_, p.src, _ = strings.Cut(p.src, "\n")
			continue
		}
		if err := p.command(); err != nil {
			return err
		}
	}
	if len(p.blocks) > 0 {
		return errors.New("{ without }")
	}
	for _, cmd := range p.cmds {
		if strings.IndexByte("btT", cmd.verb) < 0 {
			continue
		}
		at, ok := p.labels[cmd.text]
		switch {
		case cmd.text == "":
			at = len(p.cmds)
		case !ok:
			return fmt.Errorf("no label %s", cmd.text)
		}
		cmd.target = at
	}
	return nil
}

func (p *sedParser) command() error {
	cmd := &sedCommand{}
	var err error
	if cmd.addr[0], err = p.address(); err != nil {
		return err
	}
	if p.skip(" \t"); cmd.addr[0] != nil && strings.HasPrefix(p.src, ",") {
		p.src = p.src[1:]
		p.skip(" \t")
		if strings.HasPrefix(p.src, "+") {
			p.src = p.src[1:]
			cmd.addr[1] = &sedAddress{plus: p.number()}
		} else if cmd.addr[1], err = p.address(); err != nil {
			return err
		}
		if cmd.addr[1] == nil {
			return errors.New("a second address is missing after ,")
		}
	}
	if a := cmd.addr[0]; a != nil && a.zero && (cmd.addr[1] == nil || cmd.addr[1].re == nil) {
		return errors.New("address 0 needs an expression after it")
	}
	for p.skip(" \t"); strings.HasPrefix(p.src, "!"); p.skip(" \t") {
		cmd.invert, p.src = true, p.src[1:]
	}
	if p.src == "" {
		return errors.New("a command is missing")
	}
	cmd.verb, p.src = p.src[0], p.src[1:]
	index := len(p.cmds)
	p.cmds = append(p.cmds, cmd)
	switch cmd.verb {
	case '{':
		p.blocks = append(p.blocks, index)
		return nil
	case '}':
		if len(p.blocks) == 0 {
			return errors.New("} without {")
		}
		p.cmds[p.blocks[len(p.blocks)-1]].target = index
		p.blocks = p.blocks[:len(p.blocks)-1]
	case 'a', 'i', 'c':
		cmd.text = p.textArgument()
		return nil
	case ':', 'b', 't', 'T':
		p.skip(" \t")
		end := strings.IndexAny(p.src, "\n;}")
		if cmd.verb == ':' {
			end = strings.IndexAny(p.src, "\n;")
		}
		if end < 0 {
			end = len(p.src)
		}
		cmd.text, p.src = strings.TrimSpace(p.src[:end]), p.src[end:]
		if cmd.verb == ':' {
			if cmd.text == "" {
				return errors.New(": needs a label")
			}
			p.labels[cmd.text] = index
		}
		return nil
	case 'r', 'w':
		p.skip(" \t")
		cmd.text, p.src, _ = strings.Cut(p.src, "\n")
		if cmd.text == "" {
			return fmt.Errorf("%c needs a file's name", cmd.verb)
		}
		if cmd.verb == 'w' {
			cmd.out, err = p.output(cmd.text)
		}
		return err
	case 'q', 'Q', 'l', 'L':
		p.skip(" \t")
		cmd.code = p.number()
	case 's':
		err = p.substitute(cmd)
	case 'y':
		err = p.transliterate(cmd)
	case '=', 'd', 'D', 'g', 'G', 'h', 'H', 'n', 'N', 'p', 'P', 'x', 'z', 'F':
	default:
		return fmt.Errorf("unknown command: %c", cmd.verb)
	}
	if err != nil {
		return err
	}
	p.skip(" \t")
	if p.src != "" && strings.IndexByte("\n;}#", p.src[0]) < 0 {
		return fmt.Errorf("extra characters after %c", cmd.verb)
	}
	return nil
}

func (p *sedParser) number() int {
	i := 0
	for i < len(p.src) && p.src[i] >= '0' && p.src[i] <= '9' {
		i++
	}
	n, _ := strconv.Atoi(p.src[:i])
	p.src = p.src[i:]
	return n
}

func (p *sedParser) address() (*sedAddress, error) {
	if p.src == "" {
		return nil, nil
	}
	switch c := p.src[0]; {
	case c >= '0' && c <= '9':
		a := &sedAddress{line: p.number()}
		a.zero = a.line == 0
		if strings.HasPrefix(p.src, "~") {
			p.src = p.src[1:]
			a.zero = false
			if a.step = p.number(); a.step == 0 {
				a.step = 1 << 62
			}
		}
		return a, nil
	case c == '$':
		p.src = p.src[1:]
		return &sedAddress{last: true}, nil
	case c == '/' || c == '\\' && len(p.src) > 1:
		if c == '\\' {
			p.src = p.src[1:]
		}
		expr, err := p.delimited(true)
		if err != nil {
			return nil, err
		}
		fold, multi := false, false
		for p.src != "" && (p.src[0] == 'I' || p.src[0] == 'M') {
			fold, multi, p.src = fold || p.src[0] == 'I', multi || p.src[0] == 'M', p.src[1:]
		}
		if expr == "" {
			return &sedAddress{any: true}, nil
		}
		re, err := compilePosix(expr, p.extended, fold, multi)
		return &sedAddress{re: re}, err
	}
	return nil, nil
}

// delimited reads /…/, whatever the first character is, and leaves what follows. An escaped delimiter is a plain one.
func (p *sedParser) delimited(expression bool) (string, error) {
	if p.src == "" {
		return "", errors.New("unterminated command")
	}
	delim := p.src[0]
	rest := p.src[1:]
	var b strings.Builder
	inBracket := false
	for i := 0; i < len(rest); i++ {
		c := rest[i]
		switch {
		case c == '\\' && i+1 < len(rest):
			i++
			if rest[i] == delim && delim != '\\' {
				if expression && strings.IndexByte(`.*[]^$+?(){}|`, delim) >= 0 {
					b.WriteByte('\\')
				}
				b.WriteByte(delim)
			} else {
				b.WriteString(rest[i-1 : i+1])
			}
		case expression && c == '[' && !inBracket:
			inBracket = true
			b.WriteByte(c)
			for _, lead := range "^]" {
				if i+1 < len(rest) && rest[i+1] == byte(lead) {
					i++
					b.WriteByte(rest[i])
				}
			}
		case c == ']':
			inBracket = false
			b.WriteByte(c)
		case c == delim && !inBracket:
			p.src = rest[i:] // the next part begins with the delimiter
			p.src = p.src[1:]
			return b.String(), nil
		default:
			b.WriteByte(c)
		}
	}
	return "", fmt.Errorf("unterminated %c", delim)
}

func (p *sedParser) substitute(cmd *sedCommand) error {
	if p.src == "" {
		return errors.New("unterminated s")
	}
	delim := p.src[:1]
	expr, err := p.delimited(true)
	if err != nil {
		return err
	}
	p.src = delim + p.src
	replacement, err := p.delimited(false)
	if err != nil {
		return err
	}
	fold, multi := false, false
flags:
	for p.src != "" {
		switch c := p.src[0]; {
		case c == 'g':
			cmd.global = true
		case c == 'p':
			cmd.print = true
		case c == 'i' || c == 'I':
			fold = true
		case c == 'm' || c == 'M':
			multi = true
		case c >= '1' && c <= '9':
			cmd.nth = p.number()
			continue
		case c == 'w':
			var name string
			name, p.src, _ = strings.Cut(p.src[1:], "\n")
			cmd.out, err = p.output(strings.TrimSpace(name))
			break flags
		case strings.IndexByte(" \t\n;}#", c) >= 0:
			break flags
		default:
			return fmt.Errorf("unknown flag of s: %c", c)
		}
		p.src = p.src[1:]
	}
	if err != nil {
		return err
	}
	groups := 9
	if expr != "" {
		if cmd.re, err = compilePosix(expr, p.extended, fold, multi); err != nil {
			return err
		}
		groups = cmd.re.NumSubexp()
	}
	cmd.replace, err = sedReplacement(replacement, groups)
	return err
}

func sedReplacement(s string, groups int) (parts []sedPart, err error) {
	var text strings.Builder
	fold := byte(0)
	flush := func() {
		if text.Len() > 0 || fold != 0 {
			parts = append(parts, sedPart{text.String(), -1, fold})
			text.Reset()
			fold = 0
		}
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '&':
			flush()
			parts = append(parts, sedPart{"", 0, 0})
		case c == '\\' && i+1 < len(s):
			i++
			switch c = s[i]; {
			case c >= '0' && c <= '9':
				if int(c-'0') > groups {
					return nil, fmt.Errorf(`\%c: there is no such group`, c)
				}
				flush()
				parts = append(parts, sedPart{"", int(c - '0'), 0})
			case strings.IndexByte("ULEul", c) >= 0:
				flush()
				fold = c
			case strings.IndexByte("ntrfva", c) >= 0:
				text.WriteString(unescape(s[i-1 : i+1]))
			default:
				text.WriteByte(c)
			}
		default:
			text.WriteByte(c)
		}
	}
	flush()
	return parts, nil
}

func (p *sedParser) transliterate(cmd *sedCommand) error {
	if p.src == "" {
		return errors.New("unterminated y")
	}
	delim := p.src[:1]
	from, err := p.delimited(false)
	if err != nil {
		return err
	}
	p.src = delim + p.src
	to, err := p.delimited(false)
	if err != nil {
		return err
	}
	a, b := []rune(unescape(from)), []rune(unescape(to))
	if len(a) != len(b) {
		return errors.New("the two sides of y are not equally long")
	}
	cmd.mapping = map[rune]rune{}
	for i := range a {
		cmd.mapping[a[i]] = b[i]
	}
	return nil
}

// textArgument is the text of a, i and c: after a backslash and a newline, or on the same line; a line's end that is escaped
// does not end it.
func (p *sedParser) textArgument() string {
	p.skip(" \t")
	if strings.HasPrefix(p.src, "\\\n") {
		p.src = p.src[2:]
	} else if strings.HasPrefix(p.src, "\\") {
		p.src = p.src[1:]
	}
	var b strings.Builder
	for i := 0; i < len(p.src); i++ {
		c := p.src[i]
		if c == '\\' && i+1 < len(p.src) {
			i++
			if p.src[i] == 't' {
				b.WriteByte('\t')
			} else {
				b.WriteByte(p.src[i])
			}
			continue
		}
		if c == '\n' {
			p.src = p.src[i:]
			return b.String() + "\n"
		}
		b.WriteByte(c)
	}
	p.src = ""
	return b.String() + "\n"
}

func (p *sedParser) output(name string) (io.Writer, error) {
	switch name {
	case "":
		return nil, errors.New("w needs a file's name")
	case "/dev/stdout":
		return os.Stdout, nil
	case "/dev/stderr":
		return os.Stderr, nil
	}
	if w, ok := p.outputs[name]; ok {
		return w, nil
	}
	f, err := os.Create(name)
	if err == nil {
		p.outputs[name] = f
	}
	return f, err
}
