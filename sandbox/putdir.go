package sandbox

import (
	"archive/tar"
	"bufio"
	"context"
	"io"
	"os"

	"github.com/sandlot-dev/sandlot/runtime"
)

// PutDirOptions are the options of [Sandbox.PutDir].
type PutDirOptions struct {
	// Owner is "uid:gid" in numbers, of everything. Empty: the sandbox's user.
	Owner string
}

// PutDir copies what is in a directory of this machine into the directory name of the sandbox, which is made, with its parents, if
// missing. Files replace files, directories are merged; nothing is removed. Modes, times and links are kept. Sockets, pipes and
// devices are runtime.ErrInvalid.
func (s *Sandbox) PutDir(ctx context.Context, hostDir, name string, opts PutDirOptions) error {
	if err := s.open("put directory"); err != nil {
		return fileError(err)
	}
	var uid, gid int
	if opts.Owner != "" {
		var err error
		if uid, gid, err = parseOwner(opts.Owner); err != nil {
			return err
		}
	}
	root, err := os.OpenRoot(hostDir)
	if err != nil {
		return &runtime.Error{Op: "put directory", ID: hostDir, Err: err}
	}
	defer root.Close()
	return pipe(ctx, func(ctx context.Context, w io.Writer) error {
		// Each write would wait for the other end to read it, and a small file's are three.
		buffered := bufio.NewWriterSize(w, transferSize)
		archive := tar.NewWriter(buffered)
		err := walk(root, func(f hostFile) error {
			if !f.portable() {
				return invalid("put directory", hostDir, f.name+" is no file, directory or link", "remove it, or copy what is beside it")
			}
			header, err := f.header()
			if err != nil {
				return err
			}
			header.Uid, header.Gid = uid, gid
			if err := archive.WriteHeader(header); err != nil {
				return err
			}
			return f.copyTo(archive)
		})
		if err != nil {
			return &runtime.Error{Op: "put directory", ID: hostDir, Err: err}
		}
		if err := archive.Close(); err != nil {
			return err
		}
		return buffered.Flush()
	}, func(r io.Reader) error {
		_, err := s.PutArchive(ctx, name, r, runtime.PutArchiveOptions{CreateDir: true, KeepOwner: opts.Owner != ""})
		return err
	})
}
