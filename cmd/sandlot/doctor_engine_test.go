//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/sandlot-dev/sandlot/doctor"
	"github.com/sandlot-dev/sandlot/runtime"
)

// elsewhere is the command in a mount namespace, after a script has changed what the host looks like. Nobody else sees that.
func elsewhere(t *testing.T, script string, args ...string) *exec.Cmd {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	unshare := []string{"--mount", "--", "sh", "-ec", script + "\nexec \"$@\"", "sh", path}
	if os.Getuid() != 0 {
		unshare = slices.Insert(unshare, 0, "--user", "--map-root-user")
	}
	cmd := exec.Command("unshare", append(unshare, args...)...)
	cmd.Env = []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}
	return cmd
}

// noSockets leaves an empty /run.
const noSockets = `mount -t tmpfs none /run
[ /var/run -ef /run ] || mount -t tmpfs none /var/run
`

func TestDoctorWithoutEngine(t *testing.T) {
	hide := `for p in podman dockerd; do if f=$(command -v $p); then mount --bind /dev/null "$(readlink -f "$f")"; fi; done
PATH=/nowhere`
	c := finish(t, elsewhere(t, noSockets+hide, "doctor"))
	c.want(t, 1, "no engine answers", "")
	for _, said := range []string{"there is no socket", "fix: ", "install", "podman"} {
		if !strings.Contains(c.stdout, said) {
			t.Errorf("%q is not in\n%s", said, c.stdout)
		}
	}
}

func TestDoctorWithoutSocket(t *testing.T) {
	dir := t.TempDir()
	storage := filepath.Join(dir, "storage.conf")
	text := fmt.Sprintf("[storage]\ndriver = \"vfs\"\ngraphroot = %q\nrunroot = %q\n", filepath.Join(dir, "graph"), filepath.Join(dir, "run"))
	if err := os.WriteFile(storage, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := elsewhere(t, noSockets, "doctor", "--json")
	cmd.Env = append(cmd.Env, "CONTAINERS_STORAGE_CONF="+storage)
	c := finish(t, cmd)
	r := report(t, c)
	if r.Engine == nil || r.Engine.URL != "podman" || r.OK != (c.status == 0) {
		t.Fatalf("a Podman without a socket is not found: %+v\n%s", c, r.Verdict)
	}
	f := finding(r, "socket")
	if f.Status != doctor.StatusNote || !strings.Contains(f.Says, "there is none") || !strings.Contains(f.Fix, "podman system service") {
		t.Errorf("the socket is %+v", f)
	}
}

// TestDoctorOnEngines compares what is said with what the engine says. Rootless Podman on cgroup v1 cannot hold the defaults.
func TestDoctorOnEngines(t *testing.T) {
	onEngines(t, func(t *testing.T, h host) {
		info := h.info(t)
		c := h.call(t, "doctor")
		c.want(t, c.status, info.Version, "")
		var lacking []runtime.Capability
		for _, capability := range runtime.AllCapabilities() {
			s := info.Capabilities[capability]
			if !s.OK && (!strings.Contains(c.stdout, s.Reason) || !strings.Contains(c.stdout, s.Fix) || s.Fix == "") {
				t.Errorf("%+v of %s is not in\n%s", s, capability, c.stdout)
			}
			if !s.OK && slices.Contains(doctor.Defaults(), capability) {
				lacking = append(lacking, capability)
			}
		}
		r := report(t, h.call(t, "doctor", "--json"))
		if r.OK != (len(lacking) == 0) || !slices.Equal(r.Lacking, append([]runtime.Capability{}, lacking...)) || r.OK != (c.status == 0) {
			t.Errorf("exit status %d, OK %v, lacking %v, want %v", c.status, r.OK, r.Lacking, lacking)
		}
		if info.Rootless && info.CgroupVersion == 1 {
			f := finding(r, "cgroups")
			if r.OK || f.Status != doctor.StatusProblem || !strings.Contains(f.Fix, "systemd.unified_cgroup_hierarchy=1") || r.Fix != f.Fix {
				t.Errorf("rootless on cgroup v1: %q, %+v", r.Fix, f)
			}
		}
		if f := finding(r, "socket"); f.Status != doctor.StatusOK || !strings.Contains(f.Says, "has mode 0") {
			t.Errorf("the socket is %+v", f)
		}
	})
}

// TestDoctorClosedSocket is for a user who may not open the engine's socket.
func TestDoctorClosedSocket(t *testing.T) {
	if os.Getuid() != 0 {
		t.Fatal("this test runs the command as somebody else, which takes root")
	}
	onEngines(t, func(t *testing.T, h host) {
		cmd := h.command(t, "doctor", "--json")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		cmd.Dir, cmd.Env = "/", append(cmd.Env, "HOME=/nonexistent", "PATH=/nowhere", "XDG_RUNTIME_DIR=/nonexistent")
		c := finish(t, cmd)
		r := report(t, c)
		p := r.Places[0]
		if c.status != 1 || !strings.Contains(r.Verdict, "permission denied") || !strings.Contains(p.Problem, "mode 0") || p.Socket.Owner == "" {
			t.Errorf("a closed socket: %+v\n%+v", r.Verdict, p)
		}
		want := "podman.sock"
		if strings.HasPrefix(h.url, "docker") {
			want = "usermod -aG docker"
		}
		if !strings.Contains(r.Fix, want) {
			t.Errorf("it is mended by %q, want %s", r.Fix, want)
		}
	})
}

// TestDoctorWithoutSubuids takes the ids away from whoever runs the engine.
func TestDoctorWithoutSubuids(t *testing.T) {
	onEngines(t, func(t *testing.T, h host) {
		cmd := elsewhere(t, "mount --bind /dev/null /etc/subuid", "doctor", "--json")
		cmd.Env = append(cmd.Env, "SANDLOT_RUNTIME="+h.url)
		r := report(t, finish(t, cmd))
		f := finding(r, "subuid")
		want := doctor.StatusSkipped
		if r.Engine != nil && r.Engine.Rootless {
			want = doctor.StatusProblem
			if !strings.Contains(f.Says, "/etc/subuid has no ids for") || !strings.Contains(f.Fix, "usermod --add-subuids") {
				t.Errorf("it says %+v", f)
			}
		}
		if r.Engine == nil || f.Status != want {
			t.Errorf("subuid is %+v of %+v, want %s", f, r.Engine, want)
		}
	})
}

func report(t *testing.T, c call) (r doctor.Report) {
	t.Helper()
	if err := json.Unmarshal([]byte(c.stdout), &r); err != nil || c.stderr != "" {
		t.Fatalf("doctor --json: %+v: %v", c, err)
	}
	return r
}

func finding(r doctor.Report, name string) doctor.Finding {
	i := slices.IndexFunc(r.Checks, func(f doctor.Finding) bool { return f.Name == name })
	if i < 0 {
		return doctor.Finding{}
	}
	return r.Checks[i]
}
