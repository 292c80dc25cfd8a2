package docker

import (
	"context"
	"strings"

	"github.com/docker/docker/api/types/system"
	"github.com/docker/docker/client"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/runtime/engine"
)

// api is Docker as engine.API.
type api struct {
	cli  *client.Client
	dial engine.Dial
	base string // of request URLs
}

var (
	_ engine.API          = (*api)(nil)
	_ engine.VolumeLister = (*api)(nil)
)

// Close implements engine.API.
func (a *api) Close() error { return a.cli.Close() }

// Info implements engine.API.
func (a *api) Info(ctx context.Context) (runtime.Info, error) {
	info, err := a.cli.Info(ctx)
	if err != nil {
		return runtime.Info{}, translate(err)
	}
	options := securityOptions(info.SecurityOptions)
	_, rootless := options["rootless"]
	out := runtime.Info{
		Version: info.ServerVersion, APIVersion: a.cli.ClientVersion(),
		OS: info.OSType, Arch: goArch(info.Architecture), Kernel: info.KernelVersion,
		Rootless: rootless, StorageDriver: info.Driver, Capabilities: capabilities(info, options, rootless),
	}
	switch info.CgroupVersion {
	case "1":
		out.CgroupVersion = 1
	case "2":
		out.CgroupVersion = 2
	}
	return out, nil
}

// securityOptions reads "name=seccomp,profile=default" and the like into profiles by name.
func securityOptions(options []string) map[string]string {
	out := make(map[string]string)
	for _, option := range options {
		var name, profile string
		for _, field := range strings.Split(option, ",") {
			switch key, value, _ := strings.Cut(field, "="); key {
			case "name":
				name = value
			case "profile":
				profile = value
			}
		}
		out[name] = profile
	}
	return out
}

func capabilities(info system.Info, options map[string]string, rootless bool) runtime.Capabilities {
	cs := engine.BaseCapabilities()
	fix := "boot with the cgroup controllers enabled"
	if rootless {
		fix = "use cgroup v2, and delegate the controllers to the user (systemd's Delegate=)"
	}
	limit := func(c runtime.Capability, ok bool, controller string) {
		cs[c] = runtime.Support{OK: true}
		if !ok {
			cs[c] = runtime.Support{Reason: "the daemon has no control over the cgroup controller " + controller, Fix: fix}
		}
	}
	limit(runtime.CapabilityMemoryLimit, info.MemoryLimit, "memory")
	limit(runtime.CapabilityCPULimit, info.CPUCfsQuota && info.CPUCfsPeriod, "cpu")
	limit(runtime.CapabilityPidsLimit, info.PidsLimit, "pids")
	if info.MemoryLimit && !info.SwapLimit {
		cs[runtime.CapabilityMemoryLimit] = runtime.Support{
			Reason: "the kernel does not account for swap", Fix: "boot the host with swapaccount=1, or use cgroup v2",
		}
	}
	for _, s := range []struct {
		c         runtime.Capability
		name, fix string
	}{
		{runtime.CapabilitySeccomp, "seccomp", "boot a kernel with CONFIG_SECCOMP_FILTER, and use a Docker that was built with seccomp"},
		{runtime.CapabilityAppArmor, "apparmor", "boot the host with apparmor=1 security=apparmor, and restart the daemon"},
		{runtime.CapabilitySELinux, "selinux", "start the daemon with --selinux-enabled, on a host with SELinux"},
	} {
		if _, ok := options[s.name]; ok {
			cs[s.c] = runtime.Support{OK: true}
		} else {
			cs[s.c] = runtime.Support{Reason: "the daemon says that it has no " + s.name, Fix: s.fix}
		}
	}
	if options["seccomp"] == "unconfined" {
		cs[runtime.CapabilitySeccomp] = runtime.Support{
			Reason: "the daemon is configured to filter nothing by default", Fix: "remove seccomp-profile from the daemon's configuration",
		}
	}
	return cs
}

// goArch is Go's name of an architecture that uname names.
func goArch(machine string) string {
	switch machine {
	case "x86_64":
		return "amd64"
	case "aarch64":
		return "arm64"
	}
	return machine
}
