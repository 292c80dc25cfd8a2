package engine

import (
	"errors"
	"math"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sandlot-dev/sandlot/guest"
	"github.com/sandlot-dev/sandlot/runtime"
)

func TestSpecDefaults(t *testing.T) {
	got, warnings, err := buildSpec(image, runtime.RunOptions{}, allSupported())
	if err != nil || warnings != nil {
		t.Fatal(warnings, err)
	}
	want := Spec{
		Image: image, Entrypoint: []string{guest.Path, "init", ""}, Network: "none", NoNewPrivs: true, Pids: runtime.DefaultPids,
		Labels: map[string]string{runtime.LabelSandbox: "1", labelImage: image},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestSpec(t *testing.T) {
	loopback := netip.MustParseAddr("127.0.0.1")
	for name, test := range map[string]struct {
		opts  runtime.RunOptions
		check func(s Spec) bool
	}{
		"env, the last counts": {runtime.RunOptions{Env: []string{"A=1", "B=", "A=2=3"}}, func(s Spec) bool { return reflect.DeepEqual(s.Env, []string{"A=2=3", "B="}) }},
		"working dir": {runtime.RunOptions{WorkingDir: "/w/"}, func(s Spec) bool {
			return s.WorkingDir == "/" && s.Entrypoint[2] == "/w/" && s.Labels[labelWorkdir] == "/w"
		}},
		"ports": {runtime.RunOptions{Network: "default", Ports: []runtime.Port{{Container: 80}, {Container: 80, Protocol: "udp", Host: 9}}}, func(s Spec) bool {
			return reflect.DeepEqual(s.Ports, []runtime.Port{{Container: 80, Protocol: "tcp", HostIP: loopback}, {Container: 80, Protocol: "udp", Host: 9, HostIP: loopback}})
		}},
		"no limit of processes": {runtime.RunOptions{PidsLimit: -1}, func(s Spec) bool { return s.Pids == 0 }},
		"limits": {runtime.RunOptions{PidsLimit: 64, MemoryBytes: 6 << 20, CPUs: 0.01}, func(s Spec) bool {
			return s.Pids == 64 && s.Memory == 6<<20 && s.CPUs == 0.01
		}},
		"capabilities": {runtime.RunOptions{CapAdd: []string{"net_raw", "CAP_NET_RAW", "chown"}, CapDrop: []string{"cap_chown"}}, func(s Spec) bool {
			return reflect.DeepEqual(s.CapAdd, []string{"CAP_NET_RAW"}) && len(s.CapDrop) == 0
		}},
		"all but one": {runtime.RunOptions{CapAdd: []string{"all", "CHOWN"}, CapDrop: []string{"SYS_ADMIN"}}, func(s Spec) bool {
			return reflect.DeepEqual(s.CapAdd, []string{"ALL"}) && reflect.DeepEqual(s.CapDrop, []string{"CAP_SYS_ADMIN"})
		}},
		"all dropped": {runtime.RunOptions{CapAdd: []string{"ALL"}, CapDrop: []string{"ALL"}}, func(s Spec) bool { return len(s.CapAdd) == 0 }},
		"security": {runtime.RunOptions{SecurityOpt: []string{"no-new-privileges=false", `seccomp={"defaultAction":"SCMP_ACT_ALLOW"}`, "apparmor=x", "label=type:a_t", "label=level:s0"}}, func(s Spec) bool {
			return !s.NoNewPrivs && strings.HasPrefix(s.Seccomp, "{") && s.AppArmor == "x" && reflect.DeepEqual(s.LabelOpts, []string{"type:a_t", "level:s0"})
		}},
		"tmpfs": {runtime.RunOptions{Mounts: []runtime.Mount{{Type: runtime.MountTmpfs, Target: "/t/"}}}, func(s Spec) bool {
			return s.Mounts[0].Target == "/t" && s.Mounts[0].Mode == 0o1777
		}},
		"shared memory": {runtime.RunOptions{Mounts: []runtime.Mount{{Type: runtime.MountTmpfs, Target: "/dev/shm"}, {Type: runtime.MountTmpfs, Target: "/process"}}}, func(s Spec) bool {
			return s.Mounts[0].Target == "/dev/shm" && s.Mounts[1].Target == "/process"
		}},
		"image by id": {runtime.RunOptions{Name: "a.b-c_1"}, func(s Spec) bool { return s.Name == "a.b-c_1" }},
	} {
		t.Run(name, func(t *testing.T) {
			s, warnings, err := buildSpec(image, test.opts, allSupported())
			if err != nil || warnings != nil {
				t.Fatal(warnings, err)
			}
			if !test.check(s) {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestSpecInvalid(t *testing.T) {
	mount := func(m runtime.Mount) runtime.RunOptions { return runtime.RunOptions{Mounts: []runtime.Mount{m}} }
	port := func(p ...runtime.Port) runtime.RunOptions { return runtime.RunOptions{Network: "default", Ports: p} }
	for name, opts := range map[string]runtime.RunOptions{
		"name":                    {Name: "-a"},
		"name of one letter":      {Name: "a"}, // Docker takes none
		"long name":               {Name: strings.Repeat("a", maxName+1)},
		"name with a slash":       {Name: "a/b"},
		"negative lease":          {Lease: -time.Hour},
		"short lease":             {Lease: runtime.MinLease - 1},
		"hostname":                {Hostname: "a_b"},
		"long hostname":           {Hostname: strings.Repeat("a", 64)},
		"env without =":           {Env: []string{"HOME"}},
		"env without key":         {Env: []string{"=x"}},
		"env with zero":           {Env: []string{"A=\x00"}},
		"relative working dir":    {WorkingDir: "w"},
		"user":                    {User: "a b"},
		"user of no number":       {User: "2147483648"},
		"group of no number":      {User: "0:99999999999999999999"},
		"user of three":           {User: "a:b:c"},
		"negative user":           {User: "-1"},
		"label of ours":           {Labels: map[string]string{"dev.sandlot.x": ""}},
		"label without key":       {Labels: map[string]string{"": "x"}},
		"network":                 {Network: "container:x"},
		"Docker's own network":    {Network: "bridge"},
		"ports without network":   {Ports: []runtime.Port{{Container: 80}}},
		"ports with the host's":   {Network: "host", Ports: []runtime.Port{{Container: 80}}},
		"port 0":                  port(runtime.Port{}),
		"sctp":                    port(runtime.Port{Container: 1, Protocol: "sctp"}),
		"port twice":              port(runtime.Port{Container: 1}, runtime.Port{Container: 1, Protocol: "tcp", HostIP: netip.MustParseAddr("127.0.0.1")}),
		"port with zone":          port(runtime.Port{Container: 1, HostIP: netip.MustParseAddr("fe80::1%eth0")}),
		"capability":              {CapAdd: []string{"NET_ROW"}},
		"dropped capability":      {CapDrop: []string{""}},
		"security option":         {SecurityOpt: []string{"systempaths=unconfined"}},
		"no-new-privileges":       {SecurityOpt: []string{"no-new-privileges"}},
		"no-new-privileges maybe": {SecurityOpt: []string{"no-new-privileges=maybe"}},
		"seccomp file":            {SecurityOpt: []string{"seccomp=/etc/profile.json"}},
		"seccomp list":            {SecurityOpt: []string{"seccomp=[]"}},
		"seccomp null":            {SecurityOpt: []string{"seccomp=null"}},
		"seccomp twice":           {SecurityOpt: []string{"seccomp=unconfined", "seccomp={}"}},
		"apparmor":                {SecurityOpt: []string{"apparmor="}},
		"label":                   {SecurityOpt: []string{"label=disable:x"}},
		"little memory":           {MemoryBytes: 6<<20 - 1},
		"negative memory":         {MemoryBytes: -1},
		"negative cpus":           {CPUs: -1},
		"few cpus":                {CPUs: 0.001},
		"nan cpus":                {CPUs: math.NaN()},
		"infinite cpus":           {CPUs: math.Inf(1)},
		"negative pids":           {PidsLimit: -2},
		"few pids":                {PidsLimit: 1},
		"mount of no kind":        mount(runtime.Mount{Target: "/a"}),
		"mount at root":           mount(runtime.Mount{Type: runtime.MountTmpfs, Target: "/"}),
		"mount at nothing":        mount(runtime.Mount{Type: runtime.MountTmpfs}),
		"mount relative":          mount(runtime.Mount{Type: runtime.MountTmpfs, Target: "a"}),
		"mount with ..":           mount(runtime.Mount{Type: runtime.MountTmpfs, Target: "/a/../.sandlot"}),
		"mount over the guest":    mount(runtime.Mount{Type: runtime.MountTmpfs, Target: guest.Dir}),
		"mount in the guest":      mount(runtime.Mount{Type: runtime.MountTmpfs, Target: guest.Path}),
		"mount over /proc":        mount(runtime.Mount{Type: runtime.MountTmpfs, Target: "/proc/"}),
		"mount in /proc":          mount(runtime.Mount{Type: runtime.MountTmpfs, Target: "/proc/sys"}),
		"mount over /sys":         mount(runtime.Mount{Type: runtime.MountVolume, Target: "/sys"}),
		"mount in /sys":           mount(runtime.Mount{Type: runtime.MountBind, Target: "/sys/fs/cgroup", Source: "/sys/fs/cgroup"}),
		"mount over /dev":         mount(runtime.Mount{Type: runtime.MountTmpfs, Target: "/dev"}),
		"tmpfs with source":       mount(runtime.Mount{Type: runtime.MountTmpfs, Target: "/a", Source: "a"}),
		"tmpfs of size -1":        mount(runtime.Mount{Type: runtime.MountTmpfs, Target: "/a", SizeBytes: -1}),
		"tmpfs with setuid":       mount(runtime.Mount{Type: runtime.MountTmpfs, Target: "/a", Mode: 0o4755}),
		"relative bind":           mount(runtime.Mount{Type: runtime.MountBind, Target: "/a", Source: "a"}),
		"bind with size":          mount(runtime.Mount{Type: runtime.MountBind, Target: "/a", Source: "/a", SizeBytes: 1}),
		"volume with mode":        mount(runtime.Mount{Type: runtime.MountVolume, Target: "/a", Source: "aa", Mode: 0o755}),
		"volume with path":        mount(runtime.Mount{Type: runtime.MountVolume, Target: "/a", Source: "/a"}),
		"the guest's volume":      mount(runtime.Mount{Type: runtime.MountVolume, Target: "/a", Source: guestVolumePrefix + "0123"}),
		"two mounts in one place": {Mounts: []runtime.Mount{{Type: runtime.MountTmpfs, Target: "/a"}, {Type: runtime.MountTmpfs, Target: "/a/"}}},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := buildSpec(image, opts, allSupported())
			check(t, err, runtime.ErrInvalid)
		})
	}
	for _, image := range []string{"", "UPPER", "a b", "a:b:c", "-x"} {
		if _, _, err := buildSpec(image, runtime.RunOptions{}, allSupported()); !errors.Is(err, runtime.ErrInvalid) {
			t.Errorf("image %q: %v", image, err)
		}
	}
	for _, image := range []string{"alpine", "localhost/a:1", "sha256:" + strings.Repeat("0", 64), strings.Repeat("a", 64)} {
		if _, _, err := buildSpec(image, runtime.RunOptions{}, allSupported()); err != nil {
			t.Errorf("image %q: %v", image, err)
		}
	}
}

// What is asked for needs its capability; the same options are fine with it.
func TestSpecUnsupported(t *testing.T) {
	mount := func(kind runtime.MountType, source string) runtime.RunOptions {
		return runtime.RunOptions{Mounts: []runtime.Mount{{Type: kind, Source: source, Target: "/a"}}}
	}
	for capability, all := range map[runtime.Capability][]runtime.RunOptions{
		runtime.CapabilityMemoryLimit:     {{MemoryBytes: 1 << 30}},
		runtime.CapabilityCPULimit:        {{CPUs: 1}},
		runtime.CapabilityPidsLimit:       {{PidsLimit: 100}},
		runtime.CapabilityReadOnlyRoot:    {{ReadOnlyRoot: true}},
		runtime.CapabilityNoNewPrivileges: {{SecurityOpt: []string{"no-new-privileges=true"}}},
		runtime.CapabilityDropCaps:        {{CapDrop: []string{"ALL"}}},
		runtime.CapabilitySeccomp:         {{SecurityOpt: []string{"seccomp=unconfined"}}, {SecurityOpt: []string{"seccomp={}"}}},
		runtime.CapabilityAppArmor:        {{SecurityOpt: []string{"apparmor=x"}}},
		runtime.CapabilitySELinux:         {{SecurityOpt: []string{"label=disable"}}},
		runtime.CapabilityNoNetwork:       {{Network: "none"}},
		runtime.CapabilityNetwork:         {{Network: "default"}, {Network: "host"}, {Network: "mine"}},
		runtime.CapabilityPublishTCP:      {{Network: "default", Ports: []runtime.Port{{Container: 1}}}},
		runtime.CapabilityPublishUDP:      {{Network: "default", Ports: []runtime.Port{{Container: 1, Protocol: "udp"}}}},
		runtime.CapabilityVolumes:         {mount(runtime.MountVolume, "aa"), mount(runtime.MountVolume, "")},
		runtime.CapabilityBinds:           {mount(runtime.MountBind, "/a")},
		runtime.CapabilityTmpfs:           {mount(runtime.MountTmpfs, "")},
		runtime.CapabilityUser:            {{User: "0"}},
	} {
		for _, opts := range all {
			caps := allSupported()
			caps[capability] = runtime.Support{Reason: "because", Fix: "mend it"}
			_, _, err := buildSpec(image, opts, caps)
			check(t, err, errors.ErrUnsupported, string(capability), "because", "mend it")
			if _, _, err := buildSpec(image, opts, allSupported()); err != nil {
				t.Errorf("%s, with the capability: %v", capability, err)
			}
		}
	}
}
