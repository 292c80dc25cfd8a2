package sandbox_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/sandbox"
)

// oddTree is what TestFS has to cope with, and a link that leads into a directory.
var oddTree = []string{"a b/ü \n[x]*?", "a b/.hidden", "top", "none/"}

func makeTree(t *testing.T, box *sandbox.Sandbox, dir string) {
	t.Helper()
	must(t, box.MkdirAll(t.Context(), dir, sandbox.FileOptions{}))
	must(t, box.MkdirAll(t.Context(), path.Join(dir, "a b"), sandbox.FileOptions{}))
	for _, name := range oddTree {
		if name[len(name)-1] == '/' {
			must(t, box.MkdirAll(t.Context(), path.Join(dir, name), sandbox.FileOptions{Mode: 0o700}))
			continue
		}
		content := bytes.Repeat([]byte(name), 300)
		if name == "a b/.hidden" {
			content = nil
		}
		must(t, box.WriteFile(t.Context(), path.Join(dir, name), content, sandbox.FileOptions{Mode: 0o640}))
	}
}

func expected() []string {
	names := slices.Clone(oddTree)
	for i, name := range names {
		names[i] = path.Clean(name)
	}
	return names
}

func TestFS(t *testing.T) {
	_, box := newBox(t)
	makeTree(t, box, "/work/tree")
	for _, dir := range []string{"/work/tree", "tree", "./tree/", "tree/none/.."} {
		if err := fstest.TestFS(box.FS(t.Context(), dir), expected()...); err != nil {
			t.Errorf("below %s: %v", dir, err)
		}
	}
	matches, err := fs.Glob(box.FS(t.Context(), "tree"), "*/[.-e]*")
	if want := []string{"a b/.hidden"}; err != nil || !slices.Equal(matches, want) {
		t.Errorf("the glob gives %q, %v; want %q", matches, err, want)
	}
}

func TestFSErrors(t *testing.T) {
	f, box := newBox(t)
	makeTree(t, box, "/work/tree")
	ctx, cancel := context.WithCancel(t.Context())
	fsys := box.FS(ctx, "tree")
	wantPathError := func(err error, kind error) {
		t.Helper()
		var p *fs.PathError
		if !errors.As(err, &p) || !errors.Is(err, kind) {
			t.Errorf("got the error %v, want an fs.PathError that matches %q", err, kind)
		}
	}
	for _, name := range []string{"/top", "../tree", "a b/", "", "a\x00b"} {
		_, err := fsys.Open(name)
		wantPathError(err, fs.ErrInvalid)
	}
	_, err := box.FS(ctx, "").Open("top")
	wantPathError(err, fs.ErrInvalid)
	_, err = fsys.Open("missing")
	wantPathError(err, fs.ErrNotExist)
	_, err = fs.ReadLink(fsys, "top")
	wantPathError(err, fs.ErrInvalid)
	_, err = fs.ReadDir(fsys, "top")
	wantPathError(err, fs.ErrInvalid)
	_, err = fs.ReadFile(fsys, "none")
	wantPathError(err, fs.ErrInvalid)

	dir, err := fsys.Open(".")
	must(t, err)
	if _, err := dir.Read(make([]byte, 1)); err == nil || err == io.EOF {
		t.Errorf("reading a directory gives the error %v", err)
	}
	must(t, dir.Close())
	_, err = dir.(fs.ReadDirFile).ReadDir(-1)
	wantPathError(err, fs.ErrClosed)
	top, err := fsys.Open("top")
	must(t, err)
	must(t, top.Close())
	_, err = top.Read(make([]byte, 1))
	wantPathError(err, fs.ErrClosed)

	whole := archiveOf(t, tar.Header{Name: "top"})
	for name, test := range map[string]struct {
		sent []byte
		err  error
		kind error
	}{
		"a failure after the header":  {whole[:512], runtime.ErrConnectionLost, runtime.ErrConnectionLost},
		"a failure at the end":        {whole, runtime.ErrConnectionLost, runtime.ErrConnectionLost},
		"content that is cut off":     {whole[:513], nil, io.ErrUnexpectedEOF},
		"what does not end":           {append(slices.Clone(whole), make([]byte, 2<<20)...), nil, runtime.ErrConnectionLost},
		"nothing":                     {nil, nil, runtime.ErrConnectionLost},
		"what is no archive":          {bytes.Repeat([]byte("x"), 1024), nil, runtime.ErrConnectionLost},
		"an archive of nothing":       {archiveOf(t), nil, fs.ErrInvalid},
		"a failure before the header": {nil, runtime.ErrPermission, runtime.ErrPermission},
	} {
		f.get = func(w io.Writer) error {
			if _, err := w.Write(test.sent); err != nil {
				return err
			}
			return test.err
		}
		file, err := fsys.Open("top")
		if err == nil {
			_, err = io.ReadAll(file)
			must(t, file.Close())
		}
		if !errors.Is(err, test.kind) {
			t.Errorf("%s: got the error %v, want one that matches %q", name, err, test.kind)
		}
	}
	f.get = nil
	cancel()
	f.get = func(io.Writer) error { return ctx.Err() }
	_, err = fsys.Open("top")
	wantPathError(err, context.Canceled)
	must(t, box.Close())
	_, err = box.FS(t.Context(), ".").Open("top")
	wantPathError(err, fs.ErrClosed)
}

// FuzzFS has the sandbox send anything: what comes of it is an error or a file, which ends where its size says.
func FuzzFS(f *testing.F) {
	f.Add(archiveOf(f, tar.Header{Name: "f"}))
	f.Add(archiveOf(f, tar.Header{Name: "d/", Typeflag: tar.TypeDir}, tar.Header{Name: "d/f"}))
	f.Add(archiveOf(f, tar.Header{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "/"}))
	for _, size := range []string{"-1", "0", "5"} { // the file has one byte
		f.Add(archiveOf(f, tar.Header{Name: "f", PAXRecords: map[string]string{runtime.PAXSize: size}}))
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		rt := newFake("an-image")
		box, err := sandbox.New(t.Context(), rt, sandbox.Options{Image: "an-image"})
		must(t, err)
		rt.get = func(w io.Writer) error { _, err := w.Write(sent); return err }
		fsys := box.FS(t.Context(), ".")
		if info, err := fs.Stat(fsys, "f"); err == nil && (info.Name() != "f" || info.Size() < 0) {
			t.Errorf("the name %q, the size %d", info.Name(), info.Size())
		}
		if list, err := fs.ReadDir(fsys, "f"); err == nil {
			for _, entry := range list {
				if path.Base(entry.Name()) != entry.Name() {
					t.Errorf("a directory has %q", entry.Name())
				}
			}
		}
		file, err := fsys.Open("f")
		if err != nil {
			return
		}
		info, err := file.Stat()
		must(t, err)
		const enough = 1 << 20 // of a file that is sparse and as large as it likes
		n, err := io.Copy(io.Discard, io.LimitReader(file, enough))
		if err == nil && info.Mode().IsRegular() && n != min(info.Size(), enough) {
			t.Errorf("%d bytes of a file of %d", n, info.Size())
		}
		must(t, file.Close())
	})
}

// TestFSClose closes a file that is not read: what streams it ends.
func TestFSClose(t *testing.T) {
	f, box := newBox(t)
	ended := make(chan error, 1)
	f.get = func(w io.Writer) error {
		_, err := w.Write(archiveOf(t, tar.Header{Name: "top", Size: 1 << 20})[:512])
		for err == nil {
			_, err = w.Write(make([]byte, 1<<10))
		}
		ended <- err
		return err
	}
	file, err := box.FS(t.Context(), ".").Open("top")
	must(t, err)
	if info, err := file.Stat(); err != nil || info.Size() != 1<<20 || info.Name() != "top" {
		t.Errorf("%+v, %v", info, err)
	}
	must(t, file.Close())
	select {
	case <-ended:
	default:
		t.Error("after Close the content is still on its way")
	}
	must(t, file.Close())
}

func TestSymlink(t *testing.T) {
	f, box := newBox(t)
	must(t, box.Symlink(t.Context(), "../a b", "new/link"))
	if info, err := box.Lstat(t.Context(), "new/link"); err != nil || info.Link() != "../a b" {
		t.Errorf("%+v, %v", info, err)
	}
	if target, err := fs.ReadLink(box.FS(t.Context(), "new"), "link"); err != nil || target != "../a b" {
		t.Errorf("the file system reads %q, %v", target, err)
	}
	for _, test := range [][2]string{{"", "link"}, {"a\x00b", "link"}, {"a", ""}, {"a", "dir/"}, {"a", ".."}} {
		wantKind(t, box.Symlink(t.Context(), test[0], test[1]), runtime.ErrInvalid, fs.ErrInvalid)
	}
	f.putErr = runtime.ErrReadOnly
	wantKind(t, box.Symlink(t.Context(), "a", "link"), runtime.ErrReadOnly)
}
