//go:build linux

package main

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// gzipTool is gzip, gunzip and zcat.
func gzipTool(c *call) int {
	for i, arg := range c.args { // levels
		if len(arg) == 2 && arg[0] == '-' && arg[1] >= '1' && arg[1] <= '9' {
			c.args[i] = "--level=" + arg[1:]
		}
	}
	f := c.flags("[-cdfkntqv] [-1..-9] [FILE]...")
	decompress := f.BoolP("decompress", "d", c.name != "gzip", "decompress")
	stdout := f.BoolP("stdout", "c", c.name == "zcat", "write to standard output, keep the files")
	force := f.BoolP("force", "f", false, "replace what exists")
	keep := f.BoolP("keep", "k", false, "keep the files")
	test := f.BoolP("test", "t", false, "only test")
	f.BoolP("no-name", "n", false, "taken: names are never stored")
	f.BoolP("quiet", "q", false, "taken, and ignored")
	verbose := f.BoolP("verbose", "v", false, "say what is done")
	level := f.Int("level", 6, "how hard to compress")
	if status, ok := c.parse(f); !ok {
		return status
	}
	pack := func(w io.Writer, r io.Reader) error {
		z, err := gzip.NewWriterLevel(w, *level)
		if err != nil {
			return err
		}
		_, err = io.Copy(z, r)
		return errors.Join(err, z.Close())
	}
	unpack := func(w io.Writer, r io.Reader) error {
		z, err := gzip.NewReader(bufio.NewReader(r))
		if err != nil {
			return errors.New("not in gzip format")
		}
		_, err = io.Copy(w, z)
		return err
	}
	work := pack
	if *decompress || *test {
		work = unpack
	}
	if *test {
		c.each(func(name string, r io.Reader) error {
			if err := unpack(io.Discard, r); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			return nil
		})
		return c.status()
	}
	if *stdout || len(c.args) == 0 || slices.Equal(c.args, []string{"-"}) {
		c.each(func(name string, r io.Reader) error {
			if err := work(c.out, r); err != nil {
				return fmt.Errorf("%s: %s", name, errText(err))
			}
			return nil
		})
		return c.status()
	}
	for _, name := range c.args {
		dst := name + ".gz"
		if *decompress {
			switch {
			case strings.HasSuffix(name, ".gz"):
				dst = strings.TrimSuffix(name, ".gz")
			case strings.HasSuffix(name, ".tgz"):
				dst = strings.TrimSuffix(name, ".tgz") + ".tar"
			default:
				c.errorf("%s: unknown suffix", name)
				continue
			}
		} else if strings.HasSuffix(name, ".gz") && !*force {
			c.errorf("%s: already has the suffix .gz", name)
			continue
		}
		if err := c.convertFile(name, dst, *force, work); err != nil {
			c.fail(err)
			continue
		}
		if *verbose {
			fmt.Fprintf(c.err, "%s -> %s\n", name, dst)
		}
		if !*keep {
			if err := os.Remove(name); err != nil {
				c.fail(err)
			}
		}
	}
	return c.status()
}

func (c *call) convertFile(src, dst string, force bool, work func(io.Writer, io.Reader) error) error {
	in, err := os.Open(src)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s: not a regular file", src)
	}
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if force {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	out, err := os.OpenFile(dst, flags, info.Mode().Perm())
	if err != nil {
		return err
	}
	w := bufio.NewWriter(out)
	err = work(w, in)
	if err != nil {
		err = fmt.Errorf("%s: %s", src, errText(err))
	}
	if err = errors.Join(err, w.Flush(), out.Close()); err != nil {
		os.Remove(dst)
		return err
	}
	return preserve(dst, info)
}
