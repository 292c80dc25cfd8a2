package conformance

import "github.com/sandlot-dev/sandlot/runtime"

// putDirCases are about the directory that an archive is put below, and what is removed there first.
func putDirCases() []Case {
	return []Case{
		{
			ID: "archive/put/dir-relative", Contract: contractPut,
			Rule: "A relative dir begins at the sandbox's working directory.",
			Run: func(t *T) {
				image, own := t.Run(runtime.RunOptions{}), t.Run(runtime.RunOptions{WorkingDir: "/made/for/this"})
				for id, dir := range map[string]string{image: imageWorkingDir, own: "/made/for/this"} {
					t.MustExec(id, runtime.ExecOptions{}, "mkdir", dir+"/sub")
					for _, rel := range []string{".", "sub", "./sub", "sub/../sub"} {
						t.MustPut(id, rel, runtime.PutArchiveOptions{}, fileEntry("f", rel))
					}
					t.MustPut(id, "new/deep", runtime.PutArchiveOptions{CreateDir: true}, fileEntry("f", "created"))
					t.Equal("what is there", t.Below(id, dir), []string{
						"f file .", "new dir", "new/deep dir", "new/deep/f file created", "sub dir", "sub/f file sub/../sub",
					})
				}
			},
		},
		{
			ID: "archive/put/dir-through-link", Contract: contractPut,
			Rule: "dir may itself be reached through symbolic links, as any path of the sandbox.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.MustExec(id, runtime.ExecOptions{}, "link", "/mnt", "/work/abs")
				t.MustExec(id, runtime.ExecOptions{}, "link", "../mnt", "/work/rel")
				t.MustPut(id, "/work/abs", runtime.PutArchiveOptions{}, fileEntry("a", "1"))
				t.MustPut(id, "rel", runtime.PutArchiveOptions{}, fileEntry("b", "2"))
				t.MustPut(id, "/work/rel/new", runtime.PutArchiveOptions{CreateDir: true}, fileEntry("c", "3"))
				t.Equal("what is there", t.Below(id, "/mnt"), []string{"a file 1", "b file 2", "new dir", "new/c file 3"})
			},
		},
		{
			ID: "archive/put/dir-missing", Contract: contractPutOptions + ".CreateDir",
			Rule: "Without CreateDir a missing dir is ErrFileNotFound, and is not made.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{})
				for _, dir := range []string{"/work/missing", "/missing/deep", "missing"} {
					_, err := t.Put(id, dir, runtime.PutArchiveOptions{}, fileEntry("f", "x"))
					t.ErrorIs("put", err, runtime.ErrFileNotFound)
				}
				t.Equal("what is there", t.Below(id, "/work"), []string{})
				t.Equal("what is there", t.What(id, "/missing"), []string{"missing"})
			},
		},
		{
			ID: "archive/put/dir-created", Contract: contractPutOptions + ".CreateDir", Needs: []runtime.Capability{runtime.CapabilityUser},
			Rule: "CreateDir makes dir and its parents, mode 0755, the sandbox user's; those that are there stay as they are.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{User: workerName})
				before := owned(t.Files(id, "", "/tmp", "/work", "/"))
				opts := runtime.PutArchiveOptions{CreateDir: true}
				t.MustPut(id, "/work/a/b/c", opts, fileEntry("f", "x"))
				t.MustPut(id, "/tmp", opts, fileEntry("f", "x"))
				t.MustPut(id, "/new/empty", opts)
				if t.Has(runtime.CapabilityOwners) {
					t.MustPut(id, "/work/a/kept", runtime.PutArchiveOptions{CreateDir: true, KeepOwner: true}, fileEntry("f", "x").of(otherID, otherID))
				} else {
					t.MustPut(id, "/work/a/kept", opts)
				}
				t.Equal("what was made", owned(t.Files(id, "", "/work/a", "/work/a/b", "/work/a/b/c", "/work/a/kept", "/new", "/new/empty")), []string{
					"/work/a dir 0755 1000:1000", "/work/a/b dir 0755 1000:1000", "/work/a/b/c dir 0755 1000:1000",
					"/work/a/kept dir 0755 1000:1000", "/new dir 0755 1000:1000", "/new/empty dir 0755 1000:1000",
				})
				t.Equal("what was there", owned(t.Files(id, "", "/tmp", "/work", "/")), before)
			},
		},
		{
			ID: "archive/put/dir-is-file", Contract: contractPutOptions + ".CreateDir",
			Rule: "A dir that is not a directory is ErrInvalid, and stays as it is.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.MustExec(id, runtime.ExecOptions{}, "write", "/work/f", "kept")
				t.MustExec(id, runtime.ExecOptions{}, "link", "f", "/work/l")
				for _, create := range []bool{false, true} {
					for _, dir := range []string{"/work/f", "f", "/work/l"} {
						_, err := t.Put(id, dir, runtime.PutArchiveOptions{CreateDir: create}, fileEntry("g", "x"))
						t.ErrorIs("put", err, runtime.ErrInvalid)
					}
				}
				_, err := t.Put(id, "/work/f/sub", runtime.PutArchiveOptions{CreateDir: true}, fileEntry("g", "x"))
				t.ErrorIs("put", err, runtime.ErrInvalid)
				t.Equal("what is there", t.Below(id, "/work"), []string{"f file kept", "l link f"})
			},
		},
		{
			ID: "archive/put/remove", Contract: contractPutOptions + ".Remove",
			Rule: "Remove takes away files, links and whole trees before the first entry is written; what does not exist is no error.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.MustExec(id, runtime.ExecOptions{}, "mkdir", "/work/tree/a/b")
				t.MustExec(id, runtime.ExecOptions{}, "write", "/work/tree/a/b/f", "x")
				t.MustExec(id, runtime.ExecOptions{}, "write", "/work/f", "x")
				t.MustExec(id, runtime.ExecOptions{}, "write", "/work/stays", "x")
				t.MustExec(id, runtime.ExecOptions{}, "write", "/mnt/outside", "kept")
				t.MustExec(id, runtime.ExecOptions{}, "link", "/mnt", "/work/l")
				t.MustExec(id, runtime.ExecOptions{}, "link", "/mnt/outside", "/work/tree/a/l")
				t.MustExec(id, runtime.ExecOptions{}, "chmod", "0555", "/work/tree/a/b")
				opts := runtime.PutArchiveOptions{Remove: []string{"tree", "f", "l", "missing", "missing/deep", "./new"}}
				t.MustPut(id, "/work", opts, fileEntry("tree", "a file now"), dirEntry("f"), fileEntry("new", "x"))
				t.Equal("what is there", t.Below(id, "/work"), []string{"f dir", "new file x", "stays file x", "tree file a file now"})
				t.Equal("the targets of removed links", t.Below(id, "/mnt"), []string{"outside file kept"})
				t.MustPut(id, "/work", runtime.PutArchiveOptions{Remove: []string{"stays", "f"}})
				t.Equal("what is there", t.Below(id, "/work"), []string{"new file x", "tree file a file now"})
			},
		},
		{
			ID: "archive/put/remove-outside", Contract: contractPutOptions + ".Remove",
			Rule: "A path to remove that leads outside dir, or is dir, is ErrInvalid: nothing outside is removed, and nothing is written.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{})
				t.MustExec(id, runtime.ExecOptions{}, "mkdir", "/work/dir/sub")
				t.MustExec(id, runtime.ExecOptions{}, "mkdir", "/work/out")
				t.MustExec(id, runtime.ExecOptions{}, "write", "/work/out/f", "kept")
				t.MustExec(id, runtime.ExecOptions{}, "write", "/work/dir/kept", "kept")
				t.MustExec(id, runtime.ExecOptions{}, "link", "/work/out", "/work/dir/abs")
				t.MustExec(id, runtime.ExecOptions{}, "link", "../out", "/work/dir/rel")
				want := t.Everything(id, "/work")
				for _, remove := range []string{
					"", ".", "./", "/", "..", "../dir", "../out", "../out/f", "sub/..", "sub/../..", "sub/../../out", "abs/f", "rel/f", "rel/../dir",
				} {
					_, err := t.Put(id, "/work/dir", runtime.PutArchiveOptions{Remove: []string{remove}}, fileEntry("new", "x"))
					t.ErrorIs("put", err, runtime.ErrInvalid)
					t.Equal("all that is there", t.Everything(id, "/work"), want)
				}
			},
		},
	}
}
