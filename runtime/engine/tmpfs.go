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
		covered, err := api.Covered(ctx, id, m)
		if err != nil {
			return err
		}
		if !covered {
			continue
		}
		if _, err := overFiles(ctx, e, id, func(ch guest.Channel) (runtime.ChangeFileResult, error) {
			return e.guest.change(ctx, ch, m.Target, runtime.Chmod{Mode: fileMode(m.Mode)}, runtime.ChangeFileOptions{})
		}); err != nil {
			return err
		}
	}
	return nil
}

// sticky is the one bit of a mode that Go has elsewhere.
const sticky = 0o1000

func fileMode(mode uint32) fs.FileMode {
	m := fs.FileMode(mode) & fs.ModePerm
	if mode&sticky != 0 {
		m |= fs.ModeSticky
	}
	return m
}

// UnixMode is a mode as Linux has it, without setuid and setgid.
func UnixMode(m fs.FileMode) uint32 {
	mode := uint32(m.Perm())
	if m&fs.ModeSticky != 0 {
		mode |= sticky
	}
	return mode
}
