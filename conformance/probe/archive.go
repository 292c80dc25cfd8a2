//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/sandlot-dev/sandlot/conformance/internal/answer"
)

// fileCommands are what makes files of more kinds, for archives.
func fileCommands(all map[string]command) map[string]command {
	for name, c := range map[string]command{
		"await": await, "move": move, "swap": swap, "sparse": sparse, "resize": resize, "noise": noise, "many": many, "touch": touch,
		"fifo": fifo, "socket": socket, "ids": ids,
	} {
		all[name] = c
	}
	return all
}

// await PATH waits until something is there.
func await(args []string) int {
	for {
		if _, err := os.Lstat(args[0]); err == nil {
			return 0
		} else if !errors.Is(err, fs.ErrNotExist) {
			return done(err)
		}
		time.Sleep(time.Millisecond)
	}
}

// move FROM TO renames.
func move(args []string) int { return done(os.Rename(args[0], args[1])) }

// swap DIR ASIDE TARGET says "ready", then goes on making a symbolic link to TARGET of a directory, and a directory of it again.
func swap(args []string) int {
	dir, aside, target := args[0], args[1], args[2]
	link := func() {
		if os.Rename(dir, aside) != nil { // somebody has made one meanwhile
			_ = os.RemoveAll(aside)
		}
		_ = os.Symlink(target, dir)
	}
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return done(err)
	}
	link()
	ready()
	for {
		time.Sleep(50 * time.Microsecond)
		_ = syscall.Unlink(dir) // fails where it is a directory
		_ = os.Rename(aside, dir)
		time.Sleep(50 * time.Microsecond)
		link()
	}
}

// sparse PATH SIZE END makes a file of a hole and some words after it.
func sparse(args []string) int {
	f, err := os.Create(args[0])
	check(err)
	_, err = f.WriteAt([]byte(args[2]), int64(number(args, 1)))
	return done(errors.Join(err, f.Close()))
}

// resize PATH SIZE cuts a file, or makes it grow.
func resize(args []string) int { return done(os.Truncate(args[0], int64(number(args, 1)))) }

// noise PATH SIZE writes the bytes that answer.Noise makes to a file.
func noise(args []string) int {
	f, err := os.Create(args[0])
	check(err)
	_, err = io.Copy(f, answer.Noise(int64(number(args, 1))))
	return done(errors.Join(err, f.Close()))
}

// many DIR N makes a directory of N files, each with its number as name and content.
func many(args []string) int {
	check(os.Mkdir(args[0], 0o755))
	for i := range number(args, 1) {
		n := fmt.Sprint(i)
		check(os.WriteFile(filepath.Join(args[0], n), []byte(n), 0o644))
	}
	return 0
}

// touch PATH SECONDS NANOSECONDS sets the modification time.
func touch(args []string) int {
	when := time.Unix(int64(number(args, 1)), int64(number(args, 2)))
	return done(os.Chtimes(args[0], when, when))
}

// fifo PATH makes a pipe.
func fifo(args []string) int { return done(syscall.Mkfifo(args[0], 0o644)) }

// socket PATH makes a socket.
func socket(args []string) int {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: args[0], Net: "unix"})
	check(err)
	l.SetUnlinkOnClose(false)
	return done(l.Close())
}

// ids says which users and groups the sandbox's user namespace has.
func ids([]string) int {
	return reply(answer.IDs{UIDs: ranges("/proc/self/uid_map"), GIDs: ranges("/proc/self/gid_map")})
}

func ranges(name string) []answer.Range {
	b, err := os.ReadFile(name)
	check(err)
	out := []answer.Range{}
	for line := range strings.Lines(string(b)) {
		var r answer.Range
		var outside int64
		_, err := fmt.Sscan(line, &r.First, &outside, &r.Count)
		check(err)
		out = append(out, r)
	}
	return out
}
