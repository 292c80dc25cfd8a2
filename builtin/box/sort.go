//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// sortKey is what lines are compared by: a range of fields and how to compare it.
type sortKey struct {
	fromField, fromChar, toField, toChar int // from 1; toField 0: the line's end; toChar 0: the field's end
	flags                                string
}

func parseKey(s string) (k sortKey, err error) {
	from, to, hasTo := strings.Cut(s, ",")
	part := func(s string) (field, char int, flags string, err error) {
		i := strings.IndexFunc(s, unicode.IsLetter)
		if i >= 0 {
			s, flags = s[:i], s[i:]
		}
		f, ch, hasChar := strings.Cut(s, ".")
		if field, err = strconv.Atoi(f); err == nil && hasChar {
			char, err = strconv.Atoi(ch)
		}
		if err != nil || field < 1 || strings.Trim(flags, "bdfhinrVgM") != "" {
			err = fmt.Errorf("%s: invalid key", s)
		}
		return
	}
	var flags string
	if k.fromField, k.fromChar, k.flags, err = part(from); err != nil {
		return
	}
	if hasTo {
		k.toField, k.toChar, flags, err = part(to)
		k.flags += flags
	}
	k.fromChar = max(1, k.fromChar)
	return
}

// of is the part of a line that the key is about. Without a separator a field begins with the blanks before it.
func (k sortKey) of(line, sep string) string {
	type span struct{ start, end int }
	var fields []span
	if sep != "" {
		at := 0
		for {
			i := strings.Index(line[at:], sep)
			if i < 0 {
				fields = append(fields, span{at, len(line)})
				break
			}
			fields = append(fields, span{at, at + i})
			at += i + len(sep)
		}
	} else {
		blank := func(c byte) bool { return c == ' ' || c == '\t' }
		for at := 0; at < len(line); {
			start := at
			for at < len(line) && blank(line[at]) {
				at++
			}
			for at < len(line) && !blank(line[at]) {
				at++
			}
			fields = append(fields, span{start, at})
		}
	}
	if k.fromField > len(fields) {
		return ""
	}
	start := fields[k.fromField-1].start
	skip := func(at int) int {
		for strings.Contains(k.flags, "b") && at < len(line) && (line[at] == ' ' || line[at] == '\t') {
			at++
		}
		return at
	}
	start = min(skip(start)+k.fromChar-1, len(line))
	end := len(line)
	if k.toField > 0 && k.toField <= len(fields) {
		end = fields[k.toField-1].end
		if k.toChar > 0 {
			end = min(skip(fields[k.toField-1].start)+k.toChar, len(line))
		}
	}
	return line[start:max(start, end)]
}

func compareBy(flags, a, b string) int {
	if strings.Contains(flags, "b") {
		a, b = strings.TrimLeft(a, " \t"), strings.TrimLeft(b, " \t")
	}
	if strings.Contains(flags, "f") {
		a, b = strings.ToUpper(a), strings.ToUpper(b)
	}
	if strings.Contains(flags, "d") {
		keep := func(r rune) rune {
			if unicode.IsLetter(r) || unicode.IsDigit(r) || r == ' ' || r == '\t' {
				return r
			}
			return -1
		}
		a, b = strings.Map(keep, a), strings.Map(keep, b)
	}
	switch {
	case strings.ContainsAny(flags, "n"):
		return compareNumbers(leadingNumber(a), leadingNumber(b))
	case strings.Contains(flags, "g"):
		return compareNumbers(leadingFloat(a), leadingFloat(b))
	case strings.Contains(flags, "h"):
		return compareNumbers(humanNumber(a), humanNumber(b))
	case strings.Contains(flags, "V"):
		return compareVersions(a, b)
	case strings.Contains(flags, "M"):
		return month(a) - month(b)
	}
	return strings.Compare(a, b)
}

func compareNumbers(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func numberEnd(s string) int {
	i := 0
	if i < len(s) && s[i] == '-' {
		i++
	}
	for i < len(s) && (s[i] >= '0' && s[i] <= '9' || s[i] == '.') {
		i++
	}
	return i
}

func leadingNumber(s string) float64 {
	s = strings.TrimLeft(s, " \t")
	v, _ := strconv.ParseFloat(s[:numberEnd(s)], 64)
	return v
}

func leadingFloat(s string) float64 {
	s = strings.TrimSpace(s)
	for n := len(s); n > 0; n-- {
		if v, err := strconv.ParseFloat(s[:n], 64); err == nil {
			return v
		}
	}
	return 0
}

func humanNumber(s string) float64 {
	s = strings.TrimLeft(s, " \t")
	end := numberEnd(s)
	v, _ := strconv.ParseFloat(s[:end], 64)
	if end < len(s) {
		for range strings.IndexByte("KMGTPE", strings.ToUpper(s[end : end+1])[0]) + 1 {
			v *= 1024
		}
	}
	return v
}

func month(s string) int {
	s = strings.ToUpper(strings.TrimSpace(s))
	if len(s) < 3 {
		return 0
	}
	i := strings.Index("JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC", s[:3])
	if i < 0 || i%3 != 0 {
		return 0
	}
	return i/3 + 1
}

// compareVersions compares runs of digits as numbers.
func compareVersions(a, b string) int {
	digits := func(s string) int {
		n := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
		if n < 0 {
			return len(s)
		}
		return n
	}
	for a != "" && b != "" {
		na, nb := digits(a), digits(b)
		if na > 0 && nb > 0 {
			x, y := strings.TrimLeft(a[:na], "0"), strings.TrimLeft(b[:nb], "0")
			if len(x) != len(y) {
				return len(x) - len(y)
			}
			if c := strings.Compare(x, y); c != 0 {
				return c
			}
			a, b = a[na:], b[nb:]
			continue
		}
		if a[0] != b[0] {
			return int(a[0]) - int(b[0])
		}
		a, b = a[1:], b[1:]
	}
	return len(a) - len(b)
}

func sortLines(c *call) int {
	f := c.flags("[-bcdfghmnrsuVz] [-k KEY]... [-t SEPARATOR] [-o FILE] [FILE]...")
	letters := map[string]*bool{}
	for _, o := range []struct{ letter, name, what string }{
		{"b", "ignore-leading-blanks", "without blanks in front"}, {"d", "dictionary-order", "letters, digits and blanks only"},
		{"f", "ignore-case", "small letters as capital ones"}, {"g", "general-numeric-sort", "by floating point numbers"},
		{"h", "human-numeric-sort", "by sizes such as 2K"}, {"M", "month-sort", "by months"}, {"n", "numeric-sort", "by numbers"},
		{"r", "reverse", "the other way round"}, {"V", "version-sort", "by version numbers"},
	} {
		letters[o.letter] = f.BoolP(o.name, o.letter, false, o.what)
	}
	unique := f.BoolP("unique", "u", false, "one of equal lines")
	stable := f.BoolP("stable", "s", false, "equal lines as they came")
	check := f.BoolP("check", "c", false, "only say whether it is sorted")
	f.BoolP("merge", "m", false, "merge sorted files (they are sorted)")
	zero := f.BoolP("zero-terminated", "z", false, "lines end with NUL")
	keys := f.StringArrayP("key", "k", nil, "FIELD[.CHAR][FLAGS][,FIELD[.CHAR][FLAGS]]")
	sep := f.StringP("field-separator", "t", "", "between fields (blanks)")
	output := f.StringP("output", "o", "", "write here")
	f.StringP("buffer-size", "S", "", "taken, and ignored")
	f.StringP("temporary-directory", "T", "", "taken, and ignored")
	if status, ok := c.parse(f); !ok {
		return status
	}
	global := ""
	for _, letter := range []string{"b", "d", "f", "g", "h", "M", "n", "r", "V"} {
		if *letters[letter] {
			global += letter
		}
	}
	var parsed []sortKey
	for _, key := range *keys {
		k, err := parseKey(key)
		if err != nil {
			return c.usage("%v", err)
		}
		if k.flags == "" {
			k.flags = global
		}
		parsed = append(parsed, k)
	}
	separator := unescape(*sep)
	compare := func(a, b string) int {
		if len(parsed) == 0 {
			r := compareBy(global, a, b)
			if strings.Contains(global, "r") {
				r = -r
			}
			return r
		}
		for _, k := range parsed {
			if r := compareBy(k.flags, k.of(a, separator), k.of(b, separator)); r != 0 {
				if strings.Contains(k.flags, "r") {
					r = -r
				}
				return r
			}
		}
		return 0
	}
	end := lineEnd(*zero)
	var all []string
	c.each(func(_ string, r io.Reader) error {
		return records(r, end[0], func(s string) bool { all = append(all, s); return true })
	})
	if c.failed {
		return 2
	}
	if *check {
		for i := 1; i < len(all); i++ {
			if r := compare(all[i-1], all[i]); r > 0 || r == 0 && *unique {
				c.errorf("disorder: %s", all[i])
				return 1
			}
		}
		return 0
	}
	slices.SortStableFunc(all, func(a, b string) int {
		r := compare(a, b)
		if r == 0 && !*stable && !*unique {
			if r = strings.Compare(a, b); strings.Contains(global, "r") {
				r = -r
			}
		}
		return r
	})
	if *unique {
		all = slices.CompactFunc(all, func(a, b string) bool { return compare(a, b) == 0 })
	}
	out := io.Writer(c.out)
	if *output != "" {
		file, err := os.Create(*output)
		if err != nil {
			c.fail(err)
			return 2
		}
		defer file.Close()
		out = file
	}
	var b strings.Builder
	for _, line := range all {
		b.WriteString(line + end)
	}
	if _, err := io.WriteString(out, b.String()); err != nil {
		c.fail(err)
		return 2
	}
	return 0
}

func uniq(c *call) int {
	f := c.flags("[-cdiuz] [-f FIELDS] [-s CHARS] [-w CHARS] [INPUT [OUTPUT]]")
	count := f.BoolP("count", "c", false, "how often each was there")
	repeated := f.BoolP("repeated", "d", false, "only lines that were there more than once")
	unique := f.BoolP("unique", "u", false, "only lines that were there once")
	fold := f.BoolP("ignore-case", "i", false, "small letters as capital ones")
	fields := f.IntP("skip-fields", "f", 0, "without so many fields")
	chars := f.IntP("skip-chars", "s", 0, "without so many characters")
	width := f.IntP("check-chars", "w", -1, "so many characters only")
	zero := f.BoolP("zero-terminated", "z", false, "lines end with NUL")
	if status, ok := c.parse(f); !ok {
		return status
	}
	if len(c.args) > 2 {
		return c.usage("give one input and one output")
	}
	var out io.Writer = c.out
	if len(c.args) == 2 {
		file, err := os.Create(c.args[1])
		if err != nil {
			c.fail(err)
			return 1
		}
		defer file.Close()
		out, c.args = file, c.args[:1]
	}
	key := func(s string) string {
		for range *fields {
			s = strings.TrimLeft(s, " \t")
			i := strings.IndexAny(s, " \t")
			if i < 0 {
				i = len(s)
			}
			s = s[i:]
		}
		s = s[min(*chars, len(s)):]
		if *width >= 0 {
			s = s[:min(*width, len(s))]
		}
		if *fold {
			s = strings.ToLower(s)
		}
		return s
	}
	end := lineEnd(*zero)
	last, n := "", 0
	flush := func() error {
		if n == 0 || *repeated && n == 1 || *unique && n > 1 {
			return nil
		}
		if *count {
			last = fmt.Sprintf("%7d %s", n, last)
		}
		_, err := io.WriteString(out, last+end)
		return err
	}
	c.each(func(_ string, r io.Reader) error {
		var failed error
		err := records(r, end[0], func(s string) bool {
			if n > 0 && key(s) == key(last) {
				n++
				return true
			}
			failed = flush()
			last, n = s, 1
			return failed == nil
		})
		return errors.Join(err, failed, flush())
	})
	return c.status()
}
