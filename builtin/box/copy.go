//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

type copier struct {
	*call
	recursive, preserve, follow, force, noClobber, update, verbose, link bool
}

func cp(c *call) int {
	k := copier{call: c}
	f := c.flags("[FLAG]... SOURCE... DEST")
	upper := f.BoolP("R", "R", false, "the same")
	f.BoolVarP(&k.recursive, "recursive", "r", false, "directories and what is in them")
	archive := f.BoolP("archive", "a", false, "-R, -P and -p together")
	f.BoolVarP(&k.preserve, "preserve", "p", false, "keep mode, owner and times")
	f.BoolVarP(&k.follow, "dereference", "L", false, "follow links")
	noFollow := f.BoolP("no-dereference", "P", false, "copy links as links")
	f.BoolVarP(&k.force, "force", "f", false, "replace a destination that cannot be opened")
	f.BoolVarP(&k.noClobber, "no-clobber", "n", false, "leave what exists")
	f.BoolVarP(&k.update, "update", "u", false, "only what is newer")
	f.BoolVarP(&k.verbose, "verbose", "v", false, "say what is done")
	f.BoolVarP(&k.link, "link", "l", false, "hard links instead of copies")
	target := f.StringP("target-directory", "t", "", "the destination")
	plain := f.BoolP("no-target-directory", "T", false, "DEST is never a directory to copy into")
	if status, ok := c.parse(f); !ok {
		return status
	}
	k.recursive = k.recursive || *upper || *archive
	k.preserve = k.preserve || *archive
	if !k.recursive && !*noFollow {
		k.follow = true
	}
	return c.into(*target, *plain, func(src, dst string) error { return k.copy(src, dst, k.follow) })
}

// into calls do for each source and the destination it gets: below the last argument if that is a directory.
func (c *call) into(target string, plain bool, do func(src, dst string) error) int {
	sources := c.args
	if target == "" {
		if len(c.args) < 2 {
			return c.usage("give a source and a destination")
		}
		sources, target = c.args[:len(c.args)-1], c.args[len(c.args)-1]
	}
	info, err := os.Stat(target)
	isDir := err == nil && info.IsDir() && !plain
	if len(sources) > 1 && !isDir {
		c.errorf("%s: Not a directory", target)
		return 1
	}
	for _, src := range sources {
		dst := target
		if isDir {
			dst = filepath.Join(target, filepath.Base(src))
		}
		if err := do(src, dst); err != nil {
			c.fail(err)
		}
	}
	return c.status()
}

// copy copies one thing. What fails inside a directory is reported and the rest goes on.
func (k *copier) copy(src, dst string, follow bool) error {
	stat := os.Lstat
	if follow {
		stat = os.Stat
	}
	info, err := stat(src)
	if err != nil {
		return err
	}
	old, oldErr := os.Stat(dst)
	if oldErr == nil {
		if os.SameFile(info, old) {
			return fmt.Errorf("%s and %s are the same file", src, dst)
		}
		if !info.IsDir() && (k.noClobber || k.update && !info.ModTime().After(old.ModTime())) {
			return nil
		}
	}
	switch mode := info.Mode(); {
	case mode.IsDir():
		if !k.recursive {
			return fmt.Errorf("%s is a directory (-r not given)", src)
		}
		if inside(src, dst) {
			return fmt.Errorf("%s cannot be copied into itself, %s", src, dst)
		}
		return k.copyDir(src, dst, info, oldErr == nil && old.IsDir())
	case oldErr == nil && old.IsDir():
		return &fs.PathError{Op: "cp", Path: dst, Err: syscall.EISDIR}
	case k.link:
		err = os.Link(src, dst)
	case mode&fs.ModeSymlink != 0:
		err = copyLink(src, dst)
	case mode.IsRegular():
		err = k.copyFile(src, dst, info)
	case mode&fs.ModeNamedPipe != 0 && k.recursive:
		err = unix.Mkfifo(dst, uint32(mode.Perm()))
	case !k.recursive: // a device or a pipe is read
		err = k.copyFile(src, dst, info)
	default:
		err = fmt.Errorf("%s: not a kind of file that can be copied", src)
	}
	if err != nil {
		return err
	}
	k.done(src, dst)
	if k.preserve {
		return preserve(dst, info)
	}
	return nil
}

func (k *copier) done(src, dst string) {
	if k.verbose {
		fmt.Fprintf(k.out, "'%s' -> '%s'\n", src, dst)
	}
}

func (k *copier) copyDir(src, dst string, info fs.FileInfo, exists bool) error {
	if !exists {
		if err := os.Mkdir(dst, info.Mode().Perm()|0o700); err != nil {
			return err
		}
		k.done(src, dst)
	}
	entries, err := os.ReadDir(src)
	for _, e := range entries {
		if err := k.copy(filepath.Join(src, e.Name()), filepath.Join(dst, e.Name()), k.follow); err != nil {
			k.fail(err)
		}
	}
	if err != nil {
		return err
	}
	if k.preserve {
		return preserve(dst, info)
	}
	if !exists && info.Mode().Perm()&0o700 != 0o700 {
		return os.Chmod(dst, info.Mode().Perm())
	}
	return nil
}

func copyLink(src, dst string) error {
	target, err := os.Readlink(src)
	if err != nil {
		return err
	}
	if err := os.Remove(dst); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Symlink(target, dst)
}

func (k *copier) copyFile(src, dst string, info fs.FileInfo) error {
	in, err := os.Open(src)
	if err != nil {
		return err
	}
	defer in.Close()
	open := func() (*os.File, error) {
		return os.OpenFile(dst, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, info.Mode().Perm())
	}
	out, err := open()
	if err != nil && k.force && os.Remove(dst) == nil {
		out, err = open()
	}
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}

// preserve gives dst the times, the owner where it may, and the mode of info.
func preserve(dst string, info fs.FileInfo) error {
	st := info.Sys().(*syscall.Stat_t)
	chowned := os.Lchown(dst, int(st.Uid), int(st.Gid)) == nil
	if info.Mode()&fs.ModeSymlink != 0 {
		return nil
	}
	mode := info.Mode() & (fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky)
	if !chowned { // another owner must not get the first one's powers
		mode &^= fs.ModeSetuid | fs.ModeSetgid
	}
	if err := os.Chmod(dst, mode); err != nil {
		return err
	}
	return os.Chtimes(dst, time.Unix(st.Atim.Unix()), info.ModTime())
}

// inside says that path lies in dir.
func inside(dir, path string) bool {
	a, errA := filepath.Abs(dir)
	b, errB := filepath.Abs(path)
	if errA != nil || errB != nil {
		return false
	}
	rel, err := filepath.Rel(a, b)
	return err == nil && filepath.IsLocal(rel)
}

func mv(c *call) int {
	f := c.flags("[FLAG]... SOURCE... DEST")
	f.BoolP("force", "f", false, "do not ask (never asked)")
	noClobber := f.BoolP("no-clobber", "n", false, "leave what exists")
	update := f.BoolP("update", "u", false, "only what is newer")
	verbose := f.BoolP("verbose", "v", false, "say what is done")
	target := f.StringP("target-directory", "t", "", "the destination")
	plain := f.BoolP("no-target-directory", "T", false, "DEST is never a directory to move into")
	if status, ok := c.parse(f); !ok {
		return status
	}
	return c.into(*target, *plain, func(src, dst string) error {
		info, err := os.Lstat(src)
		if err != nil {
			return err
		}
		if old, err := os.Lstat(dst); err == nil {
			switch {
			case os.SameFile(info, old):
				return fmt.Errorf("%s and %s are the same file", src, dst)
			case *noClobber, *update && !info.ModTime().After(old.ModTime()):
				return nil
			case old.IsDir() && !info.IsDir():
				return &fs.PathError{Op: "mv", Path: dst, Err: syscall.EISDIR}
			}
		}
		if info.IsDir() && inside(src, dst) {
			return fmt.Errorf("%s cannot be moved into itself, %s", src, dst)
		}
		err = os.Rename(src, dst)
		if errors.Is(err, syscall.EXDEV) {
			err = moveAcross(c, src, dst)
		}
		if err == nil && *verbose {
			fmt.Fprintf(c.out, "'%s' -> '%s'\n", src, dst)
		}
		return err
	})
}

// moveAcross moves between file systems: a copy, and then the source is removed if all of it was copied.
func moveAcross(c *call, src, dst string) error {
	before := c.failed
	c.failed = false
	k := copier{call: c, recursive: true, preserve: true, force: true}
	err := k.copy(src, dst, false)
	complete := err == nil && !c.failed
	c.failed = c.failed || before
	if !complete {
		return err
	}
	return os.RemoveAll(src)
}
