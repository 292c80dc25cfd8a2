package conformance

import (
	"archive/tar"
	"bytes"
	"strings"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
)

// refused asserts that what needs a capability that the runtime does not declare is refused, and leaves nothing.
func refused(t *T, c runtime.Capability) {
	if opts, ok := asking(c); ok {
		_, err := t.TryRun(t.Image(), opts)
		t.ErrorIs("asking for what needs the undeclared capability "+string(c), err, runtime.ErrUnsupported)
		return
	}
	switch c {
	case runtime.CapabilityNoNewPrivileges, runtime.CapabilityDropCaps, runtime.CapabilityNoNetwork:
		res, err := t.TryRun(t.Image(), runtime.RunOptions{})
		t.NoError("running with defaults that the runtime cannot enforce", err)
		t.True(len(res.Warnings) > 0, "RunResult.Warnings, without the capability "+string(c), res.Warnings, "a sentence about it")
	case runtime.CapabilityTTY:
		out := t.Exec(t.Run(runtime.RunOptions{}), runtime.ExecOptions{TTY: true}, "self")
		t.ErrorIs("a TTY, without the capability", out.Err, runtime.ErrUnsupported)
	case runtime.CapabilityOwners:
		id := t.Run(runtime.RunOptions{})
		t.Input("put an empty archive with KeepOwner")
		var empty bytes.Buffer
		t.NoError("writing a tar", tar.NewWriter(&empty).Close())
		_, err := t.Runtime().PutArchive(t.ctx, id, "/", &empty, runtime.PutArchiveOptions{KeepOwner: true})
		t.ErrorIs("KeepOwner, without the capability", err, runtime.ErrUnsupported)
	case runtime.CapabilityBuild:
		t.Input("build")
		_, err := t.Runtime().Build(t.ctx, strings.NewReader(""), runtime.BuildOptions{})
		t.ErrorIs("Build, without the capability", err, runtime.ErrUnsupported)
	case runtime.CapabilityDial:
		id := t.Run(runtime.RunOptions{})
		if dialer, is := t.Runtime().(runtime.Dialer); is { // else nobody can ask for it
			t.Input("dial")
			conn, err := dialer.Dial(t.ctx, id, "tcp", "127.0.0.1:8080", runtime.DialOptions{})
			if err == nil {
				conn.Close()
			}
			t.ErrorIs("Dial, without the capability", err, runtime.ErrUnsupported)
		}
	case runtime.CapabilityChangeFiles:
		id := t.Run(runtime.RunOptions{})
		if _, is := t.Runtime().(runtime.FileChanger); is { // else nobody can ask for it
			err := t.Change(id, "/work", runtime.Chmod{Mode: 0o755}, runtime.ChangeFileOptions{})
			t.ErrorIs("ChangeFile, without the capability", err, runtime.ErrUnsupported)
		}
	case runtime.CapabilityWatchFiles:
		id := t.Run(runtime.RunOptions{})
		if _, is := t.Runtime().(runtime.FileWatcher); is {
			w := t.Watch(id, "/work", runtime.WatchFilesOptions{})
			w.cancel()
			w.Ends(runtime.ErrUnsupported)
		}
	case runtime.CapabilityProcesses:
		id := t.Run(runtime.RunOptions{})
		if processes, is := t.Runtime().(runtime.Processes); is {
			t.Input("start a process")
			_, err := processes.StartProcess(t.ctx, id, probeArgv("stay", t.token), runtime.StartProcessOptions{})
			t.ErrorIs("StartProcess, without the capability", err, runtime.ErrUnsupported)
			_, err = processes.ListProcesses(t.ctx, id, runtime.ListProcessesOptions{})
			t.ErrorIs("ListProcesses, without the capability", err, runtime.ErrUnsupported)
		}
	default:
		t.Fatalf("the suite does not know how to ask for %s", c)
	}
}

// asking are options that need a capability, where options of Run do.
func asking(c runtime.Capability) (runtime.RunOptions, bool) {
	opts, ok := map[runtime.Capability]runtime.RunOptions{
		runtime.CapabilityMemoryLimit:  {MemoryBytes: 256 << 20},
		runtime.CapabilityCPULimit:     {CPUs: 0.5},
		runtime.CapabilityPidsLimit:    {PidsLimit: 100},
		runtime.CapabilityReadOnlyRoot: {ReadOnlyRoot: true},
		runtime.CapabilitySeccomp:      {SecurityOpt: []string{"seccomp=unconfined"}},
		runtime.CapabilityAppArmor:     {SecurityOpt: []string{"apparmor=unconfined"}},
		runtime.CapabilitySELinux:      {SecurityOpt: []string{"label=disable"}},
		runtime.CapabilityNetwork:      {Network: runtime.NetworkDefault},
		runtime.CapabilityPublishTCP:   {Network: runtime.NetworkDefault, Ports: []runtime.Port{{Container: 8080}}},
		runtime.CapabilityPublishUDP:   {Network: runtime.NetworkDefault, Ports: []runtime.Port{{Container: 8080, Protocol: "udp"}}},
		runtime.CapabilityVolumes:      {Mounts: []runtime.Mount{{Type: runtime.MountVolume, Target: "/mnt/volume"}}},
		runtime.CapabilityBinds:        {Mounts: []runtime.Mount{{Type: runtime.MountBind, Source: "/", Target: "/mnt/host", ReadOnly: true}}},
		runtime.CapabilityTmpfs:        {Mounts: []runtime.Mount{{Type: runtime.MountTmpfs, Target: "/mnt/tmpfs"}}},
		runtime.CapabilityUser:         {User: "1000:1000"},
		runtime.CapabilityLease:        {Lease: time.Hour},
		runtime.CapabilityAttached:     {Attached: true},
	}[c]
	return opts, ok
}
