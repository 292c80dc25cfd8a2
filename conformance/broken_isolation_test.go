package conformance

import (
	"context"
	"errors"
	"net/netip"
	"slices"

	"github.com/sandlot-dev/sandlot/runtime"
)

func isolationBreakers() map[string]breaker {
	// What can trace and read anything in the sandbox.
	tracing := func(b *broken) {
		b.runOptions(func(opts *runtime.RunOptions) { opts.CapAdd, opts.User = []string{"SYS_PTRACE"}, "root" })
		options(func(opts *runtime.ExecOptions) { opts.User = "root" })(b)
	}
	mortal := func(b *broken) {
		then(b, func(id string, argv []string, _ runtime.ExecOptions, _ *runtime.ExecResult, _ *error) {
			if argv[1] == "signals" {
				_, _ = b.whole.Stop(context.Background(), id, runtime.StopOptions{}) // what fails here fails the case
			}
		})
	}
	security := func(option string) breaker {
		return runWith(func(opts *runtime.RunOptions) { opts.SecurityOpt = []string{option} })
	}
	return map[string]breaker{
		"isolation/no-network":           runWith(func(opts *runtime.RunOptions) { opts.Network = runtime.NetworkDefault }),
		"isolation/network-default":      runWith(func(opts *runtime.RunOptions) { opts.Network = runtime.NetworkNone }),
		"isolation/network-unknown":      runWith(func(opts *runtime.RunOptions) { opts.Network = runtime.NetworkNone }),
		"isolation/network-bridge":       runWith(func(opts *runtime.RunOptions) { opts.Network = runtime.NetworkDefault }),
		"isolation/capabilities":         runWith(func(opts *runtime.RunOptions) { opts.CapAdd = []string{"CHOWN"} }),
		"isolation/privileged-calls":     runWith(func(opts *runtime.RunOptions) { opts.CapAdd = []string{"ALL"} }),
		"isolation/cap-add":              runWith(func(opts *runtime.RunOptions) { opts.CapAdd = append(opts.CapAdd, "CHOWN") }),
		"isolation/cap-add-user":         runWith(func(opts *runtime.RunOptions) { opts.User = "" }),
		"isolation/cap-drop":             runWith(func(opts *runtime.RunOptions) { opts.CapDrop = nil }),
		"isolation/cap-unknown":          runWith(func(opts *runtime.RunOptions) { opts.CapAdd, opts.CapDrop = nil, nil }),
		"isolation/no-new-privileges":    security("no-new-privileges=false"),
		"isolation/seccomp":              security("seccomp=unconfined"),
		"isolation/seccomp-profile":      security("seccomp=unconfined"),
		"isolation/apparmor":             runWith(func(opts *runtime.RunOptions) { opts.SecurityOpt = nil }),
		"isolation/selinux":              runWith(func(opts *runtime.RunOptions) { opts.SecurityOpt = nil }),
		"isolation/security-opt-unknown": runWith(func(opts *runtime.RunOptions) { opts.SecurityOpt = nil }),
		"isolation/nothing-mounted": runWith(func(opts *runtime.RunOptions) {
			opts.Mounts = []runtime.Mount{{Type: runtime.MountBind, Source: "/usr", Target: "/mnt/host", ReadOnly: true}}
		}),
		"isolation/read-only-root": runWith(func(opts *runtime.RunOptions) { opts.ReadOnlyRoot = false }),
		"isolation/pids-default":   runWith(func(opts *runtime.RunOptions) { opts.PidsLimit = -1 }),
		"isolation/pids-limit":     runWith(func(opts *runtime.RunOptions) { opts.PidsLimit = 0 }),
		"isolation/memory-limit":   runWith(func(opts *runtime.RunOptions) { opts.MemoryBytes = 0 }),
		"isolation/cpu-limit":      runWith(func(opts *runtime.RunOptions) { opts.CPUs = 0 }),

		"guest/signals":           mortal,
		"guest/signals-as-user":   mortal,
		"guest/attack":            tracing,
		"guest/attack-as-user":    tracing,
		"guest/attack-by-root":    tracing,
		"guest/attack-supervisor": tracing,
		"guest/program":           runWith(func(opts *runtime.RunOptions) { opts.CapAdd = []string{"DAC_OVERRIDE"} }),
		"guest/orphans": func(b *broken) {
			b.exec = func(ctx context.Context, id string, argv []string, opts runtime.ExecOptions) (runtime.ExecResult, error) {
				if argv[1] == "supervisor" { // what it started stays
					argv = probeArgv("leave", argv[3], "daemon")
				}
				return b.whole.Exec(ctx, id, argv, opts)
			}
		},
		"guest/user-without-home": onHost,

		"mount/volume": mountWith(func(m *runtime.Mount) { m.Source = "" }),
		"mount/volume-anonymous": func(b *broken) {
			name := "sandlot-conformance-broken-" + token()
			mountWith(func(m *runtime.Mount) { m.Source = name })(b)
		},
		"mount/volume-read-only":     mountWith(func(m *runtime.Mount) { m.ReadOnly = false }),
		"mount/volume-missing":       mountWith(func(m *runtime.Mount) { m.ReadOnly = false }),
		"mount/volume-owner":         rootsVolumes,
		"mount/volume-at-once":       mountWith(func(m *runtime.Mount) { m.Source = "" }),
		"mount/volume-of-image":      rootsVolumes,
		"mount/volume-copied":        mountWith(func(m *runtime.Mount) { m.Source = "" }),
		"mount/volume-remove":        kind(runtime.ErrInUse),
		"mount/bind":                 runWith(func(opts *runtime.RunOptions) { opts.Mounts = nil }),
		"mount/bind-missing":         mountWith(func(m *runtime.Mount) { m.Source = "/usr" }),
		"mount/tmpfs":                mountWith(func(m *runtime.Mount) { m.Mode = 0o755 }),
		"mount/tmpfs-size":           mountWith(func(m *runtime.Mount) { m.SizeBytes *= 2 }),
		"mount/tmpfs-over-directory": mountWith(func(m *runtime.Mount) { m.Mode = 0o755 }),
		"mount/target-made":          runWith(func(opts *runtime.RunOptions) { opts.Mounts = nil }),
		"mount/kernel":               mountWith(func(m *runtime.Mount) { m.Target = "/mnt" + m.Target }),
		"mount/invalid":              kind(runtime.ErrInvalid),
	}
}

// rootsVolumes leaves new volumes to root.
func rootsVolumes(b *broken) {
	b.run = func(ctx *context.Context, _ *string, _ *runtime.RunOptions) func(*runtime.RunResult, *error) {
		return func(res *runtime.RunResult, err *error) {
			c, inspectErr := b.whole.Inspect(*ctx, res.ID, runtime.InspectOptions{})
			*err = errors.Join(*err, inspectErr)
			for _, m := range c.Mounts {
				_, changeErr := b.whole.ChangeFile(*ctx, res.ID, m.Target, runtime.Chown{}, runtime.ChangeFileOptions{})
				*err = errors.Join(*err, changeErr)
			}
		}
	}
}

func mountWith(change func(m *runtime.Mount)) breaker {
	return runWith(func(opts *runtime.RunOptions) {
		opts.Mounts = slices.Clone(opts.Mounts)
		for i := range opts.Mounts {
			change(&opts.Mounts[i])
		}
	})
}

func portWith(change func(p *runtime.Port)) breaker {
	return runWith(func(opts *runtime.RunOptions) {
		opts.Ports = slices.Clone(opts.Ports)
		for i := range opts.Ports {
			change(&opts.Ports[i])
		}
	})
}

func portBreakers() map[string]breaker {
	otherHostPort := func(at netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(at.Addr(), 1) }
	return map[string]breaker{
		"ports/tcp":            portWith(func(p *runtime.Port) { p.Container++ }),
		"ports/udp":            portWith(func(p *runtime.Port) { p.Protocol = "tcp" }),
		"ports/both-protocols": runWith(func(opts *runtime.RunOptions) { opts.Ports = opts.Ports[:1] }),
		"ports/random": inspected(func(c *runtime.Container) {
			for i := range c.Ports {
				c.Ports[i].Host = otherHostPort(c.Ports[i].Host)
			}
		}),
		"ports/fixed":        portWith(func(p *runtime.Port) { p.Host = 0 }),
		"ports/loopback":     portWith(func(p *runtime.Port) { p.HostIP = netip.IPv4Unspecified() }),
		"ports/host-address": portWith(func(p *runtime.Port) { p.HostIP = netip.Addr{} }),
		"ports/taken":        portWith(func(p *runtime.Port) { p.Host = 0 }),
		"ports/not-published": inspected(func(c *runtime.Container) {
			c.Ports = append(c.Ports, runtime.PublishedPort{Container: 8081, Protocol: "tcp"})
		}),
		"ports/not-running": inspected(func(c *runtime.Container) { c.State = runtime.StateRunning }),
		"ports/after-restart": inspected(func(c *runtime.Container) {
			for i := range c.Ports { // those of before the restart
				c.Ports[i].Host = otherHostPort(c.Ports[i].Host)
			}
		}),
		"ports/listed": listed(func(all *[]runtime.Container) {
			for i := range *all {
				(*all)[i].Ports = nil
			}
		}),
		"ports/released": notRemoved,
		"ports/without-network": runWith(func(opts *runtime.RunOptions) {
			opts.Network = runtime.NetworkDefault
		}),
		"ports/invalid": runWith(func(opts *runtime.RunOptions) { opts.Ports = nil }),
	}
}
