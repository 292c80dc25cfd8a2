//go:build linux

package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

type lister struct {
	*call
	all, almost, long, human, dirs, recurse, classify, slash, one, numeric, inode, reverse, bySize, byTime, unsorted, follow, noGroup, size bool
}

// entry is a file to list: as it is called, and what lstat says of it.
type entry struct {
	name string
	path string
	info fs.FileInfo
}

func ls(c *call) int {
	l := lister{call: c}
	f := c.flags("[FLAG]... [FILE]...")
	f.BoolVarP(&l.all, "all", "a", false, "show names that begin with a dot")
	f.BoolVarP(&l.almost, "almost-all", "A", false, "the same without . and ..")
	f.BoolVarP(&l.long, "long", "l", false, "mode, links, owner, group, size and time")
	f.BoolVarP(&l.human, "human-readable", "h", false, "sizes with K, M, G")
	f.BoolVarP(&l.dirs, "directory", "d", false, "directories themselves, not what is in them")
	f.BoolVarP(&l.recurse, "recursive", "R", false, "directories below as well")
	f.BoolVarP(&l.classify, "classify", "F", false, "a sign after names: / * @ | =")
	f.BoolVarP(&l.slash, "slash", "p", false, "/ after directories")
	f.BoolVarP(&l.one, "one", "1", false, "one name a line (always so)")
	f.BoolVarP(&l.numeric, "numeric-uid-gid", "n", false, "like -l, with numbers")
	f.BoolVarP(&l.inode, "inode", "i", false, "inode numbers")
	f.BoolVarP(&l.size, "size", "s", false, "allocated size in KiB")
	f.BoolVarP(&l.reverse, "reverse", "r", false, "reverse the order")
	f.BoolVarP(&l.bySize, "sort-size", "S", false, "largest first")
	f.BoolVarP(&l.byTime, "sort-time", "t", false, "newest first")
	f.BoolVarP(&l.unsorted, "unsorted", "U", false, "as they come")
	f.BoolVarP(&l.follow, "dereference", "L", false, "follow links")
	f.BoolVarP(&l.noGroup, "no-group", "G", false, "no group")
	f.BoolP("columns", "C", false, "taken, and ignored")
	f.String("color", "", "taken, and ignored")
	f.Lookup("color").NoOptDefVal = "auto"
	if status, ok := c.parse(f); !ok {
		return status
	}
	l.long = l.long || l.numeric
	names := c.args
	if len(names) == 0 {
		names = []string{"."}
	}
	var files, dirs []entry
	for _, name := range names {
		info, err := l.stat(name)
		if err != nil {
			c.fail(err)
			continue
		}
		if !l.long && !l.dirs && !l.classify { // a link to a directory is listed as one
			if target, err := os.Stat(name); err == nil && target.IsDir() {
				info = target
			}
		}
		e := entry{name, name, info}
		if info.IsDir() && !l.dirs {
			dirs = append(dirs, e)
		} else {
			files = append(files, e)
		}
	}
	l.print(files, false)
	l.sort(dirs)
	for i, dir := range dirs {
		if len(names) > 1 || l.recurse {
			if i > 0 || len(files) > 0 {
				fmt.Fprintln(c.out)
			}
			fmt.Fprintf(c.out, "%s:\n", dir.name)
		}
		l.list(dir)
	}
	if c.failed {
		return 2
	}
	return 0
}

func (l *lister) stat(path string) (fs.FileInfo, error) {
	if l.follow {
		return os.Stat(path)
	}
	return os.Lstat(path)
}

func (l *lister) list(dir entry) {
	found, err := os.ReadDir(dir.path)
	if err != nil {
		l.fail(err)
	}
	names := []string{}
	if l.all && !l.almost {
		names = append(names, ".", "..")
	}
	for _, f := range found {
		if l.all || l.almost || !strings.HasPrefix(f.Name(), ".") {
			names = append(names, f.Name())
		}
	}
	var entries []entry
	for _, name := range names {
		path := filepath.Join(dir.path, name)
		info, err := l.stat(path)
		if err != nil {
			if info, err = os.Lstat(path); err != nil { // gone
				continue
			}
		}
		entries = append(entries, entry{name, path, info})
	}
	l.print(entries, true)
	if !l.recurse {
		return
	}
	for _, e := range entries {
		if e.info.IsDir() && e.name != "." && e.name != ".." {
			name := dir.name + "/" + e.name
			fmt.Fprintf(l.out, "\n%s:\n", name)
			l.list(entry{name, e.path, e.info})
		}
	}
}

func (l *lister) sort(entries []entry) {
	if l.unsorted {
		return
	}
	less := func(a, b entry) bool { return a.name < b.name }
	switch {
	case l.bySize:
		less = func(a, b entry) bool { return a.info.Size() > b.info.Size() }
	case l.byTime:
		less = func(a, b entry) bool { return a.info.ModTime().After(b.info.ModTime()) }
	}
	sort.SliceStable(entries, func(i, j int) bool { return entries[i].name < entries[j].name })
	sort.SliceStable(entries, func(i, j int) bool {
		if l.reverse {
			i, j = j, i
		}
		return less(entries[i], entries[j])
	})
}

func (l *lister) print(entries []entry, total bool) {
	l.sort(entries)
	if !l.long {
		for _, e := range entries {
			fmt.Fprintln(l.out, l.prefix(e)+e.name+l.sign(e.info.Mode()))
		}
		return
	}
	if total {
		var blocks int64
		for _, e := range entries {
			blocks += e.info.Sys().(*syscall.Stat_t).Blocks
		}
		fmt.Fprintf(l.out, "total %d\n", blocks/2)
	}
	var rows [][6]string
	var widths [6]int
	for _, e := range entries {
		row := l.row(e)
		for i, cell := range row {
			widths[i] = max(widths[i], len(cell))
		}
		rows = append(rows, row)
	}
	for i, r := range rows {
		fmt.Fprintf(l.out, "%s %*s %-*s ", r[0], widths[1], r[1], widths[2], r[2])
		if !l.noGroup {
			fmt.Fprintf(l.out, "%-*s ", widths[3], r[3])
		}
		name := entries[i].name + l.sign(entries[i].info.Mode())
		if entries[i].info.Mode()&fs.ModeSymlink != 0 {
			if target, err := os.Readlink(entries[i].path); err == nil {
				name = entries[i].name + " -> " + target
			}
		}
		fmt.Fprintf(l.out, "%*s %s %s\n", widths[4], r[4], r[5], name)
	}
}

// row is what -l shows: mode, links, owner, group, size and time.
func (l *lister) row(e entry) [6]string {
	st := e.info.Sys().(*syscall.Stat_t)
	owner, group := userName(int(st.Uid)), groupName(int(st.Gid))
	if l.numeric {
		owner, group = fmt.Sprint(st.Uid), fmt.Sprint(st.Gid)
	}
	size := fmt.Sprint(e.info.Size())
	if l.human {
		size = humanSize(uint64(e.info.Size()))
	}
	if e.info.Mode()&fs.ModeDevice != 0 {
		size = fmt.Sprintf("%d,%d", unix.Major(uint64(st.Rdev)), unix.Minor(uint64(st.Rdev)))
	}
	return [6]string{l.prefix(e) + modeString(e.info.Mode()), fmt.Sprint(st.Nlink), owner, group, size, lsTime(e.info.ModTime())}
}

func (l *lister) prefix(e entry) (s string) {
	st := e.info.Sys().(*syscall.Stat_t)
	if l.inode {
		s = fmt.Sprintf("%d ", st.Ino)
	}
	if l.size {
		s += fmt.Sprintf("%d ", st.Blocks/2)
	}
	return s
}

func (l *lister) sign(m fs.FileMode) string {
	switch {
	case m.IsDir() && (l.classify || l.slash):
		return "/"
	case !l.classify:
		return ""
	case m&fs.ModeSymlink != 0:
		return "@"
	case m&fs.ModeNamedPipe != 0:
		return "|"
	case m&fs.ModeSocket != 0:
		return "="
	case m.IsRegular() && m&0o111 != 0:
		return "*"
	}
	return ""
}

func lsTime(t time.Time) string {
	now := time.Now()
	if t.After(now.Add(time.Hour)) || t.Before(now.AddDate(0, -6, 0)) {
		return t.Format("Jan _2  2006")
	}
	return t.Format("Jan _2 15:04")
}

// modeString is ls's form of a mode, -rwxr-xr-x.
func modeString(m fs.FileMode) string {
	b := []byte("----------")
	switch {
	case m.IsDir():
		b[0] = 'd'
	case m&fs.ModeSymlink != 0:
		b[0] = 'l'
	case m&fs.ModeNamedPipe != 0:
		b[0] = 'p'
	case m&fs.ModeSocket != 0:
		b[0] = 's'
	case m&fs.ModeCharDevice != 0:
		b[0] = 'c'
	case m&fs.ModeDevice != 0:
		b[0] = 'b'
	}
	for i := range 9 {
		if m&(1<<(8-i)) != 0 {
			b[i+1] = "rwxrwxrwx"[i]
		}
	}
	special := func(on bool, at int, lower, upper byte) {
		if on && b[at] == 'x' {
			b[at] = lower
		} else if on {
			b[at] = upper
		}
	}
	special(m&fs.ModeSetuid != 0, 3, 's', 'S')
	special(m&fs.ModeSetgid != 0, 6, 's', 'S')
	special(m&fs.ModeSticky != 0, 9, 't', 'T')
	return string(b)
}

// humanSize is a size as 512, 4.0K or 12M.
func humanSize(n uint64) string {
	if n < 1024 {
		return fmt.Sprint(n)
	}
	f, units := float64(n), "KMGTPE"
	i := -1
	for f >= 1024 && i < len(units)-1 {
		f /= 1024
		i++
	}
	if f < 9.95 {
		return fmt.Sprintf("%.1f%c", f, units[i])
	}
	return fmt.Sprintf("%.0f%c", f, units[i])
}

func tty(c *call) int {
	if status, ok := c.parse(c.flags("")); !ok {
		return status
	}
	if !term.IsTerminal(0) {
		fmt.Fprintln(c.out, "not a tty")
		return 1
	}
	name, err := os.Readlink("/proc/self/fd/0")
	if err != nil {
		c.fail(err)
		return 1
	}
	fmt.Fprintln(c.out, name)
	return 0
}
