package engine

import (
	"context"
	"io/fs"

	"github.com/sandlot-dev/sandlot/guest"
	"github.com/sandlot-dev/sandlot/runtime"
)

// uncover gives each tmpfs of a sandbox that has just been started its own mode, where the engine has given it another one. A read-only one, in which nobody can
// make anything, cannot be changed.
func (e *engine) uncover(ctx context.Context, id string, mounts []runtime.Mount) error {
	api, may := e.api.(Coverer)
	for _, m := range mounts {
		if !may || m.Type != runtime.MountTmpfs || m.ReadOnly {
			continue
		}
		covered, err := api.Covered(ctx, id, m.Target)
		if err != nil {
			return err
		}
		mode := fileMode(m.Mode)
		if covered == nil || *covered&(fs.ModePerm|fs.ModeSticky) == mode {
			continue
		}
		if _, err := overFiles(ctx, e, id, func(ch guest.Channel) (runtime.ChangeFileResult, error) {
			return e.guest.change(ctx, ch, m.Target, runtime.Chmod{Mode: mode}, runtime.ChangeFileOptions{})
		}); err != nil {
			return err
		}
	}
	return nil
}

// fileMode is a mount's mode as Go has it.
func fileMode(mode uint32) fs.FileMode {
	m := fs.FileMode(mode) & fs.ModePerm
	if mode&0o1000 != 0 {
		m |= fs.ModeSticky
	}
	return m
}
