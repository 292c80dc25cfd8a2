//go:build linux

package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"
)

type usage struct {
	*call
	all, human, bytes, summary, apparent bool
	unit                                 int64
	depth                                int
	seen                                 map[[2]uint64]bool
}

func du(c *call) int {
	u := usage{call: c, unit: 1024, seen: map[[2]uint64]bool{}}
	f := c.flags("[-ashkmbc] [-d N] [FILE]...")
	f.BoolVarP(&u.all, "all", "a", false, "files as well as directories")
	f.BoolVarP(&u.summary, "summarize", "s", false, "the arguments only")
	f.BoolVarP(&u.human, "human-readable", "h", false, "sizes with K, M, G")
	f.BoolVarP(&u.bytes, "bytes", "b", false, "the sizes that files have, in bytes")
	f.BoolVar(&u.apparent, "apparent-size", false, "the sizes that files have, not what they take")
	f.BoolP("kilobytes", "k", false, "in KiB (always so)")
	mega := f.BoolP("megabytes", "m", false, "in MiB")
	total := f.BoolP("total", "c", false, "a total at the end")
	f.IntVarP(&u.depth, "max-depth", "d", -1, "directories at most so deep")
	f.BoolP("one-file-system", "x", false, "taken, and ignored")
	if status, ok := c.parse(f); !ok {
		return status
	}
	if *mega {
		u.unit = 1 << 20
	}
	if u.bytes {
		u.unit, u.apparent = 1, true
	}
	if u.summary {
		u.depth = 0
	}
	names := c.args
	if len(names) == 0 {
		names = []string{"."}
	}
	var sum int64
	for _, name := range names {
		info, err := os.Lstat(name)
		if err != nil {
			c.fail(err)
			continue
		}
		sum += u.measure(name, info, 0)
	}
	if *total {
		u.print(sum, "total")
	}
	return c.status()
}

func (u *usage) measure(path string, info fs.FileInfo, depth int) int64 {
	st := info.Sys().(*syscall.Stat_t)
	if key := [2]uint64{st.Dev, st.Ino}; st.Nlink > 1 && !info.IsDir() {
		if u.seen[key] {
			return 0
		}
		u.seen[key] = true
	}
	size := st.Blocks * 512
	if u.apparent {
		size = st.Size
	}
	if info.IsDir() {
		entries, err := os.ReadDir(path)
		if err != nil {
			u.fail(err)
		}
		for _, e := range entries {
			if info, err := e.Info(); err == nil {
				size += u.measure(filepath.Join(path, e.Name()), info, depth+1)
			}
		}
	}
	if depth == 0 || (info.IsDir() || u.all) && (u.depth < 0 || depth <= u.depth) {
		u.print(size, path)
	}
	return size
}

func (u *usage) print(size int64, name string) {
	if u.human {
		fmt.Fprintf(u.out, "%s\t%s\n", humanSize(uint64(size)), name)
		return
	}
	fmt.Fprintf(u.out, "%d\t%s\n", (size+u.unit-1)/u.unit, name)
}

func df(c *call) int {
	f := c.flags("[-hkmT] [FILE]...")
	human := f.BoolP("human-readable", "h", false, "sizes with K, M, G")
	f.BoolP("kilobytes", "k", false, "in KiB (always so)")
	f.BoolP("portability", "P", false, "taken, and ignored")
	mega := f.BoolP("megabytes", "m", false, "in MiB")
	kinds := f.BoolP("print-type", "T", false, "kinds of file systems")
	inodes := f.BoolP("inodes", "i", false, "inodes instead of sizes")
	if status, ok := c.parse(f); !ok {
		return status
	}
	raw, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		c.fail(err)
		return 1
	}
	type mount struct{ device, dir, kind string }
	var mounts []mount
	for _, line := range strings.Split(string(raw), "\n") {
		if w := strings.Fields(line); len(w) > 2 {
			mounts = append(mounts, mount{w[0], strings.ReplaceAll(w[1], `\040`, " "), w[2]})
		}
	}
	shown := mounts
	if len(c.args) > 0 {
		shown = nil
		for _, name := range c.args {
			path, err := canonicalPath(name, true, false)
			if err != nil {
				c.fail(err)
				continue
			}
			best := mount{"-", path, "-"}
			for _, m := range mounts {
				if inside(m.dir, path) && (best.device == "-" || len(m.dir) >= len(best.dir)) {
					best = m
				}
			}
			shown = append(shown, best)
		}
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 1, ' ', 0)
	unit, head := int64(1024), "1K-blocks"
	switch {
	case *inodes:
		head = "Inodes"
	case *human:
		head = "Size"
	case *mega:
		unit, head = 1<<20, "1M-blocks"
	}
	fmt.Fprint(w, "Filesystem\t")
	if *kinds {
		fmt.Fprint(w, "Type\t")
	}
	fmt.Fprintf(w, "%s\tUsed\tAvailable\tUse%%\tMounted on\n", head)
	show := func(n uint64) string {
		if *human {
			return humanSize(n)
		}
		if *inodes {
			return fmt.Sprint(n)
		}
		return fmt.Sprint(int64(n) / unit)
	}
	for _, m := range shown {
		var st unix.Statfs_t
		if err := unix.Statfs(m.dir, &st); err != nil || st.Blocks == 0 && len(c.args) == 0 {
			continue
		}
		size, free, avail := st.Blocks*uint64(st.Bsize), st.Bfree*uint64(st.Bsize), st.Bavail*uint64(st.Bsize)
		if *inodes {
			size, free, avail = st.Files, st.Ffree, st.Ffree
		}
		used, percent := size-free, "-"
		if used+avail > 0 {
			percent = strconv.FormatUint((used*100+used+avail-1)/(used+avail), 10) + "%"
		}
		fmt.Fprintf(w, "%s\t", m.device)
		if *kinds {
			fmt.Fprintf(w, "%s\t", m.kind)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", show(size), show(used), show(avail), percent, m.dir)
	}
	w.Flush()
	return c.status()
}

func syncDisks(c *call) int {
	if status, ok := c.parse(c.flags("")); !ok {
		return status
	}
	unix.Sync()
	return 0
}

func dd(c *call) int {
	bs, ibs, obs, count, skip, seek := int64(0), int64(512), int64(512), int64(-1), int64(0), int64(0)
	in, out, conv, status := "", "", "", ""
	iflag := ""
	for _, arg := range c.args {
		key, value, ok := strings.Cut(arg, "=")
		if !ok {
			return c.usage("%s: give OPERAND=VALUE: if of bs ibs obs count skip seek conv iflag status", arg)
		}
		number := map[string]*int64{"bs": &bs, "ibs": &ibs, "obs": &obs, "count": &count, "skip": &skip, "seek": &seek}[key]
		text := map[string]*string{"if": &in, "of": &out, "conv": &conv, "status": &status, "iflag": &iflag, "oflag": new(string)}[key]
		switch {
		case number != nil:
			n, err := parseSize(value)
			if err != nil {
				return c.usage("%v", err)
			}
			*number = n
		case text != nil:
			*text = value
		default:
			return c.usage("%s: unknown operand", key)
		}
	}
	if bs > 0 {
		ibs, obs = bs, bs
	}
	if ibs <= 0 || obs <= 0 || ibs > 1<<30 {
		return c.usage("invalid block size")
	}
	converts := map[string]bool{}
	for _, name := range strings.Split(conv, ",") {
		if !strings.Contains(" notrunc sync noerror fsync fdatasync ucase lcase swab excl nocreat ", " "+name+" ") && name != "" {
			return c.usage("conv=%s: unknown", name)
		}
		converts[name] = true
	}
	src, dst := os.Stdin, os.Stdout
	var err error
	if in != "" {
		if src, err = os.Open(in); err != nil {
			c.fail(err)
			return 1
		}
	}
	if out != "" {
		flags := os.O_WRONLY | os.O_CREATE
		if converts["nocreat"] {
			flags = os.O_WRONLY
		}
		if converts["excl"] {
			flags |= os.O_EXCL
		}
		if !converts["notrunc"] && seek == 0 {
			flags |= os.O_TRUNC
		}
		if dst, err = os.OpenFile(out, flags, 0o666); err != nil {
			c.fail(err)
			return 1
		}
		if !converts["notrunc"] && seek > 0 {
			dst.Truncate(seek * obs) // not a file: then it stays
		}
	}
	start := time.Now()
	if skip > 0 {
		if _, err := src.Seek(skip*ibs, io.SeekCurrent); err != nil {
			if _, err := io.CopyN(io.Discard, src, skip*ibs); err != nil && err != io.EOF {
				c.fail(err)
				return 1
			}
		}
	}
	if seek > 0 {
		if _, err := dst.Seek(seek*obs, io.SeekStart); err != nil {
			c.fail(err)
			return 1
		}
	}
	var full, part, written int64
	var outFull, outPart int64
	buf := make([]byte, ibs)
	for n := int64(0); count < 0 || n < count; n++ {
		var got int
		if strings.Contains(iflag, "fullblock") {
			if got, err = io.ReadFull(src, buf); err == io.ErrUnexpectedEOF {
				err = nil
			}
		} else {
			got, err = src.Read(buf)
		}
		if got > 0 {
			block := buf[:got]
			if int64(got) == ibs {
				full++
			} else {
				part++
				if converts["sync"] {
					clear(buf[got:])
					block = buf
				}
			}
			convert(block, converts)
			if _, werr := dst.Write(block); werr != nil {
				c.fail(werr)
				break
			}
			written += int64(len(block))
			if int64(len(block)) >= obs {
				outFull++
			} else {
				outPart++
			}
		}
		if err == io.EOF || err == nil && got == 0 {
			break
		}
		if err != nil {
			c.fail(err)
			break
		}
	}
	if converts["fsync"] || converts["fdatasync"] {
		if err := dst.Sync(); err != nil {
			c.fail(err)
		}
	}
	if err := dst.Close(); err != nil {
		c.fail(err)
	}
	if status != "none" {
		fmt.Fprintf(c.err, "%d+%d records in\n%d+%d records out\n", full, part, outFull, outPart)
		if status != "noxfer" {
			s := time.Since(start).Seconds()
			fmt.Fprintf(c.err, "%d bytes copied, %.6f s, %s/s\n", written, s, humanSize(uint64(float64(written)/max(s, 1e-9))))
		}
	}
	return c.status()
}

func convert(b []byte, how map[string]bool) {
	for i, x := range b {
		switch {
		case how["ucase"] && 'a' <= x && x <= 'z':
			b[i] = x - 32
		case how["lcase"] && 'A' <= x && x <= 'Z':
			b[i] = x + 32
		}
	}
	if how["swab"] {
		for i := 0; i+1 < len(b); i += 2 {
			b[i], b[i+1] = b[i+1], b[i]
		}
	}
}
