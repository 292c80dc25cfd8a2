package doctor

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/sandlot-dev/sandlot/runtime"
)

// cgroupVersion is the host's, 0 where it has none.
func (h host) cgroupVersion() int {
	switch {
	case h.has("/sys/fs/cgroup/cgroup.controllers"):
		return 2
	case h.has("/sys/fs/cgroup"):
		return 1
	}
	return 0
}

func rootless(h host, s subject) bool {
	if s.info != nil {
		return s.info.Rootless
	}
	return !h.me.root()
}

func (h host) cgroups(s subject) Finding {
	version := h.cgroupVersion()
	if s.info != nil && s.info.CgroupVersion != 0 {
		version = s.info.CgroupVersion
	}
	switch {
	case version == 0:
		return problem("mount -t cgroup2 none /sys/fs/cgroup", "no cgroups are mounted at /sys/fs/cgroup: nothing can be limited")
	case version == 1 && rootless(h, s):
		return problem(h.bootWith("systemd.unified_cgroup_hierarchy=1"), "version 1: a rootless engine cannot limit memory, processors or processes")
	}
	return ok("version %d", version)
}

// wanted are the controllers of Sandlot's limits. The defaults need pids.
var wanted = []string{"pids", "memory", "cpu"}

func (h host) controllers(s subject) Finding {
	version := h.cgroupVersion()
	switch {
	case version == 1 && rootless(h, s):
		return skip("cgroup version 1 has none for rootless engines")
	case version == 1:
		return h.lackingControllers(h.enabledV1(), "enabled", h.bootWith("cgroup_enable=memory"))
	case version == 2 && !rootless(h, s):
		return h.lackingControllers(strings.Fields(h.line("/sys/fs/cgroup/cgroup.controllers")), "enabled", h.bootWith("cgroup_enable=memory"))
	case version != 2:
		return skip("there are no cgroups")
	case !h.systemd():
		return problem("use a host with systemd, or an engine of root's", "without systemd nobody delegates controllers to %s", h.engine.name)
	}
	uid := h.engine.uid
	file := fmt.Sprintf("/sys/fs/cgroup/user.slice/user-%d.slice/user@%d.service/cgroup.controllers", uid, uid)
	text, err := h.read(file)
	if err != nil {
		return problem(h.asRoot("loginctl enable-linger "+h.engine.name), "systemd runs nothing for %s, so that nothing is delegated (there is no %s)", h.engine.name, file)
	}
	return h.lackingControllers(strings.Fields(text), "delegated to "+h.engine.name, h.delegate())
}

func (h host) lackingControllers(have []string, how, fix string) Finding {
	var lacking []string
	for _, c := range wanted {
		if !slices.Contains(have, c) {
			lacking = append(lacking, c)
		}
	}
	switch {
	case len(lacking) == 0:
		return ok("%s are %s", join(wanted), how)
	case slices.Contains(lacking, "pids"):
		return problem(fix, "%s: not %s", join(lacking), how)
	}
	return note(fix, "%s: not %s", join(lacking), how)
}

// delegate lets systemd delegate all controllers to users.
func (h host) delegate() string {
	return h.asRoot("mkdir -p /etc/systemd/system/user@.service.d") +
		` && printf '[Service]\nDelegate=cpu cpuset io memory pids\n' | ` + h.asRoot("tee /etc/systemd/system/user@.service.d/delegate.conf") +
		" && " + h.asRoot("systemctl daemon-reload") + fmt.Sprintf(" && %s", h.asRoot(fmt.Sprintf("systemctl restart user@%d", h.engine.uid)))
}

// enabledV1 reads the controllers of /proc/cgroups that are on.
func (h host) enabledV1() (names []string) {
	text, _ := h.read("/proc/cgroups")
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) == 4 && f[3] == "1" {
			names = append(names, f[0])
		}
	}
	return names
}

func (h host) seccomp(s subject) Finding {
	actions, err := h.read("/proc/sys/kernel/seccomp/actions_avail")
	switch {
	case err != nil || !strings.Contains(actions, "errno"):
		return problem("boot a kernel with CONFIG_SECCOMP_FILTER", "the kernel does not filter system calls")
	case s.info != nil && !s.info.Capabilities.Has(runtime.CapabilitySeccomp):
		support := s.info.Capabilities[runtime.CapabilitySeccomp]
		return problem(support.Fix, "the kernel filters system calls, but the engine does not use it: %s", support.Reason)
	}
	return ok("the kernel filters system calls")
}

func (h host) userNamespaces(subject) Finding {
	for _, setting := range []struct{ file, name, value string }{
		{"/proc/sys/user/max_user_namespaces", "user.max_user_namespaces", "28633"},
		{"/proc/sys/kernel/unprivileged_userns_clone", "kernel.unprivileged_userns_clone", "1"},
	} {
		if h.line(setting.file) == "0" {
			return problem(h.sysctl(setting.name+"="+setting.value), "%s is 0: users may not make user namespaces", setting.name)
		}
	}
	if !h.has("/proc/self/ns/user") {
		return problem("boot a kernel with CONFIG_USER_NS", "the kernel has no user namespaces")
	}
	return ok("users may make them")
}

func (h host) tun(subject) Finding {
	const path = "/dev/net/tun"
	fi, err := h.stat(path)
	if err != nil {
		return note(h.asRoot("modprobe tun"), "there is no %s: only sandboxes without a network work", path)
	}
	if h.ours() {
		f, err := os.OpenFile(h.path(path), os.O_RDWR, 0)
		if err == nil {
			f.Close()
			return ok("%s can be opened", path)
		}
	} else if owner(fi) == h.engine.uid || fi.Mode()&0o006 == 0o006 {
		return ok("%s can be opened", path)
	}
	// The engine may see another one, in a mount namespace of its own.
	return note(h.asRoot("chmod 666 "+path), "%s may not open %s (mode %04o): unless the engine sees another, only sandboxes without a network work",
		h.engine.name, path, fi.Mode().Perm())
}

func (h host) lowPorts(subject) Finding {
	text := h.line("/proc/sys/net/ipv4/ip_unprivileged_port_start")
	first, err := strconv.Atoi(text)
	if err != nil {
		first = 1024
	}
	f := ok("ports from %d on can be published", first)
	if first > 80 {
		f.Fix = h.sysctl("net.ipv4.ip_unprivileged_port_start=80")
	}
	return f
}
