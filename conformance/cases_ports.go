package conformance

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
)

const contractPort = "runtime.Port"

func portCases() []Case {
	tcp := []runtime.Capability{runtime.CapabilityNetwork, runtime.CapabilityPublishTCP}
	udp := []runtime.Capability{runtime.CapabilityNetwork, runtime.CapabilityPublishUDP}
	return []Case{
		{
			ID: "ports/tcp", Contract: contractPort, Needs: tcp,
			Rule: "A published tcp port is reached on the host.",
			Run: func(t *T) {
				id := t.Run(published(runtime.Port{Container: 8080}))
				t.Start(id, runtime.ExecOptions{}, "listen", "tcp", "8080").Ready()
				t.echoes("tcp", t.hostPort(id, "8080/tcp"))
				t.Equal("HostPort without a protocol", t.hostPort(id, "8080"), t.hostPort(id, "8080/tcp"))
			},
		},
		{
			ID: "ports/udp", Contract: contractPort, Needs: udp,
			Rule: "A published udp port is reached on the host.",
			Run: func(t *T) {
				id := t.Run(published(runtime.Port{Container: 5353, Protocol: "udp"}))
				t.Start(id, runtime.ExecOptions{}, "listen", "udp", "5353").Ready()
				t.echoes("udp", t.hostPort(id, "5353/udp"))
			},
		},
		{
			ID: "ports/both-protocols", Contract: contractPort, Needs: append(tcp, udp...),
			Rule: "A port can be published for tcp and for udp, each on its own.",
			Run: func(t *T) {
				id := t.Run(published(runtime.Port{Container: 7000, Protocol: "udp"}, runtime.Port{Container: 7000, Protocol: "tcp"}))
				t.Start(id, runtime.ExecOptions{}, "listen", "tcp", "7000").Ready()
				t.Start(id, runtime.ExecOptions{}, "listen", "udp", "7000").Ready()
				t.echoes("tcp", t.hostPort(id, "7000/tcp"))
				t.echoes("udp", t.hostPort(id, "7000/udp"))
			},
		},
		{
			ID: "ports/random", Contract: contractPort + ".Host", Needs: tcp,
			Rule: "Without a host port a free one is taken, another for each port of each sandbox.",
			Run: func(t *T) {
				opts := published(runtime.Port{Container: 8080}, runtime.Port{Container: 8081})
				seen := map[uint16]bool{}
				for range 2 {
					id := t.Run(opts)
					for _, port := range []string{"8080/tcp", "8081/tcp"} {
						seen[t.hostPort(id, port).Port()] = true
					}
				}
				t.Equal("how many host ports there are", len(seen), 4)
				t.Equal("port 0 among them", seen[0], false)
			},
		},
		{
			ID: "ports/fixed", Contract: contractPort + ".Host", Needs: tcp,
			Rule: "A host port that is asked for is the one that is bound.",
			Run: func(t *T) {
				host := t.freePort()
				id := t.Run(published(runtime.Port{Container: 8080, Host: host}))
				t.Start(id, runtime.ExecOptions{}, "listen", "tcp", "8080").Ready()
				t.Equal("the host port", t.hostPort(id, "8080/tcp"), netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), host))
				t.echoes("tcp", t.hostPort(id, "8080/tcp"))
			},
		},
		{
			ID: "ports/loopback", Contract: contractPort + ".HostIP", Needs: tcp,
			Rule: "A port is bound to 127.0.0.1 unless asked otherwise, and to no other address.",
			Run: func(t *T) {
				id := t.Run(published(runtime.Port{Container: 8080}))
				t.Start(id, runtime.ExecOptions{}, "listen", "tcp", "8080").Ready()
				at := t.hostPort(id, "8080/tcp")
				t.Equal("the host address", at.Addr(), netip.MustParseAddr("127.0.0.1"))
				t.echoes("tcp", at)
				t.refuses(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), at.Port()))
			},
		},
		{
			ID: "ports/host-address", Contract: contractPort + ".HostIP", Needs: tcp,
			Rule: "A port is bound to the host address that is asked for, and to no other.",
			Run: func(t *T) {
				id := t.Run(published(runtime.Port{Container: 8080, HostIP: netip.MustParseAddr("127.0.0.2")}))
				t.Start(id, runtime.ExecOptions{}, "listen", "tcp", "8080").Ready()
				at := t.hostPort(id, "8080/tcp")
				t.Equal("the host address", at.Addr(), netip.MustParseAddr("127.0.0.2"))
				t.echoes("tcp", at)
				t.refuses(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), at.Port()))
			},
		},
		{
			ID: "ports/taken", Contract: contractRun, Needs: tcp,
			Rule: "A host port that is taken is ErrPortInUse, nothing of the sandbox is left, and what holds it goes on.",
			Run: func(t *T) {
				first := t.Run(published(runtime.Port{Container: 8080}))
				t.Start(first, runtime.ExecOptions{}, "listen", "tcp", "8080").Ready()
				at := t.hostPort(first, "8080/tcp")
				opts := published(runtime.Port{Container: 8080, Host: at.Port()})
				opts.Name = t.Name()
				_, err := t.TryRun(t.Image(), opts)
				t.ErrorIs("run", err, runtime.ErrPortInUse)
				t.noSandbox(t.Name())
				t.echoes("tcp", at)
			},
		},
		{
			ID: "ports/not-published", Contract: "runtime.Container.HostPort", Needs: tcp,
			Rule: "A port that is not published is ErrNotFound.",
			Run: func(t *T) {
				c := t.Inspect(t.Run(published(runtime.Port{Container: 8080})))
				for _, port := range []string{"8081/tcp", "8080/udp"} {
					_, err := c.HostPort(port)
					t.ErrorIs("the host port of "+port, err, runtime.ErrNotFound)
				}
			},
		},
		{
			ID: "ports/not-running", Contract: "runtime.Container.HostPort", Needs: tcp,
			Rule: "While a sandbox does not run, its ports are ErrNotRunning; what it was asked to publish is still told.",
			Run: func(t *T) {
				id := t.Run(published(runtime.Port{Container: 8080}))
				t.stop(id, runtime.StopOptions{})
				c := t.Inspect(id)
				_, err := c.HostPort("8080/tcp")
				t.ErrorIs("the host port", err, runtime.ErrNotRunning)
				t.Equal("Ports", len(c.Ports), 0)
				if t.Equal("the length of Expected", len(c.Expected), 1) {
					t.Equal("port and protocol", []any{c.Expected[0].Container, c.Expected[0].Protocol}, []any{uint16(8080), "tcp"})
				}
			},
		},
		{
			ID: "ports/after-restart", Contract: contractStopper, Needs: tcp,
			Rule: "After a restart a port is reached again, where Inspect then says.",
			Run: func(t *T) {
				id := t.Run(published(runtime.Port{Container: 8080}))
				t.stop(id, runtime.StopOptions{})
				t.start(id)
				t.Start(id, runtime.ExecOptions{}, "listen", "tcp", "8080").Ready()
				t.echoes("tcp", t.hostPort(id, "8080/tcp"))
			},
		},
		{
			ID: "ports/listed", Contract: "runtime.Container.Ports", Needs: append(tcp, udp...),
			Rule: "Inspect and List tell the same published ports.",
			Run: func(t *T) {
				id := t.Run(published(runtime.Port{Container: 8080}, runtime.Port{Container: 53, Protocol: "udp"}))
				all := t.list(t.Labels(nil))
				if !t.Equal("the length of the list", len(all), 1) {
					return
				}
				for _, port := range []string{"8080/tcp", "53/udp"} {
					listed, err := all[0].HostPort(port)
					t.NoError("the host port of "+port+" in the list", err)
					t.Equal(port, listed, t.hostPort(id, port))
				}
				t.Equal("how many ports there are", []int{len(all[0].Ports), len(t.Inspect(id).Ports)}, []int{2, 2})
			},
		},
		{
			ID: "ports/released", Contract: contractRemove, Needs: tcp,
			Rule: "When Remove returns, the sandbox's host ports are free again.",
			Run: func(t *T) {
				id := t.Run(published(runtime.Port{Container: 8080}))
				at := t.hostPort(id, "8080/tcp")
				t.Remove(id)
				again := t.Run(published(runtime.Port{Container: 8080, Host: at.Port()}))
				t.Equal("the host port of the next", t.hostPort(again, "8080/tcp"), at)
			},
		},
		{
			ID: "ports/without-network", Contract: contractRunOptions + ".Ports",
			Rule: "Ports need a network: without one they are ErrInvalid.",
			Run: func(t *T) {
				for _, network := range []string{"", runtime.NetworkNone} {
					_, err := t.TryRun(t.Image(), runtime.RunOptions{Network: network, Ports: []runtime.Port{{Container: 8080}}})
					t.ErrorIs("run", err, runtime.ErrInvalid)
				}
			},
		},
		{
			ID: "ports/invalid", Contract: contractPort, Needs: tcp,
			Rule: "A port 0 and a protocol other than tcp and udp are ErrInvalid.",
			Run: func(t *T) {
				for _, port := range []runtime.Port{{}, {Container: 80, Protocol: "sctp"}, {Container: 80, Protocol: "TCP"}} {
					_, err := t.TryRun(t.Image(), published(port))
					t.ErrorIs(fmt.Sprintf("run with %+v", port), err, runtime.ErrInvalid)
				}
			},
		},
	}
}

func published(ports ...runtime.Port) runtime.RunOptions {
	return runtime.RunOptions{Network: runtime.NetworkDefault, Ports: ports}
}

func (t *T) hostPort(id, port string) netip.AddrPort {
	at, err := t.Inspect(id).HostPort(port)
	t.NoError("the host port of "+port, err)
	return at
}

// freePort is a port of the host that was free a moment ago: a sandbox that is gone had it.
func (t *T) freePort() uint16 {
	id := t.Run(published(runtime.Port{Container: 8080}))
	at := t.hostPort(id, "8080/tcp")
	t.Remove(id)
	return at.Port()
}

// echoes asserts that a probe that listens answers at an address of the host. A datagram may be lost, so it is sent until one comes back.
func (t *T) echoes(network string, at netip.AddrPort) {
	t.Input("%s to %s on the host", network, at)
	c, err := t.Dial(t.ctx, network, at.String())
	t.NoError("dialling", err)
	defer c.Close()
	stop := context.AfterFunc(t.ctx, func() { c.Close() })
	defer stop()
	want := []byte("echo:" + t.token)
	got := make([]byte, len(want))
	for {
		_, err = io.WriteString(c, t.token)
		t.NoError("writing", err)
		if network == "tcp" {
			_, err = io.ReadFull(c, got)
			break
		}
		t.NoError("setting a deadline", c.SetReadDeadline(time.Now().Add(500*time.Millisecond)))
		if _, err = c.Read(got); err == nil || t.ctx.Err() != nil {
			break
		}
	}
	t.NoError("reading", err)
	t.True(bytes.Equal(got, want), "the answer", got, string(want))
}

// refuses asserts that nothing listens at an address of the host.
func (t *T) refuses(at netip.AddrPort) {
	t.Input("tcp to %s on the host", at)
	c, err := t.Dial(t.ctx, "tcp", at.String())
	if err != nil {
		return
	}
	defer c.Close()
	// A proxy that accepts for all addresses and then hangs up is no better: the port is bound.
	t.Errorf("dialling %s\n  got:   a connection\n  want:  refused", at)
}
