//go:build unix

package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sandlot-dev/sandlot/runtime"
)

func TestProcessesOnEngines(t *testing.T) {
	onEngines(t, func(t *testing.T, h host) {
		name := strings.TrimSpace(h.call(t, "create", "-q").stdout)
		defer h.call(t, "rm", name)
		start := func(script string) string {
			c := h.call(t, "exec", "-d", name, "sh", "-c", script)
			if c.status != 0 || len(strings.TrimSpace(c.stdout)) == 0 {
				t.Fatalf("exec --detach: %+v", c)
			}
			return strings.TrimSpace(c.stdout)
		}
		first, second := start("echo out; echo err >&2; exit 3"), start("sleep 1000")
		h.call(t, "wait", name, first).want(t, 3, "", "")
		if c := h.call(t, "logs", "-f", name, first); c != (call{"out\n", "err\n", 0}) {
			t.Errorf("logs: %+v", c)
		}
		var list []runtime.Process
		if err := json.Unmarshal([]byte(h.call(t, "processes", "--json", name).stdout), &list); err != nil || len(list) != 2 || list[0].ID != first || list[1].ID != second {
			t.Errorf("processes: %v, %+v", err, list)
		}
		if c := h.call(t, "processes", name); !strings.Contains(c.stdout, "exited 3") || !strings.Contains(c.stdout, "running") {
			t.Errorf("processes: %+v", c)
		}
		h.call(t, "kill", "-s", "TERM", name, second).want(t, 0, "", "")
		h.call(t, "wait", name, second).want(t, 143, "", "")
		h.call(t, "kill", "--rm", name, second).want(t, 0, "", "")
		h.call(t, "wait", name, second).want(t, 125, "", "sandlot processes")
	})
}
