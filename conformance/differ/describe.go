package differ

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/sandlot-dev/sandlot/runtime"
)

// describe adds what an inspect says of a sandbox, or a list where of is set.
func (s *session) describe(f *facts, of string, c runtime.Container) {
	add := func(what string, value any) { f.add(of+what, value) }
	add("Name", s.common(c.Name))
	add("ID is the sandbox's", strings.HasPrefix(s.common(c.ID), "<id of "))
	add("Image", s.common(c.Image))
	add("ImageID begins with sha256:", strings.HasPrefix(c.ImageID, "sha256:"))
	add("State", c.State)
	add("Created is set", !c.Created.IsZero())
	labels := []string{}
	for k, v := range c.Labels {
		if k != labelSequence {
			labels = append(labels, fmt.Sprintf("%q=%q", k, v))
		}
	}
	slices.Sort(labels)
	add("Labels", labels)
	ports := []string{}
	for _, p := range c.Ports {
		ports = append(ports, fmt.Sprintf("%d/%s at %s", p.Container, p.Protocol, s.address(p.Host)))
	}
	slices.Sort(ports)
	add("Ports", ports)
	if of != "" {
		return
	}
	add("OOMKilled", c.OOMKilled)
	add("Error is set", c.Error != "")
	add("Hostname", s.common(c.Hostname))
	add("User", c.User)
	add("WorkingDir", c.WorkingDir)
	env := []string{}
	for _, e := range c.Env {
		env = append(env, fmt.Sprintf("%q", s.common(e)))
	}
	slices.Sort(env)
	add("Env", env)
	add("Network", c.Network)
	mounts := []string{}
	for _, m := range c.Mounts {
		m.Source = s.common(m.Source)
		mounts = append(mounts, fmt.Sprintf("%+v", m))
	}
	slices.Sort(mounts)
	add("Mounts", mounts)
	expected := []string{}
	for _, p := range c.Expected {
		host := fmt.Sprint(p.Host)
		if n := s.portNumber(p.Host); n != 0 {
			host = fmt.Sprint("port ", n)
		}
		expected = append(expected, fmt.Sprintf("%d/%s at %s, %s", p.Container, p.Protocol, p.HostIP, host))
	}
	slices.Sort(expected)
	add("Expected", expected)
}

// portNumber is the number that a sequence has for a port of the host, 0 when it has none.
func (s *session) portNumber(port uint16) uint16 {
	for n, p := range s.ports {
		if p == port && p != 0 {
			return n
		}
	}
	return 0
}

// address is an address of the host as a sequence knows it.
func (s *session) address(a netip.AddrPort) string {
	port := "a free port"
	if n := s.portNumber(a.Port()); n != 0 {
		port = fmt.Sprint("port ", n)
	} else if a.Port() == 0 {
		port = "port zero"
	}
	return a.Addr().String() + ", " + port
}

func (s *session) list(ctx context.Context, f *facts, labels map[string]string) {
	wanted := map[string]string{labelSequence: s.token}
	for k, v := range labels {
		wanted[k] = v
	}
	all, err := s.rt.List(ctx, runtime.ListOptions{Labels: wanted})
	if f.addError(s, err); err != nil {
		return
	}
	f.add("how many", len(all))
	for i, c := range all {
		s.describe(f, fmt.Sprintf("[%d].", i), c)
	}
}
