package apitest

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sandlot-dev/sandlot/guest"
	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/runtime/engine"
)

// self parses what box self writes.
func self(t *testing.T, a *driver, id string, p engine.Process) map[string]string {
	t.Helper()
	p.Argv = []string{"/box", "self"}
	out, stderr, state := run(t, a, id, p, "")
	if state.ExitCode != 0 {
		t.Fatalf("box self: %+v %s", state, stderr)
	}
	got := map[string]string{}
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		k, v, _ := strings.Cut(line, "=")
		got[k] = v
	}
	return got
}

func expect(t *testing.T, got map[string]string, want map[string]string) {
	t.Helper()
	for k, v := range want {
		if got[k] != v {
			t.Errorf("%s is %q, want %q", k, got[k], v)
		}
	}
}

const noCapabilities = "0000000000000000"

func testWhatAProcessGets(t *testing.T, a *driver, image string) {
	id := start(t, a, engine.Spec{Image: image, Env: []string{"FROM_SPEC=a=b", "EMPTY_SPEC="}, NoNewPrivs: true, Hostname: "box.test"})
	got := self(t, a, id, engine.Process{Env: []string{"FROM_EXEC=x y"}})
	expect(t, got, map[string]string{
		"Uid": "0 0 0 0", "CapEff": noCapabilities, "CapPrm": noCapabilities, "CapBnd": noCapabilities, "CapAmb": noCapabilities,
		"NoNewPrivs": "1", "Seccomp": "2", "dir": "/", "host": "box.test",
		"env FROM_IMAGE": "yes", "env EMPTY": "", "env FROM_SPEC": "a=b", "env EMPTY_SPEC": "", "env FROM_EXEC": "x y",
		"env PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "env HOME": "/root",
		"write /tmp": "true", "write /dev/shm": "true",
	})
	for k := range got {
		if name, ok := strings.CutPrefix(k, "env "); ok && !slices.Contains(
			[]string{"FROM_IMAGE", "EMPTY", "FROM_SPEC", "EMPTY_SPEC", "FROM_EXEC", "PATH", "HOME", "HOSTNAME"}, name) {
			t.Errorf("the environment has %s, which nobody asked for", name)
		}
	}
	status, _, _ := run(t, a, id, engine.Process{Argv: []string{"/box", "file", "/proc/net/dev"}}, "")
	if lines := strings.Count(strings.TrimSpace(status), "\n"); lines != 2 || !strings.Contains(status, "lo:") {
		t.Errorf("with network none there is more than the loopback:\n%s", status)
	}
	first, _, _ := run(t, a, id, engine.Process{Argv: []string{"/box", "file", "/proc/1/status"}}, "")
	if !strings.Contains(first, "CapEff:\t"+noCapabilities) || !strings.Contains(first, "NoNewPrivs:\t1") {
		t.Errorf("the first process is not locked down:\n%s", first)
	}
}

func testUsers(t *testing.T, a *driver, image string) {
	id := start(t, a, engine.Spec{Image: image, User: "alice", NoNewPrivs: true})
	expect(t, self(t, a, id, engine.Process{}), map[string]string{"Uid": "1234 1234 1234 1234", "Gid": "1234 1234 1234 1234", "CapEff": noCapabilities})
	expect(t, self(t, a, id, engine.Process{User: "0"}), map[string]string{"Uid": "0 0 0 0", "CapEff": noCapabilities, "NoNewPrivs": "1"})
	expect(t, self(t, a, id, engine.Process{User: "4242:4343"}), map[string]string{"Uid": "4242 4242 4242 4242", "Gid": "4343 4343 4343 4343"})
	got := self(t, a, id, engine.Process{User: "0", Privileged: true})
	if got["CapEff"] == noCapabilities || got["Uid"] != "0 0 0 0" {
		t.Errorf("a privileged process has uid %s and capabilities %s", got["Uid"], got["CapEff"])
	}
}

func testReadOnlyRoot(t *testing.T, a *driver, image string) {
	id := start(t, a, engine.Spec{Image: image, ReadOnly: true, Mounts: []runtime.Mount{
		{Type: runtime.MountTmpfs, Target: "/scratch", SizeBytes: 1 << 20, Mode: 0o1770},
		{Type: runtime.MountTmpfs, Target: "/volume", ReadOnly: true, Mode: 0o755},
	}})
	expect(t, self(t, a, id, engine.Process{}), map[string]string{
		"write /": "false", "write /tmp": "false", "write /dev/shm": "true", "write /scratch": "true", "write /volume": "false",
	})
	mounts, _, _ := run(t, a, id, engine.Process{Argv: []string{"/box", "mounts"}}, "")
	for _, line := range strings.Split(mounts, "\n") {
		if strings.Contains(line, " /scratch ") && (strings.Contains(line, "noexec") || !strings.Contains(line, "nosuid") || !strings.Contains(line, "nodev") || !strings.Contains(line, "size=1024k")) {
			t.Errorf("the tmpfs is mounted as %s", line)
		}
	}
	c, err := a.Inspect(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if want := []runtime.Mount{
		{Type: runtime.MountVolume, Target: "/image/volume"},
		{Type: runtime.MountTmpfs, Target: "/scratch", SizeBytes: 1 << 20, Mode: 0o1770},
		{Type: runtime.MountTmpfs, Target: "/volume", ReadOnly: true, Mode: 0o755},
	}; !slices.Equal(c.Mounts, want) {
		t.Errorf("mounts are %+v, want %+v", c.Mounts, want)
	}
}

func testCapabilitiesAdded(t *testing.T, a *driver, image string) {
	one := start(t, a, engine.Spec{Image: image, CapAdd: []string{"CAP_NET_RAW"}})
	expect(t, self(t, a, one, engine.Process{}), map[string]string{"CapBnd": "0000000000002000", "CapEff": "0000000000002000"})
	all := start(t, a, engine.Spec{Image: image, CapAdd: []string{"ALL"}, CapDrop: []string{"CAP_NET_RAW"}})
	got := self(t, a, all, engine.Process{})["CapBnd"]
	if got[12] != 'd' || got[13:] != "fff" { // all but bit 13
		t.Errorf("all but CAP_NET_RAW are %s", got)
	}
}

func testLife(t *testing.T, a *driver, image string) {
	ctx := t.Context()
	labels := map[string]string{"dev.sandlot.test": t.Name(), "plain": "x"}
	name := "sandlot-api-test-life"
	id := create(t, a, engine.Spec{
		Image: image, Name: name, Labels: labels, User: "alice", WorkingDir: "/made/up", Env: []string{"A=b"}, Hostname: "life",
	})
	if len(id) != 64 {
		t.Errorf("the id %q is not a full one", id)
	}
	for _, step := range []struct {
		do   func() error
		want runtime.State
	}{
		{func() error { return nil }, runtime.StateCreated},
		{func() error { return a.Start(ctx, id) }, runtime.StateRunning},
		{func() error { return a.Start(ctx, name) }, runtime.StateRunning},
		{func() error { return a.Stop(ctx, id, 0) }, runtime.StateExited},
		{func() error { return a.Stop(ctx, id, 0) }, runtime.StateExited},
		{func() error { return a.Start(ctx, id) }, runtime.StateRunning},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		c, err := a.Inspect(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		if c.State != step.want {
			t.Errorf("the state is %s, want %s", c.State, step.want)
		}
	}
	stopped := create(t, a, engine.Spec{Image: image, Entrypoint: []string{"/box", "init"}})
	if err := a.Start(ctx, stopped); err != nil {
		t.Fatal(err)
	}
	run(t, a, stopped, engine.Process{Argv: []string{"/box", "await", "/tmp/ready"}}, "")
	if err := a.Stop(ctx, stopped, time.Minute); err != nil {
		t.Fatal(err)
	}
	if there, err := a.Exists(ctx, stopped, "/tmp/stopped"); !there || err != nil {
		t.Errorf("it was not stopped by %s: %v", guest.StopSignal, err)
	}
	c, err := a.Inspect(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	if c.ID != id || c.Name != name || c.Image != image || !imageID.MatchString(c.ImageID) || c.User != "alice" || c.WorkingDir != "/made/up" ||
		c.Hostname != "life" || c.Network != "none" || !slices.Contains(c.Env, "A=b") || c.Created.IsZero() ||
		c.Labels["plain"] != "x" || c.Labels["from"] != "image" || c.Labels["dev.sandlot.test"] != t.Name() {
		t.Errorf("inspect says %+v", c)
	}
	if len(c.Mounts) != 1 || c.Mounts[0].Target != "/image/volume" || c.Mounts[0].Source != "" {
		t.Errorf("mounts are %+v, want the image's anonymous volume", c.Mounts)
	}
	second := create(t, a, engine.Spec{Image: image, Labels: labels})
	listed, err := a.List(ctx, map[string]string{"dev.sandlot.test": t.Name(), "plain": ""})
	if err != nil {
		t.Fatal(err)
	}
	if len(listed) != 2 || listed[0].ID != second || listed[1].ID != id || listed[1].Name != name || listed[1].State != runtime.StateRunning ||
		listed[0].State != runtime.StateCreated || listed[1].Image != image || listed[1].ImageID != c.ImageID || listed[1].Labels["plain"] != "x" {
		t.Errorf("the list is %+v", listed)
	}
	if none, err := a.List(ctx, map[string]string{"dev.sandlot.test": "another"}); err != nil || len(none) != 0 {
		t.Errorf("another label lists %+v, %v", none, err)
	}
	volumes, err := a.config.VolumesOf(ctx, a.API, id)
	if err != nil || len(volumes) != 1 {
		t.Fatalf("it has the volumes %q, %v", volumes, err)
	}
	if err := a.Delete(ctx, id); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Inspect(ctx, id); !isKind(err, runtime.ErrNotFound) {
		t.Errorf("inspect of a removed container: %v", err)
	}
	if err := a.RemoveVolume(ctx, volumes[0]); !isKind(err, runtime.ErrNotFound) {
		t.Errorf("the anonymous volume is still there: %v", err)
	}
}

func testLimits(t *testing.T, a *driver, image string) {
	info, err := a.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if info.Rootless && info.CgroupVersion == 1 {
		for _, c := range []runtime.Capability{runtime.CapabilityMemoryLimit, runtime.CapabilityCPULimit, runtime.CapabilityPidsLimit} {
			if s := info.Capabilities[c]; s.OK || s.Reason == "" || s.Fix == "" {
				t.Errorf("%s is %+v, which rootless Podman on cgroup v1 has not", c, s)
			}
		}
		return // and none asked for is no warning: create checks it
	}
	id := start(t, a, engine.Spec{Image: image, Memory: 64 << 20, CPUs: 0.5, Pids: 100})
	free := start(t, a, engine.Spec{Image: image})
	for _, c := range []struct{ id, memory, quota, pids string }{
		{id, "67108864", "50000", "100"}, {free, "", "-1", "max"},
	} {
		read := func(controller, file string) string {
			if info.CgroupVersion == 2 {
				controller = ""
			}
			out, _, _ := run(t, a, c.id, engine.Process{Argv: []string{"/box", "file", "/sys/fs/cgroup/" + controller + "/" + file}}, "")
			return strings.TrimSpace(out)
		}
		if info.CgroupVersion == 1 {
			if got := read("memory", "memory.limit_in_bytes"); c.memory != "" && got != c.memory {
				t.Errorf("the memory limit is %s, want %s", got, c.memory)
			}
			if got := read("cpu", "cpu.cfs_quota_us"); got != c.quota {
				t.Errorf("the cpu quota is %s, want %s", got, c.quota)
			}
			if got := read("pids", "pids.max"); got != c.pids {
				t.Errorf("the pids limit is %s, want %s", got, c.pids)
			}
		}
	}
}

func testPorts(t *testing.T, a *driver, image string) {
	ctx := t.Context()
	loopback := netip.MustParseAddr("127.0.0.1")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	busy := uint16(taken.Addr().(*net.TCPAddr).Port)
	id := create(t, a, engine.Spec{Image: image, Network: runtime.NetworkDefault, Ports: []runtime.Port{
		{Container: 80, Protocol: "tcp", HostIP: loopback, Host: busy},
	}})
	if err := a.Start(ctx, id); !isKind(err, runtime.ErrPortInUse) {
		t.Errorf("start with a port that is taken: %v", err)
	}
	asked := []runtime.Port{
		{Container: 53, Protocol: "udp", HostIP: loopback}, {Container: 8080, Protocol: "tcp", HostIP: loopback}, {Container: 8081, Protocol: "tcp", HostIP: loopback},
	}
	id = create(t, a, engine.Spec{Image: image, Network: runtime.NetworkDefault, Ports: asked, Labels: map[string]string{"dev.sandlot.test": t.Name()}})
	check := func(when string, published bool) {
		t.Helper()
		c, err := a.Inspect(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		listed, err := a.List(ctx, map[string]string{"dev.sandlot.test": t.Name()})
		if err != nil || len(listed) != 1 {
			t.Fatalf("the list is %+v, %v", listed, err)
		}
		slices.SortFunc(c.Expected, func(a, b runtime.Port) int { return int(a.Container) - int(b.Container) })
		if !slices.Equal(c.Expected, asked) || c.Network != runtime.NetworkDefault {
			t.Errorf("%s it expects %+v on network %s", when, c.Expected, c.Network)
		}
		if !slices.Equal(c.Ports, listed[0].Ports) {
			t.Errorf("%s inspect says %v, the list %v", when, c.Ports, listed[0].Ports)
		}
		if !published {
			if len(c.Ports) > 0 {
				t.Errorf("%s ports are published: %v", when, c.Ports)
			}
			return
		}
		for _, p := range asked {
			if !slices.ContainsFunc(c.Ports, func(q runtime.PublishedPort) bool {
				return q.Container == p.Container && q.Protocol == p.Protocol && q.Host.Addr() == loopback && q.Host.Port() != 0
			}) {
				t.Errorf("%s %d/%s is not among %v", when, p.Container, p.Protocol, c.Ports)
			}
		}
	}
	check("before start", false)
	if err := a.Start(ctx, id); err != nil {
		t.Fatal(err)
	}
	check("while it runs", true)
	if err := a.Stop(ctx, id, 0); err != nil {
		t.Fatal(err)
	}
	check("after stop", false)
}

func testVolumes(t *testing.T, a *driver, image string) {
	ctx := t.Context()
	name := "sandlot-api-test-volume"
	t.Cleanup(func() { a.RemoveVolume(context.Background(), name) }) // where the test ended early
	mount := func(readOnly bool) []runtime.Mount {
		return []runtime.Mount{{Type: runtime.MountVolume, Source: name, Target: guest.Dir, ReadOnly: readOnly}}
	}
	exists := func(want bool) {
		t.Helper()
		if got, err := a.VolumeExists(ctx, name); got != want || err != nil {
			t.Errorf("the volume exists: %v, %v, want %v", got, err, want)
		}
	}
	exists(false)
	filler := create(t, a, engine.Spec{Image: image, User: "0", Mounts: mount(false), NoCopy: []string{guest.Dir}})
	user := create(t, a, engine.Spec{Image: image, User: "alice", Mounts: mount(true), NoCopy: []string{guest.Dir}})
	exists(true)
	file := guest.Dir + "/file"
	if there, err := a.Exists(ctx, user, file); there || err != nil {
		t.Fatalf("before the upload the file exists: %v, %v", there, err)
	}
	if err := a.Upload(ctx, filler, guest.Dir, archive(t, "file", "content")); err != nil {
		t.Fatal(err)
	}
	if there, err := a.Exists(ctx, user, file); !there || err != nil {
		t.Fatalf("after the upload the file exists: %v, %v", there, err)
	}
	if err := a.RemoveVolume(ctx, name); !isKind(err, runtime.ErrInUse) {
		t.Errorf("a volume that is used is removed: %v", err)
	}
	unused := func(want bool) {
		t.Helper()
		lister, can := a.API.(engine.VolumeLister)
		if !can {
			return
		}
		got, err := lister.UnusedVolumes(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		if want != (len(got) == 1) || want && (got[0].Name != name || time.Since(got[0].Created).Abs() > time.Hour) {
			t.Errorf("the unused volumes are %v; is there to be one: %v", got, want)
		}
	}
	unused(false)
	if err := a.Delete(ctx, filler); err != nil {
		t.Fatal(err)
	}
	if err := a.Start(ctx, user); err != nil {
		t.Fatal(err)
	}
	out, stderr, _ := run(t, a, user, engine.Process{Argv: []string{"/box", "stat", file}}, "")
	if out != "-rwxr-xr-x 0 0 content" {
		t.Errorf("the file is %q %s", out, stderr)
	}
	mounts, _, _ := run(t, a, user, engine.Process{Argv: []string{"/box", "mounts"}}, "")
	if !slices.ContainsFunc(strings.Split(mounts, "\n"), func(line string) bool { return strings.Contains(line, " "+guest.Dir+" ro,") }) {
		t.Errorf("the volume is not mounted read-only:\n%s", mounts)
	}
	if err := a.Delete(ctx, user); err != nil {
		t.Fatal(err)
	}
	unused(true)
	if err := a.RemoveVolume(ctx, name); err != nil {
		t.Errorf("the volume went away with the container, or cannot be removed: %v", err)
	}
	// What an image has at the guest's directory must not get into the volume.
	evil, err := a.Build(ctx, boxContext(t, "FROM scratch\nCOPY box /box\nCOPY etc/passwd "+file+"\n"), runtime.BuildOptions{Dockerfile: "Dockerfile"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.RemoveImage(context.Background(), evil); err != nil {
			t.Error(err)
		}
	})
	id := start(t, a, engine.Spec{Image: evil, Mounts: mount(true), NoCopy: []string{guest.Dir}})
	if there, err := a.Exists(ctx, id, file); there || err != nil {
		t.Errorf("an image has filled the guest's volume: %v, %v", there, err)
	}
	if err := a.Delete(ctx, id); err != nil {
		t.Fatal(err)
	}
}
