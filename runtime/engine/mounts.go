package engine

import (
	"path"
	"strings"

	"github.com/sandlot-dev/sandlot/guest"
	"github.com/sandlot-dev/sandlot/runtime"
)

// guestVolumePrefix begins the names of the volumes that hold the guest, and of the containers that fill them.
const guestVolumePrefix = "sandlot-guest-"

const maxMode = 0o1777

func (b *specBuilder) mounts() error {
	taken := make(map[string]bool)
	for _, m := range b.opts.Mounts {
		target := m.Target
		if target != "/" {
			target = strings.TrimSuffix(target, "/")
		}
		switch {
		case !path.IsAbs(target) || path.Clean(target) != target || strings.ContainsRune(target, 0):
			return invalid("give an absolute path without . and ..", "%q is no place for a mount", m.Target)
		case target == "/":
			return invalid("mount below it", "nothing can be mounted over the root")
		case isOrBelow(target, guest.Dir):
			return invalid("choose another directory", "%s is the guest's own", guest.Dir)
		case target == "/dev" || isOrBelow(target, "/proc") || isOrBelow(target, "/sys"):
			return invalid("choose another directory", "nothing can be mounted at %s: what is there is the kernel's", target)
		case taken[target]:
			return invalid("give each mount a target of its own", "two mounts at %s", target)
		}
		taken[target] = true
		m.Target = target
		if err := b.mount(&m); err != nil {
			return err
		}
		b.spec.Mounts = append(b.spec.Mounts, m)
	}
	return nil
}

func isOrBelow(name, dir string) bool { return name == dir || strings.HasPrefix(name, dir+"/") }

func (b *specBuilder) mount(m *runtime.Mount) error {
	if m.Type != runtime.MountTmpfs && (m.SizeBytes != 0 || m.Mode != 0) {
		return invalid("leave them out", "the mount at %s is no tmpfs, and has a size or mode", m.Target)
	}
	switch m.Type {
	case runtime.MountVolume:
		if m.Source == "" && m.ReadOnly { // Docker refuses it, Podman does not
			return invalid("mount it writable, or name a volume that holds something", "the anonymous volume at %s is read-only, and nothing can ever be in it", m.Target)
		}
		if m.Source != "" && !namePattern.MatchString(m.Source) {
			return invalid("use two or more letters, digits, '_', '.' and '-', the first a letter or digit", "%q is no name for a volume", m.Source)
		}
		if strings.HasPrefix(m.Source, guestVolumePrefix) {
			return invalid("choose another name", "the volume %s holds Sandlot's guest", m.Source)
		}
		return b.need(runtime.CapabilityVolumes, "a volume")
	case runtime.MountBind:
		if !path.IsAbs(m.Source) || strings.ContainsRune(m.Source, 0) {
			return invalid("give an absolute path", "%q is no path on the engine's host", m.Source)
		}
		return b.need(runtime.CapabilityBinds, "a bind mount")
	case runtime.MountTmpfs:
		if m.Source != "" {
			return invalid("leave it out", "the tmpfs at %s has a source", m.Target)
		}
		if m.SizeBytes < 0 || m.Mode > maxMode {
			return invalid("give a size of 0 or more, and a mode up to 01777", "the tmpfs at %s has size %d and mode %#o", m.Target, m.SizeBytes, m.Mode)
		}
		if m.Mode == 0 {
			m.Mode = maxMode
		}
		return b.need(runtime.CapabilityTmpfs, "a tmpfs")
	}
	return invalid("use volume, bind or tmpfs", "%q is no kind of mount", m.Type)
}
