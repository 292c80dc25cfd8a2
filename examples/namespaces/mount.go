//go:build linux

package namespaces

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/sandlot-dev/sandlot/runtime"
)

const locked = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC

var (
	devices = []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"}
	links   = map[string]string{
		"ptmx": "pts/ptmx", "fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2",
	}
	// What /proc shows of the host: root in a sandbox is the host's, and could write some of it without any capability, and read the rest.
	readOnly = []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
	masked   = []string{
		"/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi", "/proc/timer_list",
	}
)

// A tree is something of the host, cloned with what is mounted below it before the host's root is left behind.
type tree struct {
	fd    int
	isDir bool
}

// mountAll makes the sandbox's root this process's, and mounts everything else. Once the root is the sandbox's, no link in it leads out.
func (s *sandbox) mountAll(a *api) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil { // nothing gets back to the host
		return fmt.Errorf("private mounts: %w", err)
	}
	trees := make(map[string]tree) // by target
	var err error
	for _, device := range devices {
		if trees[device], err = clone(device, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NOEXEC); err != nil {
			return err
		}
	}
	for i, m := range s.Spec.Mounts {
		attrs := uint64(unix.MOUNT_ATTR_NODEV)
		if m.ReadOnly {
			attrs |= unix.MOUNT_ATTR_RDONLY
		}
		if m.Type == runtime.MountTmpfs {
			continue
		}
		if trees[m.Target], err = clone(a.source(s, i), attrs); err != nil {
			return err
		}
	}
	if err := changeRoot(s.root()); err != nil {
		return fmt.Errorf("the root file system: %w", err)
	}
	if err := mountKernel(trees); err != nil {
		return err
	}
	for _, m := range s.Spec.Mounts {
		if m.Type == runtime.MountTmpfs {
			err = mountTmpfs(m)
		} else {
			err = trees[m.Target].mount(m.Target)
		}
		if err != nil {
			return err
		}
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("leaving the host's root: %w", err)
	}
	return os.Chdir("/")
}

func clone(source string, attrs uint64) (tree, error) {
	info, err := os.Stat(source)
	if err != nil {
		return tree{}, err
	}
	fd, err := unix.OpenTree(unix.AT_FDCWD, source, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	if err == nil {
		err = unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &unix.MountAttr{Attr_set: attrs})
	}
	if err != nil {
		return tree{}, fmt.Errorf("cloning %s: %w", source, err)
	}
	return tree{fd, info.IsDir()}, nil
}

// mount mounts a tree at a target, which is made if missing.
func (t tree) mount(target string) error {
	dir := target
	if !t.isDir {
		dir = filepath.Dir(target)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if !t.isDir {
		file, err := os.OpenFile(target, os.O_RDONLY|os.O_CREATE, 0o644)
		if err != nil {
			return err
		}
		file.Close()
	}
	if err := unix.MoveMount(t.fd, "", unix.AT_FDCWD, target, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fmt.Errorf("mounting %s: %w", target, err)
	}
	return nil
}

// changeRoot makes a directory the root. The old one is then on top of it, where no path from the new root leads, but "." of this process.
func changeRoot(dir string) error {
	root, err := clone(dir, unix.MOUNT_ATTR_NODEV)
	if err != nil {
		return err
	}
	if err := root.mount(dir); err != nil { // over itself: a root must be something mounted
		return err
	}
	if err := os.Chdir(dir); err != nil {
		return err
	}
	return unix.PivotRoot(".", ".")
}

// mountKernel mounts what the kernel itself shows programs.
func mountKernel(trees map[string]tree) error {
	for _, m := range []struct {
		kind, target string
		flags        uintptr
		data         string
	}{
		{"proc", "/proc", locked, ""},
		{"tmpfs", "/dev", unix.MS_NOSUID | unix.MS_NOEXEC, "mode=755,size=64k"},
		{"devpts", "/dev/pts", unix.MS_NOSUID | unix.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5"},
		{"tmpfs", "/dev/shm", locked, "mode=1777,size=64m"},
	} {
		if err := mountNew(m.kind, m.target, m.flags, m.data); err != nil {
			return err
		}
	}
	for name, target := range links {
		if err := os.Symlink(target, "/dev/"+name); err != nil {
			return err
		}
	}
	for _, device := range devices {
		if err := trees[device].mount(device); err != nil {
			return err
		}
	}
	for _, path := range readOnly {
		if shown, err := clone(path, unix.MOUNT_ATTR_RDONLY); err == nil { // else this kernel does not have it
			if err := shown.mount(path); err != nil {
				return err
			}
		}
	}
	for _, path := range masked {
		info, err := os.Stat(path)
		switch {
		case err != nil:
			err = nil // this kernel does not have it
		case info.IsDir():
			err = mountNew("tmpfs", path, locked|unix.MS_RDONLY, "size=4k")
		default:
			err = unix.Mount("/dev/null", path, "", unix.MS_BIND, "")
		}
		if err != nil {
			return fmt.Errorf("hiding %s: %w", path, err)
		}
	}
	return nil
}

func mountTmpfs(m runtime.Mount) error {
	flags := uintptr(unix.MS_NOSUID | unix.MS_NODEV)
	if m.ReadOnly {
		flags |= unix.MS_RDONLY
	}
	return mountNew("tmpfs", m.Target, flags, fmt.Sprintf("mode=%o,size=%d", m.Mode, m.SizeBytes)) // a size of 0 is no limit, here too
}

func mountNew(kind, target string, flags uintptr, data string) error {
	if err := os.MkdirAll(target, 0o755); err != nil {
		return err
	}
	if err := unix.Mount(kind, target, kind, flags, data); err != nil {
		return fmt.Errorf("mounting %s: %w", target, err)
	}
	return nil
}
