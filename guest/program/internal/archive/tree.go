//go:build linux

package archive

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/sandlot-dev/sandlot/guest/wire"
)

// A tree is the directory that an archive is unpacked in. Directories are reached through os.Root, which never leaves it; what is
// done in a directory is done by its descriptor and a name without a slash, which no link can lead away.
type tree struct {
	root     *os.Root
	path     string // absolute, and without links when the tree was opened
	uid, gid int    // the sandbox's user
	// last is the directory that was used last, since archives go directory by directory.
	last     *os.File
	lastName string
}

// openTree opens dir, and makes it where create says so.
func openTree(dir string, create bool, uid, gid int) (*tree, error) {
	if create {
		if err := makeDirs(dir, uid, gid); err != nil {
			return nil, err
		}
	}
	root, err := openRoot(dir)
	if err != nil {
		if st, statErr := os.Stat(dir); statErr == nil && !st.IsDir() {
			return nil, fail(wire.KindInvalid, "%s is not a directory", dir)
		}
		return nil, err
	}
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		root.Close()
		return nil, err
	}
	return &tree{root: root, path: real, uid: uid, gid: gid}, nil
}

// openRoot is os.OpenRoot that does not wait where dir is a pipe.
func openRoot(dir string) (*os.Root, error) {
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "opening", Path: dir, Err: err}
	}
	defer unix.Close(fd)
	return os.OpenRoot(magic(fd))
}

func (t *tree) close() {
	if t.last != nil {
		t.last.Close()
	}
	t.root.Close()
}

// makeDirs makes an absolute directory and its parents.
func makeDirs(dir string, uid, gid int) error {
	if st, err := os.Stat(dir); err == nil {
		if !st.IsDir() {
			return fail(wire.KindInvalid, "%s is not a directory", dir)
		}
		return nil
	}
	if err := makeDirs(path.Dir(dir), uid, gid); err != nil {
		return err
	}
	parent, err := os.Open(path.Dir(dir))
	if err != nil {
		return err
	}
	defer parent.Close()
	_, err = makeDir(int(parent.Fd()), path.Base(dir), 0o755, uid, gid)
	return named("making", dir, err)
}

// makeDir makes a directory. Made is false when there was one already.
func makeDir(parent int, base string, mode uint32, uid, gid int) (made bool, err error) {
	switch err := unix.Mkdirat(parent, base, 0o700); err {
	case nil:
	case unix.EEXIST:
		return false, nil
	default:
		return false, err
	}
	fd, err := unix.Openat(parent, base, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return true, err
	}
	defer unix.Close(fd)
	if err := unix.Fchown(fd, uid, gid); err != nil {
		_ = unix.Unlinkat(parent, base, unix.AT_REMOVEDIR)
		return true, err
	}
	return true, unix.Fchmod(fd, mode)
}

// dir gives a directory of the tree, made with its parents where it is missing. It is valid until the next call.
func (t *tree) dir(name string) (*os.File, error) { return t.find(name, true) }

// find is dir, and makes nothing without create.
func (t *tree) find(name string, create bool) (*os.File, error) {
	if t.last != nil && t.lastName == name {
		return t.last, nil
	}
	f, err := t.open(name)
	if create && errors.Is(err, fs.ErrNotExist) && name != "." {
		// It may be a directory by now: another archive makes it as well.
		if st, err := t.root.Lstat(name); err == nil && st.Mode()&fs.ModeSymlink != 0 {
			return nil, fail(wire.KindInvalid, "%s is a link that leads nowhere", name)
		}
		parent, err := t.dir(path.Dir(name))
		if err != nil {
			return nil, err
		}
		if _, err := makeDir(int(parent.Fd()), path.Base(name), 0o755, t.uid, t.gid); err != nil {
			return nil, named("making", name, err)
		}
		f, err = t.open(name)
		if err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	if t.last != nil {
		t.last.Close()
	}
	t.last, t.lastName = f, name
	return f, nil
}

// open opens a directory that is there.
func (t *tree) open(name string) (*os.File, error) {
	const flags = os.O_RDONLY | unix.O_DIRECTORY | unix.O_NONBLOCK
	f, err := t.root.OpenFile(name, flags, 0)
	if !escapes(err) {
		return f, err
	}
	if name, err = t.plain(name); err != nil {
		return nil, err
	}
	return t.root.OpenFile(name, flags, 0)
}

// plain is a name without the links that are in it. os.Root takes absolute links for ways out, also those that lead below the directory. What
// this gives is only a name: whoever opens it has os.Root look at it again.
func (t *tree) plain(name string) (string, error) {
	const maxLinks = 40 // as the kernel has it
	out := fail(wire.KindInvalid, "%s leads out of the directory", name)
	at, rest := ".", strings.Split(name, "/")
	for links := 0; len(rest) > 0; {
		part := rest[0]
		rest = rest[1:]
		if part == "" || part == "." {
			continue
		}
		if part == ".." {
			if at == "." {
				return "", out
			}
			at = path.Dir(at)
			continue
		}
		target, err := t.root.Readlink(path.Join(at, part))
		if err != nil { // no link, or not there
			at = path.Join(at, part)
			continue
		}
		if links++; links > maxLinks {
			return "", &fs.PathError{Op: "following", Path: name, Err: unix.ELOOP}
		}
		if path.IsAbs(target) {
			below, ok := strings.CutPrefix(path.Clean(target)+"/", strings.TrimSuffix(t.path, "/")+"/")
			if !ok {
				return "", out
			}
			at, target = ".", below
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	return at, nil
}

// escapes says whether os.Root has refused to leave its directory. It has no name for that.
func escapes(err error) bool {
	return err != nil && strings.Contains(err.Error(), "path escapes from parent")
}

// remove removes a name with everything below it. One that is not there is no error.
func (t *tree) remove(name string) error {
	local, err := local(name)
	if err != nil {
		return err
	}
	if local == "." {
		return fail(wire.KindInvalid, "%q is the directory itself", name)
	}
	if t.last != nil {
		t.last.Close()
		t.last = nil
	}
	err = t.root.RemoveAll(local)
	if escapes(err) {
		var parent string
		if parent, err = t.plain(path.Dir(local)); err != nil {
			return err
		}
		err = t.root.RemoveAll(path.Join(parent, path.Base(local)))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// named says what an error was about.
func named(doing, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: doing, Path: name, Err: err}
}
