//go:build linux

package supervise

import (
	"os"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
)

// An oomCounter tells how often the kernel has killed something of the sandbox for want of memory.
type oomCounter struct {
	file   *os.File // stays open
	looked bool
}

// read gives 0 where the kernel does not say.
func (c *oomCounter) read() int {
	if !c.looked {
		c.looked, c.file = true, openOOMKills()
	}
	if c.file == nil {
		return 0
	}
	var buf [1024]byte
	n, _ := c.file.ReadAt(buf[:], 0)
	kills, _ := parseOOMKills(string(buf[:max(n, 0)]))
	return kills
}

func parseOOMKills(text string) (kills int, ok bool) {
	for line := range strings.Lines(text) {
		if count, ok := strings.CutPrefix(line, "oom_kill "); ok {
			kills, err := strconv.Atoi(strings.TrimSpace(count))
			return kills, err == nil
		}
	}
	return 0, false
}

// openOOMKills finds where the kernel says it: engines mount the sandbox's own control group, or with cgroup v2 all of them.
func openOOMKills() *os.File {
	const root = "/sys/fs/cgroup"
	files := []string{root + "/memory.events", root + "/memory/memory.oom_control"}
	if groups, err := os.ReadFile("/proc/self/cgroup"); err == nil {
		for line := range strings.Lines(string(groups)) {
			if group, ok := strings.CutPrefix(strings.TrimSpace(line), "0::/"); ok {
				files = append(files, path.Join(root, group, "memory.events"))
			}
		}
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		if _, ok := parseOOMKills(string(text)); !ok {
			continue
		}
		if file, err := os.Open(name); err == nil {
			return file
		}
	}
	return nil
}

// shrink gives memory back before a long wait.
func shrink() { debug.FreeOSMemory() }
