//go:build linux

package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"mvdan.cc/sh/v3/syntax"
)

// formatPrintf is printf's output: the format, as often as there are arguments for it. An argument that is no number counts
// as 0 and is an error, with which the output is complete all the same.
func formatPrintf(format string, args []string) (string, error) {
	p := &printer{args: args}
	for {
		before := len(p.args)
		if err := p.once(format); err != nil {
			return p.out.String(), err
		}
		if p.stop || len(p.args) == 0 || len(p.args) == before {
			return p.out.String(), p.err
		}
	}
}

type printer struct {
	out  strings.Builder
	args []string
	err  error
	stop bool // by \c
}

func (p *printer) next() string {
	if len(p.args) == 0 {
		return ""
	}
	arg := p.args[0]
	p.args = p.args[1:]
	return arg
}

func (p *printer) once(format string) error {
	for i := 0; i < len(format) && !p.stop; i++ {
		switch {
		case format[i] == '\\':
			j := escapeEnd(format, i)
			if format[i:j] == `\c` {
				p.stop = true
				return nil
			}
			p.out.WriteString(unescapeChar(format[i:j]))
			i = j - 1
		case format[i] == '%':
			n, err := p.directive(format[i:])
			if err != nil {
				return err
			}
			i += n - 1
		default:
			p.out.WriteByte(format[i])
		}
	}
	return nil
}

// escapeEnd is where the escape that begins at i ends.
func escapeEnd(s string, i int) int {
	j := i + 1
	if j >= len(s) {
		return j
	}
	switch c := s[j]; {
	case c >= '0' && c <= '7':
		for j < len(s) && j < i+4 && s[j] >= '0' && s[j] <= '7' {
			j++
		}
		return j
	case c == 'x' || c == 'u' || c == 'U':
		limit := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
		for j++; j < len(s) && j < i+2+limit && hexDigit(s[j]) >= 0; j++ {
		}
		return j
	}
	return j + 1
}

func unescapeChar(s string) string {
	if len(s) > 2 && (s[1] == 'u' || s[1] == 'U') {
		if n, err := strconv.ParseUint(s[2:], 16, 32); err == nil {
			return string(rune(n))
		}
	}
	switch s {
	case `\"`, `\'`, `\?`:
		return s[1:]
	case `\e`, `\E`:
		return "\x1b"
	}
	return unescape(s)
}

// directive writes one % directive and answers its length.
func (p *printer) directive(s string) (int, error) {
	i := 1
	spec := "%"
	for i < len(s) && strings.IndexByte("-+ #0'", s[i]) >= 0 {
		if s[i] != '\'' {
			spec += s[i : i+1]
		}
		i++
	}
	count := func() {
		if i < len(s) && s[i] == '*' {
			n := p.number(p.next())
			spec += strconv.FormatInt(n, 10)
			i++
			return
		}
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			spec += s[i : i+1]
			i++
		}
	}
	count()
	if i < len(s) && s[i] == '.' {
		spec += "."
		i++
		count()
	}
	for i < len(s) && strings.IndexByte("hlLqjzt", s[i]) >= 0 && !(s[i] == 'q') {
		i++
	}
	if i == len(s) {
		return 0, fmt.Errorf("%s: missing format character", s)
	}
	verb := s[i]
	i++
	switch verb {
	case '%':
		p.out.WriteByte('%')
	case 'd', 'i':
		fmt.Fprintf(&p.out, integerSpec(spec)+"d", p.number(p.next()))
	case 'u':
		fmt.Fprintf(&p.out, integerSpec(spec)+"d", uint64(p.number(p.next())))
	case 'o', 'x', 'X':
		fmt.Fprintf(&p.out, integerSpec(spec)+string(verb), uint64(p.number(p.next())))
	case 'e', 'E', 'f', 'F', 'g', 'G', 'a', 'A':
		arg := strings.TrimSpace(p.next())
		v, err := strconv.ParseFloat(arg, 64)
		if err != nil {
			v = float64(p.number(arg))
		}
		if verb == 'a' || verb == 'A' { // hexadecimal, to C
			verb += 'x' - 'a'
		}
		fmt.Fprintf(&p.out, spec+string(verb), v)
	case 'c':
		arg := p.next()
		_, size := utf8.DecodeRuneInString(arg)
		fmt.Fprintf(&p.out, strings.ReplaceAll(spec, "0", "")+"s", arg[:size])
	case 's':
		fmt.Fprintf(&p.out, spec+"s", p.next())
	case 'b':
		text, stop := unescapeAll(p.next())
		p.stop = stop
		fmt.Fprintf(&p.out, spec+"s", text)
	case 'q':
		quoted, err := syntax.Quote(p.next(), syntax.LangBash)
		if err != nil {
			return 0, err
		}
		p.out.WriteString(quoted)
	default:
		return 0, fmt.Errorf("%%%c: invalid format character", verb)
	}
	return i, nil
}

// integerSpec keeps zeros from padding where a precision says how many digits there are, as C does.
func integerSpec(spec string) string {
	if strings.Contains(spec, ".") {
		flags := strings.TrimLeft(spec[1:], "-+ #0")
		return "%" + strings.ReplaceAll(spec[1:len(spec)-len(flags)], "0", "") + flags
	}
	return spec
}

// unescapeAll reads the escapes of %b and echo -e. \c ends the output.
func unescapeAll(s string) (text string, stop bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		if strings.HasPrefix(s[i:], `\c`) {
			return b.String(), true
		}
		j := escapeEnd(s, i)
		if strings.HasPrefix(s[i:], `\0`) && j < len(s) && j == i+4 && s[j] >= '0' && s[j] <= '7' { // \0NNN
			j++
			n, _ := strconv.ParseUint(s[i+2:j], 8, 16)
			b.WriteByte(byte(n))
		} else {
			b.WriteString(unescapeChar(s[i:j]))
		}
		i = j - 1
	}
	return b.String(), false
}

func (p *printer) number(arg string) int64 {
	arg = strings.TrimSpace(arg)
	if arg == "" {
		return 0
	}
	if arg[0] == '\'' || arg[0] == '"' {
		r, _ := utf8.DecodeRuneInString(arg[1:])
		return int64(r)
	}
	v, err := strconv.ParseInt(arg, 0, 64)
	if err == nil {
		return v
	}
	if u, err := strconv.ParseUint(arg, 0, 64); err == nil {
		return int64(u)
	}
	if f, err := strconv.ParseFloat(arg, 64); err == nil && !errors.Is(err, strconv.ErrRange) {
		p.err = fmt.Errorf("%s: invalid number", arg)
		return int64(f)
	}
	p.err = fmt.Errorf("%s: invalid number", arg)
	end := numberEnd(arg)
	v, _ = strconv.ParseInt(strings.SplitN(arg[:end], ".", 2)[0], 10, 64)
	return v
}

func printfTool(c *call) int {
	if len(c.args) > 0 && c.args[0] == "--" {
		c.args = c.args[1:]
	}
	if len(c.args) == 0 {
		return c.usage("give a format")
	}
	text, err := formatPrintf(c.args[0], c.args[1:])
	c.out.WriteString(text)
	if err != nil {
		c.fail(err)
	}
	return c.status()
}

func echo(c *call) int {
	c.out.WriteString(formatEcho(c.args))
	return 0
}

func formatEcho(args []string) string {
	end, escapes := "\n", false
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' && strings.Trim(args[0][1:], "neE") == "" {
		for _, flag := range args[0][1:] {
			switch flag {
			case 'n':
				end = ""
			case 'e', 'E':
				escapes = flag == 'e'
			}
		}
		args = args[1:]
	}
	text := strings.Join(args, " ")
	if escapes {
		var stop bool
		if text, stop = unescapeAll(text); stop {
			end = ""
		}
	}
	return text + end
}
