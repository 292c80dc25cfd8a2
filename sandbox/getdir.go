package sandbox

import (
	"archive/tar"
	"context"
	"io"
	"os"

	"github.com/hashicorp/go-multierror"

	"github.com/sandlot-dev/sandlot/runtime"
)

// GetDirOptions are the options of [Sandbox.GetDir].
type GetDirOptions struct {
	// MaxBytes limits the content of files together, MaxEntries how many files, directories and links there are; more is
	// runtime.ErrInvalid. 0: no limit.
	MaxBytes   int64
	MaxEntries int
	// SkipUnsafe leaves out what would be an error: devices and the like, and links that lead outside. GetDirResult.Skipped names it.
	SkipUnsafe bool
}

// GetDirResult is the result of [Sandbox.GetDir].
type GetDirResult struct {
	// Entries is how many files, directories and links were written, Bytes how many bytes of content.
	Entries int   `json:"entries"`
	Bytes   int64 `json:"bytes"`
	// Skipped are the names, relative to the directory, that SkipUnsafe left out.
	Skipped []string `json:"skipped,omitempty"`
}

// GetDir copies what is in the directory name of the sandbox into a directory of this machine, which is made, with its parents, if
// missing. Files replace files and links, directories are merged; nothing is removed.
//
// It trusts nothing in the sandbox. Nothing is written outside hostDir, nor through a link. Symbolic links are made only where they
// are relative and lead no further up than hostDir: other links, devices, pipes, and names that this machine does not take are
// runtime.ErrInvalid, see GetDirOptions.SkipUnsafe. Files belong to the caller; of modes only the permission bits are kept,
// and the owner can always use a directory. After an error a part of the files is there, each whole.
func (s *Sandbox) GetDir(ctx context.Context, name, hostDir string, opts GetDirOptions) (GetDirResult, error) {
	var top *tar.Header
	var into *extraction
	err := s.entries(ctx, name, runtime.GetArchiveOptions{Follow: true}, func(h *tar.Header, content io.Reader) error {
		if top != nil {
			child, ok := below(top.Name, h.Name)
			if !ok {
				return unexpected("get directory", name, "an entry of another directory")
			}
			link, _ := below(top.Name, h.Linkname)
			return into.add(child, link, h, content)
		}
		if h.Typeflag != tar.TypeDir {
			return invalid("get directory", name, "it is no directory", "use Download")
		}
		if err := os.MkdirAll(hostDir, 0o755); err != nil {
			return &runtime.Error{Op: "get directory", ID: name, Err: err}
		}
		root, err := os.OpenRoot(hostDir)
		if err != nil {
			return &runtime.Error{Op: "get directory", ID: name, Err: err}
		}
		top, into = h, newExtraction(root, opts)
		return nil
	})
	if into == nil {
		return GetDirResult{}, err
	}
	if last := into.close(); last != nil {
		err = multierror.Append(err, last).ErrorOrNil()
	}
	return into.result, err
}
