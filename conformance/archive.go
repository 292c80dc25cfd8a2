package conformance

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/sandlot-dev/sandlot/conformance/internal/answer"
	"github.com/sandlot-dev/sandlot/runtime"
)

// Put unpacks entries in a sandbox.
func (t *T) Put(id, dir string, opts runtime.PutArchiveOptions, entries ...entry) (runtime.PutArchiveResult, error) {
	t.inputPut(dir, opts, entries)
	archive, err := newTar(entries...)
	t.NoError("making an archive", err)
	return t.Runtime().PutArchive(t.ctx, id, dir, archive, opts)
}

// MustPut is Put that must work.
func (t *T) MustPut(id, dir string, opts runtime.PutArchiveOptions, entries ...entry) runtime.PutArchiveResult {
	res, err := t.Put(id, dir, opts, entries...)
	t.NoError("put", err)
	return res
}

func (t *T) inputPut(dir string, opts runtime.PutArchiveOptions, entries []entry) {
	var names []string
	for _, e := range entries {
		name := fmt.Sprintf("%c %q %#o", e.Typeflag, e.Name, e.Mode)
		if e.Linkname != "" {
			name += fmt.Sprintf(" to %q", e.Linkname)
		}
		names = append(names, name)
	}
	if n := len(names); n > 20 {
		names = append(names[:20], fmt.Sprintf("… (%d in all)", n))
	}
	t.Input("put below %q %s: %s", dir, given(opts), strings.Join(names, ", "))
}

// An Upload is a PutArchive under way. What is written to it is the archive; once PutArchive has returned, that fails.
type Upload struct {
	*io.PipeWriter
	t    *T
	done chan struct{}
	res  runtime.PutArchiveResult
	err  error
}

// Upload starts to unpack an archive that the case writes meanwhile.
func (t *T) Upload(ctx context.Context, rt runtime.Runtime, id, dir string, opts runtime.PutArchiveOptions) *Upload {
	t.Input("put below %q %s, slowly", dir, given(opts))
	r, w := io.Pipe()
	u := &Upload{PipeWriter: w, t: t, done: make(chan struct{})}
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer close(u.done)
		u.res, u.err = rt.PutArchive(ctx, id, dir, r, opts)
		r.CloseWithError(errors.New("PutArchive has returned"))
	}()
	t.Cleanup(func(context.Context) error {
		cancel()
		w.CloseWithError(errors.New("the case is over"))
		<-u.done
		return nil
	})
	return u
}

// Wait ends the archive's stream, waits for PutArchive, and returns its error.
func (u *Upload) Wait() error {
	u.Close()
	return u.Ended()
}

// Ended is Wait with the stream left open: the archive seems to go on.
func (u *Upload) Ended() error {
	select {
	case <-u.done:
	case <-u.t.ctx.Done():
		u.t.Fatalf("put\n  got:   still under way when the watchdog's patience ended\n  want:  its end")
	}
	return u.err
}

// halfWay writes entries and the header and first half of another to an upload.
func (u *Upload) halfWay(half entry, entries ...entry) *tar.Writer {
	w := tar.NewWriter(u)
	for _, e := range entries {
		u.must(w.WriteHeader(&e.Header))
		u.must(io.WriteString(w, e.Content))
	}
	u.must(w.WriteHeader(&half.Header))
	u.must(io.WriteString(w, half.Content[:len(half.Content)/2]))
	return w
}

// rest writes the other half of what halfWay left, and the archive's end.
func (u *Upload) rest(w *tar.Writer, half entry) {
	u.must(io.WriteString(w, half.Content[len(half.Content)/2:]))
	u.must(w.Close())
}

// must ends the case where a write to an upload has failed: PutArchive has returned before it had read everything.
func (u *Upload) must(result ...any) {
	if err, _ := result[len(result)-1].(error); err != nil {
		u.Wait()
		u.t.Fatalf("put\n  got:   its end before it has read the archive: error %v\n  want:  that it reads on (%v)", u.err, err)
	}
}

// Got is what became of a GetArchive.
type Got struct {
	runtime.GetArchiveResult
	Err     error
	Entries []entry // nil where the stream is no whole archive
	Bad     error   // why it is not
}

// Get reads a file or directory out of a sandbox.
func (t *T) Get(id, path string, opts runtime.GetArchiveOptions) Got {
	t.Input("get %q %s", path, given(opts))
	var b bytes.Buffer
	var got Got
	got.GetArchiveResult, got.Err = t.Runtime().GetArchive(t.ctx, id, path, &b, opts)
	got.Entries, got.Bad = readTar(&b)
	return got
}

// MustGet is the entries of a Get that must work.
func (t *T) MustGet(id, path string, opts runtime.GetArchiveOptions) []entry {
	got := t.Get(id, path, opts)
	t.NoError("get", got.Err)
	t.NoError("reading what get wrote as an archive", got.Bad)
	return got.Entries
}

// readTar reads a whole archive.
func readTar(r io.Reader) ([]entry, error) {
	var entries []entry
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if err == io.EOF {
			return entries, nil
		}
		if err != nil {
			return nil, err
		}
		content, err := io.ReadAll(tr)
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry{*h, string(content)})
	}
}

// briefly is each entry in a few words, in lexical order of the names.
func briefly(entries []entry) []string {
	out := []string{}
	for _, e := range entries {
		name := path.Clean(e.Name)
		switch e.Typeflag {
		case tar.TypeReg:
			out = append(out, name+" file "+e.Content)
		case tar.TypeDir:
			out = append(out, name+" dir")
		case tar.TypeSymlink:
			out = append(out, name+" link "+e.Linkname)
		case tar.TypeLink:
			out = append(out, name+" hard link "+e.Linkname)
		default:
			out = append(out, fmt.Sprintf("%s type %c %s", name, e.Typeflag, e.Content))
		}
	}
	slices.Sort(out)
	return out
}

// What says in a few words what is at each path of a sandbox: "file CONTENT", "dir", "link TARGET", "missing".
func (t *T) What(id string, paths ...string) []string {
	var out []string
	for _, f := range t.Files(id, "", paths...) {
		out = append(out, whatIs(f))
	}
	return out
}

func whatIs(f answer.File) string {
	switch f.Type {
	case "file":
		return "file " + f.Content
	case "link":
		return "link " + f.Target
	case "":
		return "missing"
	}
	return f.Type
}

// Files is lstat of each path, as a user of the sandbox: the sandbox's own when empty.
func (t *T) Files(id, user string, paths ...string) []answer.File {
	input := t.lastInput()
	defer func() { t.Input("%s", input) }()
	return answerOf[[]answer.File](t, id, runtime.ExecOptions{User: user}, append([]string{"stat"}, paths...)...)
}

// Below says in a few words what is below a directory, each relative path with what it is, hidden and temporary files too.
func (t *T) Below(id, dir string) []string {
	out := []string{}
	for _, f := range t.Tree(id, dir)[1:] {
		out = append(out, strings.TrimPrefix(f.Path, dir+"/")+" "+whatIs(f))
	}
	return out
}

// Everything says what is below a directory, with it, in more words: kinds, contents, modes, owners and hard links.
func (t *T) Everything(id, dir string) []string {
	var out []string
	for _, f := range t.Tree(id, dir) {
		out = append(out, fmt.Sprintf("%s %s %#o %d:%d %d", f.Path, whatIs(f), f.Mode, f.UID, f.GID, f.Links))
	}
	return out
}

// Tree is lstat of a directory and all that is below it.
func (t *T) Tree(id, dir string) []answer.File {
	input := t.lastInput()
	defer func() { t.Input("%s", input) }()
	return answerOf[[]answer.File](t, id, runtime.ExecOptions{}, "ls", dir)
}

// linkEntry is a symbolic link.
func linkEntry(name, target string) entry {
	return entry{tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777}, ""}
}

// hardEntry is a hard link.
func hardEntry(name, target string) entry {
	return entry{tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: target, Mode: 0o644}, ""}
}

// with is the entry with another mode.
func (e entry) with(mode int64) entry { e.Mode = mode; return e }

// of is the entry with an owner.
func (e entry) of(uid, gid int) entry { e.Uid, e.Gid = uid, gid; return e }

// at is the entry with a modification time.
func (e entry) at(when time.Time) entry { e.ModTime = when; return e }

// noise is n bytes that compress badly.
func noise(n int64) string {
	b, err := io.ReadAll(answer.Noise(n))
	if err != nil {
		panic(err) // a generator does not fail
	}
	return string(b)
}
