//go:build linux

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"
)

func cat(c *call) int {
	f := c.flags("[-nbsAETv] [FILE]...")
	number := f.BoolP("number", "n", false, "number lines")
	nonblank := f.BoolP("number-nonblank", "b", false, "number lines that are not empty")
	squeeze := f.BoolP("squeeze-blank", "s", false, "no two empty lines in a row")
	all := f.BoolP("show-all", "A", false, "-vET")
	ends := f.BoolP("show-ends", "E", false, "$ at the end of lines")
	tabs := f.BoolP("show-tabs", "T", false, "^I for tabs")
	visible := f.BoolP("show-nonprinting", "v", false, "^ and M- for what does not print")
	endsV := f.BoolP("e", "e", false, "-vE")
	tabsV := f.BoolP("t", "t", false, "-vT")
	f.BoolP("unbuffered", "u", false, "taken, and ignored")
	if status, ok := c.parse(f); !ok {
		return status
	}
	*ends, *tabs, *visible = *ends || *all || *endsV, *tabs || *all || *tabsV, *visible || *all || *endsV || *tabsV
	if !*number && !*nonblank && !*squeeze && !*ends && !*tabs && !*visible {
		c.out.Flush()
		c.each(func(_ string, r io.Reader) error {
			_, err := copyAll(os.Stdout, r)
			return err
		})
		return c.status()
	}
	n, blank := 0, false
	c.each(func(_ string, r io.Reader) error {
		br := bufio.NewReader(r)
		for {
			line, err := br.ReadString('\n')
			if line == "" {
				return noEOF(err)
			}
			text, hasEnd := strings.CutSuffix(line, "\n")
			if *squeeze && text == "" && blank {
				continue
			}
			blank = text == ""
			if *nonblank && text != "" || *number && !*nonblank {
				n++
				fmt.Fprintf(c.out, "%6d\t", n)
			}
			c.out.WriteString(show(text, *visible, *tabs))
			if hasEnd && *ends {
				c.out.WriteByte('$')
			}
			if hasEnd {
				c.out.WriteByte('\n')
			}
		}
	})
	return c.status()
}

// copyAll is io.Copy for what may be a terminal or a pipe: each piece is written as it comes.
func copyAll(w io.Writer, r io.Reader) (int64, error) {
	var total int64
	buf := make([]byte, 64<<10)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			if _, werr := w.Write(buf[:n]); werr != nil {
				return total, werr
			}
			total += int64(n)
		}
		if err != nil {
			return total, noEOF(err)
		}
	}
}

func noEOF(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

func show(s string, visible, tabs bool) string {
	if !visible && !tabs {
		return s
	}
	var b strings.Builder
	for _, x := range []byte(s) {
		switch {
		case x == '\t':
			if tabs {
				b.WriteString("^I")
			} else {
				b.WriteByte(x)
			}
			continue
		case !visible:
			b.WriteByte(x)
			continue
		}
		if x >= 128 {
			b.WriteString("M-")
			x -= 128
		}
		switch {
		case x < 32:
			b.WriteString("^" + string(rune(x+64)))
		case x == 127:
			b.WriteString("^?")
		default:
			b.WriteByte(x)
		}
	}
	return b.String()
}

func tac(c *call) int {
	if status, ok := c.parse(c.flags("[FILE]...")); !ok {
		return status
	}
	c.each(func(_ string, r io.Reader) error {
		var all []string
		err := lines(r, func(s string) bool { all = append(all, s); return true })
		for i := len(all) - 1; i >= 0; i-- {
			c.out.WriteString(all[i] + "\n")
		}
		return err
	})
	return c.status()
}

func rev(c *call) int {
	if status, ok := c.parse(c.flags("[FILE]...")); !ok {
		return status
	}
	c.each(func(_ string, r io.Reader) error {
		return lines(r, func(s string) bool {
			runes := []rune(s)
			for i := len(runes) - 1; i >= 0; i-- {
				c.out.WriteRune(runes[i])
			}
			return c.out.WriteByte('\n') == nil
		})
	})
	return c.status()
}

func tee(c *call) int {
	f := c.flags("[-ai] [FILE]...")
	add := f.BoolP("append", "a", false, "append to the files")
	ignore := f.BoolP("ignore-interrupts", "i", false, "ignore SIGINT")
	if status, ok := c.parse(f); !ok {
		return status
	}
	if *ignore {
		signal.Ignore(syscall.SIGINT)
	}
	outs := []*os.File{os.Stdout}
	flags := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if *add {
		flags = os.O_WRONLY | os.O_CREATE | os.O_APPEND
	}
	for _, name := range c.args {
		file, err := os.OpenFile(name, flags, 0o666)
		if err != nil {
			c.fail(err)
			continue
		}
		defer file.Close()
		outs = append(outs, file)
	}
	_, err := copyAll(writerFunc(func(p []byte) (int, error) {
		for i, out := range outs {
			if out == nil {
				continue
			}
			if _, err := out.Write(p); err != nil {
				c.fail(err)
				outs[i] = nil
			}
		}
		return len(p), nil
	}), c.in)
	if err != nil {
		c.fail(err)
	}
	return c.status()
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func head(c *call) int {
	c.args = cutDigits(c.args, "-n")
	f := c.flags("[-n [-]LINES | -c [-]BYTES] [-qvz] [FILE]...")
	nLines := f.StringP("lines", "n", "10", "so many lines; with -, all but so many")
	nBytes := f.StringP("bytes", "c", "", "so many bytes; with -, all but so many")
	quiet := f.BoolP("quiet", "q", false, "never say names")
	verbose := f.BoolP("verbose", "v", false, "always say names")
	zero := f.BoolP("zero-terminated", "z", false, "lines end with NUL")
	if status, ok := c.parse(f); !ok {
		return status
	}
	text, byBytes := *nLines, *nBytes != ""
	if byBytes {
		text = *nBytes
	}
	but := strings.HasPrefix(text, "-")
	n, err := parseSize(strings.TrimLeft(text, "+-"))
	if err != nil {
		return c.usage("%v", err)
	}
	end := lineEnd(*zero)[0]
	i := 0
	c.each(func(name string, r io.Reader) error {
		c.header(name, i, *quiet, *verbose)
		i++
		switch {
		case byBytes && !but:
			_, err := io.CopyN(c.out, r, n)
			return noEOF(err)
		case byBytes:
			all, err := io.ReadAll(r)
			c.out.Write(all[:max(0, int64(len(all))-n)])
			return err
		case but:
			var kept []string
			return records(r, end, func(s string) bool {
				if kept = append(kept, s); int64(len(kept)) > n {
					c.out.WriteString(kept[0] + string(end))
					kept = kept[1:]
				}
				return true
			})
		}
		return headLines(c.out, r, n, end)
	})
	return c.status()
}

// headLines copies n lines, and where it can leaves what follows them to the next reader of the file.
func headLines(w *bufio.Writer, r io.Reader, n int64, end byte) error {
	buf := make([]byte, 32<<10)
	for n > 0 {
		got, err := r.Read(buf)
		rest := buf[:got]
		for n > 0 && len(rest) > 0 {
			i := bytes.IndexByte(rest, end) + 1
			if i == 0 {
				i = len(rest)
			} else {
				n--
			}
			if _, err := w.Write(rest[:i]); err != nil {
				return err
			}
			rest = rest[i:]
		}
		if seeker, ok := r.(io.Seeker); ok && len(rest) > 0 {
			seeker.Seek(-int64(len(rest)), io.SeekCurrent) // a pipe cannot
		}
		if err != nil {
			return noEOF(err)
		}
	}
	return nil
}

func (c *call) header(name string, i int, quiet, verbose bool) {
	if quiet || len(c.args) < 2 && !verbose {
		return
	}
	if i > 0 {
		fmt.Fprintln(c.out)
	}
	if name == "-" {
		name = "standard input"
	}
	fmt.Fprintf(c.out, "==> %s <==\n", name)
}

func tail(c *call) int {
	c.args = cutDigits(c.args, "-n")
	if len(c.args) > 0 && strings.HasPrefix(c.args[0], "+") { // the old form
		c.args = append([]string{"-n"}, c.args...)
	}
	f := c.flags("[-n [+]LINES | -c [+]BYTES] [-fqv] [FILE]...")
	nLines := f.StringP("lines", "n", "10", "so many lines; with +, from that line on")
	nBytes := f.StringP("bytes", "c", "", "so many bytes; with +, from that byte on")
	follow := f.BoolP("follow", "f", false, "go on as the files grow")
	retry := f.BoolP("F", "F", false, "the same")
	quiet := f.BoolP("quiet", "q", false, "never say names")
	verbose := f.BoolP("verbose", "v", false, "always say names")
	every := f.Float64P("sleep-interval", "s", 0.2, "seconds between looks, with -f")
	zero := f.BoolP("zero-terminated", "z", false, "lines end with NUL")
	if status, ok := c.parse(f); !ok {
		return status
	}
	*follow = *follow || *retry
	text, byBytes := *nLines, *nBytes != ""
	if byBytes {
		text = *nBytes
	}
	from := strings.HasPrefix(text, "+")
	n, err := parseSize(strings.TrimLeft(text, "+-"))
	if err != nil {
		return c.usage("%v", err)
	}
	end := lineEnd(*zero)[0]
	i := 0
	var followed []*os.File
	c.each(func(name string, r io.Reader) error {
		c.header(name, i, *quiet, *verbose)
		i++
		err := tailOf(c.out, r, n, from, byBytes, end)
		if file, ok := r.(*os.File); ok && *follow && err == nil {
			if again, err := os.Open(name); err == nil {
				offset, _ := file.Seek(0, io.SeekCurrent)
				again.Seek(offset, io.SeekStart)
				followed = append(followed, again)
			}
		}
		return err
	})
	for len(followed) > 0 {
		c.out.Flush()
		time.Sleep(time.Duration(*every * float64(time.Second)))
		for _, file := range followed {
			if info, err := file.Stat(); err == nil {
				if at, _ := file.Seek(0, io.SeekCurrent); info.Size() < at {
					file.Seek(0, io.SeekStart)
				}
			}
			if _, err := copyAll(c.out, file); err != nil {
				return 1
			}
		}
	}
	return c.status()
}

func tailOf(w *bufio.Writer, r io.Reader, n int64, from, byBytes bool, end byte) error {
	switch {
	case from && byBytes:
		if _, err := io.CopyN(io.Discard, r, n-1); err != nil {
			return noEOF(err)
		}
		_, err := copyAll(w, r)
		return err
	case from:
		br := bufio.NewReader(r)
		for ; n > 1; n-- {
			if _, err := br.ReadSlice(end); err == bufio.ErrBufferFull {
				n++
			} else if err != nil {
				return noEOF(err)
			}
		}
		_, err := copyAll(w, br)
		return err
	case byBytes:
		var kept []byte
		_, err := copyAll(writerFunc(func(p []byte) (int, error) {
			kept = append(kept, p...)
			if over := int64(len(kept)) - n; over > 1<<20 || over > 0 && n < 1<<20 {
				kept = append(kept[:0], kept[over:]...)
			}
			return len(p), nil
		}), r)
		w.Write(kept[max(0, int64(len(kept))-n):])
		return err
	}
	br := bufio.NewReader(r)
	var ring []string
	at := 0
	for {
		line, err := br.ReadString(end)
		if line != "" && n > 0 {
			if int64(len(ring)) < n {
				ring = append(ring, line)
			} else {
				ring[at] = line
				at = (at + 1) % len(ring)
			}
		}
		if err != nil {
			for i := range ring {
				w.WriteString(ring[(at+i)%len(ring)])
			}
			return noEOF(err)
		}
	}
}

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
