package sandbox

import (
	"context"
	"errors"
	"io"
	"io/fs"

	"github.com/sandlot-dev/sandlot/runtime"
)

var errBeingBuilt = errors.New("sandbox: being built")

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
	return errBeingBuilt
}

// Upload is [Sandbox.WriteFile] of size bytes from r, which is read no further. A reader that ends before is io.ErrUnexpectedEOF, and the file stays as it
// was. With size -1 r is read to its end first, into a temporary file of this machine when it is long.
func (s *Sandbox) Upload(ctx context.Context, name string, r io.Reader, size int64, opts FileOptions) error {
	return errBeingBuilt
}

// ReadFile reads a file, following links. One larger than [MaxReadFile], and what is no regular file, is runtime.ErrInvalid; for larger
// files there is [Sandbox.Download].
func (s *Sandbox) ReadFile(ctx context.Context, name string) ([]byte, error) {
	return nil, errBeingBuilt
}

// Download writes a file's content to w, following links, and gives its size. What is no regular file is runtime.ErrInvalid. After an error w has
// got a part of it.
func (s *Sandbox) Download(ctx context.Context, name string, w io.Writer) (int64, error) {
	return 0, errBeingBuilt
}

// MkdirAll makes a directory and its parents. A directory that is there stays as it is; a file there is runtime.ErrInvalid. opts are for
// name itself, not for the parents.
func (s *Sandbox) MkdirAll(ctx context.Context, name string, opts FileOptions) error {
	return errBeingBuilt
}

// Delete removes a file, a link, or a directory with everything below. One that does not exist is no error. "/" and names that end in "." or ".."
// are runtime.ErrInvalid.
func (s *Sandbox) Delete(ctx context.Context, name string) error {
	return errBeingBuilt
}

// Stat describes a file, following links. Info.Name is name's last part.
func (s *Sandbox) Stat(ctx context.Context, name string) (FileInfo, error) {
	return FileInfo{}, errBeingBuilt
}

// Lstat describes a file, or a link itself.
func (s *Sandbox) Lstat(ctx context.Context, name string) (FileInfo, error) {
	return FileInfo{}, errBeingBuilt
}

// ReadDir lists a directory, sorted by name, without following links in it. What is no directory is runtime.ErrInvalid.
func (s *Sandbox) ReadDir(ctx context.Context, name string) ([]FileInfo, error) {
	return nil, errBeingBuilt
}

// PutArchive unpacks a tar stream below dir, as [runtime.Runtime].PutArchive says.
func (s *Sandbox) PutArchive(ctx context.Context, dir string, archive io.Reader, opts runtime.PutArchiveOptions) (runtime.PutArchiveResult, error) {
	if err := s.open("put archive"); err != nil {
		return runtime.PutArchiveResult{}, err
	}
	result, err := s.rt.PutArchive(ctx, s.id, dir, archive, opts)
	return result, fileError(err)
}

// GetArchive writes a file or directory as a tar stream, as [runtime.Runtime].GetArchive says. Whatever ran in the sandbox chose its
// names, links and sizes: unpack it with care, or use [Sandbox.GetDir].
func (s *Sandbox) GetArchive(ctx context.Context, name string, w io.Writer, opts runtime.GetArchiveOptions) (runtime.GetArchiveResult, error) {
	if err := s.open("get archive"); err != nil {
		return runtime.GetArchiveResult{}, err
	}
	result, err := s.rt.GetArchive(ctx, s.id, name, w, opts)
	return result, fileError(err)
}
