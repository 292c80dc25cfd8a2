package conformance

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sandlot-dev/sandlot/conformance/internal/answer"
	"github.com/sandlot-dev/sandlot/runtime"
)

// Bits of capabilities in /proc/PID/status.
const (
	capChown          = 1 << 0
	capNetBindService = 1 << 10
)

func isolationCases() []Case {
	return []Case{
		{
			ID: "isolation/no-network", Contract: contractRunOptions, Needs: []runtime.Capability{runtime.CapabilityNoNetwork},
			Rule: "A sandbox has no network unless one is asked for: no interface but the loopback, no route, no answer from outside.",
			Run: func(t *T) {
				for _, network := range []string{"", runtime.NetworkNone} {
					id := t.Run(runtime.RunOptions{Network: network})
					t.Equal("interfaces and routes", answerOf[answer.Network](t, id, runtime.ExecOptions{}, "network"),
						answer.Network{Interfaces: []string{}, Routes: []string{}})
					got := answerOf[answer.Attempt](t, id, runtime.ExecOptions{}, "dial", "tcp", "192.0.2.1:80")
					t.True(strings.Contains(got.Err, "unreachable"), "dialling outside", got.Err, "network is unreachable")
				}
			},
		},
		{
			ID: "isolation/network-default", Contract: contractRunOptions + ".Network", Needs: []runtime.Capability{runtime.CapabilityNetwork},
			Rule: "With the default network a sandbox has an interface and a route.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{Network: runtime.NetworkDefault})
				got := answerOf[answer.Network](t, id, runtime.ExecOptions{}, "network")
				t.True(len(got.Interfaces) > 0 && len(got.Routes) > 0, "interfaces and routes", got, "some of each")
				t.Equal("Inspect's network", t.Inspect(id).Network, runtime.NetworkDefault)
			},
		},
		{
			ID: "isolation/network-unknown", Contract: contractRunOptions + ".Network", Needs: []runtime.Capability{runtime.CapabilityNetwork},
			Rule: "A network that does not exist is ErrNotFound, and nothing of the sandbox is left.",
			Run: func(t *T) {
				_, err := t.TryRun(t.Image(), runtime.RunOptions{Name: t.Name(), Network: "sandlot-none-" + t.token})
				t.ErrorIs("run", err, runtime.ErrNotFound)
				t.noSandbox(t.Name())
			},
		},
		{
			ID: "isolation/network-bridge", Contract: contractRunOptions + ".Network", Needs: []runtime.Capability{runtime.CapabilityNetwork},
			Rule: "The network bridge, which Docker alone has, is ErrInvalid.",
			Run: func(t *T) {
				_, err := t.TryRun(t.Image(), runtime.RunOptions{Name: t.Name(), Network: "bridge"})
				t.ErrorIs("run", err, runtime.ErrInvalid)
				t.noSandbox(t.Name())
			},
		},
		{
			ID: "isolation/capabilities", Contract: contractRunOptions, Needs: []runtime.Capability{runtime.CapabilityDropCaps},
			Rule: "A command has no Linux capability, and cannot gain one.",
			Run: func(t *T) {
				got := answerOf[answer.Self](t, t.Sandbox(), runtime.ExecOptions{}, "self")
				t.Equal("effective, permitted, bounding and ambient", capsOf(t, got.CapEff, got.CapPrm, got.CapBnd, got.CapAmb), []uint64{0, 0, 0, 0})
			},
		},
		{
			ID: "isolation/privileged-calls", Contract: contractRunOptions, Needs: []runtime.Capability{runtime.CapabilityDropCaps},
			Rule: "What needs a Linux capability is refused: mounts, raw sockets, devices, other users, the clock, the host name.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{})
				for _, a := range answerOf[[]answer.Attempt](t, id, runtime.ExecOptions{}, "mount") {
					t.True(a.Err != "", a.What, "it worked", "an error")
				}
				for _, what := range []string{"raw-socket", "packet-socket", "setuid", "chroot", "sethostname", "settime", "mknod"} {
					a := answerOf[answer.Attempt](t, id, runtime.ExecOptions{}, "try", what)
					t.True(a.Err != "", a.What, "it worked", "an error")
				}
				a := answerOf[answer.Attempt](t, id, runtime.ExecOptions{}, "try", "chown", "/etc/passwd")
				t.True(a.Err != "", a.What, "it worked", "an error")
			},
		},
		{
			ID: "isolation/cap-add", Contract: contractRunOptions + ".CapAdd", Needs: []runtime.Capability{runtime.CapabilityDropCaps},
			Rule: "CapAdd gives a capability, by either form of its name, and no other.",
			Run: func(t *T) {
				for _, name := range []string{"NET_BIND_SERVICE", "cap_net_bind_service"} {
					id := t.Run(runtime.RunOptions{CapAdd: []string{name}})
					got := answerOf[answer.Self](t, id, runtime.ExecOptions{}, "self")
					t.Equal("effective and bounding", capsOf(t, got.CapEff, got.CapBnd), []uint64{capNetBindService, capNetBindService})
				}
			},
		},
		{
			ID: "isolation/cap-add-user", Contract: contractRunOptions + ".CapAdd", Needs: []runtime.Capability{runtime.CapabilityDropCaps, runtime.CapabilityUser},
			Rule: "CapAdd is for root in a sandbox whose user is root: all other commands have no capabilities.",
			Run: func(t *T) {
				none := []uint64{0, 0, 0}
				id := t.Run(runtime.RunOptions{User: "12345", CapAdd: []string{"CHOWN"}})
				got := answerOf[answer.Self](t, id, runtime.ExecOptions{}, "self")
				t.Equal("the sandbox's user's: effective, permitted and ambient", capsOf(t, got.CapEff, got.CapPrm, got.CapAmb), none)
				got = answerOf[answer.Self](t, id, runtime.ExecOptions{User: "root"}, "self")
				t.Equal("root's, whose sandbox it is not: effective, permitted and ambient", capsOf(t, got.CapEff, got.CapPrm, got.CapAmb), none)
				id = t.Run(runtime.RunOptions{CapAdd: []string{"CHOWN"}})
				got = answerOf[answer.Self](t, id, runtime.ExecOptions{User: "12345"}, "self")
				t.Equal("another user's: effective, permitted and ambient", capsOf(t, got.CapEff, got.CapPrm, got.CapAmb), none)
			},
		},
		{
			ID: "isolation/cap-drop", Contract: contractRunOptions + ".CapDrop", Needs: []runtime.Capability{runtime.CapabilityDropCaps},
			Rule: "CapDrop takes from what CapAdd gave.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{CapAdd: []string{"CHOWN", "NET_BIND_SERVICE"}, CapDrop: []string{"CAP_NET_BIND_SERVICE"}})
				got := answerOf[answer.Self](t, id, runtime.ExecOptions{}, "self")
				t.Equal("effective", capsOf(t, got.CapEff), []uint64{capChown})
			},
		},
		{
			ID: "isolation/cap-unknown", Contract: contractRunOptions + ".CapAdd",
			Rule: "An unknown Linux capability is ErrInvalid.",
			Run: func(t *T) {
				for _, opts := range []runtime.RunOptions{{CapAdd: []string{"EVERYTHING"}}, {CapDrop: []string{"CAP_NOTHING"}}} {
					_, err := t.TryRun(t.Image(), opts)
					t.ErrorIs("run", err, runtime.ErrInvalid)
				}
			},
		},
		{
			ID: "isolation/no-new-privileges", Contract: contractRunOptions, Needs: []runtime.Capability{runtime.CapabilityNoNewPrivileges},
			Rule: "A command gains no privileges by executing setuid programs, unless that is asked for.",
			Run: func(t *T) {
				got := answerOf[answer.Self](t, t.Sandbox(), runtime.ExecOptions{}, "self")
				t.Equal("NoNewPrivs", got.NoNewPriv, true)
				id := t.Run(runtime.RunOptions{SecurityOpt: []string{"no-new-privileges=false"}})
				t.Equal("NoNewPrivs, asked off", answerOf[answer.Self](t, id, runtime.ExecOptions{}, "self").NoNewPriv, false)
			},
		},
		{
			ID: "isolation/seccomp", Contract: contractRunOptions, Needs: []runtime.Capability{runtime.CapabilitySeccomp},
			Rule: "The engine's seccomp profile is on, unless another is asked for.",
			Run: func(t *T) {
				got := answerOf[answer.Self](t, t.Run(runtime.RunOptions{}), runtime.ExecOptions{}, "self")
				t.Equal("the seccomp mode", got.Seccomp, 2)
				id := t.Run(runtime.RunOptions{SecurityOpt: []string{"seccomp=unconfined"}})
				t.Equal("the seccomp mode, unconfined", answerOf[answer.Self](t, id, runtime.ExecOptions{}, "self").Seccomp, 0)
			},
		},
		{
			ID: "isolation/seccomp-profile", Contract: contractRunOptions + ".SecurityOpt", Needs: []runtime.Capability{runtime.CapabilitySeccomp},
			Rule: "A seccomp profile that is given as JSON is the one that applies.",
			Run: func(t *T) {
				profile := `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["symlinkat","symlink"],"action":"SCMP_ACT_ERRNO","errnoRet":1}]}`
				id := t.Run(runtime.RunOptions{SecurityOpt: []string{"seccomp=" + profile}})
				out := t.Exec(id, runtime.ExecOptions{}, "link", "/etc", "/tmp/link")
				t.Equal("the exit code of a call that it forbids", out.ExitCode, 1)
				t.True(strings.Contains(out.Stderr, "not permitted"), "its message", out.Stderr, "operation not permitted")
			},
		},
		{
			ID: "isolation/apparmor", Contract: contractRunOptions + ".SecurityOpt", Needs: []runtime.Capability{runtime.CapabilityAppArmor},
			Rule: "An AppArmor profile that is asked for is the one that applies.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{SecurityOpt: []string{"apparmor=unconfined"}})
				label := t.MustExec(id, runtime.ExecOptions{}, "label")
				t.True(strings.HasPrefix(label, "unconfined"), "the process' label", label, "unconfined")
			},
		},
		{
			ID: "isolation/selinux", Contract: contractRunOptions + ".SecurityOpt", Needs: []runtime.Capability{runtime.CapabilitySELinux},
			Rule: "Without SELinux' labels, when that is asked for, a command is not confined by them.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{SecurityOpt: []string{"label=disable"}})
				label := t.MustExec(id, runtime.ExecOptions{}, "label")
				t.True(strings.Contains(label, "spc_t") || strings.Contains(label, "unconfined"), "the process' label", label, "one that confines nothing")
			},
		},
		{
			ID: "isolation/security-opt-unknown", Contract: contractRunOptions + ".SecurityOpt",
			Rule: "A security option that the contract does not name is ErrInvalid.",
			Run: func(t *T) {
				for _, o := range []string{"", "nonsense", "unknown=1", "no-new-privileges=perhaps", "seccomp={broken", "seccomp=/a/path"} {
					_, err := t.TryRun(t.Image(), runtime.RunOptions{SecurityOpt: []string{o}})
					t.ErrorIs("run with "+strconv.Quote(o), err, runtime.ErrInvalid)
				}
			},
		},
		{
			ID: "isolation/nothing-mounted", Contract: contractRunOptions,
			Rule: "Nothing of the host is mounted: nothing writable but the root, and no files but those that engines make for each container.",
			Run: func(t *T) {
				for _, m := range answerOf[[]answer.Mount](t, t.Run(runtime.RunOptions{}), runtime.ExecOptions{}, "mounts") {
					kernel := slices.Contains([]string{"proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup", "cgroup2", "devtmpfs"}, m.Type)
					own := slices.Contains([]string{"/", "/.sandlot", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/run/.containerenv", "/run/secrets", "/dev/shm"}, m.Target)
					device := strings.HasPrefix(m.Target, "/dev/") || strings.HasPrefix(m.Target, "/proc/") || strings.HasPrefix(m.Target, "/sys/")
					t.True(kernel || own || device, "a mount", m, "none of the host's")
				}
			},
		},
		{
			ID: "isolation/read-only-root", Contract: contractRunOptions + ".ReadOnlyRoot", Needs: []runtime.Capability{runtime.CapabilityReadOnlyRoot, runtime.CapabilityTmpfs},
			Rule: "ReadOnlyRoot makes the root file system read-only, and mounts not.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{ReadOnlyRoot: true, Mounts: []runtime.Mount{{Type: runtime.MountTmpfs, Target: "/mnt/tmpfs"}}})
				for _, path := range []string{"/file", "/etc/file", imageWorkingDir + "/file", "/tmp/file"} {
					got := answerOf[answer.Attempt](t, id, runtime.ExecOptions{}, "try", "create", path)
					t.True(strings.Contains(got.Err, "read-only"), "creating "+path, got.Err, "read-only file system")
				}
				t.MustExec(id, runtime.ExecOptions{}, "write", "/mnt/tmpfs/file", "x")
			},
		},
		{
			ID: "isolation/pids-default", Contract: "runtime.DefaultPids", Needs: []runtime.Capability{runtime.CapabilityPidsLimit},
			Rule: "A sandbox that names no limit has at most DefaultPids processes and threads.",
			Run: func(t *T) {
				t.forkLimited(t.Run(runtime.RunOptions{}), runtime.DefaultPids)
			},
		},
		{
			ID: "isolation/pids-limit", Contract: contractRunOptions + ".PidsLimit", Needs: []runtime.Capability{runtime.CapabilityPidsLimit},
			Rule: "PidsLimit limits processes and threads, and the sandbox takes execs afterwards.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{PidsLimit: 100})
				t.forkLimited(id, 100)
				t.MustExec(id, runtime.ExecOptions{}, "exit", "0")
			},
		},
		{
			ID: "isolation/memory-limit", Contract: contractRunOptions + ".MemoryBytes", Needs: []runtime.Capability{runtime.CapabilityMemoryLimit},
			Rule: "MemoryBytes limits memory and swap together.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{MemoryBytes: 128 << 20})
				out := t.Exec(id, runtime.ExecOptions{Timeout: 10 * time.Second}, "burn", fmt.Sprint(512<<20))
				t.Equal("the signal that ended what took too much", out.Signal, 9)
				words := strings.Fields(out.Stdout)
				if t.True(len(words) > 0, "what it said it got", out.Stdout, "a number") {
					got, err := strconv.Atoi(words[len(words)-1])
					t.True(err == nil && got < 128<<20, "how many bytes it got", words[len(words)-1], "less than 128 MiB")
				}
			},
		},
		{
			ID: "isolation/cpu-limit", Contract: contractRunOptions + ".CPUs", Needs: []runtime.Capability{runtime.CapabilityCPULimit},
			Rule: "CPUs limits processor time.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{CPUs: 0.1})
				got := answerOf[answer.Spun](t, id, runtime.ExecOptions{}, "spin", "3")
				t.True(got.Seconds < 0.6, "processor time used in 3 s", got, "about 0.3 s, less than 0.6")
				t.True(got.Throttled != 0, "how often it was held back", got, "more than never") // also where the machine is busy
			},
		},
	}
}

// forkLimited asserts that a sandbox can have some processes more, but not limit of them.
func (t *T) forkLimited(id string, limit int) {
	got := answerOf[answer.Forked](t, id, runtime.ExecOptions{}, "fork", fmt.Sprint(limit+10))
	t.True(got.Made < limit && got.Made > limit/2, "how many processes it could make", got, fmt.Sprintf("nearly, but less than, %d", limit))
}

// capsOf reads capability sets.
func capsOf(t *T, sets ...string) []uint64 {
	var out []uint64
	for _, s := range sets {
		n, err := strconv.ParseUint(s, 16, 64)
		t.NoError("reading a capability set", err)
		out = append(out, n)
	}
	return out
}
