//go:build linux

package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

func mkdir(c *call) int {
	f := c.flags("[-pv] [-m MODE] DIR...")
	parents := f.BoolP("parents", "p", false, "the directories above as well, and do not mind what exists")
	verbose := f.BoolP("verbose", "v", false, "say what is done")
	mode := f.StringP("mode", "m", "", "the mode")
	if status, ok := c.parseSome(f, "name a directory"); !ok {
		return status
	}
	change, err := parseMode(*mode)
	if err != nil && *mode != "" {
		return c.usage("%v", err)
	}
	for _, name := range c.args {
		err := os.Mkdir(name, 0o777)
		if err != nil && *parents {
			if info, statErr := os.Stat(name); statErr == nil && info.IsDir() {
				continue
			}
			err = os.MkdirAll(name, 0o777)
		}
		if err == nil && *mode != "" {
			err = unix.Chmod(name, change(0o777, true))
		}
		if err != nil {
			c.fail(err)
		} else if *verbose {
			fmt.Fprintf(c.out, "created directory '%s'\n", name)
		}
	}
	return c.status()
}

func mkfifo(c *call) int {
	f := c.flags("[-m MODE] NAME...")
	mode := f.StringP("mode", "m", "0666", "the mode")
	if status, ok := c.parse(f); !ok {
		return status
	}
	change, err := parseMode(*mode)
	if err != nil || len(c.args) == 0 {
		return c.usage("give names, and a valid mode")
	}
	for _, name := range c.args {
		if err := unix.Mkfifo(name, change(0o666, false)); err != nil {
			c.fail(&fs.PathError{Op: "mkfifo", Path: name, Err: err})
		}
	}
	return c.status()
}

func ln(c *call) int {
	f := c.flags("[-sfnvrT] TARGET... LINK")
	symbolic := f.BoolP("symbolic", "s", false, "symbolic links")
	force := f.BoolP("force", "f", false, "replace what exists")
	noFollow := f.BoolP("no-dereference", "n", false, "a LINK that is a link to a directory is replaced, not entered")
	relative := f.BoolP("relative", "r", false, "relative to the link's directory")
	verbose := f.BoolP("verbose", "v", false, "say what is done")
	plain := f.BoolP("no-target-directory", "T", false, "LINK is never a directory to link into")
	target := f.StringP("target-directory", "t", "", "the directory to link into")
	if status, ok := c.parse(f); !ok {
		return status
	}
	if len(c.args) == 1 && *target == "" {
		c.args = append(c.args, filepath.Base(c.args[0]))
	}
	if len(c.args) > 0 && *noFollow {
		if info, err := os.Lstat(c.args[len(c.args)-1]); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			*plain = true
		}
	}
	return c.into(*target, *plain, func(src, dst string) error {
		if *force {
			a, errA := os.Lstat(src)
			b, errB := os.Lstat(dst)
			if errA == nil && errB == nil && os.SameFile(a, b) && !*symbolic {
				return fmt.Errorf("%s and %s are the same file", src, dst)
			}
			if err := os.Remove(dst); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		var err error
		if *symbolic {
			if *relative {
				dir, errDir := filepath.Abs(filepath.Dir(dst))
				abs, errAbs := filepath.Abs(src)
				if err := errors.Join(errDir, errAbs); err != nil {
					return err
				}
				if src, err = filepath.Rel(dir, abs); err != nil {
					return err
				}
			}
			err = os.Symlink(src, dst)
		} else {
			err = os.Link(src, dst)
		}
		if err == nil && *verbose {
			fmt.Fprintf(c.out, "'%s' -> '%s'\n", dst, src)
		}
		return err
	})
}

func touch(c *call) int {
	f := c.flags("[-acmh] [-d TIME | -t STAMP | -r FILE] FILE...")
	access := f.BoolP("atime", "a", false, "the access time only")
	modify := f.BoolP("mtime", "m", false, "the modification time only")
	noCreate := f.BoolP("no-create", "c", false, "do not make files")
	noFollow := f.BoolP("no-dereference", "h", false, "links themselves")
	when := f.StringP("date", "d", "", "this time, e.g. 2006-01-02T15:04:05Z or @SECONDS")
	stamp := f.StringP("stamp", "t", "", "this time, as [[CC]YY]MMDDhhmm[.ss]")
	ref := f.StringP("reference", "r", "", "the times of this file")
	if status, ok := c.parseSome(f, "name a file"); !ok {
		return status
	}
	now := time.Now()
	atime, mtime := now, now
	var err error
	switch {
	case *when != "":
		mtime, err = parseDate(*when)
		atime = mtime
	case *stamp != "":
		mtime, err = parseStamp(*stamp)
		atime = mtime
	case *ref != "":
		var st unix.Stat_t
		if err = unix.Stat(*ref, &st); err != nil {
			err = &fs.PathError{Op: "stat", Path: *ref, Err: err}
		}
		atime, mtime = time.Unix(st.Atim.Unix()), time.Unix(st.Mtim.Unix())
	}
	if err != nil {
		c.fail(err)
		return 1
	}
	omit := unix.Timespec{Nsec: unix.UTIME_OMIT}
	times := []unix.Timespec{unix.NsecToTimespec(atime.UnixNano()), unix.NsecToTimespec(mtime.UnixNano())}
	if *access && !*modify {
		times[1] = omit
	}
	if *modify && !*access {
		times[0] = omit
	}
	flags := 0
	if *noFollow {
		flags = unix.AT_SYMLINK_NOFOLLOW
	}
	for _, name := range c.args {
		if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) && !*noFollow {
			if *noCreate {
				continue
			}
			file, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o666)
			if err != nil {
				c.fail(err)
				continue
			}
			file.Close()
		}
		if err := unix.UtimesNanoAt(unix.AT_FDCWD, name, times, flags); err != nil {
			c.fail(&fs.PathError{Op: "touch", Path: name, Err: err})
		}
	}
	return c.status()
}

func parseStamp(s string) (time.Time, error) {
	main, sec, hasSec := strings.Cut(s, ".")
	layout := map[int]string{8: "01021504", 10: "0601021504", 12: "200601021504"}[len(main)]
	if layout == "" || hasSec && len(sec) != 2 {
		return time.Time{}, fmt.Errorf("%s: invalid time", s)
	}
	if hasSec {
		layout, main = layout+"05", main+sec
	}
	t, err := time.ParseInLocation(layout, main, time.Local)
	if err != nil {
		return t, fmt.Errorf("%s: invalid time", s)
	}
	if t.Year() == 0 {
		t = t.AddDate(time.Now().Year(), 0, 0)
	}
	return t, nil
}

func mktemp(c *call) int {
	f := c.flags("[-dqut] [-p DIR] [--suffix S] [TEMPLATE]")
	dir := f.BoolP("directory", "d", false, "a directory")
	quiet := f.BoolP("quiet", "q", false, "say nothing where it fails")
	dry := f.BoolP("dry-run", "u", false, "a name only")
	below := f.StringP("tmpdir", "p", "", "below this directory ($TMPDIR or /tmp)")
	f.Lookup("tmpdir").NoOptDefVal = "\x00"
	temp := f.BoolP("temp", "t", false, "below $TMPDIR or /tmp")
	suffix := f.String("suffix", "", "after the random part")
	// -p takes the next argument in the usual way; only --tmpdir may stand alone
	for i := 0; i+1 < len(c.args); i++ {
		if c.args[i] == "-p" {
			c.args = append(append(append([]string{}, c.args[:i]...), "--tmpdir="+c.args[i+1]), c.args[i+2:]...)
		}
	}
	if status, ok := c.parse(f); !ok {
		return status
	}
	tmp := os.Getenv("TMPDIR")
	if tmp == "" {
		tmp = "/tmp"
	}
	if *below == "\x00" {
		*below = tmp
	}
	template := "tmp.XXXXXXXXXX"
	switch {
	case len(c.args) > 1:
		return c.usage("too many templates")
	case len(c.args) == 1:
		template = c.args[0]
		if *temp && *below == "" {
			*below = tmp
		}
	case *below == "":
		*below = tmp
	}
	if *below != "" {
		template = filepath.Join(*below, template)
	}
	end := strings.LastIndex(template, "X") + 1
	start := end
	for start > 0 && template[start-1] == 'X' {
		start--
	}
	if end-start < 3 {
		return c.usage("too few X's in template '%s'", template)
	}
	for range 100 {
		name := template[:start] + randomName(end-start) + template[end:] + *suffix
		var err error
		switch {
		case *dry:
			if _, err = os.Lstat(name); err == nil {
				continue
			}
			err = nil
		case *dir:
			err = os.Mkdir(name, 0o700)
		default:
			var file *os.File
			if file, err = os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600); err == nil {
				file.Close()
			}
		}
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			if !*quiet {
				c.fail(err)
			}
			return 1
		}
		fmt.Fprintln(c.out, name)
		return 0
	}
	c.errorf("no free name found for %s", template)
	return 1
}

func randomName(n int) string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	b := make([]byte, n)
	for i := range b {
		k, err := rand.Int(rand.Reader, big.NewInt(int64(len(letters))))
		if err != nil {
			panic(err) // crypto/rand does not fail
		}
		b[i] = letters[k.Int64()]
	}
	return string(b)
}

func truncate(c *call) int {
	f := c.flags("[-c] -s [+-]SIZE FILE...")
	noCreate := f.BoolP("no-create", "c", false, "do not make files")
	size := f.StringP("size", "s", "", "the size, or + or - and by how much")
	if status, ok := c.parse(f); !ok {
		return status
	}
	sign := ""
	if s := *size; s != "" && (s[0] == '+' || s[0] == '-') {
		sign, *size = s[:1], s[1:]
	}
	n, err := parseSize(*size)
	if err != nil || len(c.args) == 0 {
		return c.usage("give a size and files")
	}
	for _, name := range c.args {
		flags := os.O_WRONLY | os.O_CREATE
		if *noCreate {
			flags = os.O_WRONLY
		}
		file, err := os.OpenFile(name, flags, 0o666)
		if err != nil {
			if !(*noCreate && errors.Is(err, fs.ErrNotExist)) {
				c.fail(err)
			}
			continue
		}
		want := n
		if info, err := file.Stat(); err == nil {
			switch sign {
			case "+":
				want = info.Size() + n
			case "-":
				want = max(0, info.Size()-n)
			}
		}
		if err := file.Truncate(want); err != nil {
			c.fail(err)
		}
		file.Close()
	}
	return c.status()
}

// parseSize knows 10, 4k, 1M, 2GiB, 3MB and so on.
func parseSize(s string) (int64, error) {
	digits := strings.TrimRight(s, "bcwkKMGTPiB")
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%s: invalid size", s)
	}
	unit := s[len(digits):]
	factors := map[string]int64{"": 1, "c": 1, "w": 2, "b": 512, "B": 1}
	f, ok := factors[unit]
	if !ok {
		base := int64(1024)
		if len(unit) == 2 && unit[1] == 'B' {
			base = 1000
		}
		power := strings.IndexByte("kMGTP", strings.Replace(unit, "K", "k", 1)[0])
		if rest := unit[1:]; power < 0 || rest != "" && rest != "B" && rest != "iB" {
			return 0, fmt.Errorf("%s: invalid size", s)
		}
		f = 1
		for range power + 1 {
			f *= base
		}
	}
	if n != 0 && f > (1<<63-1)/n {
		return 0, fmt.Errorf("%s: too large", s)
	}
	return n * f, nil
}
