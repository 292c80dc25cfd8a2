package doctor

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// Commands that mend something. They are for people to read and run: nothing here is run by Sandlot.

// asRoot writes a command that needs root.
func (h host) asRoot(command string) string {
	if h.me.root() {
		return command
	}
	return "sudo " + command
}

// asEngine writes a command that the engine's user must run.
func (h host) asEngine(command string) string {
	if h.ours() {
		return command
	}
	if h.me.root() {
		return "su - " + h.engine.name + " -c '" + command + "'"
	}
	return "sudo -iu " + h.engine.name + " " + command
}

// enable starts a unit of systemd, of the engine's user or of the system.
func (h host) enable(unit string, ofUser bool) string {
	switch {
	case !ofUser:
		return h.asRoot("systemctl enable --now " + unit)
	case h.ours():
		return h.withManager("systemctl --user enable --now " + unit)
	}
	return h.asRoot("systemctl --user -M " + h.engine.name + "@ enable --now " + unit)
}

// withManager has systemd run for this user before a command that talks to it.
func (h host) withManager(command string) string {
	mine := h
	mine.engine = h.me
	if f := mine.session(subject{}); f.Status == StatusProblem {
		return f.Fix + " && " + command
	}
	return command
}

// families are distributions that install alike. Names of packages are the same everywhere but for two.
var families = []struct {
	ids                     []string
	install, uidmap, docker string
}{
	{[]string{"debian", "ubuntu"}, "apt-get install -y", "uidmap", "docker.io"},
	{[]string{"fedora"}, "dnf install -y", "shadow-utils", "moby-engine"},
	{[]string{"rhel", "centos"}, "dnf install -y", "shadow-utils", "docker-ce"},
	{[]string{"suse", "opensuse"}, "zypper install", "shadow", "docker"},
	{[]string{"arch"}, "pacman -S", "shadow", "docker"},
	{[]string{"alpine"}, "apk add", "shadow-uidmap", "docker"},
}

// distribution lists what /etc/os-release says that the host is or is like.
func (h host) distribution() []string {
	text, _ := h.read("/etc/os-release")
	var ids []string
	for line := range strings.Lines(text) {
		if key, value, _ := strings.Cut(strings.TrimSpace(line), "="); key == "ID" || key == "ID_LIKE" {
			ids = append(ids, strings.Fields(strings.Trim(value, `"'`))...)
		}
	}
	return ids
}

// install installs packages, by their names in Debian.
func (h host) install(packages ...string) string {
	for _, id := range h.distribution() {
		for _, f := range families {
			if !slices.Contains(f.ids, id) {
				continue
			}
			names := strings.NewReplacer("uidmap", f.uidmap, "docker.io", f.docker).Replace(strings.Join(packages, " "))
			return h.asRoot(f.install + " " + names)
		}
	}
	return "install " + strings.Join(packages, ", ") + " with the system's package manager"
}

// installPodman installs what a Podman of this user's needs.
func (h host) installPodman() string {
	if h.me.root() {
		return h.install("podman")
	}
	return h.install("podman", "uidmap", "slirp4netns")
}

// bootWith adds an argument to the kernel's command line.
func (h host) bootWith(argument string) string {
	for _, id := range h.distribution() {
		switch id {
		case "debian", "ubuntu":
			return fmt.Sprintf(`echo 'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX %s"' | %s && %s && %s`, argument,
				h.asRoot("tee /etc/default/grub.d/sandlot.cfg"), h.asRoot("update-grub"), h.asRoot("reboot"))
		case "fedora", "rhel", "centos":
			return h.asRoot("grubby --update-kernel=ALL --args="+argument) + " && " + h.asRoot("reboot")
		}
	}
	return "add " + argument + " to the kernel's command line in the boot loader, and reboot"
}

// sysctl sets a value of the kernel, now and at each boot.
func (h host) sysctl(setting string) string {
	return "echo " + setting + " | " + h.asRoot("tee /etc/sysctl.d/90-sandlot.conf") + " && " + h.asRoot("sysctl --system")
}

// getEngine brings an engine to a host on which none answers.
func (h host) getEngine() string {
	podman, docker := h.program("podman"), h.program("dockerd")
	switch {
	case !h.linux:
		return "start Docker Desktop, or podman machine start"
	case podman != "" && !h.onPath(podman):
		return h.addToPath(podman)
	case podman != "" && h.systemd():
		return h.enable("podman.socket", !h.me.root())
	case podman != "":
		return "podman info, which tells why"
	case docker != "" && h.systemd():
		return h.enable("docker", false)
	}
	return h.installPodman()
}

func (h host) onPath(program string) bool {
	return slices.Contains(filepath.SplitList(h.getenv("PATH")), filepath.Dir(program))
}

func (h host) addToPath(program string) string {
	return `export PATH="$PATH:` + filepath.Dir(program) + `"`
}
