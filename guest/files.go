package guest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/sandlot-dev/sandlot/guest/wire"
	"github.com/sandlot-dev/sandlot/runtime"
)

// ChangeFile is runtime.FileChanger.ChangeFile over ch, which it closes. The guest must run as root with every capability.
func ChangeFile(
	ctx context.Context, ch Channel, path string, change runtime.FileChange, opts runtime.ChangeFileOptions,
) (runtime.ChangeFileResult, error) {
	request, err := changeRequest(path, change, opts)
	if err != nil {
		ch.Close()
		return runtime.ChangeFileResult{}, err
	}
	c := &call{ch: ch, request: wire.Request{Change: request}}
	return runtime.ChangeFileResult{}, archiveError(ctx, c.run(ctx), nil, "")
}

func changeRequest(path string, change runtime.FileChange, opts runtime.ChangeFileOptions) (*wire.ChangeRequest, error) {
	if err := checkPaths(path); err != nil {
		return nil, err
	}
	request := &wire.ChangeRequest{Path: []byte(path), Follow: opts.Follow}
	switch c := change.(type) {
	case nil:
		return nil, invalid("there is no change")
	case runtime.Rename:
		if opts.Follow {
			return nil, invalid("a rename follows no link")
		}
		request.To = []byte(c.To)
		return request, checkPaths(c.To)
	case runtime.Chmod:
		mode, err := systemMode(c.Mode)
		request.Mode = &mode
		return request, err
	case runtime.Chown:
		request.Owner = &wire.Owner{UID: c.UID, GID: c.GID}
		return request, nil
	}
	return nil, &runtime.Error{Kind: runtime.ErrUnsupported, Message: fmt.Sprintf("a change of the type %T", change)}
}

// Own makes the sandbox's user the owner of the directory at path, following a link, or only if it is empty, over ch, which it closes. The guest must run as
// root with every capability.
func Own(ctx context.Context, ch Channel, path string, ifEmpty bool) error {
	c := &call{ch: ch, request: wire.Request{Change: &wire.ChangeRequest{Path: []byte(path), Follow: true, Own: true, Empty: ifEmpty}}}
	return archiveError(ctx, c.run(ctx), nil, "")
}

// systemMode is a mode as the system has it.
func systemMode(mode fs.FileMode) (uint32, error) {
	system := uint32(mode.Perm())
	for _, bit := range []struct {
		mode   fs.FileMode
		system uint32
	}{{fs.ModeSetuid, 0o4000}, {fs.ModeSetgid, 0o2000}, {fs.ModeSticky, 0o1000}} {
		if mode&bit.mode != 0 {
			system |= bit.system
			mode &^= bit.mode
		}
	}
	if mode != mode.Perm() {
		return 0, &runtime.Error{
			Kind: runtime.ErrInvalid, Message: fmt.Sprintf("the mode %v is more than permission bits", mode),
			Hint: "write setuid, setgid and sticky as fs.ModeSetuid, fs.ModeSetgid and fs.ModeSticky",
		}
	}
	return system, nil
}

// WatchFiles is runtime.FileWatcher.WatchFiles over ch, which it closes. The guest must run as root with every capability.
func WatchFiles(
	ctx context.Context, ch Channel, path string, tell func(runtime.FileEvent) error, opts runtime.WatchFilesOptions,
) (runtime.WatchFilesResult, error) {
	err := checkPaths(path)
	if err == nil && tell == nil {
		err = invalid("there is nobody to tell")
	}
	if err != nil {
		ch.Close()
		return runtime.WatchFilesResult{}, err
	}
	stands := false
	c := &call{
		ch: ch, request: wire.Request{Watch: &wire.WatchRequest{Path: []byte(path), Recursive: opts.Recursive}},
		output: func(_ wire.Type, data []byte) error {
			var events wire.FileEvents
			if err := wire.Unmarshal(data, &events); err != nil {
				return lost(err)
			}
			if !stands {
				stands = true
				if opts.Ready != nil {
					opts.Ready()
				}
			}
			for _, e := range events {
				if err := e.Check(); err != nil {
					return lost(err)
				}
				if err := tell(runtime.FileEvent{Op: runtime.FileOp(e.Op), Path: string(e.Path), To: string(e.To), Dir: e.Dir}); err != nil {
					return err
				}
			}
			return nil
		},
	}
	out := c.run(ctx)
	var own *runtime.Error
	switch err := out.outputErr; {
	case errors.As(err, &own) && own.Kind == runtime.ErrConnectionLost && errors.Is(err, wire.ErrFrame):
		return runtime.WatchFilesResult{}, own
	case err == nil && out.err == nil && out.result.Failure == nil: // a watch does not end by itself
		return runtime.WatchFilesResult{}, lost(errors.New("the guest gave up by itself"))
	}
	return runtime.WatchFilesResult{}, archiveError(ctx, out, out.outputErr, "telling of files")
}
