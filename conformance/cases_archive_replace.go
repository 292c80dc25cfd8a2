package conformance

import (
	"fmt"
	"io"
	"strings"

	"github.com/sandlot-dev/sandlot/conformance/internal/answer"
	"github.com/sandlot-dev/sandlot/runtime"
)

// inFlight is the size of a file of which half cannot hide in the buffers between the case and the sandbox.
const inFlight = 16 << 20

// putReplaceCases are about what is there already under an entry's name.
func putReplaceCases() []Case {
	return []Case{
		{
			ID: "archive/put/overwrite", Contract: contractPutOptions,
			Rule: "A file takes the place of a file of its name, with its own content, mode and time; other names of the old file keep it.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.MustExec(id, runtime.ExecOptions{}, "write", "/work/f", "the old and long content")
				t.MustExec(id, runtime.ExecOptions{}, "hardlink", "/work/f", "/work/other")
				t.MustPut(id, "/work", runtime.PutArchiveOptions{}, fileEntry("f", "first"), fileEntry("f", "new").with(0o755))
				t.Equal("the files", t.Below(id, "/work"), []string{"f file new", "other file the old and long content"})
				t.Equal("the mode", fmt.Sprintf("%#o", t.Lstat(id, "/work/f").Mode), "0755")
			},
		},
		{
			ID: "archive/put/link-over-file", Contract: contractPutOptions,
			Rule: "A link takes the place of a file or link of its name, and a file that of a link.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.MustExec(id, runtime.ExecOptions{}, "write", "/work/f", "old")
				t.MustExec(id, runtime.ExecOptions{}, "write", "/work/g", "old")
				t.MustExec(id, runtime.ExecOptions{}, "link", "old", "/work/l")
				t.MustExec(id, runtime.ExecOptions{}, "link", "old", "/work/m")
				t.MustPut(id, "/work", runtime.PutArchiveOptions{},
					linkEntry("f", "new"), linkEntry("l", "new"), fileEntry("m", "new"), fileEntry("t", "target"), hardEntry("g", "t"))
				t.Equal("what is there", t.Below(id, "/work"),
					[]string{"f link new", "g file target", "l link new", "m file new", "t file target"})
			},
		},
		{
			ID: "archive/put/replaced-in-one-step", Contract: contractPut,
			Rule: "A file that was there before is replaced in one step: who reads it meanwhile sees the old or the new, never a part or nothing.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.MustExec(id, runtime.ExecOptions{}, "write", "/work/f", "old")
				e := fileEntry("f", noise(inFlight))
				sum := sumOf(strings.NewReader(e.Content))
				reader := t.Start(id, runtime.ExecOptions{}, "poll", "/work/f", sum.SHA256)
				reader.Await(`"old"`)
				u := t.Upload(t.ctx, t.Runtime(), id, "/work", runtime.PutArchiveOptions{})
				w := u.halfWay(e)
				t.Equal("the file half-way", t.What(id, "/work/f"), []string{"file old"})
				u.rest(w, e)
				t.NoError("put", u.Wait())
				t.Equal("the file", sums(t.Tree(id, "/work")), map[string]answer.Sum{"/work/f": sum})
				want := fmt.Sprintf("ready\n%q\n%d bytes, hash %s\n", "old", sum.Bytes, sum.SHA256)
				t.Equal("what a reader saw", reader.Wait().Stdout, want)
			},
		},
		{
			ID: "archive/put/appears-whole", Contract: contractPut,
			Rule: "A file appears under its name when it is whole, and not before.",
			Run: func(t *T) {
				id := t.Sandbox()
				e := fileEntry("new/f", noise(inFlight))
				u := t.Upload(t.ctx, t.Runtime(), id, "/work", runtime.PutArchiveOptions{})
				w := u.halfWay(e)
				t.Equal("the file half-way", t.What(id, "/work/new/f"), []string{"missing"})
				u.rest(w, e)
				t.NoError("put", u.Wait())
				t.Equal("the file", sums(t.Tree(id, "/work")), map[string]answer.Sum{"/work/new/f": sumOf(strings.NewReader(e.Content))})
			},
		},
		{
			ID: "archive/put/file-over-directory", Contract: contractPutOptions,
			Rule: "A file or link never takes the place of a directory, not even of an empty one: ErrInvalid.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.MustExec(id, runtime.ExecOptions{}, "mkdir", "/work/d/sub")
				t.MustExec(id, runtime.ExecOptions{}, "mkdir", "/work/empty")
				t.MustExec(id, runtime.ExecOptions{}, "write", "/work/d/f", "kept")
				want := t.Below(id, "/work")
				for _, e := range []entry{
					fileEntry("d", "x"), linkEntry("d", "x"), hardEntry("d", "d/f"),
					fileEntry("empty", "x"), linkEntry("empty", "x"), hardEntry("empty", "d/f"), fileEntry("d/sub", "x"), fileEntry(".", "x"),
				} {
					_, err := t.Put(id, "/work", runtime.PutArchiveOptions{}, e)
					t.ErrorIs("put", err, runtime.ErrInvalid)
					t.Equal("what is there", t.Below(id, "/work"), want)
				}
			},
		},
		{
			ID: "archive/put/over-device", Contract: contractPutOptions,
			Rule: "Nothing takes the place of a device: ErrInvalid.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{})
				want := t.Files(id, "", "/dev/null", "/dev/zero")
				for _, e := range []entry{fileEntry("null", "x"), linkEntry("zero", "null"), dirEntry("null"), fileEntry("null/f", "x")} {
					_, err := t.Put(id, "/dev", runtime.PutArchiveOptions{}, e)
					t.ErrorIs("put", err, runtime.ErrInvalid)
					t.Equal("what is there", t.Files(id, "", "/dev/null", "/dev/zero"), want)
				}
			},
		},
		{
			ID: "archive/put/directory-over-file", Contract: contractPutOptions,
			Rule: "A directory never takes the place of a file, nor of a link to one: ErrInvalid.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.MustExec(id, runtime.ExecOptions{}, "write", "/work/f", "kept")
				t.MustExec(id, runtime.ExecOptions{}, "link", "f", "/work/l")
				want := t.Below(id, "/work")
				for _, e := range []entry{dirEntry("f"), fileEntry("f/x", ""), dirEntry("f/d"), dirEntry("l"), fileEntry("l/x", "")} {
					_, err := t.Put(id, "/work", runtime.PutArchiveOptions{}, e)
					t.ErrorIs("put", err, runtime.ErrInvalid)
					t.Equal("what is there", t.Below(id, "/work"), want)
				}
			},
		},
		{
			ID: "archive/put/existing-directory", Contract: contractPutOptions, Needs: []runtime.Capability{runtime.CapabilityOwners},
			Rule: "A directory that is there keeps its owner and mode, whatever the archive says of it, and dir itself too.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{})
				paths := []string{"/", "/tmp", "/home/" + workerName, "/work"}
				want := owned(t.Files(id, "", paths...))
				entries := []entry{
					dirEntry(".").with(0o711).of(otherID, otherID), dirEntry("tmp").of(otherID, otherID), fileEntry("tmp/f", "new"),
					dirEntry("home/"+workerName).with(0o700).of(otherID, otherID), dirEntry("./work").with(0o777), fileEntry("./work/f", "new"),
				}
				for _, keep := range []bool{false, true} {
					t.MustPut(id, "/", runtime.PutArchiveOptions{KeepOwner: keep}, entries...)
					t.Equal("the directories", owned(t.Files(id, "", paths...)), want)
				}
				t.Equal("the files", t.What(id, "/tmp/f", "/work/f"), []string{"file new", "file new"})
			},
		},
		{
			ID: "archive/put/others-stay", Contract: contractPut,
			Rule: "What the archive does not name stays as it is.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.MustExec(id, runtime.ExecOptions{}, "mkdir", "/work/d/sub")
				t.MustExec(id, runtime.ExecOptions{}, "write", "/work/d/sub/f", "kept")
				before := t.Files(id, "", "/work/d/sub", "/work/d/sub/f")
				t.MustPut(id, "/work", runtime.PutArchiveOptions{}, dirEntry("d"), fileEntry("d/new", "new"))
				t.Equal("the others", t.Files(id, "", "/work/d/sub", "/work/d/sub/f"), before)
				t.Equal("all", t.Below(id, "/work"), []string{"d dir", "d/new file new", "d/sub dir", "d/sub/f file kept"})
			},
		},
	}
}

// owned are owners and modes, by path.
func owned(files []answer.File) []string {
	var out []string
	for _, f := range files {
		out = append(out, fmt.Sprintf("%s %s %#o %d:%d", f.Path, f.Type, f.Mode, f.UID, f.GID))
	}
	return out
}

// lateReader ends a stream with an error.
func lateReader(whole string, n int, err error) io.Reader {
	return io.MultiReader(strings.NewReader(whole[:n]), failingReader{err})
}
