//go:build linux

package supervise

import (
	"os"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
)

// An oomCounter knows how often the kernel had killed for want of memory when the command began.
type oomCounter struct{ before int }

func (c oomCounter) grew() bool { return oomKills() > c.before }

// oomKills is how often the kernel has killed something of the sandbox for want of memory, 0 where it does not say: engines mount the
// sandbox's own control group, or with cgroup v2 all of them.
func oomKills() int {
	const root = "/sys/fs/cgroup"
	files := []string{root + "/memory.events", root + "/memory/memory.oom_control"}
	if groups, err := os.ReadFile("/proc/self/cgroup"); err == nil {
		for line := range strings.Lines(string(groups)) {
			if group, ok := strings.CutPrefix(strings.TrimSpace(line), "0::/"); ok {
				files = append(files, path.Join(root, group, "memory.events"))
			}
		}
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			if count, ok := strings.CutPrefix(line, "oom_kill "); ok {
				n, _ := strconv.Atoi(strings.TrimSpace(count))
				return n
			}
		}
	}
	return 0
}

// shrink gives memory back before a long wait.
func shrink() { debug.FreeOSMemory() }
