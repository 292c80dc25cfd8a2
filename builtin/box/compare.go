//go:build linux

package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pmezard/go-difflib/difflib"
)

func comm(c *call) int {
	f := c.flags("[-123] FILE1 FILE2")
	one := f.BoolP("no-first", "1", false, "not what is in FILE1 only")
	two := f.BoolP("no-second", "2", false, "not what is in FILE2 only")
	three := f.BoolP("no-third", "3", false, "not what is in both")
	if status, ok := c.parse(f); !ok {
		return status
	}
	if len(c.args) != 2 {
		return c.usage("give two files")
	}
	var sides [2][]string
	for i, name := range c.args {
		r, err := c.open(name)
		if err == nil {
			err = lines(r, func(s string) bool { sides[i] = append(sides[i], s); return true })
			r.Close()
		}
		if err != nil {
			c.fail(err)
			return 1
		}
	}
	tab2, tab3 := "\t", "\t\t"
	if *one {
		tab2, tab3 = "", "\t"
	}
	if *two {
		tab3 = tab3[1:]
	}
	print := func(skip bool, tab, s string) {
		if !skip {
			c.out.WriteString(tab + s + "\n")
		}
	}
	a, b := sides[0], sides[1]
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0] < b[0]:
			print(*one, "", a[0])
			a = a[1:]
		case len(a) == 0 || b[0] < a[0]:
			print(*two, tab2, b[0])
			b = b[1:]
		default:
			print(*three, tab3, a[0])
			a, b = a[1:], b[1:]
		}
	}
	return 0
}

func cmp(c *call) int {
	f := c.flags("[-sl] FILE1 [FILE2]")
	silent := f.BoolP("silent", "s", false, "answer by the status alone")
	all := f.BoolP("verbose", "l", false, "all bytes that differ")
	if status, ok := c.parse(f); !ok {
		return status
	}
	if len(c.args) == 1 {
		c.args = append(c.args, "-")
	}
	if len(c.args) != 2 {
		return c.usage("give two files")
	}
	var readers [2]*bufio.Reader
	for i, name := range c.args {
		r, err := c.open(name)
		if err != nil {
			if !*silent {
				c.fail(err)
			}
			return 2
		}
		defer r.Close()
		readers[i] = bufio.NewReader(r)
	}
	line, differs := 1, false
	for n := 1; ; n++ {
		a, errA := readers[0].ReadByte()
		b, errB := readers[1].ReadByte()
		switch {
		case errA == io.EOF && errB == io.EOF:
			if differs {
				return 1
			}
			return 0
		case errA != nil || errB != nil:
			short := c.args[0]
			if errA == nil {
				short = c.args[1]
			}
			if !*silent {
				fmt.Fprintf(c.err, "cmp: EOF on %s after byte %d\n", short, n-1)
			}
			return 1
		case a != b && *all:
			fmt.Fprintf(c.out, "%d %o %o\n", n, a, b)
			differs = true
		case a != b:
			if !*silent {
				fmt.Fprintf(c.out, "%s %s differ: byte %d, line %d\n", c.args[0], c.args[1], n, line)
			}
			return 1
		}
		if a == '\n' {
			line++
		}
	}
}

// diff writes unified differences. It answers 0 if there are none, 1 if there are some, 2 if it failed.
func diff(c *call) int {
	f := c.flags("[-qrNwbiBa] [-U LINES] [-L LABEL]... OLD NEW")
	f.BoolP("unified-default", "u", false, "unified form (always so)")
	context := f.IntP("unified", "U", 3, "so many lines around")
	brief := f.BoolP("brief", "q", false, "only whether they differ")
	recursive := f.BoolP("recursive", "r", false, "directories and what is in them")
	newFile := f.BoolP("new-file", "N", false, "a file that is missing is an empty one")
	blanks := f.BoolP("ignore-all-space", "w", false, "ignore blanks")
	blankRuns := f.BoolP("ignore-space-change", "b", false, "ignore how many blanks there are")
	fold := f.BoolP("ignore-case", "i", false, "capital and small letters alike")
	labels := f.StringArrayP("label", "L", nil, "instead of the names")
	f.BoolP("text", "a", false, "taken, and ignored")
	if status, ok := c.parse(f); !ok {
		return status
	}
	if len(c.args) != 2 {
		return c.usage("give two files")
	}
	d := differ{call: c, context: *context, brief: *brief, recursive: *recursive, newFile: *newFile, labels: *labels}
	d.normal = func(s string) string {
		if *fold {
			s = strings.ToLower(s)
		}
		switch {
		case *blanks:
			s = strings.Join(strings.Fields(s), "")
		case *blankRuns:
			s = strings.Join(strings.Fields(s), " ")
		}
		return s
	}
	d.normalizes = *fold || *blanks || *blankRuns
	d.paths(c.args[0], c.args[1])
	switch {
	case c.failed:
		return 2
	case d.differs:
		return 1
	}
	return 0
}

type differ struct {
	*call
	context                               int
	brief, recursive, newFile, normalizes bool
	labels                                []string
	normal                                func(string) string
	differs                               bool
}

func (d *differ) paths(a, b string) {
	dirA, dirB := isDir(a), isDir(b)
	switch {
	case dirA && dirB:
		d.dirs(a, b)
		return
	case dirA:
		a = filepath.Join(a, filepath.Base(b))
	case dirB:
		b = filepath.Join(b, filepath.Base(a))
	}
	oldText, okA := d.read(a)
	newText, okB := d.read(b)
	if !okA || !okB || slices.Equal(oldText, newText) {
		return
	}
	compareA, compareB := oldText, newText
	if d.normalizes {
		compareA, compareB = d.normalized(oldText), d.normalized(newText)
		if slices.Equal(compareA, compareB) {
			return
		}
	}
	d.differs = true
	if d.brief {
		fmt.Fprintf(d.out, "Files %s and %s differ\n", a, b)
		return
	}
	if strings.Contains(strings.Join(oldText, ""), "\x00") || strings.Contains(strings.Join(newText, ""), "\x00") {
		fmt.Fprintf(d.out, "Binary files %s and %s differ\n", a, b)
		return
	}
	name := func(i int, fallback string) string {
		if i < len(d.labels) {
			return d.labels[i]
		}
		return fallback
	}
	if d.recursive {
		fmt.Fprintf(d.out, "diff -r %s %s\n", a, b)
	}
	fmt.Fprintf(d.out, "--- %s\n+++ %s\n", name(0, a), name(1, b))
	for _, group := range difflib.NewMatcher(compareA, compareB).GetGroupedOpCodes(d.context) {
		first, last := group[0], group[len(group)-1]
		fmt.Fprintf(d.out, "@@ -%s +%s @@\n", span(first.I1, last.I2), span(first.J1, last.J2))
		for _, op := range group {
			if op.Tag == 'e' {
				d.hunk(" ", oldText[op.I1:op.I2])
				continue
			}
			d.hunk("-", oldText[op.I1:op.I2])
			d.hunk("+", newText[op.J1:op.J2])
		}
	}
}

func (d *differ) hunk(sign string, lines []string) {
	for _, line := range lines {
		d.out.WriteString(sign + line)
		if !strings.HasSuffix(line, "\n") {
			d.out.WriteString("\n\\ No newline at end of file\n")
		}
	}
}

func span(from, to int) string {
	switch to - from {
	case 1:
		return fmt.Sprint(from + 1)
	case 0:
		return fmt.Sprintf("%d,0", from)
	}
	return fmt.Sprintf("%d,%d", from+1, to-from)
}

func (d *differ) normalized(lines []string) []string {
	out := make([]string, len(lines))
	for i, line := range lines {
		out[i] = d.normal(line)
	}
	return out
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func (d *differ) read(path string) ([]string, bool) {
	r, err := d.open(path)
	if os.IsNotExist(err) && d.newFile {
		return nil, true
	}
	var b []byte
	if err == nil {
		b, err = io.ReadAll(r)
		r.Close()
	}
	if err != nil {
		d.fail(err)
		return nil, false
	}
	return slices.DeleteFunc(strings.SplitAfter(string(b), "\n"), func(s string) bool { return s == "" }), true
}

func (d *differ) dirs(a, b string) {
	in := map[string]int{}
	for i, dir := range []string{a, b} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			d.fail(err)
			return
		}
		for _, e := range entries {
			in[e.Name()] |= 1 << i
		}
	}
	var names []string
	for name := range in {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		left, right := filepath.Join(a, name), filepath.Join(b, name)
		switch {
		case in[name] != 3 && !d.newFile:
			d.differs = true
			dir := a
			if in[name] == 2 {
				dir = b
			}
			fmt.Fprintf(d.out, "Only in %s: %s\n", dir, name)
		case isDir(left) && isDir(right):
			if d.recursive {
				d.dirs(left, right)
			} else {
				fmt.Fprintf(d.out, "Common subdirectories: %s and %s\n", left, right)
			}
		default:
			d.paths(left, right)
		}
	}
}
