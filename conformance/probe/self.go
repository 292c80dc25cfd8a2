//go:build linux

package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/sandlot-dev/sandlot/conformance/internal/answer"
)

// self ARG… says what the process knows about itself.
func self(args []string) int {
	a := answer.Self{
		Args: args, Env: os.Environ(), PID: os.Getpid(), PPID: os.Getppid(), UID: os.Getuid(), GID: os.Getgid(),
	}
	// first, before this process opens files of its own for good
	for fd := range 64 {
		if target, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd)); err == nil && !strings.Contains(target, "eventpoll") &&
			!strings.Contains(target, "eventfd") {
			a.Files = append(a.Files, fd)
		}
	}
	a.Dir, _ = os.Getwd()
	a.Groups, _ = os.Getgroups()
	a.Hostname, _ = os.Hostname()
	if b, err := os.ReadFile("/proc/self/oom_score_adj"); err == nil {
		a.OOMScore, _ = strconv.Atoi(strings.TrimSpace(string(b)))
	}
	s := status("self")
	a.Ignored, a.Blocked = s["SigIgn"], s["SigBlk"]
	a.CapEff, a.CapPrm, a.CapBnd, a.CapAmb = s["CapEff"], s["CapPrm"], s["CapBnd"], s["CapAmb"]
	a.NoNewPriv = s["NoNewPrivs"] == "1"
	a.Seccomp, _ = strconv.Atoi(s["Seccomp"])
	return reply(a)
}

// status is /proc/PID/status.
func status(pid string) map[string]string {
	b, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		return nil
	}
	out := map[string]string{}
	for line := range strings.Lines(string(b)) {
		k, v, _ := strings.Cut(line, ":")
		out[k] = strings.TrimSpace(v)
	}
	return out
}

// all are all processes that /proc shows, but this one.
func all() []answer.Process {
	out := []answer.Process{}
	names, _ := filepath.Glob("/proc/[0-9]*")
	for _, name := range names {
		pid, _ := strconv.Atoi(filepath.Base(name))
		s := status(filepath.Base(name))
		if s == nil || pid == os.Getpid() {
			continue
		}
		p := answer.Process{PID: pid, Name: s["Name"]}
		p.State, _, _ = strings.Cut(s["State"], " ")
		p.PPID, _ = strconv.Atoi(s["PPid"])
		uid, _, _ := strings.Cut(s["Uid"], "\t")
		p.UID, _ = strconv.Atoi(uid)
		if b, err := os.ReadFile(name + "/cmdline"); err == nil && len(b) > 0 {
			p.Args = strings.Split(strings.TrimSuffix(string(b), "\x00"), "\x00")
		}
		out = append(out, p)
	}
	return out
}

// processes lists all processes of the sandbox, but itself.
func processes([]string) int { return reply(all()) }

// alive MARK lists the processes that have the mark among their arguments and are no zombies, but itself.
func alive(args []string) int { return reply(marked(args[0])) }

func marked(mark string) []answer.Process {
	out := []answer.Process{}
	for _, p := range all() {
		if p.State == "Z" || p.State == "X" {
			continue
		}
		for _, arg := range p.Args {
			if arg == mark {
				out = append(out, p)
				break
			}
		}
	}
	return out
}

// mounts lists what is mounted.
func mounts([]string) int {
	b, err := os.ReadFile("/proc/self/mountinfo")
	check(err)
	out := []answer.Mount{}
	for line := range strings.Lines(string(b)) {
		left, right, _ := strings.Cut(strings.TrimSpace(line), " - ")
		l, r := strings.Fields(left), strings.Fields(right)
		if len(l) < 6 || len(r) < 2 {
			continue
		}
		out = append(out, answer.Mount{
			Target: l[4], Root: l[3], ReadOnly: strings.HasPrefix(l[5]+",", "ro,"), Type: r[0], Source: r[1],
		})
	}
	return reply(out)
}

// label prints the security label of the process.
func label([]string) int {
	b, err := os.ReadFile("/proc/self/attr/current")
	check(err)
	fmt.Print(string(b))
	return 0
}

// network says what the sandbox sees of networks.
func network([]string) int {
	out := answer.Network{Interfaces: []string{}, Routes: []string{}}
	ifs, err := net.Interfaces()
	check(err)
	for _, i := range ifs {
		if i.Flags&net.FlagLoopback == 0 && i.Flags&net.FlagUp != 0 {
			out.Interfaces = append(out.Interfaces, i.Name)
		}
	}
	b, err := os.ReadFile("/proc/net/route")
	check(err)
	for i, line := range strings.Split(strings.TrimSpace(string(b)), "\n") {
		if i > 0 && line != "" {
			out.Routes = append(out.Routes, strings.Join(strings.Fields(line), " "))
		}
	}
	return reply(out)
}
