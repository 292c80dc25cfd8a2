package runtime

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
)

func TestParsePort(t *testing.T) {
	for port, want := range map[string]struct {
		number   uint16
		protocol string
	}{"8080": {8080, "tcp"}, "1/tcp": {1, "tcp"}, "65535/udp": {65535, "udp"}} {
		if number, protocol, err := ParsePort(port); err != nil || number != want.number || protocol != want.protocol {
			t.Errorf("%q: %d, %q, %v", port, number, protocol, err)
		}
	}
	for _, port := range []string{"", "0", "65536", "-1", "+1", "http", "80/", "80/sctp", "80/TCP", "/tcp", "8080/tcp/udp", " 80", "80-90", "1e3"} {
		if number, _, err := ParsePort(port); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %d, %v, want ErrInvalid", port, number, err)
		}
	}
}

func TestHostPort(t *testing.T) {
	host := netip.MustParseAddrPort("127.0.0.1:32768")
	c := Container{ID: "0123456789ab", Name: "box", State: StateRunning, Ports: []PublishedPort{
		{Container: 53, Protocol: "udp", Host: netip.MustParseAddrPort("127.0.0.1:1")},
		{Container: 80, Protocol: "tcp", Host: host},
	}}
	for _, port := range []string{"80", "80/tcp"} {
		if got, err := c.HostPort(port); err != nil || got != host {
			t.Errorf("%s: %v, %v", port, got, err)
		}
	}
	for port, want := range map[string]error{"53": ErrNotFound, "80/udp": ErrNotFound, "81": ErrNotFound, "x": ErrInvalid} {
		if got, err := c.HostPort(port); !errors.Is(err, want) || got.IsValid() {
			t.Errorf("%s: %v, %v, want %v", port, got, err, want)
		}
	}
	for state, want := range map[State]error{StatePaused: nil, StateCreated: ErrNotRunning, StateExited: ErrNotRunning, "": ErrNotRunning} {
		c.State = state
		if _, err := c.HostPort("80"); !errors.Is(err, want) || err != nil && !strings.HasPrefix(err.Error(), "host port box: ") {
			t.Errorf("%s: %v, want %v", state, err, want)
		}
	}
}
