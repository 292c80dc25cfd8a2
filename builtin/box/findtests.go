//go:build linux

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// findTests are find's tests, options and actions that have an argument.
var findTests = map[string]func(f *finder, arg string) (test, error){
	"-name": nameTest(false, false), "-iname": nameTest(false, true), "-path": nameTest(true, false), "-wholename": nameTest(true, false),
	"-ipath": nameTest(true, true), "-type": typeTest, "-size": sizeTest, "-perm": permTest, "-regex": regexTest(""), "-iregex": regexTest("(?i)"),
	"-mtime": timeTest(24*time.Hour, 'm'), "-mmin": timeTest(time.Minute, 'm'), "-atime": timeTest(24*time.Hour, 'a'),
	"-amin": timeTest(time.Minute, 'a'), "-ctime": timeTest(24*time.Hour, 'c'), "-cmin": timeTest(time.Minute, 'c'),
	"-newer": newerTest, "-anewer": newerTest, "-printf": printfAction,
	"-links": numberTest(func(st *syscall.Stat_t) int64 { return int64(st.Nlink) }),
	"-inum":  numberTest(func(st *syscall.Stat_t) int64 { return int64(st.Ino) }),
	"-uid":   numberTest(func(st *syscall.Stat_t) int64 { return int64(st.Uid) }),
	"-gid":   numberTest(func(st *syscall.Stat_t) int64 { return int64(st.Gid) }),
	"-user": func(_ *finder, arg string) (test, error) {
		uid, err := userID(arg)
		return func(at *found) bool { return int(statOf(at).Uid) == uid }, err
	},
	"-group": func(_ *finder, arg string) (test, error) {
		gid, err := groupID(arg)
		return func(at *found) bool { return int(statOf(at).Gid) == gid }, err
	},
	"-maxdepth": func(f *finder, arg string) (_ test, err error) {
		f.maxDepth, err = strconv.Atoi(arg)
		return always, err
	},
	"-mindepth": func(f *finder, arg string) (_ test, err error) {
		f.minDepth, err = strconv.Atoi(arg)
		return always, err
	},
	"-lname": func(_ *finder, arg string) (test, error) {
		match, err := glob(arg, false)
		return func(at *found) bool {
			target, err := os.Readlink(at.path)
			return err == nil && match(target)
		}, err
	},
}

func statOf(at *found) *syscall.Stat_t { return at.info.Sys().(*syscall.Stat_t) }

func nameTest(whole, fold bool) func(*finder, string) (test, error) {
	return func(_ *finder, arg string) (test, error) {
		match, err := glob(arg, fold)
		return func(at *found) bool {
			if whole {
				return match(at.path)
			}
			return match(filepath.Base(at.path))
		}, err
	}
}

func regexTest(prefix string) func(*finder, string) (test, error) {
	return func(_ *finder, arg string) (test, error) {
		re, err := regexp.Compile(prefix + "^(?:" + posixToGo(arg, false) + ")$")
		return func(at *found) bool { return re.MatchString(at.path) }, err
	}
}

func typeTest(_ *finder, arg string) (test, error) {
	for _, kind := range strings.Split(arg, ",") {
		if len(kind) != 1 || !strings.Contains("fdlpscb", kind) {
			return nil, errors.New("not a type; these are: f d l p s c b")
		}
	}
	return func(at *found) bool { return strings.Contains(arg, kindLetter(at.info.Mode())) }, nil
}

func kindLetter(m fs.FileMode) string {
	if letter := modeString(m)[:1]; letter != "-" {
		return letter
	}
	return "f"
}

func sizeTest(_ *finder, arg string) (test, error) {
	unit := int64(512)
	if n := len(arg); n > 0 {
		if u, ok := map[byte]int64{'c': 1, 'w': 2, 'b': 512, 'k': 1 << 10, 'M': 1 << 20, 'G': 1 << 30}[arg[n-1]]; ok {
			unit, arg = u, arg[:n-1]
		}
	}
	compare, err := number(arg)
	return func(at *found) bool { return compare((at.info.Size() + unit - 1) / unit) }, err
}

func permTest(_ *finder, arg string) (test, error) {
	how := byte(0)
	if arg != "" && (arg[0] == '-' || arg[0] == '/') {
		how, arg = arg[0], arg[1:]
	}
	change, err := parseMode(arg)
	if err != nil {
		return nil, err
	}
	want := change(0, false)
	return func(at *found) bool {
		mode := statOf(at).Mode & 0o7777
		switch how {
		case '-':
			return mode&want == want
		case '/':
			return want == 0 || mode&want != 0
		}
		return mode == want
	}, nil
}

func timeTest(unit time.Duration, which byte) func(*finder, string) (test, error) {
	return func(f *finder, arg string) (test, error) {
		compare, err := number(arg)
		return func(at *found) bool {
			st := statOf(at)
			t := map[byte]syscall.Timespec{'m': st.Mtim, 'a': st.Atim, 'c': st.Ctim}[which]
			return compare(int64(f.now.Sub(time.Unix(t.Unix())) / unit))
		}, err
	}
}

func newerTest(_ *finder, arg string) (test, error) {
	info, err := os.Stat(arg)
	if err != nil {
		return nil, errnoOf(err)
	}
	return func(at *found) bool { return at.info.ModTime().After(info.ModTime()) }, nil
}

func numberTest(of func(*syscall.Stat_t) int64) func(*finder, string) (test, error) {
	return func(_ *finder, arg string) (test, error) {
		compare, err := number(arg)
		return func(at *found) bool { return compare(of(statOf(at))) }, err
	}
}

func printfAction(f *finder, format string) (test, error) {
	f.acts = true
	return func(at *found) bool {
		st := statOf(at)
		var b strings.Builder
		for i := 0; i < len(format); i++ {
			if format[i] != '%' || i+1 == len(format) {
				b.WriteByte(format[i])
				continue
			}
			i++
			switch format[i] {
			case 'p':
				b.WriteString(at.path)
			case 'P':
				b.WriteString(strings.TrimPrefix(strings.TrimPrefix(at.path, at.start), "/"))
			case 'f':
				b.WriteString(filepath.Base(at.path))
			case 'h':
				b.WriteString(filepath.Dir(at.path))
			case 'd':
				fmt.Fprint(&b, at.depth)
			case 's':
				fmt.Fprint(&b, st.Size)
			case 'm':
				fmt.Fprintf(&b, "%o", st.Mode&0o7777)
			case 'M':
				b.WriteString(modeString(at.info.Mode()))
			case 'u':
				b.WriteString(userName(int(st.Uid)))
			case 'U':
				fmt.Fprint(&b, st.Uid)
			case 'g':
				b.WriteString(groupName(int(st.Gid)))
			case 'G':
				fmt.Fprint(&b, st.Gid)
			case 'y':
				b.WriteString(kindLetter(at.info.Mode()))
			case 'i':
				fmt.Fprint(&b, st.Ino)
			case 'n':
				fmt.Fprint(&b, st.Nlink)
			case 'l':
				target, _ := os.Readlink(at.path)
				b.WriteString(target)
			case 'T':
				if i+1 < len(format) {
					i++
				}
				fmt.Fprintf(&b, "%d.%09d", st.Mtim.Sec, st.Mtim.Nsec)
			case '%':
				b.WriteByte('%')
			default:
				b.WriteString("%" + format[i:i+1])
			}
		}
		f.out.WriteString(unescape(b.String()))
		return true
	}, nil
}
