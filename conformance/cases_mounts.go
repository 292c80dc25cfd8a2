package conformance

import (
	"errors"
	"strings"
	"sync"

	"github.com/sandlot-dev/sandlot/conformance/internal/answer"
	"github.com/sandlot-dev/sandlot/runtime"
)

const contractMount = "runtime.Mount"

func mountCases() []Case {
	volumes := []runtime.Capability{runtime.CapabilityVolumes}
	binds := []runtime.Capability{runtime.CapabilityBinds}
	tmpfs := []runtime.Capability{runtime.CapabilityTmpfs}
	return []Case{
		{
			ID: "mount/volume", Contract: contractMount, Needs: volumes,
			Rule: "A named volume is made if missing, keeps its files when the sandbox is removed, and is there for the next.",
			Run: func(t *T) {
				m := []runtime.Mount{{Type: runtime.MountVolume, Source: t.Volume(), Target: "/mnt/volume"}}
				first := t.Run(runtime.RunOptions{Mounts: m})
				t.MustExec(first, runtime.ExecOptions{}, "write", "/mnt/volume/file", "content")
				t.Remove(first)
				second := t.Run(runtime.RunOptions{Mounts: m})
				t.Equal("the file", t.Lstat(second, "/mnt/volume/file").Content, "content")
				t.Equal("Inspect's mounts", t.Inspect(second).Mounts, m)
			},
		},
		{
			ID: "mount/volume-anonymous", Contract: contractMount + ".Source", Needs: volumes,
			Rule: "A volume without a name is the sandbox's own, and stays with it when it is stopped.",
			Run: func(t *T) {
				m := []runtime.Mount{{Type: runtime.MountVolume, Target: "/mnt/volume"}}
				first, second := t.Run(runtime.RunOptions{Mounts: m}), t.Run(runtime.RunOptions{Mounts: m})
				t.MustExec(first, runtime.ExecOptions{}, "write", "/mnt/volume/file", "content")
				t.Equal("the file in another sandbox", t.Lstat(second, "/mnt/volume/file").Type, "")
				t.stop(first, runtime.StopOptions{})
				t.start(first)
				t.Equal("the file after a restart", t.Lstat(first, "/mnt/volume/file").Content, "content")
			},
		},
		{
			ID: "mount/volume-read-only", Contract: contractMount + ".ReadOnly", Needs: volumes,
			Rule: "A read-only mount can be read and not written.",
			Run: func(t *T) {
				m := runtime.Mount{Type: runtime.MountVolume, Source: t.Volume(), Target: "/mnt/volume"}
				first := t.Run(runtime.RunOptions{Mounts: []runtime.Mount{m}})
				t.MustExec(first, runtime.ExecOptions{}, "write", "/mnt/volume/file", "content")
				m.ReadOnly = true
				second := t.Run(runtime.RunOptions{Mounts: []runtime.Mount{m}})
				t.Equal("the file", t.Lstat(second, "/mnt/volume/file").Content, "content")
				got := answerOf[answer.Attempt](t, second, runtime.ExecOptions{}, "try", "create", "/mnt/volume/other")
				t.True(strings.Contains(got.Err, "read-only"), "creating a file", got.Err, "read-only file system")
			},
		},
		{
			ID: "mount/volume-missing", Contract: contractMount, Needs: volumes,
			Rule: "A volume that is missing and mounted read-only would stay empty: it is ErrNotFound, and neither it nor a sandbox is made.",
			Run: func(t *T) {
				m := runtime.Mount{Type: runtime.MountVolume, Source: t.Volume(), Target: "/mnt/volume", ReadOnly: true}
				for range 2 {
					_, err := t.TryRun(t.Image(), runtime.RunOptions{Name: t.Name(), Mounts: []runtime.Mount{m}})
					t.ErrorIs("run", err, runtime.ErrNotFound)
					t.noSandbox(t.Name())
				}
			},
		},
		{
			ID: "mount/volume-owner", Contract: contractMount, Needs: []runtime.Capability{runtime.CapabilityVolumes, runtime.CapabilityOwners},
			Rule: "The directory of a new or empty volume is the user's of the sandbox that starts, whatever the image has there; that of another one is left alone.",
			Run: func(t *T) {
				named := runtime.Mount{Type: runtime.MountVolume, Source: t.Volume(), Target: "/new/volume"}
				all := []runtime.Mount{named, {Type: runtime.MountVolume, Target: "/mnt"}, {Type: runtime.MountVolume, Target: "/home/worker"}}
				first := t.Run(runtime.RunOptions{User: "12345:54321", Mounts: all})
				for _, m := range all {
					dir := t.Lstat(first, m.Target)
					t.Equal("owner and mode of "+m.Target, []any{dir.UID, dir.GID, dir.Mode}, []any{12345, 54321, uint32(0o755)})
					t.True(dir.MTime > 1e9, "the time of "+m.Target, dir.MTime, "that of its making, not of the image's files")
				}
				t.stop(first, runtime.StopOptions{})
				t.start(first)
				for _, m := range all {
					t.Equal("the mode of "+m.Target+" after a restart", t.Lstat(first, m.Target).Mode, uint32(0o755))
					t.MustExec(first, runtime.ExecOptions{}, "write", m.Target+"/file", "content")
				}
				owner := func(id string) []int {
					dir := t.Lstat(id, named.Target)
					return []int{dir.UID, dir.GID}
				}
				second := t.Run(runtime.RunOptions{User: "worker", Mounts: []runtime.Mount{named}})
				t.Equal("the owner in the next sandbox", owner(second), []int{12345, 54321})
				t.MustExec(first, runtime.ExecOptions{}, "remove", named.Target+"/file")
				third := t.Run(runtime.RunOptions{User: "worker", Mounts: []runtime.Mount{named}})
				t.Equal("the owner in the next one, when it is empty again", owner(third), []int{workerID, workerID})
			},
		},
		{
			ID: "mount/volume-at-once", Contract: contractMount, Needs: volumes,
			Rule: "Sandboxes that are run at the same time with a volume that is missing all get the same one.",
			Run: func(t *T) {
				const count = 8
				m := []runtime.Mount{{Type: runtime.MountVolume, Source: t.Volume(), Target: "/new/volume"}}
				errs := make([]error, count)
				ids := make([]string, count)
				var all sync.WaitGroup
				for i := range count {
					all.Go(func() {
						res, err := t.TryRun(t.Image(), runtime.RunOptions{Mounts: m})
						ids[i], errs[i] = res.ID, err
					})
				}
				all.Wait()
				t.NoError("running them", errors.Join(errs...))
				t.MustExec(ids[0], runtime.ExecOptions{}, "write", "/new/volume/file", "content")
				for _, id := range ids {
					t.Equal("the file", t.Lstat(id, "/new/volume/file").Content, "content")
				}
			},
		},
		{
			ID: "mount/volume-of-image", Contract: contractMount, Needs: []runtime.Capability{runtime.CapabilityVolumes, runtime.CapabilityOwners, runtime.CapabilityBuild},
			Rule: "A volume that the image asks for is the sandbox's user's as well, and goes with the sandbox.",
			Run: func(t *T) {
				image := t.Built(runtime.BuildOptions{}, t.dockerfile("FROM scratch\nADD root.tar /\nVOLUME /data /work /home\n"), t.rootEntry())
				for range 2 {
					res, err := t.TryRun(image, runtime.RunOptions{User: "worker"})
					t.NoError("run", err)
					for target, want := range map[string][]string{"/data": {}, "/work": {}, "/home": {"worker dir"}} {
						dir := t.Lstat(res.ID, target)
						t.Equal("the owner of "+target, []any{dir.UID, dir.GID}, []any{workerID, workerID})
						t.Equal("what is there", t.Below(res.ID, target), want)
						t.MustExec(res.ID, runtime.ExecOptions{}, "write", target+"/file", "content")
					}
				}
			},
		},
		{
			ID: "mount/volume-copied", Contract: contractMount, Needs: volumes,
			Rule: "A volume that is made gets what the image has at its target, with owners and modes; one that was there gets nothing, were it empty.",
			Run: func(t *T) {
				at := func(volume, target string) string {
					return t.Run(runtime.RunOptions{User: "0", Mounts: []runtime.Mount{{Type: runtime.MountVolume, Source: volume, Target: target}}})
				}
				volume, empty := t.Volume(), t.Volume()
				first := at(volume, "/home")
				dir := t.Lstat(first, "/home/worker")
				t.Equal("a directory of the image's", []any{dir.Type, dir.UID, dir.GID, dir.Mode}, []any{"dir", workerID, workerID, uint32(0o755)})
				t.MustExec(first, runtime.ExecOptions{}, "remove", "/home/worker")
				t.Equal("what is in the emptied volume", t.Below(at(volume, "/home"), "/home"), []string{})
				at(empty, "/new/volume")
				t.Equal("what is in one that was made empty", t.Below(at(empty, "/home"), "/home"), []string{})
			},
		},
		{
			ID: "mount/volume-remove", Contract: "runtime.VolumeRemover", Needs: volumes,
			Rule: "RemoveVolume removes a volume; one that a container uses is ErrInUse, one that is not there ErrNotFound.",
			Run: func(t *T) {
				remover, ok := t.Runtime().(runtime.VolumeRemover)
				if !ok {
					t.undeclared("runtime.VolumeRemover", noInterface)
				}
				remove := func(name string) error {
					t.Input("remove volume %s", name)
					_, err := remover.RemoveVolume(t.ctx, name, runtime.RemoveVolumeOptions{})
					return err
				}
				name := t.Volume()
				t.ErrorIs("before it is made", remove(name), runtime.ErrNotFound)
				id := t.Run(runtime.RunOptions{Mounts: []runtime.Mount{{Type: runtime.MountVolume, Source: name, Target: "/mnt/volume"}}})
				t.ErrorIs("while it is used", remove(name), runtime.ErrInUse)
				t.Remove(id)
				t.NoError("afterwards", remove(name))
				t.ErrorIs("again", remove(name), runtime.ErrNotFound)
			},
		},
		{
			ID: "mount/bind", Contract: contractMount, Needs: binds,
			Rule: "A directory of the host is mounted where that is asked for, read-only if asked for.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{Mounts: []runtime.Mount{{Type: runtime.MountBind, Source: "/usr", Target: "/mnt/host", ReadOnly: true}}})
				t.Equal("what is at a directory of the host's", t.Lstat(id, "/mnt/host/bin").Type, "dir")
				file := "/mnt/host/sandlot-conformance-" + t.token // of this run's own: one that another left is an answer of its own
				got := answerOf[answer.Attempt](t, id, runtime.ExecOptions{}, "try", "create", file)
				if got.Err == "" {
					t.MustExec(id, runtime.ExecOptions{}, "remove", file) // from the host
				}
				t.True(strings.Contains(got.Err, "read-only"), "creating a file", got.Err, "read-only file system")
			},
		},
		{
			ID: "mount/bind-missing", Contract: contractMount, Needs: binds,
			Rule: "A directory of the host that does not exist is ErrInvalid, and nothing of the sandbox is left.",
			Run: func(t *T) {
				m := []runtime.Mount{{Type: runtime.MountBind, Source: "/no/such/" + t.token, Target: "/mnt/host"}}
				_, err := t.TryRun(t.Image(), runtime.RunOptions{Name: t.Name(), Mounts: m})
				t.ErrorIs("run", err, runtime.ErrInvalid)
				t.noSandbox(t.Name())
			},
		},
		{
			ID: "mount/tmpfs", Contract: contractMount, Needs: tmpfs,
			Rule: "A tmpfs is empty memory that anyone may write, and that limits nothing when it has no size.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{Mounts: []runtime.Mount{{Type: runtime.MountTmpfs, Target: "/mnt/tmpfs"}}})
				files := answerOf[[]answer.File](t, id, runtime.ExecOptions{}, "ls", "/mnt/tmpfs")
				t.Equal("how many files there are, the directory among them", len(files), 1)
				t.Equal("the mode", files[0].Mode, uint32(0o1777))
				t.Equal("the file system", t.mountAt(id, "/mnt/tmpfs").Type, "tmpfs")
			},
		},
		{
			ID: "mount/tmpfs-size", Contract: contractMount + ".SizeBytes", Needs: tmpfs,
			Rule: "SizeBytes limits a tmpfs, and Mode is its directory's.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{Mounts: []runtime.Mount{{Type: runtime.MountTmpfs, Target: "/mnt/tmpfs", SizeBytes: 1 << 20, Mode: 0o700}}})
				t.Equal("the mode", t.Lstat(id, "/mnt/tmpfs").Mode, uint32(0o700))
				t.Equal("how many bytes could be written", answerOf[int64](t, id, runtime.ExecOptions{}, "fill", "/mnt/tmpfs/file"), int64(1<<20))
			},
		},
		{
			ID: "mount/tmpfs-over-directory", Contract: contractMount + ".Mode", Needs: tmpfs,
			Rule: "A tmpfs has its own mode, not that of a directory of the image that it covers, and has it again after a restart.",
			Run: func(t *T) {
				mounts := []runtime.Mount{{Type: runtime.MountTmpfs, Target: "/mnt"}, {Type: runtime.MountTmpfs, Target: "/work", Mode: 0o711}}
				id := t.Run(runtime.RunOptions{User: "12345", Mounts: mounts})
				modes := func() []uint32 { return []uint32{t.Lstat(id, "/mnt").Mode, t.Lstat(id, "/work").Mode} }
				t.Equal("the modes", modes(), []uint32{0o1777, 0o711})
				t.stop(id, runtime.StopOptions{})
				t.start(id)
				t.Equal("the modes after a restart", modes(), []uint32{0o1777, 0o711})
			},
		},
		{
			ID: "mount/target-made", Contract: contractMount + ".Target", Needs: tmpfs,
			Rule: "A target is made if missing.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{Mounts: []runtime.Mount{{Type: runtime.MountTmpfs, Target: "/made/for/this"}}})
				t.MustExec(id, runtime.ExecOptions{}, "write", "/made/for/this/file", "x")
			},
		},
		{
			ID: "mount/kernel", Contract: contractMount + ".Target", Needs: tmpfs,
			Rule: "A mount at /dev, or at or below /proc and /sys, is ErrInvalid, and nothing of the sandbox is left.",
			Run: func(t *T) {
				for _, target := range []string{"/proc", "/proc/self", "/sys", "/sys/fs/cgroup", "/dev", "/dev/"} {
					m := []runtime.Mount{{Type: runtime.MountTmpfs, Target: target}}
					_, err := t.TryRun(t.Image(), runtime.RunOptions{Name: t.Name(), Mounts: m})
					t.ErrorIs("run with a tmpfs at "+target, err, runtime.ErrInvalid)
					t.noSandbox(t.Name())
				}
			},
		},
		{
			ID: "mount/invalid", Contract: contractMount,
			Rule: "Mounts that make no sense are ErrInvalid: a relative or repeated target, one at the guest's, a size or mode that is not a tmpfs', an unknown type.",
			Run: func(t *T) {
				tmp := runtime.Mount{Type: runtime.MountTmpfs, Target: "/mnt/a"}
				for what, mounts := range map[string][]runtime.Mount{
					"relative":               {{Type: runtime.MountTmpfs, Target: "mnt/a"}},
					"no target":              {{Type: runtime.MountTmpfs}},
					"repeated":               {tmp, tmp},
					"repeated, unclean":      {tmp, {Type: runtime.MountTmpfs, Target: "/mnt//a/"}},
					"the guest's":            {{Type: runtime.MountTmpfs, Target: "/.sandlot"}},
					"below the guest's":      {{Type: runtime.MountTmpfs, Target: "/.sandlot/x"}},
					"read-only without name": {{Type: runtime.MountVolume, Target: "/mnt/a", ReadOnly: true}},
					"size of a volume":       {{Type: runtime.MountVolume, Target: "/mnt/a", SizeBytes: 1 << 20}},
					"mode of a bind":         {{Type: runtime.MountBind, Source: "/usr", Target: "/mnt/a", Mode: 0o700}},
					"relative source":        {{Type: runtime.MountBind, Source: "usr", Target: "/mnt/a"}},
					"source of a tmpfs":      {{Type: runtime.MountTmpfs, Source: "x", Target: "/mnt/a"}},
					"unknown type":           {{Type: "nfs", Target: "/mnt/a"}},
					"the whole root":         {{Type: runtime.MountTmpfs, Target: "/"}},
				} {
					_, err := t.TryRun(t.Image(), runtime.RunOptions{Mounts: mounts})
					if !t.Has(runtime.CapabilityBinds) && errors.Is(err, runtime.ErrUnsupported) {
						continue // refused for another reason, as it must be
					}
					t.ErrorIs("run: "+what, err, runtime.ErrInvalid)
				}
			},
		},
	}
}

// mountAt is what is mounted at a path of a sandbox.
func (t *T) mountAt(id, target string) answer.Mount {
	var at answer.Mount
	for _, m := range answerOf[[]answer.Mount](t, id, runtime.ExecOptions{}, "mounts") {
		if m.Target == target {
			at = m // the last is on top
		}
	}
	return at
}
