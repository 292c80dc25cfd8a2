//go:build linux

package archive

import (
	"fmt"
	"math"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/sandlot-dev/sandlot/guest/program/internal/link"
	"github.com/sandlot-dev/sandlot/guest/wire"
)

// Change changes what request names.
func Change(welcome link.Welcome, request *wire.ChangeRequest) error {
	changes := 0
	for _, asked := range []bool{len(request.To) > 0, request.Mode != nil, request.Owner != nil, request.Own} {
		if asked {
			changes++
		}
	}
	name := string(request.Path)
	switch {
	case changes != 1 || len(request.To) > 0 && request.Follow || request.Empty && !request.Own:
		return fail(wire.KindInvalid, "the change is none")
	case request.Mode != nil:
		return named("changing the mode of", name, chmod(welcome, request, *request.Mode))
	case request.Owner != nil:
		return named("changing the owner of", name, chown(welcome, request, *request.Owner))
	case request.Own:
		return named("taking", name, own(welcome, request))
	}
	return rename(welcome, request.Path, request.To)
}

// rename moves a name. What is moved, and what is in the way, is never followed.
func rename(welcome link.Welcome, from, to []byte) error {
	err := func() error {
		fromDir, fromBase, err := openParent(welcome, from)
		if err != nil {
			return err
		}
		defer unix.Close(fromDir)
		toDir, toBase, err := openParent(welcome, to)
		if err != nil {
			return err
		}
		defer unix.Close(toDir)
		for _, at := range []struct {
			dir  int
			base string
		}{{fromDir, fromBase}, {toDir, toBase}} {
			var st unix.Stat_t
			if err := unix.Fstatat(at.dir, at.base, &st, unix.AT_SYMLINK_NOFOLLOW); err == nil && isDevice(&st) {
				return fail(wire.KindInvalid, "%s is a device", at.base)
			}
		}
		err = unix.Renameat(fromDir, fromBase, toDir, toBase)
		if err == unix.EXDEV {
			return &failure{wire.KindCrossDevice, err}
		}
		return err
	}()
	return named("renaming", fmt.Sprintf("%s to %s", from, to), err)
}

// openParent opens the directory that holds a name, and gives its last part, which must be a name. Nobody can make it wait, as a pipe would.
func openParent(welcome link.Welcome, name []byte) (dir int, base string, err error) {
	switch base = string(name[strings.LastIndexByte(string(name), '/')+1:]); base {
	case "", ".", "..":
		return 0, "", fail(wire.KindInvalid, "the last part of %q is no name", name)
	}
	dir, err = unix.Open(path.Dir(absolute(welcome, name)), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	return dir, base, missing(err)
}

// chmod sets a mode. It is done to what has been looked at: there may be another thing of that name by then.
func chmod(welcome link.Welcome, request *wire.ChangeRequest, mode uint32) error {
	if mode&^0o7777 != 0 {
		return fail(wire.KindInvalid, "the mode %#o is more than permission bits", mode)
	}
	fd, st, err := openPath(welcome, request)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if st.Mode&unix.S_IFMT == unix.S_IFLNK {
		return fail(wire.KindInvalid, "a link has no mode")
	}
	return unix.Chmod(magic(fd), mode)
}

// chown sets an owner, as chmod does a mode.
func chown(welcome link.Welcome, request *wire.ChangeRequest, owner wire.Owner) error {
	for _, id := range []int{owner.UID, owner.GID} {
		if id < -1 || id >= math.MaxUint32 {
			return fail(wire.KindInvalid, "there is no owner %d", id)
		}
	}
	fd, _, err := openPath(welcome, request)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Fchownat(fd, "", owner.UID, owner.GID, unix.AT_EMPTY_PATH)
}

// own makes something the sandbox's user's, as if that one had just made it.
func own(welcome link.Welcome, request *wire.ChangeRequest) error {
	fd, st, err := openPath(welcome, request)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if request.Empty {
		if names, err := os.ReadDir(magic(fd)); err != nil || len(names) > 0 {
			return err
		}
	}
	if err := unix.Fchownat(fd, "", welcome.UID, welcome.GID, unix.AT_EMPTY_PATH); err != nil {
		return err
	}
	// Where only its owner may write, the sticky bit means nothing: crun makes mount points with it, whose mode Podman 5 gives to an empty volume at the next start.
	if st.Mode&unix.S_ISVTX != 0 && st.Mode&0o022 == 0 {
		if err := unix.Chmod(magic(fd), st.Mode&0o777); err != nil {
			return err
		}
	}
	now := unix.Timespec{Nsec: unix.UTIME_NOW}
	return unix.UtimesNanoAt(unix.AT_FDCWD, magic(fd), []unix.Timespec{now, now}, 0)
}

// openPath gives a hold on what request names, whatever it is, but for devices.
func openPath(welcome link.Welcome, request *wire.ChangeRequest) (int, *unix.Stat_t, error) {
	flags := unix.O_PATH | unix.O_CLOEXEC
	if !request.Follow {
		flags |= unix.O_NOFOLLOW
	}
	fd, err := unix.Open(absolute(welcome, request.Path), flags, 0)
	if err != nil {
		return 0, nil, missing(err)
	}
	var st unix.Stat_t
	if err = unix.Fstat(fd, &st); err == nil && isDevice(&st) {
		err = fail(wire.KindInvalid, "it is a device")
	}
	if err != nil {
		unix.Close(fd)
		return 0, nil, err
	}
	return fd, &st, nil
}

// isDevice says whether something is a device. Those are left alone: some engines mount the host's.
func isDevice(st *unix.Stat_t) bool {
	kind := st.Mode & unix.S_IFMT
	return kind == unix.S_IFCHR || kind == unix.S_IFBLK
}

// magic is a path that leads to what is open, for calls that take only paths.
func magic(fd int) string { return fmt.Sprintf("/proc/self/fd/%d", fd) }
