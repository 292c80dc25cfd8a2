package engine

import (
	"context"

	"github.com/sandlot-dev/sandlot/guest"
	"github.com/sandlot-dev/sandlot/runtime"
)

// overFiles has do speak with the guest that works on a sandbox's files.
func overFiles[R any](ctx context.Context, e *engine, id string, do func(guest.Channel) (R, error)) (R, error) {
	return withGuest(ctx, e, id, who{files: true}, func(_ string, ch guest.Channel) (R, error) { return do(ch) })
}

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
		return overFiles(ctx, e, id, func(ch guest.Channel) (runtime.ChangeFileResult, error) {
			return e.guest.change(ctx, ch, path, change, opts)
		})
	})
}

// WatchFiles implements runtime.FileWatcher.
func (e *engine) WatchFiles(
	ctx context.Context, id, path string, tell func(runtime.FileEvent) error, opts runtime.WatchFilesOptions,
) (runtime.WatchFilesResult, error) {
	return call(ctx, e, "watch files", id, func(ctx context.Context) (runtime.WatchFilesResult, error) {
		if err := e.check(ctx, runtime.CapabilityWatchFiles, "a watch of files"); err != nil {
			return runtime.WatchFilesResult{}, err
		}
		result, err := overFiles(ctx, e, id, func(ch guest.Channel) (runtime.WatchFilesResult, error) {
			return e.guest.watch(ctx, ch, path, tell, opts)
		})
		return result, missing(path, err)
	})
}
