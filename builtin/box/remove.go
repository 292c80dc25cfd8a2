//go:build linux

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

func rm(c *call) int {
	f := c.flags("[-rfdiv] FILE...")
	recursive := f.BoolP("recursive", "r", false, "directories and what is in them")
	upper := f.BoolP("R", "R", false, "the same")
	force := f.BoolP("force", "f", false, "do not mind what is missing, do not ask")
	dirs := f.BoolP("dir", "d", false, "empty directories")
	ask := f.BoolP("interactive", "i", false, "ask before each")
	verbose := f.BoolP("verbose", "v", false, "say what is done")
	f.Bool("preserve-root", true, "taken, and ignored: / is never removed")
	if status, ok := c.parse(f); !ok {
		return status
	}
	if len(c.args) == 0 && !*force {
		return c.usage("name what to remove")
	}
	answers := bufio.NewReader(c.in)
	for _, name := range c.args {
		if base := filepath.Base(name); base == "." || base == ".." || filepath.Clean(name) == "/" {
			c.errorf("refusing to remove %s", name)
			continue
		}
		info, err := os.Lstat(name)
		if err != nil {
			if !(*force && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR))) {
				c.fail(err)
			}
			continue
		}
		if info.IsDir() && !*recursive && !*upper && !*dirs {
			c.errorf("%s: Is a directory", name)
			continue
		}
		if *ask && !*force {
			fmt.Fprintf(c.err, "%s: remove %s? ", c.name, name)
			if line, _ := answers.ReadString('\n'); !strings.HasPrefix(strings.ToLower(line), "y") {
				continue
			}
		}
		if info.IsDir() && (*recursive || *upper) {
			err = os.RemoveAll(name)
		} else {
			err = os.Remove(name)
		}
		if err != nil {
			c.fail(err)
		} else if *verbose {
			fmt.Fprintf(c.out, "removed '%s'\n", name)
		}
	}
	return c.status()
}

func rmdir(c *call) int {
	f := c.flags("[-p] DIR...")
	parents := f.BoolP("parents", "p", false, "the directories above as well")
	lenient := f.Bool("ignore-fail-on-non-empty", false, "do not mind directories that are not empty")
	if status, ok := c.parseSome(f, "name a directory"); !ok {
		return status
	}
	for _, name := range c.args {
		for dir := name; ; dir = filepath.Dir(dir) {
			if err := syscall.Rmdir(dir); err != nil {
				if !(*lenient && errors.Is(err, syscall.ENOTEMPTY)) {
					c.fail(&fs.PathError{Op: "rmdir", Path: dir, Err: err})
				}
				break
			}
			if parent := filepath.Dir(dir); !*parents || parent == "." || parent == "/" {
				break
			}
		}
	}
	return c.status()
}
