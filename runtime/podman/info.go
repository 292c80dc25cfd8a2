package podman

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/containers/podman/v5/libpod/define"

	"github.com/sandlot-dev/sandlot/runtime"
)

// A description is what the engine says of itself.
type description struct {
	info    runtime.Info
	network string // libpod's name for the default network
}

// Info implements engine.API.
func (a *api) Info(ctx context.Context) (runtime.Info, error) {
	d, err := a.describe(ctx)
	return d.info, err
}

// describe asks for the engine's description when it is needed first: Podman asks the host's package manager for it, which takes some hundred
// milliseconds, and most programs that make one call need none. A failure is not kept.
func (a *api) describe(ctx context.Context) (description, error) {
	a.mu.Lock()
	kept := a.described
	a.mu.Unlock()
	if kept != nil {
		return *kept, nil
	}
	var data define.Info
	if err := a.client.json(ctx, call{method: http.MethodGet, path: endpoint("info")}, nil, &data); err != nil {
		return description{}, failure(err, runtime.ErrUnavailable)
	}
	d := description{info: describeEngine(data), network: "private"} // what is best for this user; the server's own default may be the host's network
	if h := data.Host; h != nil {
		// Said outright where that is known: for "private" Podman 5 warns that it drops the ports, which it does not.
		if !h.Security.Rootless {
			d.network = "bridge"
		} else if h.RootlessNetworkCmd != "" {
			d.network = h.RootlessNetworkCmd
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.described = &d
	return d, nil
}

func describeEngine(data define.Info) runtime.Info {
	info := runtime.Info{
		Runtime: name, Version: data.Version.Version, APIVersion: data.Version.APIVersion,
		Capabilities: capabilities(data),
	}
	if h := data.Host; h != nil {
		info.OS, info.Arch, info.Kernel, info.Rootless = h.OS, h.Arch, h.Kernel, h.Security.Rootless
		switch h.CgroupsVersion {
		case "v1":
			info.CgroupVersion = 1
		case "v2":
			info.CgroupVersion = 2
		}
	}
	if data.Store != nil {
		info.StorageDriver = data.Store.GraphDriverName
	}
	return info
}

func capabilities(data define.Info) runtime.Capabilities {
	yes := runtime.Support{OK: true}
	caps := runtime.Capabilities{
		runtime.CapabilityReadOnlyRoot: yes, runtime.CapabilityNoNewPrivileges: yes, runtime.CapabilityDropCaps: yes,
		runtime.CapabilityNoNetwork: yes, runtime.CapabilityVolumes: yes, runtime.CapabilityBinds: yes,
		runtime.CapabilityTmpfs: yes, runtime.CapabilityUser: yes, runtime.CapabilityTTY: yes,
		runtime.CapabilityOwners: yes, runtime.CapabilityBuild: yes, runtime.CapabilityDial: yes,
		runtime.CapabilityChangeFiles: yes, runtime.CapabilityWatchFiles: yes, runtime.CapabilityProcesses: yes,
		runtime.CapabilityLease: yes,
	}
	h := data.Host
	if h == nil {
		return caps
	}
	caps[runtime.CapabilityMemoryLimit] = limit(h, "memory")
	caps[runtime.CapabilityCPULimit] = limit(h, "cpu")
	caps[runtime.CapabilityPidsLimit] = limit(h, "pids")
	for _, s := range []struct {
		c   runtime.Capability
		on  bool
		fix string
	}{
		{runtime.CapabilitySeccomp, h.Security.SECCOMPEnabled, "boot a kernel with CONFIG_SECCOMP_FILTER, and use a Podman that was built with seccomp"},
		{runtime.CapabilityAppArmor, h.Security.AppArmorEnabled, "boot the host with apparmor=1 security=apparmor, and use Podman as root"},
		{runtime.CapabilitySELinux, h.Security.SELinuxEnabled, "use a host with SELinux, and turn it on: setenforce 1"},
	} {
		caps[s.c] = runtime.Support{OK: s.on}
		if !s.on {
			caps[s.c] = runtime.Support{Reason: "the engine's host does not have it, or not for this user", Fix: s.fix}
		}
	}
	// A user without a line in /etc/subuid has one id to map. Root has no map.
	uids, gids := h.IDMappings.UIDMap, h.IDMappings.GIDMap
	if len(uids) == 1 && uids[0].Size == 1 || len(gids) == 1 && gids[0].Size == 1 {
		alone := runtime.Support{
			Reason: "rootless Podman has no ids for sandboxes but the one of its own user, which is root's in them",
			Fix:    "on the engine's host: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER, and then as USER: podman system migrate",
		}
		caps[runtime.CapabilityUser], caps[runtime.CapabilityOwners] = alone, alone
	}
	network := yes
	if h.Security.Rootless && h.Slirp4NetNS.Executable == "" && h.Pasta.Executable == "" {
		network = runtime.Support{
			Reason: "rootless Podman found neither pasta nor slirp4netns",
			Fix:    "install passt (Podman 5) or slirp4netns (Podman 4) on the engine's host",
		}
	}
	for _, c := range []runtime.Capability{runtime.CapabilityNetwork, runtime.CapabilityPublishTCP, runtime.CapabilityPublishUDP} {
		caps[c] = network
	}
	return caps
}

// limit says whether a cgroup controller limits containers. Podman itself drops what it cannot enforce, with a warning at best.
func limit(h *define.HostInfo, controller string) runtime.Support {
	switch {
	case h.Security.Rootless && h.CgroupsVersion != "v2":
		return runtime.Support{
			Reason: "rootless Podman cannot limit resources on a host with cgroup v1",
			Fix:    "boot the host with cgroup v2 (systemd.unified_cgroup_hierarchy=1), or use Podman as root",
		}
	case h.Security.Rootless && h.CgroupManager != "systemd":
		// What Podman falls back to where the user has no systemd. The controllers that it lists are then those of whatever cgroup it is
		// in, and nothing says whether it may make cgroups for containers.
		return runtime.Support{
			Reason: fmt.Sprintf("rootless Podman limits resources with the cgroup manager systemd only, and this one uses %q", h.CgroupManager),
			Fix: "use the systemd cgroup manager in a user session with delegation: loginctl enable-linger USER, log in as USER (not by su or sudo)," +
				" and leave cgroup_manager out of containers.conf",
		}
	case slices.Contains(h.CgroupControllers, controller):
		return runtime.Support{OK: true}
	case h.Security.Rootless:
		return runtime.Support{
			Reason: "the cgroup controller " + controller + " is not delegated to the engine's user",
			Fix:    "put [Service] Delegate=cpu cpuset io memory pids into /etc/systemd/system/user@.service.d/delegate.conf, then log in anew",
		}
	}
	return runtime.Support{Reason: "the engine's host has no cgroup controller " + controller}
}
