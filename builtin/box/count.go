//go:build linux

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"
)

func wc(c *call) int {
	f := c.flags("[-lwcmL] [FILE]...")
	showLines := f.BoolP("lines", "l", false, "lines")
	showWords := f.BoolP("words", "w", false, "words")
	showBytes := f.BoolP("bytes", "c", false, "bytes")
	showChars := f.BoolP("chars", "m", false, "characters")
	showLongest := f.BoolP("max-line-length", "L", false, "the longest line")
	if status, ok := c.parse(f); !ok {
		return status
	}
	if !*showLines && !*showWords && !*showBytes && !*showChars && !*showLongest {
		*showLines, *showWords, *showBytes = true, true, true
	}
	type counts [5]int64 // lines, words, chars, bytes, longest
	var total counts
	print := func(n counts, name string) {
		var cells []string
		for i, on := range []bool{*showLines, *showWords, *showChars, *showBytes, *showLongest} {
			if on {
				cells = append(cells, strconv.FormatInt(n[i], 10))
			}
		}
		if len(cells) > 1 {
			for i := range cells {
				cells[i] = fmt.Sprintf("%7s", cells[i])
			}
		}
		line := strings.Join(cells, " ")
		if name != "" {
			line += " " + name
		}
		fmt.Fprintln(c.out, line)
	}
	named := len(c.args) > 0
	c.each(func(name string, r io.Reader) error {
		var n counts
		var width int64
		inWord := false
		br := bufio.NewReaderSize(r, 64<<10)
		for {
			ch, size, err := br.ReadRune()
			if err != nil {
				n[4] = max(n[4], width)
				for i := range n {
					if i == 4 {
						total[i] = max(total[i], n[i])
					} else {
						total[i] += n[i]
					}
				}
				if !named {
					name = ""
				}
				if err == io.EOF {
					print(n, name)
				}
				return noEOF(err)
			}
			n[3] += int64(size)
			if ch != utf8.RuneError || size > 1 {
				n[2]++
			}
			if ch == '\n' {
				n[0]++
				n[4] = max(n[4], width)
				width = 0
			} else {
				width++
			}
			if unicode.IsSpace(ch) {
				inWord = false
			} else if !inWord {
				inWord = true
				n[1]++
			}
		}
	})
	if len(c.args) > 1 {
		print(total, "total")
	}
	return c.status()
}

func nl(c *call) int {
	f := c.flags("[-b a|t|n] [-w WIDTH] [-s SEPARATOR] [FILE]...")
	style := f.StringP("body-numbering", "b", "t", "a: all lines; t: lines that are not empty; n: none")
	width := f.IntP("number-width", "w", 6, "width of numbers")
	sep := f.StringP("number-separator", "s", "\t", "what follows them")
	first := f.IntP("starting-line-number", "v", 1, "the first number")
	if status, ok := c.parse(f); !ok {
		return status
	}
	n := *first
	c.each(func(_ string, r io.Reader) error {
		return lines(r, func(s string) bool {
			if *style == "a" || *style == "t" && s != "" {
				fmt.Fprintf(c.out, "%*d%s%s\n", *width, n, *sep, s)
				n++
			} else {
				fmt.Fprintf(c.out, "%*s%s\n", *width+len(*sep), "", s)
			}
			return true
		})
	})
	return c.status()
}

func yes(c *call) int {
	word := "y"
	if len(c.args) > 0 {
		word = strings.Join(c.args, " ")
	}
	block := bytes.Repeat([]byte(word+"\n"), max(1, 8192/(len(word)+1)))
	for {
		if _, err := os.Stdout.Write(block); err != nil {
			if !errors.Is(err, syscall.EPIPE) {
				c.fail(err)
			}
			return 1
		}
	}
}

func seq(c *call) int {
	// negative numbers are not flags
	var flags, rest []string
	for i := 0; i < len(c.args); i++ {
		arg := c.args[i]
		if _, err := strconv.ParseFloat(arg, 64); err == nil || !strings.HasPrefix(arg, "-") || arg == "--" {
			rest = append(rest, c.args[i:]...)
			break
		}
		flags = append(flags, arg)
		if (arg == "-s" || arg == "-f") && i+1 < len(c.args) {
			i++
			flags = append(flags, c.args[i])
		}
	}
	if len(rest) > 0 && rest[0] != "--" {
		flags = append(flags, "--")
	}
	c.args = append(flags, rest...)
	f := c.flags("[-w] [-s SEPARATOR] [-f FORMAT] [FIRST [STEP]] LAST")
	sep := f.StringP("separator", "s", "\n", "between numbers")
	equal := f.BoolP("equal-width", "w", false, "zeros in front, for equal widths")
	format := f.StringP("format", "f", "", "as printf does")
	if status, ok := c.parse(f); !ok {
		return status
	}
	if len(c.args) == 0 || len(c.args) > 3 {
		return c.usage("give one to three numbers")
	}
	first, step, last := 1.0, 1.0, 0.0
	decimals := 0
	var values []float64
	for _, arg := range c.args {
		v, err := strconv.ParseFloat(arg, 64)
		if err != nil {
			return c.usage("%s: not a number", arg)
		}
		if _, frac, ok := strings.Cut(arg, "."); ok {
			decimals = max(decimals, len(frac))
		}
		values = append(values, v)
	}
	last = values[len(values)-1]
	if len(values) > 1 {
		first = values[0]
	}
	if len(values) > 2 {
		step = values[1]
	}
	if step == 0 {
		return c.usage("the step is zero")
	}
	text := func(v float64) string {
		if *format != "" {
			return fmt.Sprintf(*format, v)
		}
		return strconv.FormatFloat(v, 'f', decimals, 64)
	}
	width := 0
	if *equal {
		width = max(len(text(first)), len(text(last)))
	}
	any := false
	for i := 0; ; i++ {
		v := first + float64(i)*step
		if step > 0 && v > last+step*1e-9 || step < 0 && v < last+step*1e-9 {
			break
		}
		if any {
			c.out.WriteString(*sep)
		}
		s := text(v)
		if pad := width - len(s); pad > 0 {
			sign := ""
			if strings.HasPrefix(s, "-") {
				sign, s = "-", s[1:]
			}
			s = sign + strings.Repeat("0", pad) + s
		}
		if _, err := c.out.WriteString(s); err != nil {
			return 1
		}
		any = true
	}
	if any {
		c.out.WriteByte('\n')
	}
	return 0
}
