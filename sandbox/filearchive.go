package sandbox

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"time"
)

// tarEnd is the size of what ends an archive, all zeros, and so the size of an empty one.
const tarEnd = 1024

// A fileArchive is an archive of one entry, of which no more than a buffer is ever in memory. It reads its content where it is read itself, so
// there is no goroutine that a blocked content could hold.
type fileArchive struct {
	header  *tar.Header
	content io.Reader // header.Size bytes of it are read
	err     error     // why the content could not be read

	parts io.Reader
}

func (a *fileArchive) Read(p []byte) (int, error) {
	if a.parts == nil {
		var header bytes.Buffer
		if err := tar.NewWriter(&header).WriteHeader(a.header); err != nil {
			a.err = err
			return 0, err
		}
		content := io.Reader(bytes.NewReader(nil))
		if a.header.Size > 0 {
			content = &exactly{r: a.content, left: a.header.Size, failed: &a.err}
		}
		padding := (512 - a.header.Size%512) % 512
		a.parts = io.MultiReader(&header, content, bytes.NewReader(make([]byte, padding+tarEnd)))
	}
	return a.parts.Read(p)
}

// exactly reads left bytes of r: fewer are an error, more are not looked at.
type exactly struct {
	r      io.Reader
	left   int64
	failed *error
}

func (e *exactly) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n, err := e.r.Read(p[:min(int64(len(p)), e.left)])
	e.left -= int64(n)
	switch {
	case e.left == 0 && err != nil: // it is whole, whatever comes after
		return n, nil
	case err == io.EOF:
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		*e.failed = err
	}
	return n, err
}

// fileHeader makes the header of an entry of mode's type, or of the options' mode and owner.
func fileHeader(name string, opts FileOptions, mode fs.FileMode) (*tar.Header, error) {
	const special = fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky
	if opts.Mode&^(fs.ModePerm|special) != 0 {
		return nil, invalid("write", name, fmt.Sprintf("mode %v is more than permission bits", opts.Mode),
			"write setuid, setgid and sticky as fs.ModeSetuid, fs.ModeSetgid and fs.ModeSticky")
	}
	if opts.Mode != 0 {
		mode = mode.Type() | opts.Mode
	}
	header, err := tar.FileInfoHeader(FileInfo{mode: mode, modified: time.Now()}, "")
	if err != nil {
		return nil, err
	}
	if opts.Owner != "" {
		header.Uid, header.Gid, err = parseOwner(opts.Owner)
	}
	return header, err
}

// parseOwner reads "uid:gid".
func parseOwner(owner string) (uid, gid int, err error) {
	user, group, _ := strings.Cut(owner, ":")
	u, errUser := strconv.ParseUint(user, 10, 31)
	g, errGroup := strconv.ParseUint(group, 10, 31)
	if errUser != nil || errGroup != nil {
		return 0, 0, invalid("parse owner", owner, "it is no owner", `write the numbers of user and group, "1000:1000"`)
	}
	return int(u), int(g), nil
}

// split parts the name of a file from its directory.
func split(op, name string) (dir, base string, err error) {
	if err := checkName(op, name); err != nil {
		return "", "", err
	}
	i := strings.LastIndexByte(name, '/') + 1
	dir, base = name[:i], name[i:]
	if base == "" || base == "." || base == ".." {
		return "", "", invalid(op, name, strconv.Quote(name)+" names no file", "")
	}
	if dir == "" {
		dir = "."
	}
	return dir, base, nil
}

func checkName(op, name string) error {
	if name == "" || strings.ContainsRune(name, 0) {
		return invalid(op, name, strconv.Quote(name)+" is no name of a file", "")
	}
	return nil
}
