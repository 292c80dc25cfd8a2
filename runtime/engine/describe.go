package engine

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/sandlot-dev/sandlot/runtime"
)

// SortPorts brings published ports into the order in which containers are described.
func SortPorts(ports []runtime.PublishedPort) {
	slices.SortFunc(ports, func(a, b runtime.PublishedPort) int {
		return cmp.Or(cmp.Compare(a.Container, b.Container), cmp.Compare(a.Protocol, b.Protocol), a.Host.Compare(b.Host))
	})
}

// SortMounts is SortPorts for mounts.
func SortMounts(mounts []runtime.Mount) {
	slices.SortFunc(mounts, func(a, b runtime.Mount) int { return cmp.Compare(a.Target, b.Target) })
}

// ParseTmpfs reads the mount options of a tmpfs, as the engines keep them.
func ParseTmpfs(target, options string) runtime.Mount {
	m := runtime.Mount{Type: runtime.MountTmpfs, Target: target}
	for option := range strings.SplitSeq(options, ",") {
		switch key, value, _ := strings.Cut(option, "="); key {
		case "ro":
			m.ReadOnly = true
		case "size":
			m.SizeBytes, _ = strconv.ParseInt(value, 10, 64)
		case "mode":
			mode, _ := strconv.ParseUint(value, 8, 32)
			m.Mode = uint32(mode)
		}
	}
	return m
}
