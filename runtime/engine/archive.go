package engine

import (
	"context"
	"io"

	"github.com/sandlot-dev/sandlot/guest"
	"github.com/sandlot-dev/sandlot/runtime"
)

// PutArchive implements runtime.Runtime.
func (e *engine) PutArchive(ctx context.Context, id, dir string, archive io.Reader, opts runtime.PutArchiveOptions) (runtime.PutArchiveResult, error) {
	return call(ctx, e, "put archive", id, func(ctx context.Context) (runtime.PutArchiveResult, error) {
		if archive == nil {
			return runtime.PutArchiveResult{}, invalid("give an empty archive", "there is no archive")
		}
		if opts.KeepOwner {
			if err := e.check(ctx, runtime.CapabilityOwners, "an archive's owners"); err != nil {
				return runtime.PutArchiveResult{}, err
			}
		}
		full, err := e.resolve(ctx, id)
		if err != nil {
			return runtime.PutArchiveResult{}, err
		}
		return e.putArchive(ctx, full, dir, archive, opts)
	})
}

func (e *engine) putArchive(ctx context.Context, id, dir string, archive io.Reader, opts runtime.PutArchiveOptions) (runtime.PutArchiveResult, error) {
	line, err := e.connect(ctx, id, who{files: true})
	if err != nil {
		return runtime.PutArchiveResult{}, err
	}
	result, err := e.guest.put(ctx, line.Channel, dir, archive, opts)
	return result, e.explain(ctx, id, line, err)
}

// GetArchive implements runtime.Runtime.
func (e *engine) GetArchive(ctx context.Context, id, path string, w io.Writer, opts runtime.GetArchiveOptions) (runtime.GetArchiveResult, error) {
	return call(ctx, e, "get archive", id, func(ctx context.Context) (runtime.GetArchiveResult, error) {
		if opts.Depth < 0 {
			return runtime.GetArchiveResult{}, invalid("give 0 for all", "the depth is negative: %d", opts.Depth)
		}
		result, err := overFiles(ctx, e, id, func(ch guest.Channel) (runtime.GetArchiveResult, error) {
			return e.guest.get(ctx, ch, path, w, opts)
		})
		return result, missing(path, err)
	})
}

// missing names the path that is not there, of which the guest knows the last part.
func missing(path string, err error) error {
	if own, ok := err.(*runtime.Error); ok && own.Kind == runtime.ErrFileNotFound {
		own.Message = path + ": no such file or directory"
	}
	return err
}
