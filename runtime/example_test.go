package runtime_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"

	"github.com/sandlot-dev/sandlot/runtime"
)

func ExampleOpen() {
	// A driver of one's own; docker.Driver and podman.Driver are the usual ones.
	nowhere := runtime.Driver{Name: "nowhere", Open: func(context.Context, *url.URL) (runtime.Runtime, error) {
		return nil, &runtime.Error{Op: "open", Runtime: "nowhere", Kind: runtime.ErrUnavailable, Hint: "use another"}
	}}
	_, err := runtime.Open(context.Background(), "nowhere", nowhere)
	fmt.Println(err)
	_, err = runtime.Open(context.Background(), "elsewhere", nowhere)
	fmt.Println(errors.Is(err, runtime.ErrInvalid))
	// Output:
	// open on nowhere: unavailable; use another
	// true
}

func ExampleError() {
	var err error = &runtime.Error{
		Op: "exec", ID: "box", Runtime: "docker", Kind: runtime.ErrTimeout, Message: "after 2s", Err: context.DeadlineExceeded,
	}
	var e *runtime.Error
	fmt.Println(errors.Is(err, runtime.ErrTimeout), errors.Is(err, context.DeadlineExceeded), errors.As(err, &e) && e.ID == "box")
	// Output: true true true
}

func ExampleContainer_HostPort() {
	c := runtime.Container{State: runtime.StateRunning, Ports: []runtime.PublishedPort{
		{Container: 8080, Protocol: "tcp", Host: netip.MustParseAddrPort("127.0.0.1:32768")},
	}}
	port, err := c.HostPort("8080")
	fmt.Println(port, err)
	_, err = c.HostPort("8080/udp")
	fmt.Println(errors.Is(err, runtime.ErrNotFound))
	// Output:
	// 127.0.0.1:32768 <nil>
	// true
}

func ExampleParsePort() {
	number, protocol, err := runtime.ParsePort("53/udp")
	fmt.Println(number, protocol, err)
	// Output: 53 udp <nil>
}

func ExampleCapabilities() {
	cs := runtime.Capabilities{
		runtime.CapabilityTTY:         {OK: true},
		runtime.CapabilityMemoryLimit: {Reason: "cgroup v1", Fix: "boot with cgroup v2"},
	}
	fmt.Println(cs.Has(runtime.CapabilityTTY), cs.Has(runtime.CapabilitySELinux))
	fmt.Println(cs.Check(runtime.CapabilityMemoryLimit, "run", "a memory limit"))
	// Output:
	// true false
	// run: unsupported operation: a memory limit needs the capability memory-limit, which this engine does not have: cgroup v1; boot with cgroup v2
}
