package podman

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"github.com/containers/podman/v5/libpod/define"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/runtime/engine"
)

// encodePorts keeps which ports were asked for: Podman itself puts the port it picked in the place of "a free one".
func encodePorts(ports []runtime.Port) string {
	if len(ports) == 0 {
		return ""
	}
	text, _ := json.Marshal(ports) // numbers, addresses and strings: never fails
	return string(text)
}

func decodePorts(text string) []runtime.Port {
	var ports []runtime.Port
	if json.Unmarshal([]byte(text), &ports) != nil {
		return nil
	}
	return ports
}

// inspectPorts reads the ports of an inspect answer, keyed by "8080/tcp".
func inspectPorts(bindings map[string][]define.InspectHostPort) []runtime.PublishedPort {
	var out []runtime.PublishedPort
	for key, hosts := range bindings {
		number, protocol, err := runtime.ParsePort(key)
		if err != nil {
			continue
		}
		for _, h := range hosts {
			port, err := strconv.ParseUint(h.HostPort, 10, 16)
			if err != nil || port == 0 {
				continue
			}
			out = append(out, published(h.HostIP, uint16(port), number, protocol))
		}
	}
	engine.SortPorts(out)
	return out
}

// A portRange is ports of a list's answer: neighbours are listed as one.
type portRange struct {
	HostIP        string `json:"host_ip"`
	HostPort      uint16 `json:"host_port"`
	ContainerPort uint16 `json:"container_port"`
	Protocol      string `json:"protocol"`
	Range         uint16 `json:"range"`
}

func listedPorts(ranges []portRange) []runtime.PublishedPort {
	var out []runtime.PublishedPort
	for _, r := range ranges {
		for i := range max(r.Range, 1) {
			out = append(out, published(r.HostIP, r.HostPort+i, r.ContainerPort+i, r.Protocol))
		}
	}
	engine.SortPorts(out)
	return out
}

// PortsFree implements engine.PortChecker. Podman finds out by itself, but only when it has set
// up the network; and what it then takes down again, with root, is rules of the container that holds the port, whose port is
// reached no more (netavark 1.4).
func (a *api) PortsFree(ctx context.Context, id string) error {
	var data define.InspectContainerData
	err := a.client.json(ctx, call{method: http.MethodGet, path: endpoint("containers", id, "json")}, nil, &data)
	if err != nil {
		return failure(err, runtime.ErrNotFound)
	}
	if data.HostConfig == nil {
		return nil
	}
	wanted := inspectPorts(data.HostConfig.PortBindings)
	if len(wanted) == 0 {
		return nil
	}
	others, err := a.list(ctx, map[string][]string{"status": {"running", "paused"}})
	if err != nil {
		return err
	}
	for _, other := range others {
		if other.ID == data.ID {
			continue
		}
		for _, held := range listedPorts(other.Ports) {
			for _, w := range wanted {
				if collide(w, held) {
					return &runtime.Error{
						Kind:    runtime.ErrPortInUse,
						Message: fmt.Sprintf("%s of the host is published by container %s", w.Host, strings.Join(other.Names, ", ")),
					}
				}
			}
		}
	}
	return nil
}

// collide says whether two ports of the host cannot be had at once.
func collide(a, b runtime.PublishedPort) bool {
	if a.Protocol != b.Protocol || a.Host.Port() != b.Host.Port() {
		return false
	}
	return a.Host.Addr() == b.Host.Addr() || a.Host.Addr().IsUnspecified() || b.Host.Addr().IsUnspecified()
}

// published reads no address as every address, which is what Podman means by it.
func published(hostIP string, host, container uint16, protocol string) runtime.PublishedPort {
	addr, err := netip.ParseAddr(hostIP)
	if err != nil {
		addr = netip.IPv4Unspecified()
	}
	return runtime.PublishedPort{Container: container, Protocol: protocol, Host: netip.AddrPortFrom(addr, host)}
}
