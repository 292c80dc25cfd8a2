package main

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/sandlot-dev/sandlot/bench/report"
)

// machine describes this one, as far as it says.
func machine() report.Machine {
	memory, _ := field("/proc/meminfo", "MemTotal:")
	return report.Machine{
		CPU: line("/proc/cpuinfo", "model name\t: "), CPUs: runtime.NumCPU(), Memory: memory,
		System: strings.Trim(line("/etc/os-release", "PRETTY_NAME="), `"`), Kernel: line("/proc/sys/kernel/osrelease", ""),
		Load: line("/proc/loadavg", ""),
	}
}

// line is the rest of the first line of a file that begins with prefix, or "".
func line(file, prefix string) string {
	content, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for l := range strings.Lines(string(content)) {
		if rest, ok := strings.CutPrefix(l, prefix); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}

// versions are those of the programs and libraries that take part.
func (b *bench) versions(ctx context.Context) {
	add := func(name, version string) {
		b.result.Versions = append(b.result.Versions, report.Version{Name: name, Version: version})
	}
	add("Go", runtime.Version())
	for _, program := range []string{"docker", "podman"} {
		if out, err := exec.CommandContext(ctx, program, "--version").Output(); err == nil {
			add("`"+program+"` command", strings.TrimSpace(string(out)))
		}
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return
	}
	for _, dep := range info.Deps {
		switch dep.Path {
		case "github.com/docker/docker", "github.com/testcontainers/testcontainers-go":
			add(dep.Path, dep.Version)
		}
	}
}
