package docker

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/go-connections/nat"

	"github.com/sandlot-dev/sandlot/guest"
	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/runtime/engine"
)

// Create implements engine.API.
func (a *api) Create(ctx context.Context, spec engine.Spec) (string, []string, error) {
	config := &container.Config{
		Image: spec.Image, Entrypoint: spec.Entrypoint, Env: spec.Env, WorkingDir: spec.WorkingDir, User: spec.User,
		Hostname: spec.Hostname, Labels: spec.Labels, StopSignal: guest.StopSignal,
		OpenStdin: spec.Stdin, StdinOnce: spec.Stdin, AttachStdin: spec.Stdin,
		Healthcheck: &container.HealthConfig{Test: []string{"NONE"}},
	}
	noInit := false
	host := &container.HostConfig{
		LogConfig: container.LogConfig{Type: "none"}, RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyDisabled},
		NetworkMode: container.NetworkMode(spec.Network), ReadonlyRootfs: spec.ReadOnly, Init: &noInit, AutoRemove: spec.AutoRemove,
		IpcMode: container.IPCModePrivate, CgroupnsMode: container.CgroupnsModePrivate,
		SecurityOpt: securityOpt(spec), CapAdd: spec.CapAdd, CapDrop: []string{"ALL"},
		Resources: container.Resources{Memory: spec.Memory, MemorySwap: spec.Memory, NanoCPUs: int64(spec.CPUs * 1e9)},
	}
	if slices.Contains(spec.CapAdd, "ALL") {
		host.CapDrop = spec.CapDrop // dropping ALL and adding it again would leave CapDrop without effect
	}
	if spec.Pids > 0 {
		host.Resources.PidsLimit = &spec.Pids
	}
	config.ExposedPorts, host.PortBindings = bindings(spec.Ports)
	host.Mounts, host.Tmpfs = mounts(spec)
	created, err := a.cli.ContainerCreate(ctx, config, host, nil, nil, spec.Name)
	return created.ID, created.Warnings, createError(err)
}

func securityOpt(spec engine.Spec) []string {
	var out []string
	if spec.NoNewPrivs {
		out = append(out, "no-new-privileges:true")
	}
	if spec.Seccomp != "" {
		out = append(out, "seccomp="+spec.Seccomp)
	}
	if spec.AppArmor != "" {
		out = append(out, "apparmor="+spec.AppArmor)
	}
	for _, label := range spec.LabelOpts {
		out = append(out, "label="+label)
	}
	return out
}

func bindings(ports []runtime.Port) (nat.PortSet, nat.PortMap) {
	exposed, bound := make(nat.PortSet), make(nat.PortMap)
	for _, p := range ports {
		port := nat.Port(fmt.Sprintf("%d/%s", p.Container, p.Protocol))
		binding := nat.PortBinding{HostIP: p.HostIP.String()}
		if p.Host != 0 {
			binding.HostPort = strconv.Itoa(int(p.Host))
		}
		exposed[port] = struct{}{}
		bound[port] = append(bound[port], binding)
	}
	return exposed, bound
}

// mounts leaves tmpfs to the older of Docker's two ways: the newer one cannot say exec before API 1.46.
func mounts(spec engine.Spec) ([]mount.Mount, map[string]string) {
	var out []mount.Mount
	tmpfs := make(map[string]string)
	for _, m := range spec.Mounts {
		switch m.Type {
		case runtime.MountTmpfs:
			tmpfs[m.Target] = tmpfsOptions(m)
		case runtime.MountBind:
			out = append(out, mount.Mount{Type: mount.TypeBind, Source: m.Source, Target: m.Target, ReadOnly: m.ReadOnly})
		case runtime.MountVolume:
			volume := mount.Mount{Type: mount.TypeVolume, Source: m.Source, Target: m.Target, ReadOnly: m.ReadOnly}
			if slices.Contains(spec.NoCopy, m.Target) {
				volume.VolumeOptions = &mount.VolumeOptions{NoCopy: true}
			}
			out = append(out, volume)
		}
	}
	return out, tmpfs
}

func tmpfsOptions(m runtime.Mount) string {
	options := "rw"
	if m.ReadOnly {
		options = "ro"
	}
	options += fmt.Sprintf(",nosuid,nodev,exec,mode=%o", m.Mode)
	if m.SizeBytes > 0 {
		options += fmt.Sprintf(",size=%d", m.SizeBytes)
	}
	return options
}
