package podman

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/containers/podman/v5/libpod/define"

	"github.com/sandlot-dev/sandlot/runtime"
)

// Podman's description of itself is slow.
func TestDescriptionIsAskedForWhenNeeded(t *testing.T) {
	a, f := fakeService(t, nil)
	if f.descriptions != 0 {
		t.Errorf("asked for %d times by opening", f.descriptions)
	}
	f.speechless = true
	if _, err := a.Info(t.Context()); err == nil || !strings.Contains(err.Error(), "storage is locked") {
		t.Errorf("got %v, want what the engine says", err)
	}
	f.speechless = false
	for range 3 {
		if info, err := a.Info(t.Context()); err != nil || info.Version != "5.8.2" {
			t.Errorf("got %+v, %v", info, err)
		}
	}
	if f.descriptions != 2 {
		t.Errorf("asked for %d times, want twice: once in vain", f.descriptions)
	}
}

func TestCapabilitiesOfHosts(t *testing.T) {
	limits := []runtime.Capability{runtime.CapabilityMemoryLimit, runtime.CapabilityCPULimit, runtime.CapabilityPidsLimit}
	for name, c := range map[string]struct {
		host    string
		lacking []runtime.Capability
		fix     string // of the limits
	}{
		"root, v1":              {`"cgroupVersion":"v1","cgroupControllers":["cpuset","cpu","memory","pids"]`, nil, ""},
		"root, v2":              {`"cgroupVersion":"v2","cgroupControllers":["cpuset","cpu","memory","pids"]`, nil, ""},
		"rootless, v1":          {`"cgroupVersion":"v1","cgroupControllers":["cpu","memory","pids"],"security":{"rootless":true}`, limits, "cgroup v2"},
		"rootless, v2, all":     {`"cgroupVersion":"v2","cgroupManager":"systemd","cgroupControllers":["cpu","memory","pids"],"security":{"rootless":true}`, nil, ""},
		"rootless, v2, default": {`"cgroupVersion":"v2","cgroupManager":"systemd","cgroupControllers":["memory","pids"],"security":{"rootless":true}`, limits[1:2], "Delegate"},
		"rootless, v2, none":    {`"cgroupVersion":"v2","cgroupManager":"systemd","cgroupControllers":[],"security":{"rootless":true}`, limits, "Delegate"},
		"rootless, v2, cgroupfs": {
			`"cgroupVersion":"v2","cgroupManager":"cgroupfs","cgroupControllers":["cpu","memory","pids"],"security":{"rootless":true}`, limits, "systemd cgroup manager",
		},
		"rootless, v2, no manager": {`"cgroupVersion":"v2","cgroupControllers":["cpu","memory","pids"],"security":{"rootless":true}`, limits, "systemd cgroup manager"},
		"root, v2, cgroupfs":       {`"cgroupVersion":"v2","cgroupManager":"cgroupfs","cgroupControllers":["cpu","memory","pids"]`, nil, ""},
	} {
		var data define.Info
		if err := json.Unmarshal([]byte(`{"host":{`+c.host+`}}`), &data); err != nil {
			t.Fatal(err)
		}
		caps := capabilities(data)
		for _, l := range limits {
			lacks := false
			for _, missing := range c.lacking {
				lacks = lacks || missing == l
			}
			s := caps[l]
			if s.OK == lacks {
				t.Errorf("%s: %s is %+v", name, l, s)
			}
			if lacks && (s.Reason == "" || !strings.Contains(s.Fix, c.fix)) {
				t.Errorf("%s: %s is said to be %+v", name, l, s)
			}
		}
	}
}

func TestCapabilitiesAreProbed(t *testing.T) {
	for host, want := range map[string]map[runtime.Capability]bool{
		`"security":{"seccompEnabled":true,"apparmorEnabled":true,"selinuxEnabled":true}`: {
			runtime.CapabilitySeccomp: true, runtime.CapabilityAppArmor: true, runtime.CapabilitySELinux: true, runtime.CapabilityNetwork: true,
		},
		`"security":{"rootless":true}`: {
			runtime.CapabilitySeccomp: false, runtime.CapabilityAppArmor: false, runtime.CapabilitySELinux: false,
			runtime.CapabilityNetwork: false, runtime.CapabilityPublishTCP: false, runtime.CapabilityPublishUDP: false, runtime.CapabilityNoNetwork: true,
		},
		`"security":{"rootless":true},"slirp4netns":{"executable":"/usr/bin/slirp4netns"}`: {runtime.CapabilityNetwork: true},
		`"security":{"rootless":true},"idMappings":{"uidmap":[{"size":1}],"gidmap":[{"size":1},{"size":65536}]}`: {
			runtime.CapabilityUser: false, runtime.CapabilityOwners: false,
		},
		`"security":{"rootless":true},"idMappings":{"uidmap":[{"size":1},{"size":65536}],"gidmap":[{"size":1}]}`: {runtime.CapabilityUser: false},
		`"security":{"rootless":true},"idMappings":{"uidmap":[{"size":1},{"size":65536}],"gidmap":[{"size":1},{"size":65536}]}`: {
			runtime.CapabilityUser: true, runtime.CapabilityOwners: true,
		},
		`"idMappings":{"uidmap":null,"gidmap":null}`:                           {runtime.CapabilityUser: true},
		`"security":{"rootless":true},"pasta":{"executable":"/usr/bin/pasta"}`: {runtime.CapabilityPublishUDP: true},
	} {
		var data define.Info
		if err := json.Unmarshal([]byte(`{"host":{`+host+`}}`), &data); err != nil {
			t.Fatal(err)
		}
		caps := capabilities(data)
		for c, ok := range want {
			if caps.Has(c) != ok {
				t.Errorf("%s: %s is %+v", host, c, caps[c])
			}
			if s := caps[c]; !s.OK && (s.Reason == "" || s.Fix == "") {
				t.Errorf("%s: nothing says why there is no %s, or what mends it: %+v", host, c, s)
			}
		}
	}
	for _, c := range runtime.AllCapabilities() {
		if c == runtime.CapabilityAttached { // package engine has it of every API that is an engine.Attacher
			continue
		}
		if _, known := capabilities(define.Info{Host: &define.HostInfo{}})[c]; !known {
			t.Errorf("%s is not looked at", c)
		}
	}
}
