package sandbox

import (
	"archive/tar"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/go-multierror"

	"github.com/sandlot-dev/sandlot/runtime"
)

// maxName bounds how deep an archive can go: the root is walked from its top for each name.
const maxName = 4096

// An extraction writes entries of an archive that nobody vouches for below a directory of this machine. The root keeps every name
// below it; that links lead nowhere else is kept here.
type extraction struct {
	root   *os.Root
	opts   GetDirOptions
	result GetDirResult

	dirs  map[string]bool // true directories, not links to some
	files map[string]bool // what was written as a file, which hard links may name
	made  []madeDir
}

// A madeDir gets its mode and time when everything is in it.
type madeDir struct {
	name   string
	header *tar.Header
}

func newExtraction(root *os.Root, opts GetDirOptions) *extraction {
	return &extraction{root: root, opts: opts, dirs: map[string]bool{".": true}, files: map[string]bool{}}
}

// close gives the directories that were made their modes and times.
func (e *extraction) close() error {
	var errs *multierror.Error
	for _, dir := range slices.Backward(e.made) {
		if err := e.finish(filepath.FromSlash(dir.name), dir.header, 0o700); err != nil {
			errs = multierror.Append(errs, hostError(dir.name, err))
		}
	}
	return multierror.Append(errs, e.root.Close()).ErrorOrNil()
}

// add writes one entry. name, and link for a hard link, are relative to the root; both are clean, with slashes.
func (e *extraction) add(name, link string, h *tar.Header, content io.Reader) error {
	if e.opts.MaxEntries > 0 && e.result.Entries+len(e.result.Skipped) >= e.opts.MaxEntries {
		return invalid("get directory", name, fmt.Sprintf("there are more than %d entries", e.opts.MaxEntries), "raise MaxEntries")
	}
	if _, err := filepath.Localize(name); err != nil || len(name) > maxName {
		return e.unsafe(name, "this machine does not take its name")
	}
	var err error
	switch h.Typeflag {
	case tar.TypeDir:
		err = e.dir(name, h)
	case tar.TypeReg:
		err = e.file(name, h, content)
	case tar.TypeSymlink:
		if !staysBelow(name, h.Linkname) {
			return e.unsafe(name, fmt.Sprintf("it is a link that leads outside, to %q", h.Linkname))
		}
		err = e.replace(name, func(temporary string) error {
			return e.root.Symlink(filepath.FromSlash(h.Linkname), temporary)
		})
	case tar.TypeLink:
		if !e.files[link] {
			return e.unsafe(name, fmt.Sprintf("it is a link to %q, which is no file before it", h.Linkname))
		}
		err = e.replace(name, func(temporary string) error { return e.root.Link(filepath.FromSlash(link), temporary) })
	default:
		return e.unsafe(name, "it is no file, directory or link")
	}
	if err == nil {
		e.result.Entries++
	}
	return err
}

func (e *extraction) unsafe(name, why string) error {
	if !e.opts.SkipUnsafe {
		return invalid("get directory", name, why, "set SkipUnsafe to leave it out")
	}
	if len(e.result.Skipped) == maxDirEntries {
		return invalid("get directory", name, "there is too much to leave out", "")
	}
	e.result.Skipped = append(e.result.Skipped, name)
	return nil
}

func (e *extraction) dir(name string, h *tar.Header) error {
	made, err := e.mkdir(name)
	if made {
		e.made = append(e.made, madeDir{name, h})
	}
	return err
}

func (e *extraction) file(name string, h *tar.Header, content io.Reader) error {
	if e.opts.MaxBytes > 0 && h.Size > e.opts.MaxBytes-e.result.Bytes {
		return invalid("get directory", name, fmt.Sprintf("there are more than %d bytes", e.opts.MaxBytes), "raise MaxBytes")
	}
	err := e.replace(name, func(temporary string) error {
		f, err := e.root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		n, err := io.Copy(f, content)
		e.result.Bytes += n
		if closed := f.Close(); err == nil {
			err = closed
		}
		if err != nil {
			return err
		}
		return e.finish(temporary, h, 0)
	})
	e.files[name] = e.files[name] || err == nil
	return err
}

// finish sets permission bits and the time of modification.
func (e *extraction) finish(local string, h *tar.Header, always fs.FileMode) error {
	if err := e.root.Chmod(local, fs.FileMode(h.Mode)&fs.ModePerm|always); err != nil {
		return err
	}
	return e.root.Chtimes(local, h.ModTime, h.ModTime)
}

// replace lets put make something of a temporary name, and gives it its name, in the place of a file or link.
func (e *extraction) replace(name string, put func(temporary string) error) error {
	dir := path.Dir(name)
	if err := e.mkdirAll(dir); err != nil {
		return err
	}
	local := filepath.FromSlash(name)
	if info, err := e.root.Lstat(local); err == nil && info.IsDir() {
		return invalid("get directory", name, "a directory of its name is here", "remove it, or name another directory")
	}
	temporary := filepath.FromSlash(path.Join(dir, ".sandlot-"+rand.Text()))
	err := put(temporary)
	if err == nil {
		err = e.root.Rename(temporary, local)
	}
	// It is there after a failure, and where both names were one file already.
	if gone := e.root.Remove(temporary); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
		err = multierror.Append(err, gone).ErrorOrNil()
	}
	delete(e.files, name)
	return hostError(name, err)
}

func (e *extraction) mkdirAll(name string) error {
	if e.dirs[name] {
		return nil
	}
	if err := e.mkdirAll(path.Dir(name)); err != nil {
		return err
	}
	_, err := e.mkdir(name)
	return err
}

// mkdir makes a directory, or sees that it is one and no link to one.
func (e *extraction) mkdir(name string) (made bool, err error) {
	if e.dirs[name] {
		return false, nil
	}
	if err := e.mkdirAll(path.Dir(name)); err != nil {
		return false, err
	}
	local := filepath.FromSlash(name)
	err = e.root.Mkdir(local, 0o755)
	if errors.Is(err, fs.ErrExist) {
		var info fs.FileInfo
		info, err = e.root.Lstat(local)
		if err == nil && !info.IsDir() {
			return false, invalid("get directory", name, "what is here is no directory", "remove it, or name another directory")
		}
	} else {
		made = err == nil
	}
	if err != nil {
		return false, hostError(name, err)
	}
	e.dirs[name] = true
	return made, nil
}

// staysBelow says whether a link of this name leads nowhere above the root. The link's directory is a true one, so each leading ".." is one
// up; a ".." after another link would not be.
func staysBelow(name, target string) bool {
	target = filepath.ToSlash(target)
	if target == "" || path.IsAbs(target) || filepath.VolumeName(target) != "" || strings.ContainsRune(target, 0) {
		return false
	}
	depth := strings.Count(name, "/")
	down := false
	for part := range strings.SplitSeq(target, "/") {
		switch part {
		case "", ".":
		case "..":
			if depth--; down || depth < 0 {
				return false
			}
		default:
			down = true
		}
	}
	return true
}

// hostError is about a file of this machine. Errors that came from the sandbox, or have their words already, stay as they are.
func hostError(name string, err error) error {
	var ours *runtime.Error
	if err == nil || errors.As(err, &ours) {
		return err
	}
	return &runtime.Error{Op: "get directory", ID: name, Err: err}
}
