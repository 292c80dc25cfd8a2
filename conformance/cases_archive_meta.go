package conformance

import (
	"archive/tar"
	"fmt"
	"time"

	"github.com/sandlot-dev/sandlot/conformance/internal/answer"
	"github.com/sandlot-dev/sandlot/runtime"
)

// putMetaCases are about modes, owners, times and kinds of entries.
func putMetaCases() []Case {
	owners := []runtime.Capability{runtime.CapabilityOwners}
	return []Case{
		{
			ID: "archive/put/mode", Contract: contractPutOptions,
			Rule: "Mode bits of files are set as they are, with setuid, setgid and sticky.",
			Run: func(t *T) {
				id := t.Sandbox()
				var entries []entry
				var want []string
				for _, mode := range []int64{0, 0o004, 0o222, 0o400, 0o644, 0o664, 0o777, 0o1644, 0o2755, 0o4755, 0o6711, 0o7777} {
					name := fmt.Sprintf("f%04o", mode)
					entries = append(entries, fileEntry(name, "content").with(mode))
					want = append(want, fmt.Sprintf("/work/%s file %#o 0:0", name, mode))
				}
				t.MustPut(id, "/work", runtime.PutArchiveOptions{}, entries...)
				t.Equal("the modes", owned(t.Tree(id, "/work")[1:]), want)
			},
		},
		{
			ID: "archive/put/mode-of-directories", Contract: contractPutOptions,
			Rule: "Mode bits of new directories are set as they are, also where they forbid to write what the archive puts below.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{})
				var entries []entry
				var paths, want, inside []string
				for _, mode := range []int64{0o555, 0o700, 0o500, 0o755, 0o777, 0o1777, 0o2775, 0o0} {
					name := fmt.Sprintf("d%04o", mode)
					entries = append(entries, dirEntry(name).with(mode), fileEntry(name+"/f", "content"))
					paths = append(paths, "/work/"+name)
					want = append(want, fmt.Sprintf("/work/%s dir %#o 0:0", name, mode))
					inside = append(inside, "/work/"+name+"/f")
				}
				res := t.MustPut(id, "/work", runtime.PutArchiveOptions{}, entries...)
				t.Equal("the result's entries", res.Entries, len(entries))
				t.Equal("the modes", owned(t.Files(id, "", paths...)), want)
				for i, got := range t.What(id, inside[:7]...) { // the last cannot be looked into
					t.Equal(inside[i], got, "file content")
				}
			},
		},
		{
			ID: "archive/put/owner", Contract: contractPutOptions, Needs: []runtime.Capability{runtime.CapabilityUser},
			Rule: "Entries belong to the sandbox's user and its group, whatever the archive says, and so do directories made for them.",
			Run: func(t *T) {
				for user, ids := range map[string][2]int{
					"": {0, 0}, workerName: {workerID, workerID}, workerName + ":" + otherName: {workerID, otherID}, "12345:54321": {12345, 54321},
				} {
					id := t.Run(runtime.RunOptions{User: user})
					t.MustPut(id, "/", runtime.PutArchiveOptions{CreateDir: true},
						dirEntry("new").of(7, 8), fileEntry("new/f", "").of(7, 8), fileEntry("new/setuid", "").of(7, 8).with(0o6755),
						linkEntry("new/l", "f").of(7, 8), hardEntry("new/h", "new/f").of(7, 8), fileEntry("new/parents/of/f", "").of(7, 8))
					for _, f := range t.Tree(id, "/new") {
						t.Equal("the owner of "+f.Path, [2]int{f.UID, f.GID}, ids)
					}
					t.Equal("a mode", fmt.Sprintf("%#o", t.Lstat(id, "/new/setuid").Mode), "06755")
				}
			},
		},
		{
			ID: "archive/put/keep-owner", Contract: contractPutOptions + ".KeepOwner", Needs: owners,
			Rule: "With KeepOwner entries get the uid and gid that the archive names; directories made for them are the sandbox user's.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{User: workerName})
				t.MustPut(id, "/work", runtime.PutArchiveOptions{KeepOwner: true},
					fileEntry("a", "").of(0, 0), dirEntry("b").of(workerID, otherID), fileEntry("b/setuid", "").of(otherID, workerID).with(0o6755),
					linkEntry("c", "a").of(otherID, otherID), fileEntry("d", "").of(12345, 0), fileEntry("made/f", "").of(otherID, otherID))
				t.Equal("the owners", owned(t.Tree(id, "/work")[1:]), []string{
					"/work/a file 0644 0:0", "/work/b dir 0755 1000:2000", "/work/b/setuid file 06755 2000:1000",
					"/work/c link 0777 2000:2000", "/work/d file 0644 12345:0",
					"/work/made dir 0755 1000:1000", "/work/made/f file 0644 2000:2000",
				})
			},
		},
		{
			ID: "archive/put/keep-owner-outside", Contract: contractPutOptions, Needs: owners,
			Rule: "An owner that the sandbox's user namespace does not have is ErrInvalid, and every one that it has is set.",
			Run: func(t *T) {
				id := t.Sandbox()
				ids := answerOf[answer.IDs](t, id, runtime.ExecOptions{}, "ids")
				const none = 1<<32 - 1 // what chown takes for "as it is"
				for _, n := range []int{none, none - 1, 1 << 31, 65536, 65535, 1} {
					name := fmt.Sprint("f", n)
					for _, e := range []entry{fileEntry(name, "").of(n, 0), fileEntry(name, "").of(0, n)} {
						_, err := t.Put(id, "/work", runtime.PutArchiveOptions{KeepOwner: true}, e)
						if n != none && inside(ids.UIDs, e.Uid) && inside(ids.GIDs, e.Gid) {
							t.NoError("put with an owner that the sandbox has", err)
							f := t.Lstat(id, "/work/"+name)
							t.Equal("the owner", [2]int{f.UID, f.GID}, [2]int{e.Uid, e.Gid})
							t.MustExec(id, runtime.ExecOptions{}, "remove", "/work/"+name)
							continue
						}
						t.ErrorIs("put with an owner that the sandbox does not have", err, runtime.ErrInvalid)
						t.Equal("what is there", t.Below(id, "/work"), []string{})
					}
				}
			},
		},
		{
			ID: "archive/put/mtime", Contract: contractPutOptions,
			Rule: "Modification times are set as they are, of directories too, whatever is put into them later.",
			Run: func(t *T) {
				id := t.Sandbox()
				year := func(n int) time.Time { return time.Date(n, 2, 3, 4, 5, 6, 0, time.UTC) }
				t.MustPut(id, "/work", runtime.PutArchiveOptions{},
					dirEntry("d").at(year(2001)), fileEntry("old", "").at(time.Unix(0, 0)), fileEntry("d/f", "").at(year(2002)),
					dirEntry("d/sub").at(year(2003)), linkEntry("d/l", "f").at(year(2004)), fileEntry("d/sub/f", "").at(year(2045)))
				want := map[string]int64{
					"/work/old": 0, "/work/d": year(2001).Unix(), "/work/d/f": year(2002).Unix(), "/work/d/sub": year(2003).Unix(),
					"/work/d/l": year(2004).Unix(), "/work/d/sub/f": year(2045).Unix(),
				}
				got := map[string]int64{}
				for _, f := range t.Tree(id, "/work")[1:] {
					got[f.Path] = f.MTime
				}
				t.Equal("the times", got, want)
			},
		},
		{
			ID: "archive/put/special", Contract: contractPutOptions,
			Rule: "Devices, pipes and entries of any other kind are ErrInvalid, and nothing is there.",
			Run: func(t *T) {
				id := t.Sandbox()
				for _, kind := range []byte{tar.TypeChar, tar.TypeBlock, tar.TypeFifo, 'D', 'V'} {
					e := entry{tar.Header{Typeflag: kind, Name: "special", Mode: 0o666, Devmajor: 1, Devminor: 3}, ""}
					_, err := t.Put(id, "/work", runtime.PutArchiveOptions{}, e)
					t.ErrorIs("put", err, runtime.ErrInvalid)
					t.Equal("what is there", t.Below(id, "/work"), []string{})
				}
			},
		},
		{
			ID: "archive/put/no-permission", Contract: contractPut, Needs: []runtime.Capability{runtime.CapabilityUser},
			Rule: "PutArchive needs no rights of the sandbox's user: it writes where that user may not, files that are the user's.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{User: workerName})
				root := runtime.ExecOptions{User: "0"}
				t.MustExec(id, root, "mkdir", "/work/closed")
				t.MustExec(id, root, "chmod", "0700", "/work/closed")
				out := t.Exec(id, runtime.ExecOptions{}, "write", "/work/closed/f", "content")
				t.Equal("the code of writing it from inside", out.ExitCode, 1)
				t.MustPut(id, "/work/closed", runtime.PutArchiveOptions{}, fileEntry("f", "content"))
				t.Equal("the directory and file", owned(t.Files(id, "0", "/work/closed", "/work/closed/f")),
					[]string{"/work/closed dir 0700 0:0", "/work/closed/f file 0644 1000:1000"})
				t.MustExec(id, root, "chmod", "0755", "/work/closed")
				t.Equal("the file", t.What(id, "/work/closed/f"), []string{"file content"})
			},
		},
	}
}

// inside says whether a user namespace has an id.
func inside(ranges []answer.Range, id int) bool {
	for _, r := range ranges {
		if int64(id) >= r.First && int64(id) < r.First+r.Count {
			return true
		}
	}
	return false
}
