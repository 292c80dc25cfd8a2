package differ

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/sandlot-dev/sandlot/runtime"
)

// run makes a Run: half of them plain, the others with some options, a quarter with one that is wrong.
func (g *generator) run(letter string) Step {
	r := &RunStep{}
	step := Step{Op: OpRun, Sandbox: letter, Run: r}
	m := &model{}
	if len(g.images) > 0 && g.chance(0.15) {
		r.Image = pick(g, g.images...)
	}
	if g.chance(0.6) {
		o := &r.Options
		for _, option := range some(g, 4, g.name, g.env, g.dir, g.user, g.hostname, g.labels, g.mounts, g.mounts, g.network, g.root, g.caps, g.security, g.limits) {
			option(o)
		}
	}
	valid := true
	if g.chance(0.25) {
		valid = g.spoil(r)
	}
	o := &r.Options
	for other, there := range g.sandboxes {
		if o.Name == "" || there.name != o.Name {
			continue
		}
		if valid = valid && o.Replace; valid {
			delete(g.sandboxes, other)
		}
	}
	m.name, m.network = o.Name, o.Network != "" && o.Network != runtime.NetworkNone
	for _, mount := range o.Mounts {
		m.targets = append(m.targets, mount.Target)
	}
	if valid {
		g.sandboxes[letter] = m
	}
	return step
}

func (g *generator) name(o *RunOptions) {
	o.Name, o.Replace = pick(g, "$one", "$two", "$with.dot_and-more"), g.chance(0.4)
}

func (g *generator) env(o *RunOptions) { o.Env = g.variables() }

// variables are entries of an environment, all valid.
func (g *generator) variables() []string {
	return some(g, 4, "A=1", "A=2", "B=two words", "EMPTY=", "X=a=b=c", "NL=line\nline", "PATH=/", "HOME=/tmp", "FROM_IMAGE=no", "ü=ü", "HOSTNAME=h", "TERM=vt100",
		"A KEY=1", "Q='\"$A", "LANG=C.UTF-8", "container=x", "TMPDIR=/x", "LONG="+strings.Repeat("x", 5000))
}

func (g *generator) dir(o *RunOptions) {
	o.WorkingDir = pick(g, "/tmp", "/work/new/dir", "/", "/home/worker", "/tmp/../tmp/x", "/work/", "//tmp", "/mnt/tmp/in", "/mnt/vol/in", "/root", "/a b/ü")
}

func (g *generator) user(o *RunOptions) { o.User = g.someone() }

// someone is a user that the suite's image has, or a number.
func (g *generator) someone() string {
	return pick(g, "worker", "worker", "1000", "1000:2000", "worker:other", "other", "root", "0", "0:0", "12345", "12345:54321", "65534", "root:worker", "1000:0")
}

func (g *generator) nobody() string {
	return pick(g, "nobody-knows", "worker:no-such-group", "-x", "a b", ":1", "1:", "worker:", " ", "4294967296", "-1", "1000:99999999999", "1:2:3", "ü", "2147483648", "0x10", "+1")
}

func (g *generator) hostname(o *RunOptions) {
	o.Hostname = pick(g, "host", "a.b.c", "UPPER", strings.Repeat("x", 63), "1")
}

func (g *generator) labels(o *RunOptions) {
	o.Labels = pick(g, map[string]string{"k": "v"}, map[string]string{"k": "w", "e": ""}, map[string]string{"ü": "ü x"},
		map[string]string{"a.b/c": "1", "k": "v"}, map[string]string{"n": "line\nline"}, map[string]string{"eq": "a=b", " ": " "})
}

func (g *generator) mounts(o *RunOptions) {
	mounts := some(g, 3,
		runtime.Mount{Type: runtime.MountTmpfs, Target: "/mnt/tmp", SizeBytes: pick[int64](g, 0, 1<<20, 65536), Mode: pick[uint32](g, 0, 0o700, 0o755, 0o1777, 0o1)},
		runtime.Mount{Type: runtime.MountTmpfs, Target: pick(g, "/tmp", "/work", "/new/place", "/run", "/mnt/slash/", "/dev/shm")},
		// It may have the mode of what it covers, which from the second start on is what the engine has made for it.
		runtime.Mount{Type: runtime.MountTmpfs, Target: "/new/empty", ReadOnly: true, Mode: 0o755},
		runtime.Mount{Type: runtime.MountVolume, Source: pick(g, "$v1", "$v2", ""), Target: "/mnt/vol", ReadOnly: g.chance(0.1)},
		runtime.Mount{Type: runtime.MountVolume, Source: pick(g, "$v1", "$v2", ""), Target: pick(g, "/home/worker", "/new/deep/volume", "/home", "/mnt/other")},
		runtime.Mount{Type: runtime.MountBind, Source: "/srv", Target: "/mnt/" + ofHost, ReadOnly: true}, // there everywhere, and small
	)
	for _, m := range mounts {
		if !slices.ContainsFunc(o.Mounts, func(have runtime.Mount) bool { return have.Target == m.Target }) {
			o.Mounts = append(o.Mounts, m)
		}
	}
}

func (g *generator) network(o *RunOptions) {
	o.Network = pick(g, runtime.NetworkNone, runtime.NetworkDefault, runtime.NetworkDefault, runtime.NetworkHost)
	if o.Network == runtime.NetworkDefault && g.chance(0.7) {
		o.Ports = some(g, 3, runtime.Port{Container: 8080}, runtime.Port{Container: 8080, Protocol: "tcp", Host: pick[uint16](g, 1, 2)},
			runtime.Port{Container: 8081, HostIP: netip.MustParseAddr("0.0.0.0")}, runtime.Port{Container: 53, Protocol: "udp"},
			runtime.Port{Container: 8081, Protocol: "tcp", HostIP: netip.MustParseAddr("127.0.0.1")}, runtime.Port{Container: 65535, Host: 3})
	}
}

func (g *generator) root(o *RunOptions) { o.ReadOnlyRoot = true }

func (g *generator) caps(o *RunOptions) {
	o.CapAdd = some(g, 2, "NET_BIND_SERVICE", "cap_chown", "CHOWN", "Setuid", "MKNOD", "FOWNER", "KILL", "NET_RAW")
	if g.chance(0.3) {
		o.CapDrop = some(g, 2, "CHOWN", "CAP_SETUID", "ALL", "AUDIT_WRITE")
	}
}

func (g *generator) security(o *RunOptions) {
	o.SecurityOpt = some(g, 2, "no-new-privileges="+pick(g, "true", "false"), "seccomp="+pick(g, "unconfined", `{"defaultAction":"SCMP_ACT_ALLOW"}`))
}

func (g *generator) limits(o *RunOptions) {
	switch g.IntN(3) {
	case 0:
		o.MemoryBytes = pick[int64](g, 64<<20, 512<<20, 100_000_001)
	case 1:
		o.CPUs = pick(g, 0.5, 1, 1.333)
	case 2:
		o.PidsLimit = pick[int64](g, 100, -1)
	}
}

// spoil makes one thing of a Run wrong, and says whether it may work nevertheless.
func (g *generator) spoil(r *RunStep) bool {
	o := &r.Options
	addMount := func(m runtime.Mount) { o.Mounts = append(o.Mounts, m) }
	switch g.IntN(14) {
	case 0:
		r.Image = pick(g, "localhost/no/such/image:1", "$none", "UPPER", "a b", "", "sha256:0000000000000000000000000000000000000000000000000000000000000000",
			"0000000000000000000000000000000000000000000000000000000000000000", "no-such-image", "localhost/no:x@sha256:1", "-x")
		return r.Image == ""
	case 1:
		o.Name = pick(g, "-x", "a b", "x", "ü", ".x", "a/b", strings.Repeat("n", 201), "a:b", "_x")
	case 2:
		o.Env = append(g.variables(), pick(g, "NOEQ", "=x", "", "Z\x00=1"))
	case 3:
		o.WorkingDir = pick(g, "relative", "/etc/passwd", "/etc/passwd/below", "/probe", "./x", "/zero\x00", " ", "/proc/x", "/sys/x")
	case 4:
		o.User = g.nobody()
	case 5:
		o.Hostname = pick(g, "-x", "a_b", strings.Repeat("x", 64), "a b", "ü", ".", "a..b", "x.")
	case 6:
		o.Labels = pick(g, map[string]string{"dev.sandlot.x": "1"}, map[string]string{"": "x"}, map[string]string{"a=b": "c"})
	case 7, 8:
		addMount(pick(g,
			runtime.Mount{Type: runtime.MountTmpfs, Target: "relative"}, runtime.Mount{Type: runtime.MountTmpfs, Target: "/"},
			runtime.Mount{Type: runtime.MountTmpfs, Target: "/.sandlot"}, runtime.Mount{Type: runtime.MountVolume, Target: "/a/../b"},
			runtime.Mount{Type: runtime.MountTmpfs}, runtime.Mount{Type: "nfs", Target: "/mnt/a"}, runtime.Mount{Target: "/mnt/a"},
			runtime.Mount{Type: runtime.MountVolume, Target: "/mnt/a", SizeBytes: 1}, runtime.Mount{Type: runtime.MountBind, Source: "/usr", Target: "/mnt/a", Mode: 0o700},
			runtime.Mount{Type: runtime.MountBind, Source: "usr", Target: "/mnt/a"}, runtime.Mount{Type: runtime.MountBind, Target: "/mnt/a"},
			runtime.Mount{Type: runtime.MountBind, Source: "/no/such/dir", Target: "/mnt/a"}, runtime.Mount{Type: runtime.MountBind, Source: "/etc/passwd/x", Target: "/mnt/a"},
			runtime.Mount{Type: runtime.MountTmpfs, Source: "x", Target: "/mnt/a"}, runtime.Mount{Type: runtime.MountTmpfs, Target: "/mnt/a", Mode: 0o10000},
			runtime.Mount{Type: runtime.MountTmpfs, Target: "/mnt/a", SizeBytes: -1}, runtime.Mount{Type: runtime.MountVolume, Source: "a b", Target: "/mnt/a"},
			runtime.Mount{Type: runtime.MountVolume, Source: "x", Target: "/mnt/a"}, runtime.Mount{Type: runtime.MountTmpfs, Target: "/etc/passwd"},
			runtime.Mount{Type: runtime.MountVolume, Source: "$v1", Target: "/etc/passwd"}, runtime.Mount{Type: runtime.MountBind, Source: "/usr", Target: "/etc/passwd", ReadOnly: true},
			runtime.Mount{Type: runtime.MountTmpfs, Target: "/etc/passwd/below"}, runtime.Mount{Type: runtime.MountBind, Source: "/etc/passwd", Target: "/tmp", ReadOnly: true},
			runtime.Mount{Type: runtime.MountVolume, Source: "../x", Target: "/mnt/a"}, runtime.Mount{Type: runtime.MountTmpfs, Target: "/mnt/a:b"},
			runtime.Mount{Type: runtime.MountTmpfs, Target: "/mnt/a,b"}, runtime.Mount{Type: runtime.MountVolume, Target: "/mnt/a:ro"}, runtime.Mount{Type: runtime.MountTmpfs, Target: "/mnt/ü ü"},
		))
	case 9:
		o.Network = pick(g, "$none", "no-such-network", "a b", "-x", "x", "container:x", "bridge:x")
		o.Ports = nil
	case 10:
		o.Network = pick(g, runtime.NetworkDefault, runtime.NetworkDefault, runtime.NetworkNone, runtime.NetworkHost, "")
		o.Ports = []runtime.Port{pick(g, runtime.Port{}, runtime.Port{Container: 1, Protocol: "sctp"}, runtime.Port{Container: 1, Protocol: "TCP"},
			runtime.Port{Container: 1, HostIP: netip.MustParseAddr("192.0.2.1")}, runtime.Port{Container: 1, HostIP: netip.MustParseAddr("fe80::1%eth0")},
			runtime.Port{Container: 8080, Host: 1})}
		if g.chance(0.3) {
			o.Ports = append(o.Ports, o.Ports[0])
		}
	case 11:
		o.CapAdd = append(o.CapAdd, pick(g, "NOPE", "", "CAP_", " CHOWN", "all of them"))
	case 12:
		o.SecurityOpt = pick(g, []string{"x"}, []string{"seccomp=/path"}, []string{"no-new-privileges"}, []string{"apparmor="}, []string{""}, []string{"seccomp={"},
			[]string{`seccomp={"defaultAction":"NOPE"}`}, []string{"seccomp=unconfined", "seccomp=unconfined"}, []string{"label=x"}, []string{"no-new-privileges=maybe"},
			[]string{`seccomp={"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["no_such_call"],"action":"SCMP_ACT_ERRNO"}]}`})
	case 13:
		switch g.IntN(3) {
		case 0:
			o.MemoryBytes = pick[int64](g, 1, -1, 1<<20, 1<<62)
		case 1:
			o.CPUs = pick(g, -1, 0.001, 1e9, 64)
		case 2:
			o.PidsLimit = pick[int64](g, 5, -2, 1<<40)
		}
	}
	return false
}
