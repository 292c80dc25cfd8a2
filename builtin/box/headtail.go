//go:build linux

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

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
