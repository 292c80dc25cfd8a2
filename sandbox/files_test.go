package sandbox_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/sandbox"
)

func TestWriteFile(t *testing.T) {
	for _, test := range []struct {
		name, where string
		opts        sandbox.FileOptions
		mode        int64
		uid, gid    int
		owned       bool
	}{
		{name: "f", where: "/work/f", mode: 0o644},
		{name: "deep/er/f", where: "/work/deep/er/f", mode: 0o644},
		{name: "/abs/f", where: "/abs/f", mode: 0o644},
		{name: "/f", where: "/f", mode: 0o644},
		{name: "a b/ü\n", where: "/work/a b/ü\n", mode: 0o644},
		{name: strings.Repeat("long/", 60) + "f", where: "/work/" + strings.Repeat("long/", 60) + "f", mode: 0o644},
		{name: "x", where: "/work/x", opts: sandbox.FileOptions{Mode: 0o755 | fs.ModeSetuid | fs.ModeSticky}, mode: 0o5755},
		{name: "o", where: "/work/o", opts: sandbox.FileOptions{Owner: "1000:2000"}, mode: 0o644, uid: 1000, gid: 2000, owned: true},
		{name: "root", where: "/work/root", opts: sandbox.FileOptions{Owner: "0:0"}, mode: 0o644, owned: true},
	} {
		f, box := newBox(t)
		if err := box.WriteFile(t.Context(), test.name, []byte("data"), test.opts); err != nil {
			t.Errorf("%q: %v", test.name, err)
			continue
		}
		got, ok := f.files[test.where]
		if !ok || string(got.data) != "data" {
			t.Errorf("%q: not written: %v", test.name, f.files)
			continue
		}
		if h := got.header; h.Mode != test.mode || h.Uid != test.uid || h.Gid != test.gid || got.owned != test.owned {
			t.Errorf("%q: mode %o, owner %d:%d, kept %v", test.name, h.Mode, h.Uid, h.Gid, got.owned)
		}
		if data, err := box.ReadFile(t.Context(), test.name); err != nil || string(data) != "data" {
			t.Errorf("%q: read %q, %v", test.name, data, err)
		}
	}
}

func TestNamesAndOptionsRefused(t *testing.T) {
	f, box := newBox(t)
	before := len(f.seen())
	for _, name := range []string{"", "/", ".", "..", "a/", "a/..", "a\x00b"} {
		err := box.WriteFile(t.Context(), name, nil, sandbox.FileOptions{})
		wantKind(t, err, runtime.ErrInvalid, fs.ErrInvalid)
	}
	for _, name := range []string{"", "/", ".", "a/..", "a/./", "\x00"} {
		wantKind(t, box.Delete(t.Context(), name), runtime.ErrInvalid)
	}
	for _, opts := range []sandbox.FileOptions{
		{Owner: "root"}, {Owner: "1000"}, {Owner: "-1:0"}, {Owner: "1:2:3"}, {Owner: ":"}, {Owner: "4294967296:0"},
		{Mode: fs.ModeDir | 0o755}, {Mode: 0o4755},
	} {
		wantKind(t, box.WriteFile(t.Context(), "f", nil, opts), runtime.ErrInvalid)
		wantKind(t, box.MkdirAll(t.Context(), "d", opts), runtime.ErrInvalid)
	}
	wantKind(t, box.MkdirAll(t.Context(), "", sandbox.FileOptions{}), runtime.ErrInvalid)
	wantKind(t, box.MkdirAll(t.Context(), "a\x00b", sandbox.FileOptions{}), runtime.ErrInvalid)
	if got := f.seen()[before:]; len(got) > 0 {
		t.Errorf("the runtime was called: %q", got)
	}
}

func TestUploadSizes(t *testing.T) {
	big := make([]byte, 3<<20+17)
	rand.NewChaCha8([32]byte{}).Read(big)
	for _, n := range []int{0, 1, 511, 512, 513, 1 << 20, 1<<20 + 1, len(big)} {
		for _, known := range []bool{true, false} {
			f, box := newBox(t)
			t.Setenv("TMPDIR", t.TempDir())
			size := int64(-1)
			r := io.Reader(bytes.NewReader(big[:n]))
			if known {
				size = int64(n)
				r = iotest.HalfReader(bytes.NewReader(big)) // longer than said
			}
			if err := box.Upload(t.Context(), "f", r, size, sandbox.FileOptions{}); err != nil {
				t.Errorf("%d bytes, known %v: %v", n, known, err)
			}
			if !bytes.Equal(f.files["/work/f"].data, big[:n]) {
				t.Errorf("%d bytes, known %v: other content", n, known)
			}
			var got bytes.Buffer
			if size, err := box.Download(t.Context(), "f", &got); err != nil || size != int64(n) || !bytes.Equal(got.Bytes(), big[:n]) {
				t.Errorf("%d bytes: downloaded %d, %v", n, size, err)
			}
			if left, _ := os.ReadDir(os.Getenv("TMPDIR")); len(left) > 0 {
				t.Errorf("%d bytes, known %v: temporary files are left", n, known)
			}
		}
	}
}

func TestNothingToReadOrWrite(t *testing.T) {
	f, box := newBox(t)
	for _, size := range []int64{-1, 5} {
		if err := box.Upload(t.Context(), "f", nil, size, sandbox.FileOptions{}); !errors.Is(err, runtime.ErrInvalid) || len(f.files) > 0 {
			t.Errorf("upload of %d bytes: %v, %v", size, err, f.files)
		}
	}
	if err := box.WriteFile(t.Context(), "empty", nil, sandbox.FileOptions{}); err != nil {
		t.Errorf("write no bytes: %v", err)
	}
	if _, err := box.Download(t.Context(), "empty", nil); !errors.Is(err, runtime.ErrInvalid) {
		t.Errorf("download: %v", err)
	}
}

func TestUploadCutOff(t *testing.T) {
	broken := errors.New("the disk is broken")
	for _, size := range []int64{10, -1} {
		f, box := newBox(t)
		err := box.Upload(t.Context(), "f", io.MultiReader(strings.NewReader("half"), iotest.ErrReader(broken)), size, sandbox.FileOptions{})
		wantKind(t, err, broken)
		if len(f.files) > 0 {
			t.Errorf("size %d: the file is there", size)
		}
	}
	f, box := newBox(t)
	err := box.Upload(t.Context(), "f", strings.NewReader("half"), 10, sandbox.FileOptions{})
	wantKind(t, err, io.ErrUnexpectedEOF)
	if len(f.files) > 0 {
		t.Error("the file is there")
	}
	// An error that comes with the last byte is past what was asked for.
	if err := box.Upload(t.Context(), "f", iotest.DataErrReader(strings.NewReader("whole")), 5, sandbox.FileOptions{}); err != nil {
		t.Error(err)
	}
}

func TestFileErrors(t *testing.T) {
	f, box := newBox(t)
	_, err := box.ReadFile(t.Context(), "nothing")
	wantKind(t, err, runtime.ErrFileNotFound, fs.ErrNotExist)
	_, err = box.Stat(t.Context(), "nothing")
	wantKind(t, err, fs.ErrNotExist)
	_, err = box.ReadDir(t.Context(), "nothing")
	wantKind(t, err, fs.ErrNotExist)
	f.putErr = &runtime.Error{Op: "put archive", Kind: runtime.ErrPermission}
	err = box.WriteFile(t.Context(), "f", nil, sandbox.FileOptions{})
	wantKind(t, err, runtime.ErrPermission, fs.ErrPermission)
	var ours *runtime.Error
	if !errors.As(err, &ours) || ours.Op != "put archive" {
		t.Errorf("no *runtime.Error in %v", err)
	}
	f.putErr = &runtime.Error{Op: "put archive", Kind: runtime.ErrFileNotFound}
	if err := box.Delete(t.Context(), "missing/f"); err != nil {
		t.Errorf("delete in a missing directory: %v", err)
	}
}

func TestDirectories(t *testing.T) {
	f, box := newBox(t)
	ctx := t.Context()
	if err := box.MkdirAll(ctx, "a/b/", sandbox.FileOptions{Mode: 0o700}); err != nil {
		t.Fatal(err)
	}
	if h := f.files["/work/a/b"].header; h == nil || h.Typeflag != tar.TypeDir || h.Mode != 0o700 {
		t.Fatalf("made %+v", h)
	}
	for _, name := range []string{"/", ".", "a/.."} {
		if err := box.MkdirAll(ctx, name, sandbox.FileOptions{}); err != nil {
			t.Errorf("mkdir %q: %v", name, err)
		}
	}
	modified := time.Unix(1700000000, 0)
	put := func(headers ...tar.Header) {
		if _, err := box.PutArchive(ctx, ".", bytes.NewReader(archiveOf(t, headers...)), runtime.PutArchiveOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	put(tar.Header{Name: "a/", Typeflag: tar.TypeDir}, tar.Header{Name: "a/z", Mode: 0o4755, Uid: 7, Gid: 8, ModTime: modified},
		tar.Header{Name: "a/l", Typeflag: tar.TypeSymlink, Linkname: "../x"}, tar.Header{Name: "a/b/deep"})
	list, err := box.ReadDir(ctx, "a")
	if err != nil || len(list) != 3 || list[0].Name() != "b" || list[1].Name() != "l" || list[2].Name() != "z" {
		t.Fatalf("listed %v, %v", list, err)
	}
	if !list[0].IsDir() || list[1].Mode().Type() != fs.ModeSymlink || list[1].Link() != "../x" || list[1].Size() != 0 {
		t.Errorf("wrong: %+v", list)
	}
	info, err := box.Stat(ctx, "a/z")
	uid, gid := info.Owner()
	if err != nil || info.Name() != "z" || info.Size() != 3 || info.Mode() != 0o755|fs.ModeSetuid ||
		!info.ModTime().Equal(modified) || uid != 7 || gid != 8 || info.Sys() != nil {
		t.Errorf("stat: %+v, %v", info, err)
	}
	if _, err := box.ReadDir(ctx, "a/z"); !errors.Is(err, runtime.ErrInvalid) {
		t.Errorf("list of a file: %v", err)
	}
	if _, err := box.ReadFile(ctx, "a"); !errors.Is(err, runtime.ErrInvalid) {
		t.Errorf("read of a directory: %v", err)
	}
	if info, err := box.Lstat(ctx, "a/l"); err != nil || info.Link() != "../x" {
		t.Errorf("lstat: %+v, %v", info, err)
	}
	if err := box.Delete(ctx, "a/b/"); err != nil {
		t.Error(err)
	}
	if _, ok := f.files["/work/a/b/deep"]; ok {
		t.Error("a deleted directory is there")
	}
}

// What a hostile guest may send in place of an archive.
func TestHostileArchives(t *testing.T) {
	file := archiveOf(t, tar.Header{Name: "f"})
	huge := func(w io.Writer) error {
		return tar.NewWriter(w).WriteHeader(&tar.Header{Name: "f", Typeflag: tar.TypeReg, Size: sandbox.MaxReadFile + 1})
	}
	endless := func(w io.Writer) error {
		w.Write(file)
		for {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				return err
			}
		}
	}
	bytesOf := func(b []byte) func(io.Writer) error {
		return func(w io.Writer) error {
			_, err := w.Write(b)
			return err
		}
	}
	for _, test := range []struct {
		name string
		get  func(io.Writer) error
		kind error
	}{
		{"nothing", bytesOf(nil), runtime.ErrConnectionLost},
		{"no archive", bytesOf(bytes.Repeat([]byte("x"), 2000)), runtime.ErrConnectionLost},
		{"cut in the header", bytesOf(file[:100]), runtime.ErrConnectionLost},
		{"cut in the content", bytesOf(file[:512]), io.ErrUnexpectedEOF},
		{"more than an archive", endless, runtime.ErrConnectionLost},
		{"too large", huge, runtime.ErrInvalid},
		{"a device", bytesOf(archiveOf(t, tar.Header{Name: "f", Typeflag: tar.TypeChar})), runtime.ErrInvalid},
		{"the runtime's error", func(w io.Writer) error { w.Write(file[:700]); return runtime.ErrNotRunning }, runtime.ErrNotRunning},
		{"an error at the end", func(w io.Writer) error { w.Write(file); return runtime.ErrConnectionLost }, runtime.ErrConnectionLost},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, box := newBox(t)
			f.get = test.get
			_, err := box.ReadFile(t.Context(), "f")
			wantKind(t, err, test.kind)
		})
	}
	f, box := newBox(t)
	f.get = bytesOf(archiveOf(t, tar.Header{Name: "d/", Typeflag: tar.TypeDir}, tar.Header{Name: "other/f"}))
	_, err := box.ReadDir(t.Context(), "d")
	wantKind(t, err, runtime.ErrConnectionLost)
}

func TestDownloadToBrokenWriter(t *testing.T) {
	_, box := newBox(t)
	if err := box.WriteFile(t.Context(), "f", make([]byte, 1<<20), sandbox.FileOptions{}); err != nil {
		t.Fatal(err)
	}
	full := errors.New("the disk is full")
	_, err := box.Download(t.Context(), "f", brokenWriter{full})
	wantKind(t, err, full)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := box.Download(ctx, "f", io.Discard); err != nil {
		t.Errorf("the fake looks at no context, so all was read: %v", err)
	}
}

type brokenWriter struct{ err error }

func (b brokenWriter) Write([]byte) (int, error) { return 0, b.err }

func TestPutDir(t *testing.T) {
	dir := t.TempDir()
	modified := time.Unix(1700000000, 0)
	must(t, os.MkdirAll(filepath.Join(dir, "sub", "empty"), 0o750))
	must(t, os.WriteFile(filepath.Join(dir, "sub", "run"), []byte("#!"), 0o644))
	must(t, os.Chmod(filepath.Join(dir, "sub", "run"), 0o751))
	must(t, os.Chtimes(filepath.Join(dir, "sub", "run"), modified, modified))
	must(t, os.Symlink("../elsewhere", filepath.Join(dir, "link")))
	f, box := newBox(t)
	must(t, box.PutDir(t.Context(), dir, "to/here", sandbox.PutDirOptions{Owner: "5:6"}))
	run := f.files["/work/to/here/sub/run"]
	if run.header == nil || string(run.data) != "#!" || run.header.Mode != 0o751 || !run.header.ModTime.Equal(modified) ||
		run.header.Uid != 5 || run.header.Gid != 6 || run.header.Uname != "" || !run.owned {
		t.Errorf("put %+v", run)
	}
	if link := f.files["/work/to/here/link"]; link.header == nil || link.header.Linkname != "../elsewhere" {
		t.Errorf("put %+v", link)
	}
	if empty := f.files["/work/to/here/sub/empty"]; empty.header == nil || empty.header.Typeflag != tar.TypeDir {
		t.Errorf("put %+v", empty)
	}
	wantKind(t, box.PutDir(t.Context(), filepath.Join(dir, "nothing"), "d", sandbox.PutDirOptions{}), fs.ErrNotExist)
	wantKind(t, box.PutDir(t.Context(), dir, "d", sandbox.PutDirOptions{Owner: "me"}), runtime.ErrInvalid)
	f.putErr = runtime.ErrNoSpace
	wantKind(t, box.PutDir(t.Context(), dir, "d", sandbox.PutDirOptions{}), runtime.ErrNoSpace)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
