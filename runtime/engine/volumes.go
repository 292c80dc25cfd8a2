package engine

import (
	"context"
	"slices"

	"github.com/sandlot-dev/sandlot/guest"
	"github.com/sandlot-dev/sandlot/runtime"
)

// missingVolumes names those volumes that the engine will make with the sandbox, and has nothing of the image copied into the others.
func (e *engine) missingVolumes(ctx context.Context, spec *Spec) ([]string, error) {
	var missing []string
	for _, m := range spec.Mounts {
		if m.Type != runtime.MountVolume || m.Source == "" {
			continue
		}
		there, err := e.api.VolumeExists(ctx, m.Source)
		if err != nil {
			return nil, err
		}
		switch {
		case there, slices.Contains(missing, m.Source):
			spec.NoCopy = append(spec.NoCopy, m.Target)
		case m.ReadOnly && !writable(spec.Mounts, m.Source):
			return nil, errorf(runtime.ErrNotFound, "mount it writable in the sandbox that fills it, and run that one first",
				"there is no volume %s, and one that is made to be read-only stays empty", m.Source)
		default:
			missing = append(missing, m.Source)
		}
	}
	return missing, nil
}

// writable says whether a volume is mounted writable somewhere.
func writable(mounts []runtime.Mount, volume string) bool {
	return slices.ContainsFunc(mounts, func(m runtime.Mount) bool { return m.Type == runtime.MountVolume && m.Source == volume && !m.ReadOnly })
}

// ownVolumes gives a sandbox that has just been started its new volumes, and those that are empty. Engines give some of them to the sandbox's user, at
// the first start or at each, some to root, and some to the owner of what the image has there.
func (e *engine) ownVolumes(ctx context.Context, c runtime.Container, isNew func(runtime.Mount) bool) error {
	info, err := e.info(ctx)
	if err != nil || !info.Capabilities.Has(runtime.CapabilityOwners) {
		return err
	}
	for _, m := range c.Mounts {
		if m.Type != runtime.MountVolume || m.ReadOnly {
			continue
		}
		if _, err := overFiles(ctx, e, c.ID, func(ch guest.Channel) (struct{}, error) {
			return struct{}{}, e.guest.own(ctx, ch, m.Target, !isNew(m))
		}); err != nil {
			return err
		}
	}
	return nil
}
