package doctor

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
)

// idsNeeded is how many ids a user should have for the users of images: all of 16 bits.
const idsNeeded = 65536

func (h host) subuid(s subject) Finding {
	return h.subordinate(s, "/etc/subuid", "--add-subuids")
}

func (h host) subgid(s subject) Finding {
	return h.subordinate(s, "/etc/subgid", "--add-subgids")
}

func (h host) subordinate(s subject, file, flag string) Finding {
	if source := h.idSource(); source != "" {
		return skip("ids come from " + source + ", which is not asked here")
	}
	count, next, err := h.ranges(file)
	again := "podman system migrate"
	if s.info != nil && s.info.Runtime == "docker" {
		again = "systemctl --user restart docker"
	}
	fix := h.asRoot(fmt.Sprintf("usermod %s %d-%d %s", flag, next, next+idsNeeded-1, h.engine.name)) + " && " + h.asEngine(again)
	switch {
	case err != nil:
		return problem(fix, "%s cannot be read (%v): sandboxes can have one user only, their root", file, reason(err))
	case count == 0:
		return problem(fix, "%s has no ids for %s: sandboxes can have one user only, their root", file, h.engine.name)
	case count < idsNeeded:
		return note(fix, "%s has %d ids for %s: images with higher ones cannot be unpacked", file, count, h.engine.name)
	}
	return ok("%d ids for %s", count, h.engine.name)
}

// ranges counts the engine's user's ids in a file of lines "user:first:count". next is after all that anybody has.
func (h host) ranges(file string) (count, next int, err error) {
	text, err := h.read(file)
	next = 100000
	for line := range strings.Lines(text) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) != 3 {
			continue
		}
		first, err1 := strconv.Atoi(f[1])
		n, err2 := strconv.Atoi(f[2])
		if err1 != nil || err2 != nil {
			continue
		}
		if f[0] == h.engine.name || f[0] == strconv.Itoa(h.engine.uid) {
			count += n
		}
		next = max(next, first+n)
	}
	return count, next, err
}

// idSource is where subordinate ids come from, if not from files.
func (h host) idSource() string {
	text, _ := h.read("/etc/nsswitch.conf")
	for line := range strings.Lines(text) {
		if source, found := strings.CutPrefix(strings.TrimSpace(line), "subid:"); found && strings.TrimSpace(source) != "files" {
			return strings.TrimSpace(source)
		}
	}
	return ""
}

func (h host) newuidmap(subject) Finding {
	for _, name := range []string{"newuidmap", "newgidmap"} {
		path := h.program(name)
		if path == "" {
			return problem(h.install("uidmap"), "there is no %s: sandboxes can have one user only, their root", name)
		}
		if fi, err := h.stat(path); err == nil && !isSetuid(fi) && !hasFileCaps(h.path(path)) {
			return problem(h.asRoot("chmod u+s "+path), "%s has lost its privileges, without which it maps no ids", path)
		}
	}
	return ok("newuidmap and newgidmap are there")
}

// session says whether the user has a manager of systemd's, which makes the cgroups of rootless containers.
func (h host) session(subject) Finding {
	if !h.systemd() {
		return skip("there is no systemd here")
	}
	dir := h.userDir() // where engines look too, when no variable says otherwise
	if h.ours() {
		dir = cmp.Or(h.getenv("XDG_RUNTIME_DIR"), dir)
	}
	for _, socket := range []string{"bus", "systemd/private"} {
		switch _, err := h.stat(filepath.Join(dir, socket)); {
		case err == nil:
			return ok("systemd runs for %s", h.engine.name)
		case errors.Is(err, fs.ErrPermission):
			return skip(dir + " is closed to us")
		}
	}
	fix := h.asRoot("loginctl enable-linger " + h.engine.name)
	if dir != h.userDir() {
		fix += " && export XDG_RUNTIME_DIR=" + h.userDir()
	}
	return problem(fix, "systemd does not run for %s, as after su or sudo (nothing in %s): a rootless engine cannot enforce limits", h.engine.name, dir)
}

func (h host) linger(subject) Finding {
	name := h.engine.name
	switch {
	case !h.systemd():
		return skip("there is no systemd here, which would end what a user runs at logout")
	case h.has("/var/lib/systemd/linger/" + name):
		return ok("what %s runs goes on after logout", name)
	}
	return note(h.asRoot("loginctl enable-linger "+name), "sandboxes of %s end when it logs out", name)
}
