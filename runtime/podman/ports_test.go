package podman

import (
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/sandlot-dev/sandlot/runtime"
)

func TestCollide(t *testing.T) {
	port := func(host, protocol string) runtime.PublishedPort {
		return runtime.PublishedPort{Container: 1, Protocol: protocol, Host: netip.MustParseAddrPort(host)}
	}
	for _, c := range []struct {
		a, b runtime.PublishedPort
		want bool
	}{
		{port("127.0.0.1:80", "tcp"), port("127.0.0.1:80", "tcp"), true},
		{port("127.0.0.1:80", "tcp"), port("0.0.0.0:80", "tcp"), true},
		{port("[::]:80", "tcp"), port("127.0.0.1:80", "tcp"), true},
		{port("127.0.0.1:80", "tcp"), port("127.0.0.2:80", "tcp"), false},
		{port("127.0.0.1:80", "tcp"), port("127.0.0.1:81", "tcp"), false},
		{port("127.0.0.1:80", "tcp"), port("127.0.0.1:80", "udp"), false},
	} {
		if collide(c.a, c.b) != c.want || collide(c.b, c.a) != c.want {
			t.Errorf("%v and %v collide: want %v", c.a, c.b, c.want)
		}
	}
}

// TestTakenPort has a container that would take a port out of a range that another one publishes.
func TestTakenPort(t *testing.T) {
	wanted := ""
	a, _ := fakeService(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/containers/new/json"):
			io.WriteString(w, `{"Id":"new","HostConfig":{"PortBindings":{"80/tcp":[{"HostIp":"","HostPort":"`+wanted+`"}]}}}`)
		case strings.HasSuffix(r.URL.Path, "/containers/json"):
			io.WriteString(w, `[{"Id":"new","State":"created","Ports":[{"host_port":7000,"container_port":80,"protocol":"tcp","range":2}]},
				{"Id":"other","Names":["holder"],"Ports":[{"host_ip":"127.0.0.1","host_port":8000,"container_port":1,"protocol":"tcp","range":3}]}]`)
		}
	})
	for _, wanted = range []string{"7000", "7999", "8003"} {
		if err := a.PortsFree(t.Context(), "new"); err != nil {
			t.Errorf("%s: %v", wanted, err)
		}
	}
	for _, wanted = range []string{"8000", "8002"} {
		err := a.PortsFree(t.Context(), "new")
		if !errors.Is(err, runtime.ErrPortInUse) || !strings.Contains(err.Error(), "holder") {
			t.Errorf("%s: %v", wanted, err)
		}
	}
}
