//go:build linux

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/sandlot-dev/sandlot/conformance/internal/answer"
)

// stat PATH… says what lstat does, with the content of small files.
func stat(args []string) int {
	out := []answer.File{}
	for _, path := range args {
		out = append(out, lstat(path))
	}
	return reply(out)
}

// list DIR says what lstat does of all below a directory, in lexical order, the directory first.
func list(args []string) int {
	out := []answer.File{}
	check(filepath.WalkDir(args[0], func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		out = append(out, lstat(path))
		return nil
	}))
	return reply(out)
}

func lstat(path string) answer.File {
	a := answer.File{Path: path}
	var st syscall.Stat_t
	if err := syscall.Lstat(path, &st); err != nil {
		a.Err = err.Error()
		return a
	}
	a.Mode, a.UID, a.GID, a.Size = st.Mode&0o7777, int(st.Uid), int(st.Gid), st.Size
	a.MTime, a.Links, a.Inode = st.Mtim.Sec, int(st.Nlink), st.Ino
	switch st.Mode & syscall.S_IFMT {
	case syscall.S_IFREG:
		a.Type = "file"
		if f, err := os.Open(path); err == nil {
			defer f.Close()
			h := sha256.New()
			if _, err := io.Copy(h, f); err == nil {
				a.SHA256 = hex.EncodeToString(h.Sum(nil))
			}
			if _, err := f.Seek(0, io.SeekStart); err == nil && st.Size <= 4096 {
				b, _ := io.ReadAll(f)
				a.Content = string(b)
			}
		}
	case syscall.S_IFDIR:
		a.Type = "dir"
	case syscall.S_IFLNK:
		a.Type = "link"
		a.Target, _ = os.Readlink(path)
	default:
		a.Type = "other"
	}
	return a
}

// write PATH CONTENT writes a file, in one go.
func write(args []string) int {
	return done(os.WriteFile(args[0], []byte(args[1]), 0o644))
}

// write-env PATH NAME writes the value of a variable to a file.
func writeEnv(args []string) int {
	return done(os.WriteFile(args[0], []byte(os.Getenv(args[1])), 0o644))
}

// remove PATH removes a file or directory with all that is below it.
func remove(args []string) int { return done(os.RemoveAll(args[0])) }

// sweep DIR… removes all that is below directories, where it may, and says then what lstat does of them.
func sweep(dirs []string) int {
	for _, dir := range dirs {
		check(filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err == nil && d.IsDir() && path != dir {
				return os.Chmod(path, 0o700)
			}
			return err
		}))
		entries, err := os.ReadDir(dir)
		check(err)
		for _, e := range entries {
			check(os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return stat(dirs)
}

// mkdir PATH makes a directory and its parents.
func mkdir(args []string) int { return done(os.MkdirAll(args[0], 0o755)) }

// link TARGET PATH makes a symbolic link.
func link(args []string) int { return done(os.Symlink(args[0], args[1])) }

// hardlink TARGET PATH makes a hard link.
func hardlink(args []string) int { return done(os.Link(args[0], args[1])) }

// chmod OCTAL PATH sets the mode.
func chmod(args []string) int {
	mode, err := strconv.ParseUint(args[0], 8, 32)
	check(err)
	return done(syscall.Chmod(args[1], uint32(mode)))
}

// fill PATH writes to a file until there is no more space, and says how much it got.
func fill(args []string) int {
	f, err := os.Create(args[0])
	check(err)
	n, err := io.Copy(f, answer.Noise(1<<40))
	if !errors.Is(err, syscall.ENOSPC) {
		fail("%v", err)
	}
	return reply(n)
}

// poll PATH WANT says "ready", then reads a file over and over until its content is WANT, and says each content that it saw
// on the way, as a quoted string a line. A file that is not there is "missing".
func poll(args []string) int {
	ready()
	last := ""
	for {
		b, err := os.ReadFile(args[0])
		now := strconv.Quote(string(b))
		if len(b) > 100 {
			now = fmt.Sprintf("%d bytes, hash %x", len(b), sha256.Sum256(b))
		}
		if err != nil {
			now = "missing"
		}
		if now != last {
			fmt.Println(now)
			last = now
		}
		if err == nil && (string(b) == args[1] || fmt.Sprintf("%x", sha256.Sum256(b)) == args[1]) {
			return 0
		}
		time.Sleep(time.Millisecond)
	}
}

func done(err error) int {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
