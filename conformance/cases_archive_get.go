package conformance

import (
	"archive/tar"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/sandlot-dev/sandlot/conformance/internal/answer"
	"github.com/sandlot-dev/sandlot/runtime"
)

// getCases are about what comes out of a sandbox.
func getCases() []Case {
	return []Case{
		{
			ID: "archive/get/file", Contract: contractGet,
			Rule: "A file comes as one entry with its base name; the result counts entries and bytes.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.MustExec(id, runtime.ExecOptions{}, "mkdir", "/work/d")
				t.MustExec(id, runtime.ExecOptions{}, "write", "/work/d/f", "content")
				t.MustExec(id, runtime.ExecOptions{}, "write", "/work/empty", "")
				got := t.Get(id, "/work/d/f", runtime.GetArchiveOptions{})
				t.NoError("get", got.Err)
				t.Equal("the result", got.GetArchiveResult, runtime.GetArchiveResult{Entries: 1, Bytes: 7})
				t.Equal("the entries", briefly(got.Entries), []string{"f file content"})
				t.Equal("an empty file", briefly(t.MustGet(id, "/work/empty", runtime.GetArchiveOptions{})), []string{"empty file "})
			},
		},
		{
			ID: "archive/get/directory", Contract: contractGet,
			Rule: "A directory comes first, then all that is below it, with names that begin with its base name.",
			Run: func(t *T) {
				id := t.getTree()
				want := []string{"d dir", "d/empty dir", "d/f file 1", "d/l link f", "d/sub dir", "d/sub/deep dir", "d/sub/deep/h file 3", "d/sub/g file 2"}
				for _, name := range []string{"/work/d", "/work/d/", "/work/../work/./d"} {
					got := t.Get(id, name, runtime.GetArchiveOptions{})
					t.NoError("get", got.Err)
					t.Equal("the result", got.GetArchiveResult, runtime.GetArchiveResult{Entries: 8, Bytes: 3})
					t.Equal("the entries", briefly(got.Entries), want)
					seen := map[string]bool{".": true}
					for _, e := range got.Entries {
						t.True(seen[path.Dir(path.Clean(e.Name))], "the entry "+e.Name, "before its directory", "after it")
						seen[path.Clean(e.Name)] = true
					}
				}
			},
		},
		{
			ID: "archive/get/relative", Contract: contractGet,
			Rule: "A relative path begins at the sandbox's working directory.",
			Run: func(t *T) {
				id := t.getTree()
				t.Equal("the entries", briefly(t.MustGet(id, "d/sub/g", runtime.GetArchiveOptions{})), []string{"g file 2"})
				other := t.Run(runtime.RunOptions{WorkingDir: "/etc"})
				t.Equal("the entries", len(t.MustGet(other, "passwd", runtime.GetArchiveOptions{})), 1)
			},
		},
		{
			ID: "archive/get/symlink", Contract: contractGet,
			Rule: "Symbolic links are entries, path itself being one included, whatever they point to.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{})
				var want []string
				for i, target := range []string{"../etc", "/etc/passwd", "dangling", "."} {
					t.MustExec(id, runtime.ExecOptions{}, "link", target, fmt.Sprint("/work/l", i))
					t.Equal("the entries", briefly(t.MustGet(id, fmt.Sprint("/work/l", i), runtime.GetArchiveOptions{})), []string{fmt.Sprint("l", i, " link ", target)})
					want = append(want, fmt.Sprint("work/l", i, " link ", target))
				}
				t.Equal("the entries", briefly(t.MustGet(id, "/work", runtime.GetArchiveOptions{})), append([]string{"work dir"}, want...))
			},
		},
		{
			ID: "archive/get/follow", Contract: contractGetOptions + ".Follow",
			Rule: "Follow follows path itself, which keeps its name, and never a link below it; a dangling link is then ErrFileNotFound.",
			Run: func(t *T) {
				id := t.getTree()
				for name, target := range map[string]string{"to-d": "d", "to-f": "/work/d/f", "chain": "to-f", "dangling": "missing"} {
					t.MustExec(id, runtime.ExecOptions{}, "link", target, "/work/"+name)
				}
				opts := runtime.GetArchiveOptions{Follow: true}
				t.Equal("a link to a file", briefly(t.MustGet(id, "/work/to-f", opts)), []string{"to-f file 1"})
				t.Equal("a link to a link", briefly(t.MustGet(id, "/work/chain", opts)), []string{"chain file 1"})
				t.Equal("a link to a directory", briefly(t.MustGet(id, "/work/to-d", opts)), []string{
					"to-d dir", "to-d/empty dir", "to-d/f file 1", "to-d/l link f", "to-d/sub dir", "to-d/sub/deep dir", "to-d/sub/deep/h file 3", "to-d/sub/g file 2",
				})
				t.Equal("no link", briefly(t.MustGet(id, "/work/d/f", opts)), []string{"f file 1"})
				t.ErrorIs("a dangling link", t.Get(id, "/work/dangling", opts).Err, runtime.ErrFileNotFound)
			},
		},
		{
			ID: "archive/get/headers-only", Contract: contractGetOptions + ".HeadersOnly",
			Rule: "HeadersOnly leaves out the content of files; the size of each regular file stands in a PAX record.",
			Run: func(t *T) {
				id := t.getTree()
				t.MustExec(id, runtime.ExecOptions{}, "sparse", "/work/d/sparse", fmt.Sprint(1<<40), "end")
				t.MustExec(id, runtime.ExecOptions{}, "write", "/work/d/none", "")
				want := map[string]string{"d/f": "1", "d/sub/deep/h": "1", "d/sub/g": "1", "d/sparse": fmt.Sprint(1<<40 + 3), "d/none": "0"}
				got := map[string]string{}
				entries := t.MustGet(id, "/work/d", runtime.GetArchiveOptions{HeadersOnly: true})
				for _, e := range entries {
					size, ok := e.PAXRecords[runtime.PAXSize]
					t.Equal("whether the entry has the record: "+e.Name, ok, e.Typeflag == tar.TypeReg)
					t.Equal("the size of the entry "+e.Name, e.Size, int64(0))
					if ok {
						got[e.Name] = size
					}
				}
				t.Equal("the sizes", got, want)
				t.Equal("how many entries there are", len(entries), 10)
			},
		},
		{
			ID: "archive/get/depth", Contract: contractGetOptions + ".Depth",
			Rule: "Depth limits how far to descend: 0 is all, 1 is path alone, 2 path and what is directly in it, and so on.",
			Run: func(t *T) {
				id := t.getTree()
				all := []string{"d dir", "d/empty dir", "d/f file 1", "d/l link f", "d/sub dir", "d/sub/deep dir", "d/sub/deep/h file 3", "d/sub/g file 2"}
				for depth, want := range map[int][]string{
					0: all, 1: all[:1], 2: all[:5], 3: {all[0], all[1], all[2], all[3], all[4], all[5], all[7]}, 4: all, 100: all,
				} {
					t.Equal("the entries", briefly(t.MustGet(id, "/work/d", runtime.GetArchiveOptions{Depth: depth})), want)
				}
			},
		},
		{
			ID: "archive/get/metadata", Contract: contractGet, Needs: []runtime.Capability{runtime.CapabilityUser},
			Rule: "Owners, modes and modification times are the real ones.",
			Run: func(t *T) {
				id := t.Sandbox()
				worker := runtime.ExecOptions{User: workerName + ":" + otherName}
				when := time.Date(2001, 2, 3, 4, 5, 6, 789000000, time.UTC)
				t.MustExec(id, runtime.ExecOptions{}, "write", "/work/f", "")
				t.MustExec(id, runtime.ExecOptions{}, "chmod", "04711", "/work/f")
				t.MustExec(id, worker, "mkdir", "/tmp/d/sub")
				t.MustExec(id, worker, "write", "/tmp/d/f", "")
				t.MustExec(id, worker, "link", "f", "/tmp/d/l")
				t.MustExec(id, worker, "chmod", "0600", "/tmp/d/f")
				t.MustExec(id, worker, "chmod", "03775", "/tmp/d/sub")
				for user, paths := range map[string][]string{"": {"/work/f"}, worker.User: {"/tmp/d/f", "/tmp/d/sub", "/tmp/d"}} {
					for _, p := range paths {
						t.MustExec(id, runtime.ExecOptions{User: user}, "touch", p, fmt.Sprint(when.Unix()), fmt.Sprint(when.Nanosecond()))
					}
				}
				var got []string
				for _, p := range []string{"/work/f", "/tmp/d"} {
					for _, e := range t.MustGet(id, p, runtime.GetArchiveOptions{}) {
						got = append(got, fmt.Sprintf("%s %c %#o %d:%d", path.Clean(e.Name), e.Typeflag, e.Mode, e.Uid, e.Gid))
						if e.Typeflag != tar.TypeSymlink {
							t.Equal("the time of "+e.Name, e.ModTime.UTC(), when)
						}
					}
				}
				t.Equal("the entries", got, []string{
					"f 0 04711 0:0", "d 5 0755 1000:2000", "d/f 0 0600 1000:2000", "d/l 2 0777 1000:2000", "d/sub 5 03775 1000:2000",
				})
			},
		},
		{
			ID: "archive/get/no-permission", Contract: contractGet, Needs: []runtime.Capability{runtime.CapabilityUser},
			Rule: "GetArchive needs no rights of the sandbox's user.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{User: workerName})
				root := runtime.ExecOptions{User: "0"}
				t.MustExec(id, root, "mkdir", "/work/closed/sub")
				t.MustExec(id, root, "write", "/work/closed/sub/f", "content")
				t.MustExec(id, root, "chmod", "0", "/work/closed/sub/f")
				t.MustExec(id, root, "chmod", "0", "/work/closed/sub")
				t.MustExec(id, root, "chmod", "0", "/work/closed")
				t.Equal("the entries", briefly(t.MustGet(id, "/work/closed", runtime.GetArchiveOptions{})),
					[]string{"closed dir", "closed/sub dir", "closed/sub/f file content"})
			},
		},
		{
			ID: "archive/get/hard-links", Contract: contractGet,
			Rule: "Each name of a file with several is there, with the file's content or as a hard link to the other name.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.MustExec(id, runtime.ExecOptions{}, "mkdir", "/work/d")
				t.MustExec(id, runtime.ExecOptions{}, "write", "/work/d/a", "content")
				t.MustExec(id, runtime.ExecOptions{}, "hardlink", "/work/d/a", "/work/d/b")
				t.MustExec(id, runtime.ExecOptions{}, "hardlink", "/work/d/a", "/work/outside")
				contents := map[string]string{}
				for _, e := range t.MustGet(id, "/work/d", runtime.GetArchiveOptions{}) {
					switch e.Typeflag {
					case tar.TypeReg:
						contents[e.Name] = e.Content
					case tar.TypeLink:
						contents[e.Name] = contents[e.Linkname]
					}
				}
				t.Equal("the contents", contents, map[string]string{"d/a": "content", "d/b": "content"})
				t.Equal("one of the names", briefly(t.MustGet(id, "/work/d/b", runtime.GetArchiveOptions{})), []string{"b file content"})
			},
		},
		{
			ID: "archive/get/round-trip", Contract: contractGet, Needs: []runtime.Capability{runtime.CapabilityOwners},
			Rule: "What PutArchive has unpacked with its owners comes back from GetArchive as it was.",
			Run: func(t *T) {
				id := t.Sandbox()
				when := func(n int) time.Time { return time.Date(2000+n, 2, 3, 4, 5, 6, n*1000, time.UTC) }
				in := []entry{
					dirEntry("r").with(0o1777).of(workerID, otherID).at(when(1)), fileEntry("r/a", string(everyByte())).with(0o4755).of(0, workerID).at(when(2)),
					fileEntry("r/bytes \xff\xfe", "1").at(when(3)), fileEntry("r/empty", "").with(0).of(54321, 12345).at(when(4)),
					linkEntry("r/l", "../"+strings.Repeat("x", 300)).of(otherID, 0).at(when(5)), fileEntry("r/large", noise(3<<20)).at(when(6)),
					dirEntry("r/ünï ☃").with(0o500).of(otherID, otherID).at(when(7)), fileEntry("r/ünï ☃/"+strings.Repeat("n", 250), "2").at(when(8)),
				}
				for i := range in {
					in[i].Format = tar.FormatPAX
				}
				t.MustPut(id, "/work", runtime.PutArchiveOptions{KeepOwner: true}, in...)
				got := map[string]string{}
				for _, e := range t.MustGet(id, "/work/r", runtime.GetArchiveOptions{}) {
					got[path.Clean(e.Name)] = fully(e)
				}
				want := map[string]string{}
				for _, e := range in {
					want[path.Clean(e.Name)] = fully(e)
				}
				for name := range want {
					t.Equal(fmt.Sprintf("the entry %q", name), got[name], want[name])
				}
				t.Equal("how many entries there are", len(got), len(in))
			},
		},
	}
}

// fully is an entry in many words.
func fully(e entry) string {
	return fmt.Sprintf("%c %#o %d:%d %v link %q size %d %+v", e.Typeflag, e.Mode, e.Uid, e.Gid, e.ModTime.UTC(), e.Linkname, e.Size, contentSum(e))
}

func contentSum(e entry) answer.Sum { return sumOf(strings.NewReader(e.Content)) }

// getTree is a sandbox with a few files, made by a command in it.
func (t *T) getTree() string {
	id := t.Sandbox()
	t.MustExec(id, runtime.ExecOptions{}, "mkdir", "/work/d/sub/deep")
	t.MustExec(id, runtime.ExecOptions{}, "mkdir", "/work/d/empty")
	t.MustExec(id, runtime.ExecOptions{}, "write", "/work/d/f", "1")
	t.MustExec(id, runtime.ExecOptions{}, "write", "/work/d/sub/g", "2")
	t.MustExec(id, runtime.ExecOptions{}, "write", "/work/d/sub/deep/h", "3")
	t.MustExec(id, runtime.ExecOptions{}, "link", "f", "/work/d/l")
	return id
}
