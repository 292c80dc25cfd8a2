//go:build linux

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// tr works on runes.
func tr(c *call) int {
	f := c.flags("[-cds] SET1 [SET2]")
	complement := f.BoolP("complement", "c", false, "everything that is not in SET1")
	upper := f.BoolP("C", "C", false, "the same")
	del := f.BoolP("delete", "d", false, "delete what is in SET1")
	squeeze := f.BoolP("squeeze-repeats", "s", false, "one of equal ones in a row, of the last set")
	truncate := f.BoolP("truncate-set1", "t", false, "cut SET1 to the length of SET2")
	f.SetInterspersed(false)
	if status, ok := c.parse(f); !ok {
		return status
	}
	*complement = *complement || *upper
	want := 2
	if *del != *squeeze || *squeeze && len(c.args) == 1 {
		want = 1
	}
	if len(c.args) < want || len(c.args) > 2 || *del && !*squeeze && len(c.args) != 1 {
		return c.usage("wrong number of sets")
	}
	set1, classes, err := trSet(c.args[0], 0)
	if err != nil {
		return c.usage("%v", err)
	}
	var set2 []rune
	if len(c.args) == 2 {
		if set2, _, err = trSet(c.args[1], len(set1)); err != nil {
			return c.usage("%v", err)
		}
		if len(set2) == 0 && !*del {
			return c.usage("SET2 is empty")
		}
	}
	_ = classes
	if *truncate && len(set2) < len(set1) {
		set1 = set1[:len(set2)]
	}
	in1 := map[rune]int{}
	for i, r := range set1 {
		if _, ok := in1[r]; !ok || len(set2) > 0 { // the last one of equal ones counts
			in1[r] = i
		}
	}
	member := func(r rune) bool {
		_, ok := in1[r]
		return ok != *complement
	}
	translate := func(r rune) rune {
		if *del || len(set2) == 0 || !member(r) {
			return r
		}
		if *complement {
			return set2[len(set2)-1]
		}
		return set2[min(in1[r], len(set2)-1)]
	}
	squeezed := member
	if len(set2) > 0 {
		in2 := map[rune]bool{}
		for _, r := range set2 {
			in2[r] = true
		}
		squeezed = func(r rune) bool { return in2[r] }
	}
	last := rune(-1)
	br := bufio.NewReaderSize(c.in, 64<<10)
	for {
		r, size, err := br.ReadRune()
		if err != nil {
			if noEOF(err) != nil {
				c.fail(err)
			}
			return c.status()
		}
		if r == utf8.RuneError && size == 1 { // not UTF-8: as it is, a byte
			br.UnreadRune()
			b, _ := br.ReadByte()
			r = byteRune + rune(b)
		}
		if *del && member(r) {
			continue
		}
		out := translate(r)
		if *squeeze && out == last && squeezed(out) {
			continue
		}
		last = out
		if out >= byteRune {
			err = c.out.WriteByte(byte(out - byteRune))
		} else {
			_, err = c.out.WriteRune(out)
		}
		if err != nil {
			c.fail(err)
			return 1
		}
		if br.Buffered() == 0 {
			c.out.Flush()
		}
	}
}

// byteRune and above stand for bytes that are not UTF-8.
const byteRune = unicode.MaxRune + 1

func trSet(s string, fill int) (set []rune, classes bool, err error) {
	runes := []rune{}
	for i := 0; i < len(s); {
		if s[i] == '\\' && i+1 < len(s) {
			n := 2
			if s[i+1] >= '0' && s[i+1] <= '7' {
				for n < 4 && i+n < len(s) && s[i+n] >= '0' && s[i+n] <= '7' {
					n++
				}
			}
			text := unescape(s[i : i+n])
			if b := text[0]; len(text) == 1 && b >= utf8.RuneSelf {
				runes = append(runes, byteRune+rune(b))
			} else if strings.HasPrefix(text, `\`) && len(text) > 1 {
				runes = append(runes, []rune(text[1:])...)
			} else {
				runes = append(runes, []rune(text)...)
			}
			runes = append(runes, -1) // escaped: not part of a class or a range's sign
			i += n
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		runes = append(runes, r)
		i += size
	}
	at := func(i int) (r rune, next int) {
		if i >= len(runes) {
			return -2, i
		}
		if i+1 < len(runes) && runes[i+1] == -1 {
			return runes[i], i + 2
		}
		return runes[i], i + 1
	}
	for i := 0; i < len(runes); {
		r, next := at(i)
		plain := next == i+1
		if plain && r == '[' {
			if name, after, ok := trClass(runes, i); ok {
				classes = true
				for x := rune(0); x < 128; x++ {
					if trIn(name, x) {
						set = append(set, x)
					}
				}
				if !slices.Contains(trClasses, name) {
					return nil, false, fmt.Errorf("%s: no such class", name)
				}
				i = after
				continue
			}
			if x, n1 := at(i + 1); n1 < len(runes) && runes[n1] == '*' { // [x*N]
				if end := slices.Index(runes[n1:], ']'); end > 0 {
					n, err := strconv.Atoi(string(runes[n1+1 : n1+end]))
					if err != nil || n == 0 {
						n = max(0, fill-len(set))
					}
					set = append(set, slices.Repeat([]rune{x}, n)...)
					i = n1 + end + 1
					continue
				}
			}
		}
		if sign, n2 := at(next); sign == '-' && n2 == next+1 && n2 < len(runes) {
			last, n3 := at(n2)
			if last < r {
				return nil, false, fmt.Errorf("the range %c-%c is the wrong way round", r, last)
			}
			for x := r; x <= last; x++ {
				set = append(set, x)
			}
			i = n3
			continue
		}
		set = append(set, r)
		i = next
	}
	return set, classes, nil
}

var trClasses = []string{"alnum", "alpha", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "xdigit"}

func trClass(runes []rune, i int) (name string, after int, ok bool) {
	if i+1 >= len(runes) || runes[i+1] != ':' {
		return "", 0, false
	}
	for j := i + 2; j+1 < len(runes); j++ {
		if runes[j] == ':' && runes[j+1] == ']' {
			return string(runes[i+2 : j]), j + 2, true
		}
	}
	return "", 0, false
}

func trIn(class string, r rune) bool {
	switch class {
	case "alnum":
		return unicode.IsLetter(r) || unicode.IsDigit(r)
	case "alpha":
		return unicode.IsLetter(r)
	case "blank":
		return r == ' ' || r == '\t'
	case "cntrl":
		return r < 32 || r == 127
	case "digit":
		return r >= '0' && r <= '9'
	case "graph":
		return r > 32 && r < 127
	case "lower":
		return r >= 'a' && r <= 'z'
	case "print":
		return r >= 32 && r < 127
	case "punct":
		return r > 32 && r < 127 && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	case "space":
		return unicode.IsSpace(r)
	case "upper":
		return r >= 'A' && r <= 'Z'
	case "xdigit":
		return r < 128 && hexDigit(byte(r)) >= 0
	}
	return false
}

// parseRanges reads 1,3-5,7- as a test of numbers.
func parseRanges(s string) (func(int) bool, error) {
	type span struct{ from, to int }
	var spans []span
	for _, part := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' }) {
		from, to, isRange := strings.Cut(part, "-")
		sp := span{1, 1 << 62}
		var err1, err2 error
		if from != "" {
			sp.from, err1 = strconv.Atoi(from)
		}
		if to != "" {
			sp.to, err2 = strconv.Atoi(to)
		} else if !isRange {
			sp.to = sp.from
		}
		if err1 != nil || err2 != nil || sp.from < 1 || sp.to < sp.from || from == "" && to == "" {
			return nil, fmt.Errorf("%s: invalid range", part)
		}
		spans = append(spans, sp)
	}
	if len(spans) == 0 {
		return nil, errors.New("the list is empty")
	}
	return func(n int) bool {
		for _, sp := range spans {
			if n >= sp.from && n <= sp.to {
				return true
			}
		}
		return false
	}, nil
}

func cut(c *call) int {
	f := c.flags("-f LIST [-d DELIMITER] [-s] | -c LIST | -b LIST [FILE]...")
	fields := f.StringP("fields", "f", "", "fields")
	chars := f.StringP("characters", "c", "", "characters")
	bytesList := f.StringP("bytes", "b", "", "bytes")
	delim := f.StringP("delimiter", "d", "\t", "between fields")
	only := f.BoolP("only-delimited", "s", false, "no lines without a delimiter")
	complement := f.Bool("complement", false, "all but those")
	outDelim := f.String("output-delimiter", "", "between fields, in the output")
	zero := f.BoolP("zero-terminated", "z", false, "lines end with NUL")
	f.BoolP("no-split", "n", false, "taken, and ignored")
	if status, ok := c.parse(f); !ok {
		return status
	}
	list, given := "", 0
	for _, s := range []string{*fields, *chars, *bytesList} {
		if s != "" {
			list = s
			given++
		}
	}
	if given != 1 {
		return c.usage("give one of -f, -c and -b")
	}
	in, err := parseRanges(list)
	if err != nil {
		return c.usage("%v", err)
	}
	if *complement {
		inside := in
		in = func(n int) bool { return !inside(n) }
	}
	if !f.Changed("output-delimiter") {
		*outDelim = *delim
	}
	if *delim == "" {
		*delim = "\x00"
	}
	end := lineEnd(*zero)
	c.each(func(_ string, r io.Reader) error {
		return records(r, end[0], func(s string) bool {
			var parts []string
			sep := ""
			switch {
			case *fields != "":
				if !strings.Contains(s, *delim) {
					if !*only {
						c.out.WriteString(s + end)
					}
					return true
				}
				for i, part := range strings.Split(s, *delim) {
					if in(i + 1) {
						parts = append(parts, part)
					}
				}
				sep = *outDelim
			case *chars != "":
				n := 0
				for _, r := range s {
					if n++; in(n) {
						parts = append(parts, string(r))
					}
				}
			default:
				for i := range len(s) {
					if in(i + 1) {
						parts = append(parts, s[i:i+1])
					}
				}
			}
			_, err := c.out.WriteString(strings.Join(parts, sep) + end)
			return err == nil
		})
	})
	return c.status()
}

func paste(c *call) int {
	f := c.flags("[-s] [-d DELIMITERS] [FILE]...")
	serial := f.BoolP("serial", "s", false, "one file after the other")
	delims := f.StringP("delimiters", "d", "\t", "between lines, in turn")
	if status, ok := c.parse(f); !ok {
		return status
	}
	seps := []rune(unescape(strings.ReplaceAll(*delims, `\0`, "\x01")))
	sep := func(i int) string {
		if len(seps) == 0 || seps[i%len(seps)] == 1 {
			return ""
		}
		return string(seps[i%len(seps)])
	}
	if *serial {
		c.each(func(_ string, r io.Reader) error {
			i := 0
			err := lines(r, func(s string) bool {
				if i > 0 {
					c.out.WriteString(sep(i - 1))
				}
				i++
				c.out.WriteString(s)
				return true
			})
			c.out.WriteByte('\n')
			return err
		})
		return c.status()
	}
	if len(c.args) == 0 {
		c.args = []string{"-"}
	}
	stdin := bufio.NewReader(c.in)
	var readers []*bufio.Reader
	for _, name := range c.args {
		if name == "-" {
			readers = append(readers, stdin)
			continue
		}
		r, err := c.open(name)
		if err != nil {
			c.fail(err)
			return 1
		}
		defer r.Close()
		readers = append(readers, bufio.NewReader(r))
	}
	for {
		var b bytes.Buffer
		any := false
		for i, r := range readers {
			line, err := r.ReadString('\n')
			if noEOF(err) != nil {
				c.fail(err)
				return 1
			}
			any = any || line != ""
			if i > 0 {
				b.WriteString(sep(i - 1))
			}
			b.WriteString(strings.TrimSuffix(line, "\n"))
		}
		if !any {
			return c.status()
		}
		c.out.Write(append(b.Bytes(), '\n'))
	}
}

func fold(c *call) int {
	f := c.flags("[-s] [-w WIDTH] [FILE]...")
	width := f.IntP("width", "w", 80, "at most so wide")
	spaces := f.BoolP("spaces", "s", false, "break at blanks")
	f.BoolP("bytes", "b", false, "taken, and ignored")
	if status, ok := c.parse(f); !ok {
		return status
	}
	if *width < 1 {
		return c.usage("the width must be positive")
	}
	c.each(func(_ string, r io.Reader) error {
		return lines(r, func(s string) bool {
			runes := []rune(s)
			for len(runes) > *width {
				n := *width
				if *spaces {
					for i := n - 1; i > 0; i-- {
						if runes[i] == ' ' || runes[i] == '\t' {
							n = i + 1
							break
						}
					}
				}
				c.out.WriteString(string(runes[:n]) + "\n")
				runes = runes[n:]
			}
			c.out.WriteString(string(runes) + "\n")
			return true
		})
	})
	return c.status()
}
