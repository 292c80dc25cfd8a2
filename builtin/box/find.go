//go:build linux

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"mvdan.cc/sh/v3/pattern"
)

// found is a file that find looks at.
type found struct {
	path  string
	start string
	depth int
	info  fs.FileInfo
}

// finder is a call of find. Its expression is a function of a file: what it is true of, and what it does on the way.
type finder struct {
	*call
	words              []string // of the expression, not read yet
	minDepth, maxDepth int
	depthFirst, oneFS  bool
	follow             bool
	acts               bool // the expression has an action, so that -print is not implied
	prune              bool // set by -prune for the file at hand
	quit               bool
	now                time.Time
	pending            []*batch // -exec … +
}

type test func(*found) bool

type batch struct {
	words []string
	paths []string
}

func find(c *call) int {
	f := &finder{call: c, maxDepth: -1, now: time.Now()}
	args := c.args
	for len(args) > 0 && (args[0] == "-L" || args[0] == "-P" || args[0] == "-H") {
		f.follow = args[0] == "-L"
		args = args[1:]
	}
	var starts []string
	for len(args) > 0 && !strings.HasPrefix(args[0], "-") && args[0] != "(" && args[0] != "!" {
		starts, args = append(starts, args[0]), args[1:]
	}
	if len(starts) == 0 {
		starts = []string{"."}
	}
	if len(args) > 0 && args[0] == "--help" {
		fmt.Fprintln(c.out, "usage: find [-L] [PATH]... [EXPRESSION]\n"+
			"tests: -name -iname -path -ipath -regex -type -size -empty -perm -user -group -uid -gid -newer -mtime -mmin -links -inum -executable -readable -writable\n"+
			"actions: -print -print0 -printf -ls -exec CMD ; or + -ok -delete -prune -quit; options: -maxdepth -mindepth -depth -xdev; ( ) ! -a -o")
		return 0
	}
	f.words = args
	expr, err := f.or()
	if err == nil && len(f.words) > 0 {
		err = fmt.Errorf("unexpected %s", f.words[0])
	}
	if err != nil {
		return c.usage("%v", err)
	}
	for _, start := range starts {
		f.walk(start, expr)
		if f.quit {
			break
		}
	}
	for _, b := range f.pending {
		f.flush(b)
	}
	return c.status()
}

func (f *finder) walk(start string, expr test) {
	info, err := f.stat(start)
	if err != nil {
		f.fail(err)
		return
	}
	f.visit(&found{path: start, start: start, info: info}, expr, info.Sys().(*syscall.Stat_t).Dev)
}

func (f *finder) stat(path string) (fs.FileInfo, error) {
	if f.follow {
		if info, err := os.Stat(path); err == nil {
			return info, nil
		}
	}
	return os.Lstat(path)
}

func (f *finder) visit(at *found, expr test, dev uint64) {
	look := func() {
		if at.depth < f.minDepth || f.quit {
			return
		}
		if expr(at) && !f.acts {
			fmt.Fprintln(f.out, at.path)
		}
	}
	f.prune = false
	if !f.depthFirst {
		look()
	}
	deeper := at.info.IsDir() && !f.prune && (f.maxDepth < 0 || at.depth < f.maxDepth) && !f.quit
	if deeper && !(f.oneFS && at.info.Sys().(*syscall.Stat_t).Dev != dev) {
		entries, err := os.ReadDir(at.path)
		if err != nil {
			f.fail(err)
		}
		for _, e := range entries {
			path := strings.TrimSuffix(at.path, "/") + "/" + e.Name()
			info, err := f.stat(path)
			if err != nil {
				if !errors.Is(err, fs.ErrNotExist) { // gone meanwhile
					f.fail(err)
				}
				continue
			}
			f.visit(&found{path: path, start: at.start, depth: at.depth + 1, info: info}, expr, dev)
		}
	}
	if f.depthFirst {
		look()
	}
}

func (f *finder) take() (string, bool) {
	if len(f.words) == 0 {
		return "", false
	}
	w := f.words[0]
	f.words = f.words[1:]
	return w, true
}

func (f *finder) next(words ...string) bool {
	for _, w := range words {
		if len(f.words) > 0 && f.words[0] == w {
			f.words = f.words[1:]
			return true
		}
	}
	return false
}

func (f *finder) or() (test, error) {
	a, err := f.and()
	for err == nil && f.next("-o", "-or") {
		var b test
		if b, err = f.and(); err == nil {
			left := a
			a = func(at *found) bool { return left(at) || b(at) }
		}
	}
	return a, err
}

func (f *finder) and() (test, error) {
	all := test(func(*found) bool { return true })
	for len(f.words) > 0 && f.words[0] != "-o" && f.words[0] != "-or" && f.words[0] != ")" {
		f.next("-a", "-and")
		b, err := f.not()
		if err != nil {
			return nil, err
		}
		left := all
		all = func(at *found) bool { return left(at) && b(at) }
	}
	return all, nil
}

func (f *finder) not() (test, error) {
	if f.next("!", "-not") {
		t, err := f.not()
		return func(at *found) bool { return !t(at) }, err
	}
	if f.next("(") {
		t, err := f.or()
		if err == nil && !f.next(")") {
			err = errors.New("missing )")
		}
		return t, err
	}
	word, ok := f.take()
	if !ok {
		return nil, errors.New("the expression ends too early")
	}
	return f.primary(word)
}

func always(*found) bool { return true }

func (f *finder) primary(word string) (test, error) {
	switch word { // without an argument
	case "-print", "-print0":
		f.acts = true
		return func(at *found) bool {
			f.out.WriteString(at.path + lineEnd(word == "-print0"))
			return true
		}, nil
	case "-ls":
		f.acts = true
		l := &lister{call: f.call, long: true, inode: true, size: true, dirs: true}
		return func(at *found) bool { l.print([]entry{{at.path, at.path, at.info}}, false); return true }, nil
	case "-delete":
		f.acts, f.depthFirst = true, true
		return func(at *found) bool {
			if at.path == "." {
				return true
			}
			err := os.Remove(at.path)
			if err != nil {
				f.fail(err)
			}
			return err == nil
		}, nil
	case "-prune":
		return func(*found) bool { f.prune = true; return true }, nil
	case "-quit":
		f.acts = true
		return func(*found) bool { f.quit = true; return true }, nil
	case "-depth", "-d":
		f.depthFirst = true
		return always, nil
	case "-xdev", "-mount":
		f.oneFS = true
		return always, nil
	case "-true", "-follow", "-noleaf", "-daystart":
		f.follow = f.follow || word == "-follow"
		return always, nil
	case "-false":
		return func(*found) bool { return false }, nil
	case "-empty":
		return func(at *found) bool {
			if at.info.IsDir() {
				entries, err := os.ReadDir(at.path)
				return err == nil && len(entries) == 0
			}
			return at.info.Mode().IsRegular() && at.info.Size() == 0
		}, nil
	case "-executable", "-readable", "-writable":
		mode := map[string]uint32{"-executable": 1, "-writable": 2, "-readable": 4}[word]
		return func(at *found) bool { return syscall.Access(at.path, mode) == nil }, nil
	case "-exec", "-execdir", "-ok":
		return f.exec(word)
	}
	if _, known := findTests[word]; !known {
		return nil, fmt.Errorf("%s: unknown test or action", word)
	}
	arg, ok := f.take()
	if !ok {
		return nil, fmt.Errorf("%s needs an argument", word)
	}
	t, err := findTests[word](f, arg)
	if err != nil {
		err = fmt.Errorf("%s %s: %w", word, arg, err)
	}
	return t, err
}

// exec is -exec COMMAND ; for each file, or -exec COMMAND {} + for many at once.
func (f *finder) exec(word string) (test, error) {
	f.acts = true
	var words []string
	for {
		w, ok := f.take()
		if !ok {
			return nil, fmt.Errorf("%s ends without ;", word)
		}
		if w == ";" {
			break
		}
		if w == "+" && len(words) > 0 && words[len(words)-1] == "{}" {
			b := &batch{words: words[:len(words)-1]}
			f.pending = append(f.pending, b)
			return func(at *found) bool {
				if b.paths = append(b.paths, at.path); len(b.paths) >= 2000 {
					f.flush(b)
				}
				return true
			}, nil
		}
		words = append(words, w)
	}
	if len(words) == 0 {
		return nil, fmt.Errorf("%s without a command", word)
	}
	return func(at *found) bool {
		path, dir := at.path, ""
		if word == "-execdir" {
			path, dir = "./"+filepath.Base(at.path), filepath.Dir(at.path)
		}
		argv := make([]string, len(words))
		for i, w := range words {
			argv[i] = strings.ReplaceAll(w, "{}", path)
		}
		if word == "-ok" {
			fmt.Fprintf(f.err, "< %s > ? ", strings.Join(argv, " "))
			var answer string
			if fmt.Fscanln(f.in, &answer); !strings.HasPrefix(answer, "y") {
				return false
			}
		}
		return f.run(argv, dir)
	}, nil
}

func (f *finder) flush(b *batch) {
	if len(b.paths) > 0 && !f.run(append(append([]string{}, b.words...), b.paths...), "") {
		f.failed = true
	}
	b.paths = nil
}

func (f *finder) run(argv []string, dir string) bool {
	f.out.Flush()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = dir, f.in, os.Stdout, f.err
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		f.errorf("%s: %s", argv[0], errText(errnoOf(err)))
	}
	return err == nil
}

// number reads +N, -N or N as a comparison.
func number(s string) (func(int64) bool, error) {
	sign := byte(0)
	if s != "" && (s[0] == '+' || s[0] == '-') {
		sign, s = s[0], s[1:]
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return nil, errors.New("not a number")
	}
	return func(v int64) bool {
		switch sign {
		case '+':
			return v > n
		case '-':
			return v < n
		}
		return v == n
	}, nil
}

func glob(pat string, fold bool) (func(string) bool, error) {
	mode := pattern.EntireString
	if fold {
		mode |= pattern.NoGlobCase
	}
	expr, err := pattern.Regexp(pat, mode)
	if err != nil {
		return nil, err
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		return nil, err
	}
	return re.MatchString, nil
}
