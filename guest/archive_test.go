//go:build linux

package guest

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
)

// entry is a tar header with its content.
type entry struct {
	tar.Header
	content string
}

func file(name, content string) entry {
	return entry{tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, ModTime: time.Unix(1e9, 0)}, content}
}

func directory(name string, mode int64) entry {
	return entry{tar.Header{Name: name, Typeflag: tar.TypeDir, Mode: mode, ModTime: time.Unix(1e9, 0)}, ""}
}

func linkTo(kind byte, name, target string) entry {
	return entry{tar.Header{Name: name, Typeflag: kind, Linkname: target, Mode: 0o777, ModTime: time.Unix(1e9, 0)}, ""}
}

func tarOf(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		e.Size = int64(len(e.content))
		if err := w.WriteHeader(&e.Header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, e.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func (b *box) put(dir string, opts runtime.PutArchiveOptions, archive io.Reader) (result runtime.PutArchiveResult, err error) {
	b.t.Helper()
	within(b.t, "put", func() { result, err = PutArchive(context.Background(), b.serve(asEngine), dir, archive, opts) })
	return result, err
}

func (b *box) get(path string, opts runtime.GetArchiveOptions) (map[string]entry, error) {
	b.t.Helper()
	var out bytes.Buffer
	var err error
	within(b.t, "get", func() { _, err = GetArchive(context.Background(), b.serve(asEngine), path, &out, opts) })
	if err != nil {
		return nil, err
	}
	entries := map[string]entry{}
	for r := tar.NewReader(&out); ; {
		hdr, err := r.Next()
		if err == io.EOF {
			return entries, nil
		}
		if err != nil {
			b.t.Fatalf("what came is no tar: %v", err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			b.t.Fatal(err)
		}
		entries[hdr.Name] = entry{*hdr, string(content)}
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	var list []string
	if err := filepath.Walk(dir, func(path string, _ os.FileInfo, err error) error {
		if path != dir && errors.Is(err, os.ErrNotExist) {
			return nil // it has gone meanwhile
		}
		rel, _ := filepath.Rel(dir, path)
		list = append(list, rel)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return list
}

func TestPutAndGet(t *testing.T) {
	dir := openDir(t)
	b := newBox(t, asUser, dir)
	archive := tarOf(t,
		directory("d/", 0o2750), file("d/setuid", "s"), file("d/Größe und Raum", strings.Repeat("x", 300<<10)), file("deep/er/e", ""),
		linkTo(tar.TypeSymlink, "d/link", "/etc/passwd"), linkTo(tar.TypeLink, "d/hard", "d/setuid"), file(strings.Repeat("long/", 40)+"name", "l"),
	)
	if result, err := b.put("sub/dir", runtime.PutArchiveOptions{CreateDir: true}, bytes.NewReader(archive)); err != nil || result.Entries != 7 || result.Bytes != 300<<10+2 {
		t.Fatalf("put: %+v, %v", result, err)
	}
	if st, err := os.Stat(dir + "/sub/dir/deep/er"); err != nil || st.Sys().(*syscall.Stat_t).Uid != 12345 || st.Mode().Perm() != 0o755 {
		t.Fatalf("a directory that was made: %v, %v", st, err)
	}
	got, err := b.get("sub/dir", runtime.GetArchiveOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if d := got["dir/d/"]; d.Mode != 0o2750 || d.Uid != 12345 || d.ModTime.Unix() != 1e9 {
		t.Errorf("d: %+v", d.Header)
	}
	if f := got["dir/d/Größe und Raum"]; len(f.content) != 300<<10 || f.ModTime.Unix() != 1e9 || f.Gid != 12345 {
		t.Errorf("file: %d bytes, %+v", len(f.content), f.Header)
	}
	if l := got["dir/d/link"]; l.Typeflag != tar.TypeSymlink || l.Linkname != "/etc/passwd" {
		t.Errorf("link: %+v", l.Header)
	}
	if h := got["dir/d/setuid"]; h.Typeflag != tar.TypeLink || h.Linkname != "dir/d/hard" {
		t.Errorf("hard link: %+v", h.Header)
	}
	got, err = b.get("sub/dir/d", runtime.GetArchiveOptions{HeadersOnly: true, Depth: 2})
	if want := []string{"d/", "d/Größe und Raum", "d/hard", "d/link", "d/setuid"}; err != nil || !slices.Equal(slices.Sorted(maps.Keys(got)), want) {
		t.Fatalf("headers: %v, %v", slices.Sorted(maps.Keys(got)), err)
	}
	if f := got["d/Größe und Raum"]; f.Size != 0 || f.PAXRecords[runtime.PAXSize] != "307200" {
		t.Errorf("header: %+v", f.Header)
	}
	if got, err = b.get("sub/dir/d", runtime.GetArchiveOptions{Depth: 1}); err != nil || len(got) != 1 {
		t.Errorf("depth 1: %v, %v", got, err)
	}
	link, err := b.get("sub/dir/d/link", runtime.GetArchiveOptions{})
	if err != nil || link["link"].Typeflag != tar.TypeSymlink {
		t.Errorf("the link itself: %v, %v", link, err)
	}
	if link, err = b.get("sub/dir/d/link", runtime.GetArchiveOptions{Follow: true}); err != nil || !strings.Contains(link["link"].content, "root:") {
		t.Errorf("the link followed: %v, %v", link, err)
	}
	if _, err = b.get("sub/none", runtime.GetArchiveOptions{}); !errors.Is(err, runtime.ErrFileNotFound) {
		t.Errorf("missing: %v", err)
	}
}

func TestPutOwnersAndModes(t *testing.T) {
	dir := openDir(t)
	b := newBox(t, asUser, dir)
	suid := file("suid", "x")
	suid.Mode, suid.Uid, suid.Gid = 0o6755, 77, 78
	if _, err := b.put(".", runtime.PutArchiveOptions{KeepOwner: true}, bytes.NewReader(tarOf(t, suid))); err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(dir + "/suid")
	if err != nil || st.Mode() != 0o755|os.ModeSetuid|os.ModeSetgid || st.Sys().(*syscall.Stat_t).Uid != 77 || st.Sys().(*syscall.Stat_t).Gid != 78 {
		t.Errorf("%v %v", st, err)
	}
	if err := errors.Join(os.Mkdir(dir+"/there", 0o1777), os.Chmod(dir+"/there", 0o711), os.Chown(dir+"/there", 5, 5)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.put(".", runtime.PutArchiveOptions{}, bytes.NewReader(tarOf(t, directory("./", 0o700), directory("there/", 0o755), file("there/f", "x")))); err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(dir + "/there"); err != nil || st.Mode().Perm() != 0o711 || st.Sys().(*syscall.Stat_t).Uid != 5 {
		t.Errorf("a directory that was there: %v %v", st, err)
	}
	if st, err := os.Stat(dir); err != nil || st.Mode().Perm() != 0o777 {
		t.Errorf("the directory itself: %v %v", st, err)
	}
}

// What may not be unpacked, and what is left when it is tried.
func TestPutRefused(t *testing.T) {
	fifo := entry{Header: tar.Header{Name: "f", Typeflag: tar.TypeFifo, Mode: 0o644}}
	whole := tarOf(t, file("first", "1"), file("second", strings.Repeat("2", 4000)))
	broken := errors.New("broken")
	for name, test := range map[string]struct {
		dir     string
		opts    runtime.PutArchiveOptions
		archive io.Reader
		want    error
		left    []string // besides what was there
	}{
		"dots":               {archive: bytes.NewReader(tarOf(t, file("a/../../x", "")))},
		"through a link out": {archive: bytes.NewReader(tarOf(t, linkTo(tar.TypeSymlink, "l", "/tmp"), file("l/x", ""))), left: []string{"l"}},
		"through a link up":  {archive: bytes.NewReader(tarOf(t, linkTo(tar.TypeSymlink, "l", ".."), file("l/x", ""))), left: []string{"l"}},
		"dangling":           {archive: bytes.NewReader(tarOf(t, linkTo(tar.TypeSymlink, "l", "nowhere"), file("l/x", ""))), left: []string{"l"}},
		"hard link out":      {archive: bytes.NewReader(tarOf(t, linkTo(tar.TypeLink, "l", "../../etc/passwd")))},
		"hard link nowhere":  {archive: bytes.NewReader(tarOf(t, linkTo(tar.TypeLink, "l", "etc/passwd")))},
		"fifo":               {archive: bytes.NewReader(tarOf(t, fifo))},
		"file over dir":      {archive: bytes.NewReader(tarOf(t, file("dir", "x")))},
		"link over dir":      {archive: bytes.NewReader(tarOf(t, linkTo(tar.TypeSymlink, "dir", "x")))},
		"dir over file":      {archive: bytes.NewReader(tarOf(t, directory("file/", 0o755)))},
		"below a file":       {archive: bytes.NewReader(tarOf(t, file("file/x", "x")))},
		"into a file":        {dir: "file", archive: bytes.NewReader(whole)},
		"into nothing":       {dir: "none", archive: bytes.NewReader(whole), want: runtime.ErrFileNotFound},
		"made below a file":  {dir: "file/x", opts: runtime.PutArchiveOptions{CreateDir: true}, archive: bytes.NewReader(whole)},
		"remove out":         {opts: runtime.PutArchiveOptions{Remove: []string{"../x"}}, archive: bytes.NewReader(whole)},
		"remove itself":      {opts: runtime.PutArchiveOptions{Remove: []string{"."}}, archive: bytes.NewReader(whole)},
		"garbage":            {archive: strings.NewReader(strings.Repeat("garbage ", 400))},
		"nothing":            {archive: strings.NewReader("")},
		"cut in a file":      {archive: bytes.NewReader(whole[:3000]), want: io.ErrUnexpectedEOF, left: []string{"first"}},
		"cut behind one":     {archive: bytes.NewReader(whole[:1024]), want: io.ErrUnexpectedEOF, left: []string{"first"}},
		"cut in a header":    {archive: bytes.NewReader(whole[:1200]), want: io.ErrUnexpectedEOF, left: []string{"first"}},
		"broken reader":      {archive: io.MultiReader(bytes.NewReader(whole[:3000]), iotest.ErrReader(broken)), want: broken, left: []string{"first"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := openDir(t)
			if err := errors.Join(os.Mkdir(dir+"/dir", 0o755), os.WriteFile(dir+"/file", []byte("old"), 0o644)); err != nil {
				t.Fatal(err)
			}
			b := newBox(t, asUser, dir)
			want := test.want
			if want == nil {
				want = runtime.ErrInvalid
			}
			if test.dir == "" {
				test.dir = dir
			}
			if _, err := b.put(test.dir, test.opts, test.archive); !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
			left := append([]string{".", "dir", "file"}, test.left...)
			slices.Sort(left)
			if got := names(t, dir); !slices.Equal(got, left) {
				t.Errorf("left: %q, want %q", got, left)
			}
			if old, err := os.ReadFile(dir + "/file"); string(old) != "old" {
				t.Errorf("the file that was there: %q, %v", old, err)
			}
		})
	}
}

// What takes the place of what.
func TestPutReplaces(t *testing.T) {
	dir, outside := openDir(t), openDir(t)
	if err := errors.Join(
		os.Mkdir(dir+"/dir", 0o755), os.Symlink("dir", dir+"/inside"), os.WriteFile(outside+"/target", []byte("kept"), 0o644),
		os.Symlink(outside+"/target", dir+"/last"), os.MkdirAll(dir+"/tree/with/more", 0o755),
	); err != nil {
		t.Fatal(err)
	}
	b := newBox(t, asUser, dir)
	opts := runtime.PutArchiveOptions{Remove: []string{"tree", "none/at/all"}}
	if _, err := b.put("", opts, bytes.NewReader(tarOf(t))); err == nil {
		t.Error("an empty name was taken for a directory")
	}
	if _, err := b.put(dir, opts, bytes.NewReader(tarOf(t,
		file("/inside/f", "through"), file("last", "new"), file("tree", "now a file"), directory("inside/", 0o700),
		file("twice", "1"), linkTo(tar.TypeLink, "again", "twice"), linkTo(tar.TypeLink, "again", "twice"),
	))); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"dir/f": "through", "last": "new", "tree": "now a file", "again": "1"} {
		if got, err := os.ReadFile(filepath.Join(dir, path)); string(got) != want {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
	if got, err := os.ReadFile(outside + "/target"); string(got) != "kept" {
		t.Errorf("the link was followed: %q, %v", got, err)
	}
	if st, err := os.Lstat(dir + "/inside"); err != nil || st.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link to a directory: %v, %v", st, err)
	}
	if got := names(t, dir); slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, ".sandlot-") }) {
		t.Errorf("left: %q", got)
	}
}

// A host that goes away in the middle leaves nothing that is not whole.
func TestPutCancelled(t *testing.T) {
	dir := openDir(t)
	b := newBox(t, asUser, dir)
	ctx, cancel := context.WithCancel(context.Background())
	r, w := io.Pipe()
	defer w.Close()
	whole := tarOf(t, file("half", strings.Repeat("x", 1<<20)))
	go func() {
		_, _ = w.Write(whole[:512<<10])
		cancel()
	}()
	ch := b.serve(asEngine)
	within(t, "a cancelled put", func() {
		if _, err := PutArchive(ctx, ch, dir, r, runtime.PutArchiveOptions{}); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		<-ch.ended
	})
	if got := names(t, dir); !slices.Equal(got, []string{"."}) {
		t.Errorf("left: %q", got)
	}
}

// A get does not hang on what blocks, and says what its writer said.
func TestGetOddities(t *testing.T) {
	dir := openDir(t)
	if err := errors.Join(syscall.Mkfifo(dir+"/fifo", 0o600), os.WriteFile(dir+"/big", make([]byte, 4<<20), 0o600)); err != nil {
		t.Fatal(err)
	}
	b := newBox(t, asUser, dir)
	got, err := b.get(dir, runtime.GetArchiveOptions{})
	if err != nil || got[filepath.Base(dir)+"/fifo"].Typeflag != tar.TypeFifo || len(got) != 3 {
		t.Errorf("%v, %v", got, err)
	}
	full := errors.New("full")
	within(t, "get", func() {
		_, err = GetArchive(context.Background(), b.serve(asEngine), dir, writerFunc(func([]byte) (int, error) { return 0, full }), runtime.GetArchiveOptions{})
	})
	if !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
}

// A file that is cut while it is read is an error, not zeros in its place. It is longer than what is under way, so that the cut comes in time.
func TestGetShrinking(t *testing.T) {
	dir := openDir(t)
	if err := errors.Join(os.WriteFile(dir+"/f", nil, 0o600), os.Truncate(dir+"/f", 256<<20)); err != nil {
		t.Fatal(err)
	}
	b := newBox(t, asUser, dir)
	cut := writerFunc(func(p []byte) (int, error) { return len(p), os.Truncate(dir+"/f", 100) })
	var err error
	within(t, "get", func() {
		_, err = GetArchive(context.Background(), b.serve(asEngine), dir, cut, runtime.GetArchiveOptions{})
	})
	var e *runtime.Error
	if !errors.As(err, &e) || !strings.Contains(err.Error(), "shorter") {
		t.Errorf("got %v, want an error that says it", err)
	}
}

// No reader and no writer are errors, and no panic of a goroutine that nobody can recover from.
func TestNothingToReadOrWrite(t *testing.T) {
	b := newBox(t, asUser, openDir(t))
	if _, err := b.put(".", runtime.PutArchiveOptions{}, nil); !errors.Is(err, runtime.ErrInvalid) {
		t.Errorf("put: %v", err)
	}
	within(t, "get", func() {
		if _, err := GetArchive(context.Background(), b.serve(asEngine), ".", nil, runtime.GetArchiveOptions{}); !errors.Is(err, runtime.ErrInvalid) {
			t.Errorf("get: %v", err)
		}
	})
}
