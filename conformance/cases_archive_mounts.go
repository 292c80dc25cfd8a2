package conformance

import (
	"github.com/sandlot-dev/sandlot/runtime"
)

// putMountCases are about file systems that are mounted, read-only or full.
func putMountCases() []Case {
	const (
		volumes  = runtime.CapabilityVolumes
		tmpfs    = runtime.CapabilityTmpfs
		readOnly = runtime.CapabilityReadOnlyRoot
	)
	return []Case{
		{
			ID: "archive/put/read-only-root", Contract: contractPutOptions, Needs: []runtime.Capability{readOnly},
			Rule: "A read-only root file system is ErrReadOnly.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{ReadOnlyRoot: true})
				for _, opts := range []runtime.PutArchiveOptions{{}, {CreateDir: true}} {
					_, err := t.Put(id, "/work", opts, fileEntry("f", "x"))
					t.ErrorIs("put", err, runtime.ErrReadOnly)
					_, err = t.Put(id, "/", opts, fileEntry("etc/passwd", "x"))
					t.ErrorIs("put", err, runtime.ErrReadOnly)
				}
				_, err := t.Put(id, "/work/new", runtime.PutArchiveOptions{CreateDir: true}, fileEntry("f", "x"))
				t.ErrorIs("put", err, runtime.ErrReadOnly)
				_, err = t.Put(id, "/", runtime.PutArchiveOptions{Remove: []string{"etc/passwd"}})
				t.ErrorIs("put", err, runtime.ErrReadOnly)
				t.Equal("what is there", t.Below(id, "/work"), []string{})
			},
		},
		{
			ID: "archive/put/read-only-root-mounts", Contract: contractPutOptions, Needs: []runtime.Capability{readOnly, tmpfs, volumes},
			Rule: "Where the root file system is read-only, a tmpfs and a volume take files all the same.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{ReadOnlyRoot: true, Mounts: []runtime.Mount{
					{Type: runtime.MountTmpfs, Target: "/mnt/tmpfs"}, {Type: runtime.MountVolume, Source: t.Volume(), Target: "/mnt/volume"},
				}})
				t.MustPut(id, "/mnt/tmpfs", runtime.PutArchiveOptions{}, fileEntry("d/f", "1"))
				t.MustPut(id, "/mnt/volume", runtime.PutArchiveOptions{}, fileEntry("d/f", "2"))
				t.MustPut(id, "/", runtime.PutArchiveOptions{}, fileEntry("mnt/tmpfs/g", "3"), fileEntry("mnt/volume/g", "4"))
				t.Equal("what is there", t.Below(id, "/mnt"), []string{
					"tmpfs dir", "tmpfs/d dir", "tmpfs/d/f file 1", "tmpfs/g file 3", "volume dir", "volume/d dir", "volume/d/f file 2", "volume/g file 4",
				})
			},
		},
		{
			ID: "archive/put/tmpfs", Contract: contractPutOptions, Needs: []runtime.Capability{tmpfs},
			Rule: "A tmpfs gets the files, as the sandbox sees them, and no other sandbox does.",
			Run: func(t *T) {
				opts := runtime.RunOptions{Mounts: []runtime.Mount{{Type: runtime.MountTmpfs, Target: "/mnt/tmpfs"}}}
				id, other := t.Run(opts), t.Run(opts)
				t.MustPut(id, "/mnt/tmpfs", runtime.PutArchiveOptions{}, fileEntry("d/f", "1"))
				t.MustPut(id, "/", runtime.PutArchiveOptions{}, fileEntry("mnt/tmpfs/g", "2"))
				t.Equal("what is there", t.Below(id, "/mnt/tmpfs"), []string{"d dir", "d/f file 1", "g file 2"})
				t.Equal("what is in the other sandbox", t.Below(other, "/mnt/tmpfs"), []string{})
				t.Equal("what get finds", briefly(t.MustGet(id, "/mnt/tmpfs", runtime.GetArchiveOptions{})),
					[]string{"tmpfs dir", "tmpfs/d dir", "tmpfs/d/f file 1", "tmpfs/g file 2"})
			},
		},
		{
			ID: "archive/put/volume", Contract: contractPutOptions, Needs: []runtime.Capability{volumes},
			Rule: "A volume gets the files, also through a directory above it, and all sandboxes that have it see them.",
			Run: func(t *T) {
				opts := runtime.RunOptions{Mounts: []runtime.Mount{{Type: runtime.MountVolume, Source: t.Volume(), Target: "/mnt/volume"}}}
				id, other := t.Run(opts), t.Run(opts)
				t.MustPut(id, "/mnt/volume", runtime.PutArchiveOptions{}, fileEntry("d/f", "1"))
				t.MustPut(id, "/", runtime.PutArchiveOptions{}, fileEntry("mnt/volume/g", "2"))
				want := []string{"d dir", "d/f file 1", "g file 2"}
				t.Equal("what is there", t.Below(id, "/mnt/volume"), want)
				t.Equal("what is in the other sandbox", t.Below(other, "/mnt/volume"), want)
				t.Remove(id)
				t.Equal("what get finds in the other sandbox", briefly(t.MustGet(other, "/mnt/volume", runtime.GetArchiveOptions{})),
					[]string{"volume dir", "volume/d dir", "volume/d/f file 1", "volume/g file 2"})
			},
		},
		{
			ID: "archive/put/volume-read-only", Contract: contractPutOptions, Needs: []runtime.Capability{volumes},
			Rule: "A volume that is mounted read-only is ErrReadOnly.",
			Run: func(t *T) {
				m := runtime.Mount{Type: runtime.MountVolume, Source: t.Volume(), Target: "/mnt/volume"}
				t.Run(runtime.RunOptions{Mounts: []runtime.Mount{m}}) // which makes it
				m.ReadOnly = true
				id := t.Run(runtime.RunOptions{Mounts: []runtime.Mount{m}})
				_, err := t.Put(id, "/mnt/volume", runtime.PutArchiveOptions{}, fileEntry("f", "x"))
				t.ErrorIs("put", err, runtime.ErrReadOnly)
				_, err = t.Put(id, "/mnt", runtime.PutArchiveOptions{}, fileEntry("volume/f", "x"))
				t.ErrorIs("put", err, runtime.ErrReadOnly)
				t.Equal("what is there", t.Below(id, "/mnt"), []string{"volume dir"})
			},
		},
		{
			ID: "archive/put/full", Contract: contractPutOptions, Needs: []runtime.Capability{tmpfs},
			Rule: "A full file system is ErrNoSpace: nothing half-written is left under any name, what was there stays, and its space is free again.",
			Run: func(t *T) {
				const size = 4 << 20
				id := t.Run(runtime.RunOptions{Mounts: []runtime.Mount{{Type: runtime.MountTmpfs, Target: "/mnt/small", SizeBytes: size}}})
				t.MustPut(id, "/mnt/small", runtime.PutArchiveOptions{}, fileEntry("f", "old"))
				_, err := t.Put(id, "/mnt/small", runtime.PutArchiveOptions{}, fileEntry("whole", "new"), fileEntry("f", noise(2*size)))
				t.ErrorIs("put", err, runtime.ErrNoSpace)
				_, err = t.Put(id, "/mnt/small", runtime.PutArchiveOptions{}, fileEntry("g", noise(2*size)))
				t.ErrorIs("put", err, runtime.ErrNoSpace)
				t.Equal("what is there", t.Below(id, "/mnt/small"), []string{"f file old", "whole file new"})
				t.MustPut(id, "/mnt/small", runtime.PutArchiveOptions{}, fileEntry("f", noise(size/2)))
			},
		},
		{
			ID: "archive/put/full-and-slow", Contract: contractPutOptions, Needs: []runtime.Capability{tmpfs},
			Rule: "A file system that is full ends the call, even while its archive has nothing more to read yet.",
			Run: func(t *T) {
				const size = 1 << 20
				id := t.Run(runtime.RunOptions{Mounts: []runtime.Mount{{Type: runtime.MountTmpfs, Target: "/mnt/small", SizeBytes: size}}})
				u := t.Upload(t.ctx, t.Runtime(), id, "/mnt/small", runtime.PutArchiveOptions{})
				archive, err := newTar(fileEntry("f", noise(4*size)))
				t.NoError("making an archive", err)
				_, _ = u.Write(archive.Bytes()[:3*size]) // PutArchive may return before it has read all that
				t.ErrorIs("put", u.Ended(), runtime.ErrNoSpace)
				t.Equal("what is there", t.Below(id, "/mnt/small"), []string{})
			},
		},
	}
}
