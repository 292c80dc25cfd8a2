//go:build linux

package main

import (
	"bufio"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
)

// sum is md5sum, sha1sum, sha256sum and sha512sum.
func sum(c *call) int {
	f := c.flags("[-bt] [-c] [FILE]...")
	check := f.BoolP("check", "c", false, "check the sums that the files list")
	quiet := f.Bool("quiet", false, "with -c, say nothing of what is right")
	silent := f.Bool("status", false, "with -c, answer by the status alone")
	f.BoolP("binary", "b", false, "taken, and ignored")
	f.BoolP("text", "t", false, "taken, and ignored")
	if status, ok := c.parse(f); !ok {
		return status
	}
	newHash := map[string]func() hash.Hash{"md5sum": md5.New, "sha1sum": sha1.New, "sha256sum": sha256.New, "sha512sum": sha512.New}[c.name]
	digest := func(r io.Reader) (string, error) {
		h := newHash()
		_, err := io.Copy(h, r)
		return hex.EncodeToString(h.Sum(nil)), err
	}
	if !*check {
		c.each(func(name string, r io.Reader) error {
			s, err := digest(r)
			if err == nil {
				fmt.Fprintf(c.out, "%s  %s\n", s, name)
			}
			return err
		})
		return c.status()
	}
	wrong, listed := 0, 0
	c.each(func(list string, r io.Reader) error {
		return lines(r, func(line string) bool {
			want, name, ok := strings.Cut(line, " ")
			if !ok {
				return true
			}
			listed++
			name = strings.TrimLeft(name, " *")
			got := ""
			file, err := c.open(name)
			if err == nil {
				got, err = digest(file)
				file.Close()
			}
			verdict := "OK"
			if err != nil {
				c.fail(err)
				verdict = "FAILED open or read"
			} else if !strings.EqualFold(got, want) {
				verdict = "FAILED"
			}
			if verdict != "OK" {
				wrong++
			}
			if !*silent && !(verdict == "OK" && *quiet) {
				fmt.Fprintf(c.out, "%s: %s\n", name, verdict)
			}
			return true
		})
	})
	if listed == 0 {
		c.errorf("no sums found")
	}
	if wrong > 0 && !*silent {
		c.errorf("%d of %d did NOT match", wrong, listed)
	}
	if wrong > 0 {
		return 1
	}
	return c.status()
}

// cksum is POSIX's CRC.
func cksum(c *call) int {
	if status, ok := c.parse(c.flags("[FILE]...")); !ok {
		return status
	}
	var table [256]uint32
	for i := range table {
		crc := uint32(i) << 24
		for range 8 {
			if crc&(1<<31) != 0 {
				crc = crc<<1 ^ 0x04c11db7
			} else {
				crc <<= 1
			}
		}
		table[i] = crc
	}
	c.each(func(name string, r io.Reader) error {
		br := bufio.NewReader(r)
		var crc uint32
		var size int64
		for {
			b, err := br.ReadByte()
			if err != nil {
				if noEOF(err) != nil {
					return err
				}
				break
			}
			crc = crc<<8 ^ table[byte(crc>>24)^b]
			size++
		}
		for n := size; n > 0; n >>= 8 {
			crc = crc<<8 ^ table[byte(crc>>24)^byte(n)]
		}
		line := fmt.Sprintf("%d %d", ^crc, size)
		if name != "-" {
			line += " " + name
		}
		fmt.Fprintln(c.out, line)
		return nil
	})
	return c.status()
}

func base64Tool(c *call) int {
	f := c.flags("[-di] [-w COLUMNS] [FILE]")
	decode := f.BoolP("decode", "d", false, "decode")
	ignore := f.BoolP("ignore-garbage", "i", false, "with -d, skip what is not base64")
	wrap := f.IntP("wrap", "w", 76, "lines so long; 0: one line")
	if status, ok := c.parse(f); !ok {
		return status
	}
	if len(c.args) > 1 {
		return c.usage("give one file")
	}
	c.each(func(_ string, r io.Reader) error {
		if *decode {
			if *ignore {
				r = &alphabetReader{r}
			}
			_, err := io.Copy(c.out, base64.NewDecoder(base64.StdEncoding, r)) // it skips newlines
			var bad base64.CorruptInputError
			if errors.As(err, &bad) || err == io.ErrUnexpectedEOF {
				return errors.New("invalid input")
			}
			return err
		}
		w := &wrapper{w: c.out, width: *wrap}
		enc := base64.NewEncoder(base64.StdEncoding, w)
		_, err := io.Copy(enc, r)
		enc.Close()
		if w.column > 0 && *wrap > 0 {
			c.out.WriteByte('\n')
		}
		return err
	})
	return c.status()
}

// wrapper breaks lines.
type wrapper struct {
	w             *bufio.Writer
	width, column int
}

func (w *wrapper) Write(p []byte) (int, error) {
	for _, b := range p {
		if err := w.w.WriteByte(b); err != nil {
			return 0, err
		}
		if w.column++; w.column == w.width {
			w.w.WriteByte('\n')
			w.column = 0
		}
	}
	return len(p), nil
}

type alphabetReader struct{ r io.Reader }

func (a *alphabetReader) Read(p []byte) (int, error) {
	for {
		n, err := a.r.Read(p)
		kept := 0
		for _, b := range p[:n] {
			if b == '+' || b == '/' || b == '=' || b >= '0' && b <= '9' || b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z' {
				p[kept] = b
				kept++
			}
		}
		if kept > 0 || err != nil {
			return kept, err
		}
	}
}

func xxd(c *call) int {
	f := c.flags("[-pru] [-l LENGTH] [-s OFFSET] [-c COLUMNS] [FILE]")
	plain := f.BoolP("plain", "p", false, "digits only")
	reverse := f.BoolP("reverse", "r", false, "from digits to bytes")
	upper := f.BoolP("upper", "u", false, "capital digits")
	limit := f.Int64P("len", "l", -1, "so many bytes")
	offset := f.Int64P("seek", "s", 0, "from there on")
	columns := f.IntP("cols", "c", 0, "bytes in a line")
	if status, ok := c.parse(f); !ok {
		return status
	}
	if *columns <= 0 {
		*columns = 16
		if *plain {
			*columns = 30
		}
	}
	digits := "%02x"
	if *upper {
		digits = "%02X"
	}
	c.each(func(_ string, r io.Reader) error {
		if *reverse {
			return lines(r, func(line string) bool {
				if _, rest, ok := strings.Cut(line, ": "); ok && !*plain {
					line, _, _ = strings.Cut(rest, "  ")
				}
				b, err := hex.DecodeString(strings.ReplaceAll(strings.ReplaceAll(line, " ", ""), "\t", ""))
				if err != nil {
					c.errorf("%s: not hexadecimal", line)
				}
				c.out.Write(b)
				return err == nil
			})
		}
		if _, err := io.CopyN(io.Discard, r, *offset); err != nil {
			return noEOF(err)
		}
		if *limit >= 0 {
			r = io.LimitReader(r, *limit)
		}
		at := *offset
		buf := make([]byte, *columns)
		for {
			n, err := io.ReadFull(r, buf)
			if n > 0 {
				var hexText, text strings.Builder
				for i := range *columns {
					switch {
					case i < n:
						fmt.Fprintf(&hexText, digits, buf[i])
						if buf[i] >= 32 && buf[i] < 127 {
							text.WriteByte(buf[i])
						} else {
							text.WriteByte('.')
						}
					case !*plain:
						hexText.WriteString("  ")
					}
					if !*plain && i%2 == 1 {
						hexText.WriteByte(' ')
					}
				}
				if *plain {
					fmt.Fprintln(c.out, hexText.String())
				} else {
					fmt.Fprintf(c.out, "%08x: %-s %s\n", at, hexText.String(), text.String())
				}
				at += int64(n)
			}
			if err == io.EOF || err == io.ErrUnexpectedEOF {
				return nil
			}
			if err != nil {
				return err
			}
		}
	})
	return c.status()
}

// od writes bytes in octal, hexadecimal, decimal or as characters.
func od(c *call) int {
	f := c.flags("[-A d|o|x|n] [-t x1|o1|d1|u1|c] [-j SKIP] [-N COUNT] [-cbv] [FILE]...")
	base := f.StringP("address-radix", "A", "o", "how addresses are written")
	kind := f.StringP("format", "t", "o1", "how bytes are written")
	skip := f.Int64P("skip-bytes", "j", 0, "from there on")
	count := f.Int64P("read-bytes", "N", -1, "so many bytes")
	chars := f.BoolP("characters", "c", false, "-t c")
	f.BoolP("octal-bytes", "b", false, "-t o1 (the default)")
	f.BoolP("output-duplicates", "v", false, "taken, and ignored: lines are never left out")
	if status, ok := c.parse(f); !ok {
		return status
	}
	if *chars {
		*kind = "c"
	}
	cell := map[string]string{"x1": " %02x", "o1": " %03o", "d1": " %4d", "u1": " %3d", "x": " %02x", "o": " %03o", "c": "", "a": ""}
	format, ok := cell[*kind]
	address, okA := map[string]string{"d": "%07d", "o": "%07o", "x": "%06x", "n": ""}[*base]
	if !ok || !okA {
		return c.usage("only the formats x1 o1 d1 u1 c and the radixes d o x n are supported")
	}
	var readers []io.Reader
	names := c.args
	if len(names) == 0 {
		names = []string{"-"}
	}
	for _, name := range names {
		r, err := c.open(name)
		if err != nil {
			c.fail(err)
			continue
		}
		defer r.Close()
		readers = append(readers, r)
	}
	r := io.MultiReader(readers...)
	if _, err := io.CopyN(io.Discard, r, *skip); err != nil {
		c.fail(err)
		return 1
	}
	if *count >= 0 {
		r = io.LimitReader(r, *count)
	}
	at := *skip
	where := func() {
		if address != "" {
			fmt.Fprintf(c.out, address, at)
		}
	}
	buf := make([]byte, 16)
	for {
		n, err := io.ReadFull(r, buf)
		if n > 0 {
			where()
			for _, b := range buf[:n] {
				switch {
				case format == "":
					fmt.Fprintf(c.out, " %3s", odChar(b))
				case *kind == "d1":
					fmt.Fprintf(c.out, format, int8(b))
				default:
					fmt.Fprintf(c.out, format, b)
				}
			}
			c.out.WriteByte('\n')
			at += int64(n)
		}
		if err != nil {
			if err != io.EOF && err != io.ErrUnexpectedEOF {
				c.fail(err)
			}
			break
		}
	}
	if address != "" {
		where()
		c.out.WriteByte('\n')
	}
	return c.status()
}

func odChar(b byte) string {
	if s, ok := map[byte]string{0: `\0`, 7: `\a`, 8: `\b`, '\t': `\t`, '\n': `\n`, 11: `\v`, 12: `\f`, '\r': `\r`}[b]; ok {
		return s
	}
	if b >= 32 && b < 127 {
		return string(rune(b))
	}
	return fmt.Sprintf("%03o", b)
}
