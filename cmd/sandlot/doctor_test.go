package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/sandlot-dev/sandlot/doctor"
	"github.com/sandlot-dev/sandlot/runtime"
)

// examined runs the command on a report.
func examined(t *testing.T, r doctor.Report, err error, args ...string) call {
	t.Helper()
	var stdout, stderr bytes.Buffer
	asked := "not called"
	a := &app{stdout: &stdout, stderr: &stderr, examine: func(_ context.Context, opts doctor.Options) (doctor.Report, error) {
		asked = opts.Runtime
		return r, err
	}}
	status := a.run(t.Context(), append([]string{"doctor", "--runtime", "podman"}, args...))
	if asked != "podman" && (err == nil && status != 125) {
		t.Errorf("it looked at %s", asked)
	}
	return call{stdout.String(), stderr.String(), status}
}

func TestDoctor(t *testing.T) {
	limited := runtime.Support{Reason: "no cgroups", Fix: "boot another kernel"}
	r := doctor.Report{
		Verdict: "podman 5 cannot", Fix: "mend this", Why: "it was asked for", Lacking: []runtime.Capability{runtime.CapabilityPidsLimit},
		Engine: &runtime.Info{Runtime: "podman", Version: "5", APIVersion: "5.1", URL: "podman+unix:///p", Rootless: true, Capabilities: runtime.Capabilities{
			runtime.CapabilityTTY: {OK: true}, runtime.CapabilityMemoryLimit: limited, runtime.CapabilityPidsLimit: limited,
		}},
		Places: []doctor.Place{
			{Name: "here", URL: "podman+unix:///p", Runtime: "podman", Version: "5", Chosen: true},
			{Name: "there", Problem: "there is no socket", Fix: "not printed"},
			{Name: "closed", Problem: "permission denied", Fix: "join", Socket: &doctor.Socket{Path: "/d", Exists: true, Mode: "0600"}},
		},
		Checks: []doctor.Finding{
			{Name: "host", Status: doctor.StatusSkipped, Says: "far away"},
			{Name: "subuid", Status: doctor.StatusProblem, Says: "no ids", Fix: "usermod"},
			{Name: "linger", Status: doctor.StatusSkipped, Says: "not printed"},
			{Name: "tun", Status: doctor.StatusOK, Says: "can be opened", Fix: "not printed"},
		},
	}
	c := examined(t, r, nil)
	for _, line := range []string{
		"podman 5 cannot", "fix: mend this", "podman 5, API 5.1", "rootless", "podman+unix:///p", "it was asked for", "podman 5 (chosen)", "there is no socket",
		"permission denied", "fix: join", "tty", "no   memory-limit, pids-limit: no cgroups\n", "fix: boot another kernel", "cpu-limit", "far away", "no ids",
		"fix: usermod", "can be opened",
	} {
		c.want(t, 1, line, "")
	}
	if strings.Contains(c.stdout, "not printed") {
		t.Errorf("what nobody needs is printed:\n%s", c.stdout)
	}
	var got doctor.Report
	if c := examined(t, r, nil, "--json"); c.status != 1 || json.Unmarshal([]byte(c.stdout), &got) != nil || got.Verdict != r.Verdict || len(got.Checks) != 4 {
		t.Errorf("--json: %+v", c)
	}
	r.OK = true
	examined(t, r, nil).want(t, 0, "podman 5 cannot", "")
	r.Engine, r.OK = nil, false
	examined(t, r, nil).want(t, 1, "fix: not printed", "") // without an engine, how to get each
}

func TestDoctorMisused(t *testing.T) {
	examined(t, doctor.Report{}, &runtime.Error{Op: "open", Kind: runtime.ErrInvalid, Hint: "name another"}).refused(t, "invalid")
	examined(t, doctor.Report{}, nil, "podman").refused(t, "usage: sandlot doctor")
	examined(t, doctor.Report{}, nil, "--frob").refused(t, "see sandlot doctor --help")
}
