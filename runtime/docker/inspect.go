package docker

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/go-connections/nat"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/runtime/engine"
)

// Inspect implements engine.API.
func (a *api) Inspect(ctx context.Context, id string) (runtime.Container, error) {
	c, err := a.cli.ContainerInspect(ctx, id)
	if err != nil {
		return runtime.Container{}, translate(err)
	}
	created, _ := time.Parse(time.RFC3339Nano, c.Created)
	out := runtime.Container{
		ID: c.ID, Name: strings.TrimPrefix(c.Name, "/"), Image: c.Config.Image, ImageID: c.Image,
		State: state(c.State.Status), Created: created, Labels: c.Config.Labels,
		OOMKilled: c.State.OOMKilled, Error: c.State.Error,
		Hostname: c.Config.Hostname, User: c.Config.User, WorkingDir: c.Config.WorkingDir, Env: c.Config.Env,
		Network: network(string(c.HostConfig.NetworkMode)),
	}
	if c.NetworkSettings != nil {
		out.Ports = published(c.NetworkSettings.Ports)
	}
	out.Expected = expected(c.HostConfig.PortBindings)
	for _, m := range c.Mounts {
		if m.Type != mount.TypeTmpfs {
			out.Mounts = append(out.Mounts, mounted(m))
		}
	}
	for target, options := range c.HostConfig.Tmpfs {
		out.Mounts = append(out.Mounts, engine.ParseTmpfs(target, options))
	}
	engine.SortMounts(out.Mounts)
	return out, nil
}

func state(status string) runtime.State {
	switch status {
	case "created":
		return runtime.StateCreated
	case "running", "restarting":
		return runtime.StateRunning
	case "paused":
		return runtime.StatePaused
	}
	return runtime.StateExited // exited, removing, dead
}

func network(mode string) string {
	if mode == "bridge" {
		return runtime.NetworkDefault
	}
	return mode
}

func mounted(m container.MountPoint) runtime.Mount {
	out := runtime.Mount{Type: runtime.MountBind, Source: m.Source, Target: m.Destination, ReadOnly: !m.RW}
	if m.Type == mount.TypeVolume {
		out.Type, out.Source = runtime.MountVolume, m.Name
		if len(m.Name) == 64 { // what the daemon names anonymous ones
			out.Source = ""
		}
	}
	return out
}

func published(ports nat.PortMap) []runtime.PublishedPort {
	var out []runtime.PublishedPort
	for port, bindings := range ports {
		for _, b := range bindings {
			ip, err := netip.ParseAddr(b.HostIP)
			number, portErr := strconv.ParseUint(b.HostPort, 10, 16)
			if err != nil || portErr != nil {
				continue // not bound
			}
			out = append(out, runtime.PublishedPort{
				Container: uint16(port.Int()), Protocol: port.Proto(), Host: netip.AddrPortFrom(ip, uint16(number)),
			})
		}
	}
	engine.SortPorts(out)
	return out
}

func expected(ports nat.PortMap) []runtime.Port {
	var out []runtime.Port
	for port, bindings := range ports {
		for _, b := range bindings {
			ip, _ := netip.ParseAddr(b.HostIP)
			number, _ := strconv.ParseUint(b.HostPort, 10, 16)
			out = append(out, runtime.Port{Container: uint16(port.Int()), Protocol: port.Proto(), HostIP: ip, Host: uint16(number)})
		}
	}
	slices.SortFunc(out, func(a, b runtime.Port) int {
		return cmp.Or(cmp.Compare(a.Container, b.Container), cmp.Compare(a.Protocol, b.Protocol), a.HostIP.Compare(b.HostIP), cmp.Compare(a.Host, b.Host))
	})
	return out
}

// List implements engine.API.
func (a *api) List(ctx context.Context, labels map[string]string) ([]runtime.Container, error) {
	args := filters.NewArgs()
	for key, value := range labels {
		if value != "" {
			key += "=" + value
		}
		args.Add("label", key)
	}
	all, err := a.cli.ContainerList(ctx, container.ListOptions{All: true, Filters: args})
	if err != nil {
		return nil, translate(err)
	}
	out := make([]runtime.Container, 0, len(all))
	for _, c := range all {
		item := runtime.Container{
			ID: c.ID, Image: c.Image, ImageID: c.ImageID, State: state(c.State), Created: time.Unix(c.Created, 0), Labels: c.Labels,
		}
		for _, name := range c.Names {
			if name = strings.TrimPrefix(name, "/"); !strings.Contains(name, "/") { // the others are links of other containers
				item.Name = name
			}
		}
		for _, p := range c.Ports {
			if ip, err := netip.ParseAddr(p.IP); err == nil && p.PublicPort != 0 {
				item.Ports = append(item.Ports, runtime.PublishedPort{
					Container: p.PrivatePort, Protocol: p.Type, Host: netip.AddrPortFrom(ip, p.PublicPort),
				})
			}
		}
		engine.SortPorts(item.Ports)
		out = append(out, item)
	}
	slices.SortStableFunc(out, func(a, b runtime.Container) int { return b.Created.Compare(a.Created) })
	return out, nil
}
