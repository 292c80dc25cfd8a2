package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/runtime/auto"
)

const (
	ownSocket    = "podman+unix:///run/user/1000/podman/podman.sock"
	rootSocket   = "podman+unix:///run/podman/podman.sock"
	dockerSocket = "docker+unix:///var/run/docker.sock"
)

// A machine is a host that a test makes up: files below a directory, and what answers where.
type machine struct {
	root       string
	env        map[string]string
	me         account
	candidates []auto.Candidate
	engine     engine
}

// An engine answers with its info, or with an error.
type engine struct {
	runtime.Runtime
	info      runtime.Info
	openErr   error
	sandboxes []runtime.Container
	guests    []string // volumes
	closed    *int
}

func (e engine) Info(context.Context) (runtime.Info, error) { return e.info, nil }
func (e engine) List(context.Context, runtime.ListOptions) ([]runtime.Container, error) {
	return e.sandboxes, nil
}
func (e engine) Sweep(context.Context, runtime.SweepOptions) (runtime.SweepResult, error) {
	return runtime.SweepResult{Volumes: e.guests}, nil
}
func (e engine) Close() error { *e.closed++; return nil }

// healthy is a user's host on which everything is in order, without an engine yet.
func healthy(t *testing.T) *machine {
	t.Helper()
	m := &machine{
		root: t.TempDir(), me: account{1000, "dora"},
		env: map[string]string{"PATH": "/usr/bin", "XDG_RUNTIME_DIR": "/run/user/1000"},
	}
	m.write(t, "/etc/os-release", "ID=debian\n")
	m.write(t, "/etc/passwd", "root:x:0:0::/root:/bin/sh\ndora:x:1000:1000::/home/dora:/bin/sh\n")
	m.write(t, "/etc/subuid", "other:100000:65536\ndora:165536:65536\n")
	m.write(t, "/etc/subgid", "other:100000:65536\ndora:165536:65536\n")
	m.write(t, "/proc/sys/kernel/osrelease", "6.1.0\n")
	m.write(t, "/proc/sys/kernel/seccomp/actions_avail", "kill_process errno trace log allow\n")
	m.write(t, "/proc/sys/user/max_user_namespaces", "63000\n")
	m.write(t, "/proc/self/ns/user", "")
	m.write(t, "/proc/sys/net/ipv4/ip_unprivileged_port_start", "1024\n")
	m.write(t, "/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory pids\n")
	m.write(t, "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/cgroup.controllers", "cpu memory pids\n")
	m.write(t, "/run/systemd/system/x", "")
	m.write(t, "/run/user/1000/bus", "")
	m.write(t, "/var/lib/systemd/linger/dora", "")
	m.write(t, "/dev/net/tun", "")
	for _, program := range []string{"podman", "newuidmap", "newgidmap"} {
		m.write(t, "/usr/bin/"+program, "")
		if err := os.Chmod(filepath.Join(m.root, "/usr/bin", program), 0o755|os.ModeSetuid); err != nil {
			t.Fatal(err)
		}
	}
	m.absent()
	return m
}

func (m *machine) write(t *testing.T, name, text string) {
	t.Helper()
	file := filepath.Join(m.root, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (m *machine) remove(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := os.RemoveAll(filepath.Join(m.root, name)); err != nil {
			t.Fatal(err)
		}
	}
}

var errAbsent = &runtime.Error{Op: "open", Kind: runtime.ErrUnavailable, Message: "dial: no such file or directory", Hint: "start it"}

// absent is what auto finds where there is no engine.
func (m *machine) absent() {
	m.candidates = []auto.Candidate{
		{Name: "the rootless Podman socket", URL: ownSocket, Err: errAbsent},
		{Name: "the rootful Podman socket", URL: rootSocket, Err: errAbsent},
		{Name: "Docker's socket", URL: dockerSocket, Err: errAbsent},
		{Name: "a Podman service of our own", Err: &runtime.Error{Kind: runtime.ErrUnavailable, Message: "podman system service ended: some words"}},
	}
	m.engine.openErr = &runtime.Error{Op: "open", Kind: runtime.ErrUnavailable}
}

// answer puts an engine into the place of the URL, and a socket there.
func (m *machine) answer(t *testing.T, ref string, info runtime.Info) {
	t.Helper()
	info.URL = ref
	if info.Kernel == "" {
		info.Kernel = "6.1.0"
	}
	if path := socketOf(ref); path != "" {
		m.write(t, path, "")
	}
	m.engine = engine{info: info, sandboxes: m.engine.sandboxes, guests: m.engine.guests}
	for i := range m.candidates {
		c := &m.candidates[i]
		if c.URL == ref || c.URL == "" && ref == "podman" {
			c.URL, c.Info, c.Err = ref, &info, nil
			return
		}
	}
	m.candidates = slices.Insert(m.candidates, 0, auto.Candidate{Name: "DOCKER_HOST", URL: ref, Info: &info})
}

func (m *machine) check(t *testing.T, ref string) Report {
	t.Helper()
	r, err := m.examine(t, t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (m *machine) examine(t *testing.T, ctx context.Context, ref string) (Report, error) {
	t.Helper()
	getenv := func(k string) string { return m.env[k] }
	opened, closed := 0, 0
	r, err := examine(ctx, Options{Runtime: ref, Getenv: getenv}, surroundings{
		host:       host{root: m.root, getenv: getenv, linux: true, me: m.me},
		candidates: func(context.Context) []auto.Candidate { return m.candidates },
		open: func(context.Context, string) (runtime.Runtime, error) {
			if m.engine.openErr != nil {
				return nil, m.engine.openErr
			}
			opened++
			e := m.engine
			e.closed = &closed
			return e, nil
		},
	})
	if opened != closed {
		t.Errorf("opened %d runtimes and closed %d", opened, closed)
	}
	return r, err
}

func (r Report) finding(name string) Finding {
	for _, f := range r.Checks {
		if f.Name == name {
			return f
		}
	}
	return Finding{}
}

// capable is an engine that lacks these.
func capable(lacking ...runtime.Capability) runtime.Capabilities {
	cs := runtime.Capabilities{}
	for _, c := range runtime.AllCapabilities() {
		cs[c] = runtime.Support{OK: true}
		if slices.Contains(lacking, c) {
			cs[c] = runtime.Support{Reason: "no reason", Fix: "the engine's fix"}
		}
	}
	return cs
}

func rootlessPodman(lacking ...runtime.Capability) runtime.Info {
	return runtime.Info{
		Runtime: "podman", Version: "5.4.0", Rootless: true, CgroupVersion: 2, StorageDriver: "overlay", Capabilities: capable(lacking...),
	}
}

func TestHealthyHost(t *testing.T) {
	m := healthy(t)
	m.answer(t, ownSocket, rootlessPodman())
	if err := os.Chown(filepath.Join(m.root, socketOf(ownSocket)), 1000, 1000); err != nil && os.Getuid() == 0 {
		t.Fatal(err)
	}
	m.me.uid = owner(must(os.Stat(filepath.Join(m.root, socketOf(ownSocket)))))
	if m.me.uid != 1000 { // the test's own user, who cannot give files away
		m.write(t, "/etc/passwd", "dora:x:"+strconv.Itoa(m.me.uid)+":1::/:/bin/sh\n")
		m.write(t, "/sys/fs/cgroup/user.slice/user-"+strconv.Itoa(m.me.uid)+".slice/user@"+strconv.Itoa(m.me.uid)+".service/cgroup.controllers", "cpu memory pids\n")
	}
	r := m.check(t, "auto")
	if !r.OK || len(r.Lacking) != 0 || r.Fix != "" || r.Engine.URL != ownSocket || !r.Places[0].Chosen || r.Why == "" {
		t.Errorf("the report is %+v", r)
	}
	for _, f := range r.Checks {
		if f.Status != StatusOK {
			t.Errorf("%s is %+v", f.Name, f)
		}
	}
}

// TestHosts has a host for each thing that can be wrong: what is said of it, and the command that mends it.
func TestHosts(t *testing.T) {
	for _, c := range []struct {
		name    string
		change  func(t *testing.T, m *machine)
		check   string // "place" is the first of Places, "verdict" the report's own
		status  Status
		says    string
		fix     string
		lacking []runtime.Capability
	}{
		{"no engine", func(t *testing.T, m *machine) { m.remove(t, "/usr/bin/podman") },
			"verdict", "", "no engine answers", "sudo apt-get install -y podman uidmap slirp4netns", Defaults()},
		{"no engine on Fedora", func(t *testing.T, m *machine) {
			m.remove(t, "/usr/bin/podman")
			m.write(t, "/etc/os-release", "NAME=x\nID=\"fedora\"\n")
		}, "verdict", "", "no engine answers", "sudo dnf install -y podman shadow-utils slirp4netns", Defaults()},
		{"no engine, unknown system", func(t *testing.T, m *machine) {
			m.remove(t, "/usr/bin/podman", "/etc/os-release")
		}, "verdict", "", "no engine answers", "install podman", Defaults()},
		{"podman not on PATH", func(t *testing.T, m *machine) { m.env["PATH"] = "" },
			"verdict", "", "no engine answers", `export PATH="$PATH:/usr/bin"`, Defaults()},
		{"podman without a socket", func(t *testing.T, m *machine) { m.answer(t, "podman", rootlessPodman()) },
			"socket", StatusNote, "there is none", "systemctl --user enable --now podman.socket", nil},
		{"podman that does not work, without a socket", func(t *testing.T, m *machine) {},
			"place", "", "there is no socket", "systemctl --user enable --now podman.socket", Defaults()},
		{"podman that may make no user namespaces", func(t *testing.T, m *machine) {
			m.write(t, "/proc/sys/user/max_user_namespaces", "0\n")
		}, "verdict", "", "no engine", "echo user.max_user_namespaces=28633 | sudo tee", Defaults()},
		{"user namespaces closed", func(t *testing.T, m *machine) {
			m.write(t, "/proc/sys/kernel/unprivileged_userns_clone", "0\n")
		}, "user-namespaces", StatusProblem, "may not make", "kernel.unprivileged_userns_clone=1", Defaults()},
		{"unreadable Docker socket", func(t *testing.T, m *machine) { m.deny(t, dockerSocket, "") },
			"verdict", "", "Docker's socket does not answer: permission denied", "usermod -aG docker dora", Defaults()},
		{"unreadable socket of another's", func(t *testing.T, m *machine) { m.deny(t, rootSocket, "") },
			"verdict", "", "has mode 0600", "systemctl --user enable --now podman.socket", Defaults()},
		{"podman that fails without a user manager", func(t *testing.T, m *machine) {
			m.remove(t, "/run/user/1000")
			m.deny(t, rootSocket, "gone")
		}, "verdict", "", "no engine answers", "sudo loginctl enable-linger dora", Defaults()},
		{"podman's socket without a user manager", func(t *testing.T, m *machine) { m.remove(t, "/run/user/1000") },
			"place", "", "there is no socket", "sudo loginctl enable-linger dora && systemctl --user enable --now podman.socket", Defaults()},
		{"podman's socket without a manager of services or a directory of the user's", func(t *testing.T, m *machine) {
			m.remove(t, "/run/user/1000", "/run/systemd/system")
			m.env["XDG_RUNTIME_DIR"] = ""
		}, "place", "", "there is no socket", "sudo install -d -m 700 -o 1000 /run/user/1000 && export XDG_RUNTIME_DIR=/run/user/1000 && " +
			"mkdir -p /run/user/1000/podman && podman system service --time=0 unix:///run/user/1000/podman/podman.sock", Defaults()},
		{"podman that fails", func(t *testing.T, m *machine) {}, "verdict", "", "no engine answers", "podman info, which tells why", Defaults()},
		{"unreadable directory", func(t *testing.T, m *machine) {
			m.deny(t, rootSocket, "gone")
			m.candidates = m.candidates[1:]
		}, "place", "", "permission denied", "use an engine of your own: systemctl --user enable --now podman.socket", Defaults()},
		{"no subuid", func(t *testing.T, m *machine) {
			m.write(t, "/etc/subuid", "other:100000:65536\n")
			m.answer(t, "podman", rootlessPodman(runtime.CapabilityUser, runtime.CapabilityOwners))
		}, "subuid", StatusProblem, "has no ids for dora", "sudo usermod --add-subuids 165536-231071 dora && podman system migrate", nil},
		{"no subgid file", func(t *testing.T, m *machine) { m.remove(t, "/etc/subgid") },
			"subgid", StatusProblem, "cannot be read", "sudo usermod --add-subgids 100000-165535 dora", Defaults()},
		{"few subuids", func(t *testing.T, m *machine) { m.write(t, "/etc/subuid", "1000:200000:1000\n") },
			"subuid", StatusNote, "1000 ids", "--add-subuids 201000-266535", Defaults()},
		{"subuids from elsewhere", func(t *testing.T, m *machine) { m.write(t, "/etc/nsswitch.conf", "subid: sss\n") },
			"subuid", StatusSkipped, "sss", "", Defaults()},
		{"no newuidmap", func(t *testing.T, m *machine) { m.remove(t, "/usr/bin/newgidmap") },
			"newuidmap", StatusProblem, "no newgidmap", "sudo apt-get install -y uidmap", Defaults()},
		{"newuidmap without privileges", func(t *testing.T, m *machine) { chmod(t, m, "/usr/bin/newuidmap", 0o755) },
			"newuidmap", StatusProblem, "/usr/bin/newuidmap has lost", "sudo chmod u+s /usr/bin/newuidmap", Defaults()},
		{"cgroup v1, rootless", func(t *testing.T, m *machine) {
			m.remove(t, "/sys/fs/cgroup/cgroup.controllers")
			info := rootlessPodman(runtime.CapabilityMemoryLimit, runtime.CapabilityCPULimit, runtime.CapabilityPidsLimit)
			info.CgroupVersion = 1
			m.answer(t, "podman", info)
		}, "verdict", "", "it lacks pids-limit", "systemd.unified_cgroup_hierarchy=1", []runtime.Capability{runtime.CapabilityPidsLimit}},
		{"cgroup v1, rootless, no engine yet", func(t *testing.T, m *machine) { m.remove(t, "/sys/fs/cgroup/cgroup.controllers") },
			"cgroups", StatusProblem, "version 1", "sudo update-grub && sudo reboot", Defaults()},
		{"no cgroups", func(t *testing.T, m *machine) { m.remove(t, "/sys/fs/cgroup") },
			"cgroups", StatusProblem, "no cgroups", "mount -t cgroup2", Defaults()},
		{"pids not delegated", func(t *testing.T, m *machine) {
			m.write(t, "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/cgroup.controllers", "memory\n")
			m.answer(t, "podman", rootlessPodman(runtime.CapabilityPidsLimit))
		}, "verdict", "", "it lacks pids-limit", "Delegate=cpu cpuset io memory pids", []runtime.Capability{runtime.CapabilityPidsLimit}},
		{"cpu not delegated", func(t *testing.T, m *machine) {
			m.write(t, "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/cgroup.controllers", "memory pids\n")
		}, "controllers", StatusNote, "cpu: not delegated to dora", "sudo systemctl restart user@1000", Defaults()},
		{"no user manager", func(t *testing.T, m *machine) { m.remove(t, "/sys/fs/cgroup/user.slice", "/run/user/1000/bus") },
			"session", StatusProblem, "systemd does not run for dora", "sudo loginctl enable-linger dora", Defaults()},
		{"after su", func(t *testing.T, m *machine) { m.env["XDG_RUNTIME_DIR"] = "/run/user/0" },
			"session", StatusProblem, "nothing in /run/user/0", "sudo loginctl enable-linger dora && export XDG_RUNTIME_DIR=/run/user/1000", Defaults()},
		{"after su, without variables", func(t *testing.T, m *machine) {
			m.env["XDG_RUNTIME_DIR"] = ""
			m.remove(t, "/run/user/1000")
		}, "session", StatusProblem, "nothing in /run/user/1000", "sudo loginctl enable-linger dora", Defaults()},
		{"a system service", func(t *testing.T, m *machine) { m.env["XDG_RUNTIME_DIR"] = "" },
			"session", StatusOK, "systemd runs for dora", "", Defaults()},
		{"no linger", func(t *testing.T, m *machine) { m.remove(t, "/var/lib/systemd/linger/dora") },
			"linger", StatusNote, "end when it logs out", "sudo loginctl enable-linger dora", Defaults()},
		{"no systemd", func(t *testing.T, m *machine) { m.remove(t, "/run/systemd") },
			"controllers", StatusProblem, "without systemd", "a host with systemd", Defaults()},
		{"no tun", func(t *testing.T, m *machine) { m.remove(t, "/dev/net/tun") },
			"tun", StatusNote, "no /dev/net/tun", "sudo modprobe tun", Defaults()},
		{"no seccomp", func(t *testing.T, m *machine) {
			m.remove(t, "/proc/sys/kernel/seccomp")
			m.answer(t, "podman", rootlessPodman(runtime.CapabilitySeccomp))
		}, "verdict", "", "it lacks seccomp", "CONFIG_SECCOMP_FILTER", []runtime.Capability{runtime.CapabilitySeccomp}},
		{"seccomp that the engine does not use", func(t *testing.T, m *machine) {
			m.answer(t, "podman", rootlessPodman(runtime.CapabilitySeccomp))
		}, "seccomp", StatusProblem, "the engine does not use it: no reason", "the engine's fix", []runtime.Capability{runtime.CapabilitySeccomp}},
		{"vfs", func(t *testing.T, m *machine) {
			info := rootlessPodman()
			info.StorageDriver = "vfs"
			m.answer(t, "podman", info)
		}, "storage", StatusNote, "vfs copies", "fuse-overlayfs", nil},
		{"a socket for everybody", func(t *testing.T, m *machine) {
			m.answer(t, dockerSocket, runtime.Info{Runtime: "docker", Version: "28", Capabilities: capable()})
			chmod(t, m, "/var/run/docker.sock", 0o666)
		}, "socket", StatusProblem, "everybody", "sudo chmod o-rw /var/run/docker.sock", nil},
		{"a problem that the defaults do without", func(t *testing.T, m *machine) {
			m.write(t, "/etc/subuid", "")
			m.answer(t, "podman", rootlessPodman())
		}, "verdict", "", "can hold Sandlot's defaults, but see subuid", "", nil},
		{"sandboxes left behind", func(t *testing.T, m *machine) {
			over := time.Unix(1, 0)
			m.engine.sandboxes = []runtime.Container{
				{Name: "a", State: runtime.StateExited, LeaseEnd: over}, {Name: "b", State: runtime.StateRunning, LeaseEnd: over}, {Name: "c", State: runtime.StateExited},
			}
			m.answer(t, "podman", rootlessPodman())
		}, "sandboxes", StatusNote, "1 run, 2 do not; left behind: a, b", "sandlot --runtime podman gc", nil},
		{"sandboxes that do not run", func(t *testing.T, m *machine) {
			m.engine.sandboxes = []runtime.Container{{Name: "a", State: runtime.StateExited}, {Name: "b", State: runtime.StateCreated}}
			m.answer(t, "podman", rootlessPodman())
		}, "sandboxes", StatusOK, "0 run, 2 do not, none is left behind", "", nil},
		{"guests of other versions", func(t *testing.T, m *machine) {
			m.engine.sandboxes, m.engine.guests = []runtime.Container{{Name: "a", State: runtime.StateRunning}}, []string{"g1", "g2"}
			m.answer(t, "podman", rootlessPodman())
		}, "sandboxes", StatusNote, "1 run, 0 do not; 2 volumes of guests", "sandlot --runtime podman gc", nil},
		{"many sandboxes left behind", func(t *testing.T, m *machine) {
			for i := range 7 {
				m.engine.sandboxes = append(m.engine.sandboxes, runtime.Container{Name: strconv.Itoa(i), State: runtime.StateExited, LeaseEnd: time.Unix(1, 0)})
			}
			m.answer(t, "podman", rootlessPodman())
		}, "sandboxes", StatusNote, "left behind: 0, 1, 2, 3, 4 and 2 more", "sandlot --runtime podman gc", nil},
		{"a tun of root's", func(t *testing.T, m *machine) {
			m.remove(t, "/dev/net/tun")
			m.write(t, "/dev/net/tun/x", "") // not even root may write to a directory
			m.answer(t, "podman", rootlessPodman())
		}, "tun", StatusNote, "unless the engine sees another", "chmod 666 /dev/net/tun", nil},
		{"an engine far away", func(t *testing.T, m *machine) { m.answer(t, "podman+ssh://dora@far/run/x.sock", rootlessPodman()) },
			"host", StatusSkipped, "on another machine (podman+ssh://dora@far/run/x.sock)", "", nil},
		{"an engine in a virtual machine", func(t *testing.T, m *machine) {
			info := rootlessPodman()
			info.Kernel = "5.15.0-vm"
			m.answer(t, ownSocket, info)
		}, "host", StatusSkipped, "another kernel (5.15.0-vm)", "", nil},
		{"an engine of root's", func(t *testing.T, m *machine) {
			m.answer(t, dockerSocket, runtime.Info{Runtime: "docker", Version: "28", Capabilities: capable()})
		}, "subuid", StatusSkipped, "rootless engines only", "", nil},
		{"memory off at boot", func(t *testing.T, m *machine) {
			m.remove(t, "/sys/fs/cgroup/cgroup.controllers")
			m.write(t, "/proc/cgroups", "#subsys_name hierarchy num_cgroups enabled\ncpu 1 1 1\nmemory 0 1 0\npids 2 1 1\n")
			m.answer(t, dockerSocket, runtime.Info{Runtime: "docker", Version: "28", CgroupVersion: 1, Capabilities: capable()})
		}, "controllers", StatusNote, "memory: not enabled", "cgroup_enable=memory", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := healthy(t)
			if before := m.check(t, "").finding(c.check); c.status != "" && c.status != StatusOK && before.Status == c.status && before.Says != "" && strings.Contains(before.Says, c.says) {
				t.Fatalf("the healthy host has it too: %+v", before)
			}
			c.change(t, m)
			r := m.check(t, "")
			got := r.finding(c.check)
			switch c.check {
			case "verdict":
				got = Finding{Says: r.Verdict, Fix: r.Fix}
			case "place":
				got = Finding{Says: r.Places[0].Problem, Fix: r.Places[0].Fix}
			}
			if got.Status != c.status || !strings.Contains(got.Says, c.says) || !strings.Contains(got.Fix, c.fix) || c.fix == "" && got.Fix != "" {
				t.Errorf("%s is %+v\nwant %s, %q and %q", c.check, got, c.status, c.says, c.fix)
			}
			if r.OK != (len(c.lacking) == 0) || !slices.Equal(r.Lacking, append([]runtime.Capability{}, c.lacking...)) {
				t.Errorf("OK is %v, and lacking %v, want %v", r.OK, r.Lacking, c.lacking)
			}
			for _, f := range r.Checks {
				if f.Status == "" || f.Says == "" || f.Status == StatusProblem && f.Fix == "" {
					t.Errorf("%+v says too little", f)
				}
			}
		})
	}
}

// deny puts a socket that is closed to us at the URL, or a directory that does not even show it.
func (m *machine) deny(t *testing.T, ref, gone string) {
	t.Helper()
	if gone == "" {
		m.write(t, socketOf(ref), "")
		chmod(t, m, socketOf(ref), 0o600)
	} else {
		m.write(t, filepath.Dir(socketOf(ref)), "a file is as closed as a directory")
	}
	for i := range m.candidates {
		if m.candidates[i].URL == ref {
			m.candidates[i].Err = &runtime.Error{Kind: runtime.ErrPermission, Hint: "be somebody else"}
		}
	}
}

func chmod(t *testing.T, m *machine, name string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(filepath.Join(m.root, name), mode); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsChosen(t *testing.T) {
	m := healthy(t)
	m.answer(t, dockerSocket, runtime.Info{Runtime: "docker", Version: "28", Capabilities: capable()})
	r := m.check(t, "auto")
	if chosen := slices.IndexFunc(r.Places, func(p Place) bool { return p.Chosen }); chosen != 2 || !strings.Contains(r.Why, "2 before it") {
		t.Errorf("place %d is chosen because %s", chosen, r.Why)
	}
	m.candidates[0].Variable = "DOCKER_HOST"
	m.engine.openErr = errAbsent
	r = m.check(t, "auto")
	if p := r.Places[0]; !p.Chosen || r.OK || r.Engine != nil || r.Places[2].Chosen || !strings.Contains(r.Fix, "unset DOCKER_HOST") {
		t.Errorf("of what a variable names and is not there it says %q, %q of %+v", r.Verdict, r.Fix, r.Places)
	}
	m.engine.openErr = nil
	m.engine.info.URL = "docker+tcp://far:1"
	r = m.check(t, "docker+tcp://far:1")
	if p := r.Places[0]; !p.Chosen || p.Name != "what was asked for" || p.Version != "28" || r.Places[3].Chosen || r.Why != "it was asked for" {
		t.Errorf("asked for, and got %+v because %s", r.Places, r.Why)
	}
	m.engine.openErr = errAbsent
	r = m.check(t, "docker+tcp://far:1")
	if p := r.Places[0]; !p.Chosen || p.Problem == "" || r.OK || r.Engine != nil || !strings.Contains(r.Verdict, "what was asked for does not answer") {
		t.Errorf("asked for what is not there: %q, %+v", r.Verdict, r.Places)
	}
	r = m.check(t, "docker+ssh://u:secret@far")
	if f := r.finding("host"); f.Status != StatusSkipped || !strings.Contains(f.Says, "u:xxxxx@far") || r.finding("subuid").Status != StatusSkipped {
		t.Errorf("of a host far away that does not answer it says %+v", f)
	}
	m.env["SANDLOT_RUNTIME"] = "nonsense"
	m.candidates = slices.Insert(m.candidates, 0, auto.Candidate{
		Name: "SANDLOT_RUNTIME", Variable: "SANDLOT_RUNTIME", URL: "nonsense", Err: &runtime.Error{Kind: runtime.ErrInvalid, Message: "no runtime", Hint: "name another"},
	})
	r = m.check(t, "")
	if r.Verdict != "SANDLOT_RUNTIME does not answer: invalid: no runtime" || !strings.HasPrefix(r.Fix, "name another; or unset SANDLOT_RUNTIME") || r.OK {
		t.Errorf("a SANDLOT_RUNTIME that is none: %+v", r)
	}
}

func TestErrors(t *testing.T) {
	m := healthy(t)
	m.engine.openErr = &runtime.Error{Op: "open", Kind: runtime.ErrInvalid, Message: "no such runtime"}
	if _, err := m.examine(t, t.Context(), "nonsense"); !errors.Is(err, runtime.ErrInvalid) {
		t.Errorf("a runtime that is none: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.examine(t, ctx, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that is done: %v", err)
	}
}

// TestJSON holds the names that others read.
func TestJSON(t *testing.T) {
	m := healthy(t)
	m.answer(t, ownSocket, rootlessPodman())
	text, err := json.Marshal(m.check(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]json.RawMessage
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ok", "verdict", "lacking", "engine", "why", "places", "checks"} {
		if len(got[name]) == 0 || string(got[name]) == "null" {
			t.Errorf("%s is %s in %s", name, got[name], text)
		}
	}
	var checks []struct{ Name, Status, Says string }
	if err := json.Unmarshal(got["checks"], &checks); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range checks {
		names = append(names, c.Name)
	}
	want := "host cgroups controllers seccomp user-namespaces subuid subgid newuidmap session linger tun low-ports socket storage sandboxes"
	if strings.Join(names, " ") != want {
		t.Errorf("checks are %v, want %s", names, want)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
