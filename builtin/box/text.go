//go:build linux

package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
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
