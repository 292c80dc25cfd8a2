package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// processes are those of sandboxes with a token in their environment, in whatever namespace. Others' can only be seen by root.
func processes(token string) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var out []int
	want := []byte(tokenVar + "=" + token + "\x00")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		environment, err := os.ReadFile("/proc/" + e.Name() + "/environ")
		if err == nil && bytes.Contains(environment, want) {
			out = append(out, pid)
		}
	}
	return out, nil
}

// memoryOf is a process's share of the memory (PSS) in bytes: what it shares with others is divided among them. Of one that is gone it is
// none.
func memoryOf(pid int) (int64, error) {
	n, err := field(fmt.Sprintf("/proc/%d/smaps_rollup", pid), "Pss:")
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return 0, nil
	}
	return n, err
}

// usedMemory is what cannot be had on the machine without swapping.
func usedMemory() (int64, error) {
	total, err := field("/proc/meminfo", "MemTotal:")
	if err != nil {
		return 0, err
	}
	available, err := field("/proc/meminfo", "MemAvailable:")
	return total - available, err
}

// field reads a line such as "Pss: 12 kB", in bytes.
func field(file, name string) (int64, error) {
	f, err := os.Open(file)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if fields := strings.Fields(lines.Text()); len(fields) == 3 && fields[0] == name {
			n, err := strconv.ParseInt(fields[1], 10, 64)
			return n << 10, err
		}
	}
	return 0, errors.Join(lines.Err(), fmt.Errorf("%s has no %s", file, name))
}
