package sandbox

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"strings"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
)

// MaxReadFile is the size in bytes of the largest file that [Sandbox.ReadFile] reads.
const MaxReadFile = 64 << 20

// FileOptions are the options of what makes a file or directory in the sandbox.
type FileOptions struct {
	// Mode is the permission bits, with fs.ModeSetuid, ModeSetgid and ModeSticky; other bits are runtime.ErrInvalid. 0: 0644, of a directory 0755.
	Mode fs.FileMode
	// Owner is "uid:gid" in numbers. Empty: the sandbox's user. An owner that the sandbox does not have is runtime.ErrInvalid.
	Owner string
}

// WriteFile writes a file. Parents are made, mode 0755 and the sandbox user's. The file appears whole, in place of a file or link of its
// name; a directory of its name is runtime.ErrInvalid. It needs no rights of the sandbox's user.
func (s *Sandbox) WriteFile(ctx context.Context, name string, data []byte, opts FileOptions) error {
	return s.upload(ctx, name, bytes.NewReader(data), int64(len(data)), opts)
}

// Upload is [Sandbox.WriteFile] of size bytes from r, which is read no further. A reader that ends before is io.ErrUnexpectedEOF, and the file stays as it
// was. With size -1 r is read to its end first, into a temporary file of this machine when it is long.
func (s *Sandbox) Upload(ctx context.Context, name string, r io.Reader, size int64, opts FileOptions) error {
	if r == nil && size != 0 {
		return invalid("upload", name, "there is no content to read: it is nil", "give size 0 for an empty file")
	}
	if size >= 0 {
		return s.upload(ctx, name, r, size, opts)
	}
	if err := s.open("upload"); err != nil {
		return fileError(err)
	}
	spooled, size, done, err := spool(r)
	if err != nil {
		return fileError(&runtime.Error{Op: "upload", ID: name, Err: err})
	}
	err = s.upload(ctx, name, spooled, size, opts)
	if cleanup := done(); cleanup != nil && err == nil {
		return &runtime.Error{Op: "upload", ID: name, Message: "the file is written, its temporary copy here not removed", Err: cleanup}
	}
	return err
}

// ReadFile reads a file, following links. One larger than [MaxReadFile], and what is no regular file, is runtime.ErrInvalid; for larger
// files there is [Sandbox.Download].
func (s *Sandbox) ReadFile(ctx context.Context, name string) ([]byte, error) {
	var data bytes.Buffer
	_, err := s.read(ctx, name, &data, MaxReadFile)
	if err != nil {
		return nil, err
	}
	return data.Bytes(), nil
}

// Download writes a file's content to w, following links, and gives its size. What is no regular file is runtime.ErrInvalid. After an error w has
// got a part of it.
func (s *Sandbox) Download(ctx context.Context, name string, w io.Writer) (int64, error) {
	if w == nil {
		return 0, invalid("download", name, "there is nothing to write the content to: it is nil", "")
	}
	return s.read(ctx, name, w, math.MaxInt64)
}

// MkdirAll makes a directory and its parents. A directory that is there stays as it is; a file there is runtime.ErrInvalid. opts are for
// name itself, not for the parents.
func (s *Sandbox) MkdirAll(ctx context.Context, name string, opts FileOptions) error {
	header, err := fileHeader(name, opts, fs.ModeDir|0o755)
	if err != nil {
		return err
	}
	if err := checkName("mkdir", name); err != nil {
		return err
	}
	dir, base, err := split("mkdir", strings.TrimRight(name, "/"))
	if err != nil { // "/", ".", "..": there is no last part to make
		_, err = s.PutArchive(ctx, name, bytes.NewReader(make([]byte, tarEnd)), runtime.PutArchiveOptions{CreateDir: true})
		return err
	}
	header.Name = base + "/"
	_, err = s.PutArchive(ctx, dir, &fileArchive{header: header}, runtime.PutArchiveOptions{CreateDir: true, KeepOwner: opts.Owner != ""})
	return err
}

// Symlink makes a symbolic link that leads to target, whatever that is. Parents are made, mode 0755 and the sandbox user's. In one step the link takes
// the place of a file or link of its name; a directory of its name is runtime.ErrInvalid.
func (s *Sandbox) Symlink(ctx context.Context, target, name string) error {
	if err := checkName("symlink", target); err != nil {
		return err
	}
	dir, base, err := split("symlink", name)
	if err != nil {
		return err
	}
	header := &tar.Header{Typeflag: tar.TypeSymlink, Name: base, Linkname: target, Mode: 0o777, ModTime: time.Now()}
	_, err = s.PutArchive(ctx, dir, &fileArchive{header: header}, runtime.PutArchiveOptions{CreateDir: true})
	return err
}

// Delete removes a file, a link, or a directory with everything below. One that does not exist is no error. "/" and names that end in "." or ".."
// are runtime.ErrInvalid.
func (s *Sandbox) Delete(ctx context.Context, name string) error {
	dir, base, err := split("delete", strings.TrimRight(name, "/"))
	if err != nil {
		return err
	}
	_, err = s.PutArchive(ctx, dir, bytes.NewReader(make([]byte, tarEnd)), runtime.PutArchiveOptions{Remove: []string{base}})
	if errors.Is(err, runtime.ErrFileNotFound) {
		return nil
	}
	return err
}

// upload puts one file of size bytes.
func (s *Sandbox) upload(ctx context.Context, name string, r io.Reader, size int64, opts FileOptions) error {
	header, err := fileHeader(name, opts, 0o644)
	if err != nil {
		return err
	}
	dir, base, err := split("write file", name)
	if err != nil {
		return err
	}
	header.Name, header.Size = base, size
	archive := &fileArchive{header: header, content: r}
	_, err = s.PutArchive(ctx, dir, archive, runtime.PutArchiveOptions{CreateDir: true, KeepOwner: opts.Owner != ""})
	if archive.err != nil { // why the archive was cut off, which the runtime cannot know
		return &runtime.Error{Op: "write file", ID: name, Message: "its content could not be read", Err: archive.err}
	}
	return err
}

// read copies the content of a regular file of at most limit bytes.
func (s *Sandbox) read(ctx context.Context, name string, w io.Writer, limit int64) (size int64, err error) {
	err = s.entries(ctx, name, runtime.GetArchiveOptions{Follow: true, Depth: 1}, func(h *tar.Header, content io.Reader) error {
		if h.Typeflag != tar.TypeReg {
			return invalid("read file", name, "it is no regular file", "")
		}
		if h.Size > limit {
			return invalid("read file", name, fmt.Sprintf("it has %d bytes, more than the %d that are read at once", h.Size, limit), "use Download")
		}
		// What w may have of its own, such as a file's ReadFrom, copies less at once.
		size, err = io.CopyBuffer(struct{ io.Writer }{w}, content, make([]byte, min(h.Size, transferSize)+1))
		return err
	})
	return size, err
}
