package engine

import (
	"context"

	"github.com/sandlot-dev/sandlot/runtime"
)

// ChangeFile implements runtime.FileChanger.
func (e *engine) ChangeFile(
	ctx context.Context, id, path string, change runtime.FileChange, opts runtime.ChangeFileOptions,
) (runtime.ChangeFileResult, error) {
	return call(ctx, e, "change file", id, func(ctx context.Context) (runtime.ChangeFileResult, error) {
		none := runtime.ChangeFileResult{}
		if err := e.check(ctx, runtime.CapabilityChangeFiles, "a change of a file"); err != nil {
			return none, err
		}
		if _, is := change.(runtime.Chown); is {
			if err := e.check(ctx, runtime.CapabilityOwners, "a change of an owner"); err != nil {
				return none, err
			}
		}
		full, err := e.resolve(ctx, id)
		if err != nil {
			return none, err
		}
		line, err := e.connect(ctx, full, who{files: true})
		if err != nil {
			return none, err
		}
		result, err := e.guest.change(ctx, line.Channel, path, change, opts)
		return result, e.explain(ctx, full, line, err)
	})
}

// WatchFiles implements runtime.FileWatcher.
func (e *engine) WatchFiles(
	ctx context.Context, id, path string, tell func(runtime.FileEvent) error, opts runtime.WatchFilesOptions,
) (runtime.WatchFilesResult, error) {
	return call(ctx, e, "watch files", id, func(ctx context.Context) (runtime.WatchFilesResult, error) {
		none := runtime.WatchFilesResult{}
		if err := e.check(ctx, runtime.CapabilityWatchFiles, "a watch of files"); err != nil {
			return none, err
		}
		full, err := e.resolve(ctx, id)
		if err != nil {
			return none, err
		}
		line, err := e.connect(ctx, full, who{files: true})
		if err != nil {
			return none, err
		}
		result, err := e.guest.watch(ctx, line.Channel, path, tell, opts)
		return result, missing(path, e.explain(ctx, full, line, err))
	})
}
