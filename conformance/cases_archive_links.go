package conformance

import (
	"fmt"

	"github.com/sandlot-dev/sandlot/runtime"
)

// putLinkCases are about links, and about names that lead elsewhere.
func putLinkCases() []Case {
	return []Case{
		{
			ID: "archive/put/symlink", Contract: contractPutOptions,
			Rule: "Symbolic links are made as the archive says, wherever they point: absolute, dangling, upwards.",
			Run: func(t *T) {
				id := t.Sandbox()
				targets := []string{"f", "/etc/passwd", "../../..", "no/such/file", "/no/such", "a b/☃", "./f", "d//f", "/", ".", "loop7"}
				var entries []entry
				var paths, want []string
				for i, target := range targets {
					entries = append(entries, linkEntry(fmt.Sprint("loop", i), target))
					paths, want = append(paths, fmt.Sprint("/work/loop", i)), append(want, "link "+target)
				}
				t.MustPut(id, "/work", runtime.PutArchiveOptions{}, entries...)
				t.Equal("the links", t.What(id, paths...), want)
			},
		},
		{
			ID: "archive/put/symlink-in-the-way", Contract: contractPutOptions,
			Rule: "A symbolic link that has an entry's name is replaced and not followed, also one that points to a directory, and nothing happens to its target.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.MustExec(id, runtime.ExecOptions{}, "write", "/work/inside", "kept")
				t.MustExec(id, runtime.ExecOptions{}, "write", "/mnt/outside", "kept")
				targets := []string{"inside", "/mnt/outside", "../mnt/outside", "/mnt", "/mnt/new", "dangling", "."}
				var entries []entry
				var paths, want []string
				for i, target := range targets {
					t.MustExec(id, runtime.ExecOptions{}, "link", target, fmt.Sprint("/work/l", i))
					entries = append(entries, fileEntry(fmt.Sprint("l", i), "new"))
					paths, want = append(paths, fmt.Sprint("/work/l", i)), append(want, "file new")
				}
				t.MustPut(id, "/work", runtime.PutArchiveOptions{}, entries...)
				t.Equal("what is there", t.What(id, paths...), want)
				t.Equal("the targets", t.What(id, "/work/inside", "/work/dangling", "/mnt/new"), []string{"file kept", "missing", "missing"})
				t.Equal("what is outside", t.Below(id, "/mnt"), []string{"outside file kept"})
			},
		},
		{
			ID: "archive/put/symlink-inside", Contract: contractPutOptions,
			Rule: "Entries are written through a symbolic link to a directory that stays below dir, one of the same archive too.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.MustExec(id, runtime.ExecOptions{}, "mkdir", "/work/real/deep")
				t.MustExec(id, runtime.ExecOptions{}, "link", "real", "/work/l1")
				t.MustExec(id, runtime.ExecOptions{}, "link", "./real/../real/deep", "/work/l2")
				t.MustExec(id, runtime.ExecOptions{}, "link", "..", "/work/real/deep/up")
				t.MustExec(id, runtime.ExecOptions{}, "link", "l1", "/work/l3")
				t.MustPut(id, "/work", runtime.PutArchiveOptions{},
					fileEntry("l1/a", "1"), fileEntry("l2/b", "2"), fileEntry("real/deep/up/c", "3"), fileEntry("l3/d", "4"),
					fileEntry("l2/new/e", "5"), linkEntry("own", "real/deep"), fileEntry("own/f", "6"))
				t.Equal("what is there", t.Below(id, "/work"), []string{
					"l1 link real", "l2 link ./real/../real/deep", "l3 link l1", "own link real/deep", "real dir", "real/a file 1", "real/c file 3",
					"real/d file 4", "real/deep dir", "real/deep/b file 2", "real/deep/f file 6", "real/deep/new dir", "real/deep/new/e file 5",
					"real/deep/up link ..",
				})
			},
		},
		{
			ID: "archive/put/symlink-absolute-inside", Contract: contractPutOptions,
			Rule: "An absolute symbolic link that leads below dir is written through as any other that stays there.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.MustExec(id, runtime.ExecOptions{}, "mkdir", "/work/real/deep")
				t.MustExec(id, runtime.ExecOptions{}, "link", "/work/real/deep", "/work/l")
				t.MustPut(id, "/", runtime.PutArchiveOptions{}, fileEntry("work/l/a", "1"))
				t.MustPut(id, "/work", runtime.PutArchiveOptions{}, fileEntry("l/b", "2"))
				t.Equal("what is there", t.Below(id, "/work/real"), []string{"deep dir", "deep/a file 1", "deep/b file 2"})
			},
		},
		{
			ID: "archive/put/symlink-outside", Contract: contractPutOptions,
			Rule: "An entry whose name leads through a symbolic link out of dir is ErrInvalid, and nothing is written there.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.MustExec(id, runtime.ExecOptions{}, "mkdir", "/work/dir/deep")
				t.MustExec(id, runtime.ExecOptions{}, "mkdir", "/work/out/sub")
				for name, target := range map[string]string{
					"abs": "/work/out", "rel": "../out", "chain": "rel", "tricky": "/work/dir/../out", "deep/up": "../../out", "root": "/work/..",
				} {
					t.MustExec(id, runtime.ExecOptions{}, "link", target, "/work/dir/"+name)
				}
				want := t.Everything(id, "/work")
				for _, name := range []string{"abs", "rel", "chain", "tricky", "deep/up", "root/work/out"} {
					for _, e := range []entry{
						fileEntry(name+"/f", "x"), dirEntry(name + "/d"), dirEntry(name + "/sub").with(0o700), linkEntry(name+"/l", "x"),
						fileEntry(name+"/sub/f", "x"), fileEntry(name+"/new/f", "x"),
					} {
						_, err := t.Put(id, "/work/dir", runtime.PutArchiveOptions{}, e)
						t.ErrorIs("put", err, runtime.ErrInvalid)
					}
				}
				t.Equal("all that is there", t.Everything(id, "/work"), want)
			},
		},
		{
			ID: "archive/put/symlink-of-the-archive", Contract: contractPut,
			Rule: "An archive cannot make a symbolic link that leads out of dir and then write through it.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.MustExec(id, runtime.ExecOptions{}, "mkdir", "/work/dir")
				for _, target := range []string{"/mnt", "../../mnt", "/work/dir/../../mnt"} {
					_, err := t.Put(id, "/work/dir", runtime.PutArchiveOptions{}, linkEntry("l", target), fileEntry("l/f", "escaped"))
					t.ErrorIs("put", err, runtime.ErrInvalid)
					_, err = t.Put(id, "/work/dir", runtime.PutArchiveOptions{}, linkEntry("up", ".."), linkEntry("m", "up/../mnt"), fileEntry("m/f", "escaped"))
					t.ErrorIs("put", err, runtime.ErrInvalid)
				}
				t.Equal("what is outside", t.Below(id, "/mnt"), []string{})
			},
		},
		{
			ID: "archive/put/dot-dot", Contract: contractPutOptions,
			Rule: `A name with ".." is ErrInvalid, even where it leads below dir.`,
			Run: func(t *T) {
				id := t.Sandbox()
				t.MustExec(id, runtime.ExecOptions{}, "mkdir", "/work/dir/sub")
				want := t.Everything(id, "/work")
				for _, name := range []string{"../f", "../../mnt/f", "sub/../f", "sub/../../f", "/../f", "./../f", "sub/.."} {
					for _, e := range []entry{fileEntry(name, "x"), dirEntry(name), linkEntry(name, "x")} {
						_, err := t.Put(id, "/work/dir", runtime.PutArchiveOptions{}, e)
						t.ErrorIs("put", err, runtime.ErrInvalid)
					}
				}
				t.Equal("all that is there", t.Everything(id, "/work"), want)
				t.Equal("what is outside", t.Below(id, "/mnt"), []string{})
			},
		},
		{
			ID: "archive/put/absolute-name", Contract: contractPutOptions,
			Rule: `A leading "/" of a name is dropped.`,
			Run: func(t *T) {
				id := t.Sandbox()
				t.MustPut(id, "/work", runtime.PutArchiveOptions{}, fileEntry("/mnt/f", "1"), fileEntry("//g", "2"), fileEntry("./h", "3"), dirEntry("/d"))
				t.Equal("what is there", t.Below(id, "/work"), []string{"d dir", "g file 2", "h file 3", "mnt dir", "mnt/f file 1"})
				t.Equal("what is outside", t.Below(id, "/mnt"), []string{})
			},
		},
		{
			ID: "archive/put/hard-link", Contract: contractPutOptions,
			Rule: "Hard links to files below dir are made, to those of the archive and to those that were there.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.MustExec(id, runtime.ExecOptions{}, "write", "/work/old", "old")
				t.MustPut(id, "/work", runtime.PutArchiveOptions{},
					fileEntry("d/f", "new"), hardEntry("d/g", "d/f"), hardEntry("h", "d/f"), hardEntry("old-too", "old"))
				files := t.Files(id, "", "/work/d/f", "/work/d/g", "/work/h", "/work/old", "/work/old-too")
				for i, want := range []string{"new", "new", "new", "old", "old"} {
					t.Equal("the content of "+files[i].Path, files[i].Content, want)
				}
				t.Equal("the names of one", [3]int{files[0].Links, files[1].Links, files[2].Links}, [3]int{3, 3, 3})
				t.Equal("the names of the other", [2]int{files[3].Links, files[4].Links}, [2]int{2, 2})
				t.True(files[0].Inode == files[1].Inode && files[0].Inode == files[2].Inode && files[3].Inode == files[4].Inode,
					"the files", files, "one for each content")
			},
		},
		{
			ID: "archive/put/hard-link-outside", Contract: contractPutOptions,
			Rule: "A hard link to what is no file below dir is ErrInvalid: what is outside, also through a symbolic link, is missing, or is a directory.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.MustExec(id, runtime.ExecOptions{}, "mkdir", "/work/dir/sub")
				t.MustExec(id, runtime.ExecOptions{}, "write", "/work/secret", "secret")
				t.MustExec(id, runtime.ExecOptions{}, "link", "/work", "/work/dir/out")
				t.MustExec(id, runtime.ExecOptions{}, "link", "..", "/work/dir/up")
				want := t.Everything(id, "/work")
				for _, target := range []string{"../secret", "/work/secret", "out/secret", "up/secret", "sub/../../secret", "missing", "sub", "/etc/passwd"} {
					_, err := t.Put(id, "/work/dir", runtime.PutArchiveOptions{}, hardEntry("h", target))
					t.ErrorIs("put", err, runtime.ErrInvalid)
				}
				t.Equal("all that is there", t.Everything(id, "/work"), want)
			},
		},
		{
			ID: "archive/put/hard-link-to-symlink", Contract: contractPut,
			Rule: "A hard link to a symbolic link is one to the link itself, or ErrInvalid, and gives no file outside dir another name.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.MustExec(id, runtime.ExecOptions{}, "mkdir", "/work/dir")
				t.MustExec(id, runtime.ExecOptions{}, "write", "/work/secret", "secret")
				t.MustExec(id, runtime.ExecOptions{}, "link", "/work/secret", "/work/dir/l")
				_, err := t.Put(id, "/work/dir", runtime.PutArchiveOptions{}, hardEntry("h", "l"))
				want := "link /work/secret"
				if err != nil {
					t.ErrorIs("put", err, runtime.ErrInvalid)
					want = "missing"
				}
				t.Equal("the hard link", t.What(id, "/work/dir/h"), []string{want})
				t.Equal("the names of the file outside", t.Lstat(id, "/work/secret").Links, 1)
			},
		},
	}
}
