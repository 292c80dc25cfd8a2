package sandbox

import (
	"archive/tar"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	goruntime "runtime"
)

// A hostFile is a file, link or directory of this machine on its way into an archive.
type hostFile struct {
	root *os.Root
	name string // in root, with slashes
	info fs.FileInfo
}

// header describes it, without names of users, which mean nothing elsewhere.
func (f hostFile) header() (*tar.Header, error) {
	link := ""
	if f.info.Mode().Type() == fs.ModeSymlink {
		target, err := f.root.Readlink(filepath.FromSlash(f.name))
		if err != nil {
			return nil, err
		}
		link = filepath.ToSlash(target)
	}
	header, err := tar.FileInfoHeader(f.info, link)
	if err != nil {
		return nil, err
	}
	header.Name, header.Uname, header.Gname, header.Uid, header.Gid = f.name, "", "", 0, 0
	if f.info.IsDir() {
		header.Name += "/"
	}
	if goruntime.GOOS == "windows" { // which has no such bits
		header.Mode |= 0o111
	}
	return header, nil
}

// copyTo writes its content, which must be as long as its info says.
func (f hostFile) copyTo(w io.Writer) error {
	if !f.info.Mode().IsRegular() {
		return nil
	}
	file, err := f.root.Open(filepath.FromSlash(f.name))
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.CopyN(w, file, f.info.Size())
	if err == io.EOF {
		err = &fs.PathError{Op: "read", Path: f.name, Err: io.ErrUnexpectedEOF}
	}
	return err
}

// portable says whether it is of a kind that archives hold.
func (f hostFile) portable() bool {
	t := f.info.Mode().Type()
	return t == 0 || t == fs.ModeDir || t == fs.ModeSymlink
}

// walk calls visit for everything below root, a directory before what is in it, in the order of names. visit may return fs.SkipDir.
func walk(root *os.Root, visit func(hostFile) error) error {
	return fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return visit(hostFile{root, name, info})
	})
}
