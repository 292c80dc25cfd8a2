//go:build linux

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

type grepper struct {
	*call
	re                                         *regexp.Regexp
	invert, count, list, without, only, quiet  bool
	number, withName, byteOffset, silent, text bool
	null, bare                                 bool
	limit, before, after                       int
	include, exclude, excludeDir               []string
	matched                                    bool
}

// grep answers 0 if a line was selected, 1 if none was, 2 if something failed.
func grep(c *call) int {
	c.args = cutDigits(c.args, "-C")
	g := &grepper{call: c}
	f := c.flags("[FLAG]... PATTERN [FILE]...")
	extended := f.BoolP("extended-regexp", "E", c.name == "egrep", "extended expressions")
	fixed := f.BoolP("fixed-strings", "F", c.name == "fgrep", "plain strings")
	f.BoolP("basic-regexp", "G", false, "basic expressions (the default)")
	perl := f.BoolP("perl-regexp", "P", false, "Go's expressions, which are much like Perl's")
	patterns := f.StringArrayP("regexp", "e", nil, "a pattern")
	files := f.StringArrayP("file", "f", nil, "a file of patterns")
	fold := f.BoolP("ignore-case", "i", false, "capital and small letters alike")
	foldToo := f.BoolP("no-distinction", "y", false, "the same")
	words := f.BoolP("word-regexp", "w", false, "whole words")
	wholeLine := f.BoolP("line-regexp", "x", false, "whole lines")
	f.BoolVarP(&g.invert, "invert-match", "v", false, "lines that do not match")
	f.BoolVarP(&g.count, "count", "c", false, "how many lines")
	f.BoolVarP(&g.list, "files-with-matches", "l", false, "names of files that match")
	f.BoolVarP(&g.without, "files-without-match", "L", false, "names of files that do not")
	f.BoolVarP(&g.only, "only-matching", "o", false, "what matches, not the line")
	f.BoolVarP(&g.quiet, "quiet", "q", false, "answer by the status alone")
	f.BoolVarP(&g.silent, "no-messages", "s", false, "say nothing of files that cannot be read")
	f.BoolVarP(&g.number, "line-number", "n", false, "with line numbers")
	f.BoolVarP(&g.byteOffset, "byte-offset", "b", false, "with byte offsets")
	f.BoolVarP(&g.text, "text", "a", false, "binary files as if they were text")
	f.BoolVarP(&g.null, "null", "Z", false, "NUL after names")
	withName := f.BoolP("with-filename", "H", false, "with names")
	noName := f.BoolP("no-filename", "h", false, "without names")
	recursive := f.BoolP("recursive", "r", false, "directories and what is in them")
	dereference := f.BoolP("dereference-recursive", "R", false, "the same")
	f.IntVarP(&g.limit, "max-count", "m", -1, "at most so many lines of a file")
	f.IntVarP(&g.after, "after-context", "A", 0, "so many lines after")
	f.IntVarP(&g.before, "before-context", "B", 0, "so many lines before")
	around := f.IntP("context", "C", 0, "so many lines around")
	f.StringArrayVar(&g.include, "include", nil, "with -r, only files of such a name")
	f.StringArrayVar(&g.exclude, "exclude", nil, "with -r, no files of such a name")
	f.StringArrayVar(&g.excludeDir, "exclude-dir", nil, "with -r, no directories of such a name")
	f.BoolP("binary-skip", "I", false, "taken, and ignored")
	f.Bool("line-buffered", false, "taken, and ignored")
	f.String("color", "", "taken, and ignored")
	f.Lookup("color").NoOptDefVal = "auto"
	if status, ok := c.parse(f); !ok {
		return status
	}
	if *around > 0 {
		if g.before == 0 {
			g.before = *around
		}
		if g.after == 0 {
			g.after = *around
		}
	}
	for _, name := range *files {
		r, err := c.open(name)
		if err == nil {
			err = lines(r, func(s string) bool { *patterns = append(*patterns, s); return true })
			r.Close()
		}
		if err != nil {
			c.fail(err)
			return 2
		}
	}
	if !f.Changed("regexp") && !f.Changed("file") {
		if len(c.args) == 0 {
			return c.usage("give a pattern")
		}
		*patterns, c.args = []string{c.args[0]}, c.args[1:]
	}
	var err error
	if g.re, err = grepExpr(*patterns, *extended, *fixed, *perl, *fold || *foldToo, *words, *wholeLine); err != nil {
		return c.usage("%v", err)
	}
	*recursive = *recursive || *dereference
	g.withName = (len(c.args) > 1 || *recursive || *withName) && !*noName
	if len(c.args) == 0 {
		if *recursive {
			c.args, g.bare = []string{"."}, true
		} else {
			c.args = []string{"-"}
		}
	}
	for _, name := range c.args {
		if *recursive && name != "-" {
			g.tree(name)
		} else {
			g.file(name)
		}
	}
	switch {
	case g.matched && (g.quiet || !c.failed):
		return 0
	case c.failed:
		return 2
	}
	return 1
}

func grepExpr(patterns []string, extended, fixed, perl, fold, words, whole bool) (*regexp.Regexp, error) {
	var parts []string
	for _, pattern := range patterns {
		for _, line := range strings.Split(pattern, "\n") {
			switch {
			case fixed:
				line = regexp.QuoteMeta(line)
			case !perl:
				if _, err := compilePosix(line, extended, false, false); err != nil {
					return nil, err
				}
				line = posixToGo(line, extended)
			}
			if words && line != "" {
				line = `\b(?:` + line + `)\b`
			}
			if whole {
				line = "^(?:" + line + ")$"
			}
			parts = append(parts, "(?:"+line+")")
		}
	}
	text := strings.Join(parts, "|")
	if len(parts) == 0 {
		text = `[^\x00-\x{10FFFF}]` // no pattern matches nothing
	}
	if fold {
		text = "(?i)" + text
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, errors.New("invalid regular expression")
	}
	re.Longest()
	return re, nil
}

func (g *grepper) tree(root string) {
	filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			g.failQuietly(err)
			return nil
		}
		if d.IsDir() {
			if path != root && matchesAny(g.excludeDir, d.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		if path != root && (!d.Type().IsRegular() || len(g.include) > 0 && !matchesAny(g.include, d.Name()) || matchesAny(g.exclude, d.Name())) {
			return nil
		}
		if !g.bare {
			path = below(root, path)
		}
		g.file(path)
		return nil
	})
}

func matchesAny(globs []string, name string) bool {
	for _, g := range globs {
		if ok, _ := filepath.Match(g, name); ok {
			return true
		}
	}
	return false
}

func (g *grepper) failQuietly(err error) {
	if g.silent {
		g.failed = true
		return
	}
	g.fail(err)
}

func (g *grepper) file(name string) {
	r, err := g.open(name)
	if err == nil {
		defer r.Close()
		if f, ok := r.(*os.File); ok {
			if info, statErr := f.Stat(); statErr == nil && info.IsDir() {
				g.errorf("%s: Is a directory", name)
				return
			}
		}
		if name == "-" {
			name = "(standard input)"
		}
		err = g.scan(name, r)
	}
	if err != nil {
		g.failQuietly(err)
	}
}

func (g *grepper) scan(name string, r io.Reader) error {
	br := bufio.NewReaderSize(r, 64<<10)
	start, _ := br.Peek(8 << 10)
	binary := !g.text && bytes.IndexByte(start, 0) >= 0
	selected, number, offset := 0, 0, 0
	type line struct {
		text           string
		number, offset int
	}
	var kept []line // before the next match
	printed, afterLeft := 0, 0
	show := func(l line, sep string) {
		if g.withName {
			g.out.WriteString(name)
			if g.null {
				sep = "\x00"
			}
			g.out.WriteString(sep)
		}
		if g.number {
			fmt.Fprintf(g.out, "%d%s", l.number, sep)
		}
		if g.byteOffset {
			fmt.Fprintf(g.out, "%d%s", l.offset, sep)
		}
		g.out.WriteString(l.text + "\n")
	}
	plain := !g.count && !g.list && !g.without && !g.quiet && !binary
	done := false
	err := lines(br, func(text string) bool {
		number++
		l := line{text, number, offset}
		offset += len(text) + 1
		if done && afterLeft == 0 {
			return false
		}
		if !done && g.re.MatchString(text) != g.invert {
			g.matched = true
			selected++
			if g.quiet || g.list || g.without || binary && !g.count {
				return false
			}
			switch {
			case plain && g.only:
				if !g.invert {
					for _, at := range g.re.FindAllStringIndex(text, -1) {
						if at[0] < at[1] {
							show(line{text[at[0]:at[1]], number, l.offset + at[0]}, ":")
						}
					}
				}
			case plain:
				first := number - len(kept)
				if (g.before > 0 || g.after > 0) && printed > 0 && first > printed+1 {
					g.out.WriteString("--\n")
				}
				for _, k := range kept {
					show(k, "-")
				}
				show(l, ":")
				kept, printed, afterLeft = nil, number, g.after
			}
			done = g.limit >= 0 && selected >= g.limit
			return true
		}
		if plain && afterLeft > 0 {
			show(l, "-")
			printed = number
			afterLeft--
		} else if g.before > 0 && !done {
			if kept = append(kept, l); len(kept) > g.before {
				kept = kept[1:]
			}
		}
		return true
	})
	switch {
	case g.quiet:
	case g.list && selected > 0, g.without && selected == 0:
		g.out.WriteString(name + lineEnd(g.null))
	case g.count:
		if g.withName {
			g.out.WriteString(name + ":")
		}
		fmt.Fprintln(g.out, selected)
	case binary && selected > 0 && !g.list && !g.without:
		fmt.Fprintf(g.out, "Binary file %s matches\n", name)
	}
	if g.without {
		g.matched = g.matched || selected == 0
	}
	return err
}
