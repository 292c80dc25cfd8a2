package conformance

import (
	"context"
	"io"
	"strings"

	"github.com/sandlot-dev/sandlot/runtime"
)

func (b *broken) ChangeFile(
	ctx context.Context, id, path string, change runtime.FileChange, opts runtime.ChangeFileOptions,
) (runtime.ChangeFileResult, error) {
	do := b.change
	if do == nil {
		do = b.whole.ChangeFile
	}
	res, err := do(ctx, id, path, change, opts)
	return res, b.fault(err)
}

func (b *broken) WatchFiles(
	ctx context.Context, id, path string, tell func(runtime.FileEvent) error, opts runtime.WatchFilesOptions,
) (runtime.WatchFilesResult, error) {
	watch := b.watch
	if watch == nil {
		watch = b.whole.WatchFiles
	}
	res, err := watch(ctx, id, path, tell, opts)
	return res, b.fault(err)
}

// alters makes a breaker that changes what is asked for. Where that fails it is not asked.
func alters(alter func(b *broken, id, path string, change *runtime.FileChange, opts *runtime.ChangeFileOptions) error) breaker {
	return func(b *broken) {
		b.change = func(
			ctx context.Context, id, path string, change runtime.FileChange, opts runtime.ChangeFileOptions,
		) (runtime.ChangeFileResult, error) {
			if err := alter(b, id, path, &change, &opts); err != nil {
				return runtime.ChangeFileResult{}, err
			}
			return b.whole.ChangeFile(ctx, id, path, change, opts)
		}
	}
}

// asUser makes a breaker that has no more rights in /mnt/d than the sandbox's user.
func asUser(b *broken) {
	denied := &runtime.Error{Op: "broken", Kind: runtime.ErrPermission}
	alters(func(_ *broken, _, path string, _ *runtime.FileChange, _ *runtime.ChangeFileOptions) error {
		if strings.HasPrefix(path, "/mnt/d") {
			return denied
		}
		return nil
	})(b)
	b.watch = func(context.Context, string, string, func(runtime.FileEvent) error, runtime.WatchFilesOptions) (runtime.WatchFilesResult, error) {
		return runtime.WatchFilesResult{}, denied
	}
}

func changeBreakers() map[string]breaker {
	return map[string]breaker{
		"files/rename": alters(func(_ *broken, _, _ string, change *runtime.FileChange, _ *runtime.ChangeFileOptions) error {
			*change = runtime.Rename{To: "/work/" + (*change).(runtime.Rename).To} // as if it were relative only
			return nil
		}),
		"files/rename-replaces": alters(func(b *broken, id, _ string, change *runtime.FileChange, _ *runtime.ChangeFileOptions) error {
			opts := runtime.GetArchiveOptions{HeadersOnly: true, Depth: 1}
			if _, err := b.whole.GetArchive(context.Background(), id, (*change).(runtime.Rename).To, io.Discard, opts); err == nil {
				return &runtime.Error{Op: "broken", Kind: runtime.ErrAlreadyExists}
			}
			return nil
		}),
		"files/rename-refused": forgives(runtime.ErrInvalid),
		"files/rename-copies-nothing": func(b *broken) { // without the system's own
			b.error = func(err error) error {
				return &runtime.Error{Op: "broken", Kind: runtime.ErrInvalid, Message: err.Error()}
			}
		},
		"files/chmod": alters(func(_ *broken, _, _ string, change *runtime.FileChange, _ *runtime.ChangeFileOptions) error {
			*change = runtime.Chmod{Mode: (*change).(runtime.Chmod).Mode.Perm()}
			return nil
		}),
		"files/chown": alters(func(_ *broken, _, _ string, _ *runtime.FileChange, opts *runtime.ChangeFileOptions) error {
			opts.Follow = true
			return nil
		}),
		"files/administrator": asUser,
		"files/missing":       wrongly(runtime.ErrInvalid),
		"files/devices":       forgives(runtime.ErrInvalid),
		"files/read-only":     wrongly(runtime.ErrPermission),
		"files/not-running":   wrongly(runtime.ErrConnectionLost),
	}
}

// tells makes a breaker that tells no events but those of which is true.
func tells(which func(runtime.FileEvent) bool) breaker {
	return func(b *broken) {
		b.watch = func(
			ctx context.Context, id, path string, tell func(runtime.FileEvent) error, opts runtime.WatchFilesOptions,
		) (runtime.WatchFilesResult, error) {
			return b.whole.WatchFiles(ctx, id, path, func(e runtime.FileEvent) error {
				if !which(e) {
					return nil
				}
				return tell(e)
			}, opts)
		}
	}
}

func watchBreakers() map[string]breaker {
	return map[string]breaker{
		"watch/events": tells(func(e runtime.FileEvent) bool { return e.Op != runtime.FileAttrib }),
		"watch/recursive": func(b *broken) {
			b.watch = func(
				ctx context.Context, id, path string, tell func(runtime.FileEvent) error, opts runtime.WatchFilesOptions,
			) (runtime.WatchFilesResult, error) {
				opts.Recursive = false
				return b.whole.WatchFiles(ctx, id, path, tell, opts)
			}
		},
		"watch/moved":          tells(func(e runtime.FileEvent) bool { return !strings.HasPrefix(e.Path, "back/") }),
		"watch/overflow":       tells(func(e runtime.FileEvent) bool { return e.Op != runtime.FileOverflow }),
		"watch/administrator":  asUser,
		"watch/refused":        wrongly(runtime.ErrPermission),
		"watch/ends":           forgives(context.Canceled),
		"watch/directory-gone": wrongly(runtime.ErrInvalid),
		"watch/sandbox-ends":   wrongly(runtime.ErrInvalid),
		"watch/stop":           wrongly(runtime.ErrNotFound),
	}
}
