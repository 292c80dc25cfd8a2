package podman

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strconv"

	"github.com/containers/podman/v5/libpod/define"

	"github.com/sandlot-dev/sandlot/runtime"
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
	sortPorts(out)
	return out
}

// published reads no address as every address, which is what Podman means by it.
func published(hostIP string, host, container uint16, protocol string) runtime.PublishedPort {
	addr, err := netip.ParseAddr(hostIP)
	if err != nil {
		addr = netip.IPv4Unspecified()
	}
	return runtime.PublishedPort{Container: container, Protocol: protocol, Host: netip.AddrPortFrom(addr, host)}
}

func sortPorts(ports []runtime.PublishedPort) {
	slices.SortFunc(ports, func(a, b runtime.PublishedPort) int {
		if a.Container != b.Container {
			return int(a.Container) - int(b.Container)
		}
		if a.Protocol != b.Protocol {
			if a.Protocol < b.Protocol {
				return -1
			}
			return 1
		}
		return a.Host.Compare(b.Host)
	})
}
