//go:build linux

package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

func basename(c *call) int {
	f := c.flags("[-az] [-s SUFFIX] NAME [SUFFIX]")
	all := f.BoolP("multiple", "a", false, "each argument is a name")
	zero := f.BoolP("zero", "z", false, "end names with NUL")
	suffix := f.StringP("suffix", "s", "", "cut this from the end; with -a")
	if status, ok := c.parse(f); !ok {
		return status
	}
	names := c.args
	switch {
	case len(names) == 0 || len(names) > 2 && !*all && *suffix == "":
		return c.usage("give a name, and perhaps a suffix")
	case len(names) == 2 && !*all && *suffix == "":
		names, *suffix = names[:1], names[1]
	}
	for _, name := range names {
		base := name
		if name != "" {
			base = filepath.Base(name)
		}
		if base != *suffix {
			base = strings.TrimSuffix(base, *suffix)
		}
		c.out.WriteString(base + lineEnd(*zero))
	}
	return 0
}

func lineEnd(zero bool) string {
	if zero {
		return "\x00"
	}
	return "\n"
}

func dirname(c *call) int {
	f := c.flags("[-z] NAME...")
	zero := f.BoolP("zero", "z", false, "end names with NUL")
	if status, ok := c.parseSome(f, "give a name"); !ok {
		return status
	}
	for _, name := range c.args {
		trimmed := strings.TrimRight(name, "/")
		dir := "."
		if i := strings.LastIndexByte(trimmed, '/'); i >= 0 {
			if dir = strings.TrimRight(trimmed[:i], "/"); dir == "" {
				dir = "/"
			}
		} else if trimmed == "" && name != "" {
			dir = "/"
		}
		c.out.WriteString(dir + lineEnd(*zero))
	}
	return 0
}

func readlink(c *call) int {
	f := c.flags("[-femnz] FILE...")
	canonical := f.BoolP("canonicalize", "f", false, "follow everything; the last part may be missing")
	existing := f.BoolP("canonicalize-existing", "e", false, "the same; all must exist")
	missing := f.BoolP("canonicalize-missing", "m", false, "the same; anything may be missing")
	noNewline := f.BoolP("no-newline", "n", false, "no newline at the end")
	zero := f.BoolP("zero", "z", false, "end names with NUL")
	if status, ok := c.parseSome(f, "name a file"); !ok {
		return status
	}
	for _, name := range c.args {
		var target string
		var err error
		if *canonical || *existing || *missing {
			target, err = canonicalPath(name, *existing, *missing)
		} else {
			target, err = os.Readlink(name)
		}
		if err != nil { // POSIX: say nothing
			c.failed = true
			continue
		}
		c.out.WriteString(target)
		if !*noNewline {
			c.out.WriteString(lineEnd(*zero))
		}
	}
	return c.status()
}

func realpath(c *call) int {
	f := c.flags("[-emsz] FILE...")
	existing := f.BoolP("canonicalize-existing", "e", false, "all must exist")
	missing := f.BoolP("canonicalize-missing", "m", false, "anything may be missing")
	noLinks := f.BoolP("no-symlinks", "s", false, "do not follow links")
	relative := f.String("relative-to", "", "relative to this directory")
	zero := f.BoolP("zero", "z", false, "end names with NUL")
	if status, ok := c.parseSome(f, "name a file"); !ok {
		return status
	}
	for _, name := range c.args {
		var path string
		var err error
		if *noLinks {
			path, err = filepath.Abs(name)
		} else {
			path, err = canonicalPath(name, *existing, *missing)
		}
		if err == nil && *relative != "" {
			var base string
			if base, err = canonicalPath(*relative, false, true); err == nil {
				path, err = filepath.Rel(base, path)
			}
		}
		if err != nil {
			c.fail(err)
			continue
		}
		c.out.WriteString(path + lineEnd(*zero))
	}
	return c.status()
}

// canonicalPath is an absolute path without links. The last part may be missing unless existing; any part if missing.
func canonicalPath(name string, existing, missing bool) (string, error) {
	if name == "" {
		return "", &fs.PathError{Op: "realpath", Path: name, Err: unix.ENOENT}
	}
	abs := name
	if !filepath.IsAbs(abs) {
		wd, err := os.Getwd()
		if err != nil {
			return "", err
		}
		abs = wd + "/" + name
	}
	path, rest, links := "/", strings.Split(abs, "/"), 0
	for i := 0; i < len(rest); i++ {
		part := rest[i]
		switch part {
		case "", ".":
			continue
		case "..":
			path = filepath.Dir(path)
			continue
		}
		next := filepath.Join(path, part)
		info, err := os.Lstat(next)
		if err != nil {
			last := strings.Trim(strings.Join(rest[i+1:], ""), "/") == ""
			if missing || last && !existing && os.IsNotExist(err) {
				path = next
				continue
			}
			return "", &fs.PathError{Op: "realpath", Path: name, Err: errnoOf(err)}
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			path = next
			continue
		}
		if links++; links > 40 {
			return "", &fs.PathError{Op: "realpath", Path: name, Err: unix.ELOOP}
		}
		target, err := os.Readlink(next)
		if err != nil {
			return "", err
		}
		if filepath.IsAbs(target) {
			path = "/"
		}
		rest = append(strings.Split(target, "/"), rest[i+1:]...)
		i = -1
	}
	return path, nil
}

func stat(c *call) int {
	f := c.flags("[-L] [-c FORMAT] FILE...")
	follow := f.BoolP("dereference", "L", false, "follow links")
	format := f.StringP("format", "c", "", "%n name, %s size, %a %A mode, %u %U owner, %g %G group, %F kind, %i inode, %h links, %X %Y %Z times, ...")
	printf := f.String("printf", "", "the same without a newline at the end, and with escapes")
	if status, ok := c.parseSome(f, "name a file"); !ok {
		return status
	}
	for _, name := range c.args {
		var st unix.Stat_t
		call := unix.Lstat
		if *follow {
			call = unix.Stat
		}
		if err := call(name, &st); err != nil {
			c.fail(&fs.PathError{Op: "stat", Path: name, Err: err})
			continue
		}
		switch {
		case *printf != "":
			c.out.WriteString(unescape(statFormat(*printf, name, &st)))
		case *format != "":
			c.out.WriteString(statFormat(*format, name, &st) + "\n")
		default:
			c.out.WriteString(statFormat("  File: %N\n  Size: %s\tBlocks: %b\tIO Block: %o\t%F\nDevice: %d\tInode: %i\tLinks: %h\n"+
				"Access: (%04a/%A)  Uid: (%u/%U)  Gid: (%g/%G)\nAccess: %x\nModify: %y\nChange: %z\n", name, &st))
		}
	}
	return c.status()
}

func statFormat(format, name string, st *unix.Stat_t) string {
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			b.WriteByte(format[i])
			continue
		}
		j := i + 1
		for j < len(format) && strings.IndexByte("0123456789-#+ .", format[j]) >= 0 {
			j++
		}
		if j == len(format) {
			b.WriteString(format[i:])
			break
		}
		value := statField(format[j], name, st)
		if flags := format[i+1 : j]; flags != "" {
			if strings.HasPrefix(flags, "0") {
				width, _ := strconv.Atoi(flags)
				value = strings.Repeat("0", max(0, width-len(value))) + value
			} else {
				value = fmt.Sprintf("%"+strings.Trim(flags, "#+ ")+"s", value)
			}
		}
		b.WriteString(value)
		i = j
	}
	return b.String()
}

func statField(verb byte, name string, st *unix.Stat_t) string {
	when := func(t unix.Timespec) string { return time.Unix(t.Unix()).Format("2006-01-02 15:04:05.000000000 -0700") }
	mode := fileMode(st.Mode)
	switch verb {
	case 'n':
		return name
	case 'N':
		if target, err := os.Readlink(name); err == nil && mode&fs.ModeSymlink != 0 {
			return name + " -> " + target
		}
		return name
	case 's':
		return fmt.Sprint(st.Size)
	case 'b':
		return fmt.Sprint(st.Blocks)
	case 'B':
		return "512"
	case 'o':
		return fmt.Sprint(st.Blksize)
	case 'a':
		return fmt.Sprintf("%o", st.Mode&0o7777)
	case 'A':
		return modeString(mode)
	case 'f':
		return fmt.Sprintf("%x", st.Mode)
	case 'F':
		return fileKind(mode, st.Size)
	case 'u':
		return fmt.Sprint(st.Uid)
	case 'U':
		return userName(int(st.Uid))
	case 'g':
		return fmt.Sprint(st.Gid)
	case 'G':
		return groupName(int(st.Gid))
	case 'i':
		return fmt.Sprint(st.Ino)
	case 'h':
		return fmt.Sprint(st.Nlink)
	case 'd':
		return fmt.Sprint(st.Dev)
	case 't':
		return fmt.Sprintf("%x", unix.Major(st.Rdev))
	case 'T':
		return fmt.Sprintf("%x", unix.Minor(st.Rdev))
	case 'x':
		return when(st.Atim)
	case 'y':
		return when(st.Mtim)
	case 'z':
		return when(st.Ctim)
	case 'X':
		return fmt.Sprint(st.Atim.Sec)
	case 'Y':
		return fmt.Sprint(st.Mtim.Sec)
	case 'Z':
		return fmt.Sprint(st.Ctim.Sec)
	case '%':
		return "%"
	}
	return "?"
}

func fileMode(m uint32) fs.FileMode {
	mode := fs.FileMode(m & 0o777)
	switch m & unix.S_IFMT {
	case unix.S_IFDIR:
		mode |= fs.ModeDir
	case unix.S_IFLNK:
		mode |= fs.ModeSymlink
	case unix.S_IFIFO:
		mode |= fs.ModeNamedPipe
	case unix.S_IFSOCK:
		mode |= fs.ModeSocket
	case unix.S_IFCHR:
		mode |= fs.ModeDevice | fs.ModeCharDevice
	case unix.S_IFBLK:
		mode |= fs.ModeDevice
	}
	for bit, flag := range map[uint32]fs.FileMode{unix.S_ISUID: fs.ModeSetuid, unix.S_ISGID: fs.ModeSetgid, unix.S_ISVTX: fs.ModeSticky} {
		if m&bit != 0 {
			mode |= flag
		}
	}
	return mode
}

func fileKind(mode fs.FileMode, size int64) string {
	switch {
	case mode.IsDir():
		return "directory"
	case mode&fs.ModeSymlink != 0:
		return "symbolic link"
	case mode&fs.ModeNamedPipe != 0:
		return "fifo"
	case mode&fs.ModeSocket != 0:
		return "socket"
	case mode&fs.ModeCharDevice != 0:
		return "character special file"
	case mode&fs.ModeDevice != 0:
		return "block special file"
	case size == 0:
		return "regular empty file"
	}
	return "regular file"
}
