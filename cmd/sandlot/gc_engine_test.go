//go:build linux

package main

import (
	"bufio"
	"strings"
	"testing"

	"github.com/sandlot-dev/sandlot/runtime"
)

// TestEngineGC: the sandbox of a run that was killed is removed, and one whose lease is over; not one of create, nor of a run that lives.
func TestEngineGC(t *testing.T) {
	onEngines(t, func(t *testing.T, h host) {
		kept := h.create(t)
		over := h.create(t, "--lease", "1s")
		// running is a run whose command runs.
		running := func() (name string, kill func()) {
			t.Helper()
			name = unique()
			cmd := h.command(t, "run", "-q", "--name", name, "--", "sh", "-c", "echo up; sleep 1000")
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			kill = func() {
				_ = cmd.Process.Kill()
				_ = cmd.Wait() // which says that it was killed
			}
			t.Cleanup(kill)
			if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "up\n" {
				t.Fatalf("the command says %q, %v", line, err)
			}
			return name, kill
		}
		dead, kill := running()
		lives, killOther := running()
		kill()
		for running := true; running; { // until its lease is over
			for _, c := range h.sandboxes(t) {
				if c.Name == over {
					running = c.State == runtime.StateRunning
				}
			}
		}
		gc := func(args ...string) string {
			t.Helper()
			c := h.call(t, append([]string{"gc", "--label", h.label}, args...)...)
			if c.status != 0 || c.stderr != "" {
				t.Fatalf("gc %v: %+v", args, c)
			}
			return c.stdout
		}
		for _, args := range [][]string{{"--dry-run"}, nil} {
			out := gc(args...)
			if strings.Count(out, "\n") != 2 || !strings.Contains(out, dead+"   owner gone\n") || !strings.Contains(out, over+"   lease over\n") {
				t.Errorf("gc %v: %q", args, out)
			}
		}
		for _, c := range h.sandboxes(t) {
			if c.Name != kept && c.Name != lives {
				t.Errorf("sandbox %s is left", c.Name)
			}
		}
		killOther()
		if out := gc(); !strings.Contains(out, lives) {
			t.Errorf("gc of the other: %q", out)
		}
		h.call(t, "exec", kept, "--", "true").want(t, 0, "", "")
	})
}
