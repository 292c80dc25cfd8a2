//go:build linux

package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// parseMode reads a mode, 0755 or u+rwx,go=rX, as a change of what a file has.
func parseMode(s string) (func(old uint32, dir bool) uint32, error) {
	if n, err := strconv.ParseUint(s, 8, 32); err == nil {
		if n > 0o7777 {
			return nil, fmt.Errorf("%s: invalid mode", s)
		}
		return func(uint32, bool) uint32 { return uint32(n) }, nil
	}
	mask := unix.Umask(0o077)
	unix.Umask(mask)
	clauses := strings.Split(s, ",")
	for _, clause := range clauses {
		if _, err := modeClause(clause, 0, false, uint32(mask)); err != nil {
			return nil, fmt.Errorf("%s: invalid mode", s)
		}
	}
	return func(mode uint32, dir bool) uint32 {
		for _, clause := range clauses {
			mode, _ = modeClause(clause, mode, dir, uint32(mask))
		}
		return mode
	}, nil
}

// modeClause applies one clause such as ug+rw-x.
func modeClause(clause string, mode uint32, dir bool, umask uint32) (uint32, error) {
	bad := fmt.Errorf("%s: invalid mode", clause)
	i := strings.IndexAny(clause, "+-=")
	if i < 0 || strings.Trim(clause[:i], "ugoa") != "" {
		return 0, bad
	}
	var who uint32 // the bits that it is about
	for _, w := range clause[:i] {
		who |= map[rune]uint32{'u': 0o4700, 'g': 0o2070, 'o': 0o1007, 'a': 0o7777}[w]
	}
	masked := who == 0
	if masked {
		who = 0o7777
	}
	rest := clause[i:]
	for rest != "" {
		op := rest[0]
		rest = rest[1:]
		n := strings.IndexAny(rest, "+-=")
		if n < 0 {
			n = len(rest)
		}
		var bits uint32
		for _, p := range rest[:n] {
			switch p {
			case 'r':
				bits |= 0o444
			case 'w':
				bits |= 0o222
			case 'x':
				bits |= 0o111
			case 'X':
				if dir || mode&0o111 != 0 {
					bits |= 0o111
				}
			case 's':
				bits |= 0o6000
			case 't':
				bits |= 0o1000
			case 'u', 'g', 'o':
				shift := map[rune]uint{'u': 6, 'g': 3, 'o': 0}[p]
				bits |= (mode >> shift & 7) * 0o111
			default:
				return 0, bad
			}
		}
		rest = rest[n:]
		bits &= who
		if masked {
			bits &^= umask
		}
		switch op {
		case '+':
			mode |= bits
		case '-':
			mode &^= bits
		case '=':
			mode = mode&^(who&0o777|who&0o6000&^boolBits(dir, 0o6000)) | bits
		}
	}
	return mode, nil
}

func boolBits(on bool, bits uint32) uint32 {
	if on {
		return bits
	}
	return 0
}

func chmod(c *call) int {
	// a mode may begin with a minus sign
	for i, arg := range c.args {
		if len(arg) > 1 && arg[0] == '-' && strings.Trim(arg[1:], "rwxXst,+-=ugoa") == "" {
			c.args = append(append(append([]string{}, c.args[:i]...), "--"), c.args[i:]...)
			break
		}
		if arg == "--" || !strings.HasPrefix(arg, "-") {
			break
		}
	}
	f := c.flags("[-Rvf] MODE FILE...")
	recursive := f.BoolP("recursive", "R", false, "directories and what is in them")
	verbose := f.BoolP("verbose", "v", false, "say what is done")
	quiet := f.BoolP("silent", "f", false, "say nothing where it fails")
	ref := f.String("reference", "", "the mode of this file")
	if status, ok := c.parse(f); !ok {
		return status
	}
	var change func(uint32, bool) uint32
	if *ref != "" {
		var st unix.Stat_t
		if err := unix.Stat(*ref, &st); err != nil {
			c.fail(&fs.PathError{Op: "stat", Path: *ref, Err: err})
			return 1
		}
		change = func(uint32, bool) uint32 { return st.Mode & 0o7777 }
	} else if len(c.args) > 0 {
		var err error
		if change, err = parseMode(c.args[0]); err != nil {
			return c.usage("%v", err)
		}
		c.args = c.args[1:]
	}
	if len(c.args) == 0 {
		return c.usage("give a mode and files")
	}
	return c.walk(*recursive, *quiet, func(name string, top bool) error {
		var st unix.Stat_t
		if err := unix.Lstat(name, &st); err != nil {
			return &fs.PathError{Op: "chmod", Path: name, Err: err}
		}
		if st.Mode&unix.S_IFMT == unix.S_IFLNK {
			if !top { // a link met on the way is left alone
				return nil
			}
			if err := unix.Stat(name, &st); err != nil {
				return &fs.PathError{Op: "chmod", Path: name, Err: err}
			}
		}
		mode := change(st.Mode&0o7777, st.Mode&unix.S_IFMT == unix.S_IFDIR)
		if err := unix.Chmod(name, mode); err != nil {
			return &fs.PathError{Op: "chmod", Path: name, Err: err}
		}
		if *verbose {
			fmt.Fprintf(c.out, "mode of '%s' is %04o\n", name, mode)
		}
		return nil
	})
}

// below is path, found by walking root, as tools write it: with root as it was given in front.
func below(root, path string) string {
	rel, err := filepath.Rel(root, path)
	if err != nil || rel == "." {
		return root
	}
	return strings.TrimSuffix(root, "/") + "/" + rel
}

// walk calls do for each argument and, if recursive, for what is in it, directories before their content.
func (c *call) walk(recursive, quiet bool, do func(name string, top bool) error) int {
	report := func(err error) {
		if err != nil {
			c.failed = true
			if !quiet {
				c.fail(err)
			}
		}
	}
	for _, name := range c.args {
		if !recursive {
			report(do(name, true))
			continue
		}
		filepath.WalkDir(name, func(path string, _ fs.DirEntry, err error) error {
			if err != nil {
				report(err)
				return nil
			}
			report(do(path, path == name))
			return nil
		})
	}
	return c.status()
}

// chown is chgrp too.
func chown(c *call) int {
	usage := "[-Rhvf] [USER][:GROUP] FILE..."
	if c.name == "chgrp" {
		usage = "[-Rhvf] GROUP FILE..."
	}
	f := c.flags(usage)
	recursive := f.BoolP("recursive", "R", false, "directories and what is in them")
	noFollow := f.BoolP("no-dereference", "h", false, "links themselves")
	verbose := f.BoolP("verbose", "v", false, "say what is done")
	quiet := f.BoolP("silent", "f", false, "say nothing where it fails")
	if status, ok := c.parse(f); !ok {
		return status
	}
	if len(c.args) < 2 {
		return c.usage("give an owner and files")
	}
	owner, group, hasGroup := strings.Cut(c.args[0], ":")
	if c.name == "chgrp" {
		owner, group, hasGroup = "", c.args[0], true
	}
	uid, gid := -1, -1
	var err error
	if owner != "" {
		if uid, err = userID(owner); err != nil {
			return c.usage("%v", err)
		}
	}
	if hasGroup && group != "" {
		if gid, err = groupID(group); err != nil {
			return c.usage("%v", err)
		}
	}
	c.args = c.args[1:]
	return c.walk(*recursive, *quiet, func(name string, top bool) error {
		change := os.Chown
		if *noFollow || !top {
			change = os.Lchown
		}
		if err := change(name, uid, gid); err != nil {
			return err
		}
		if *verbose {
			fmt.Fprintf(c.out, "owner of '%s' changed\n", name)
		}
		return nil
	})
}
