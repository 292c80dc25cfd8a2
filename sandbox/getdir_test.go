package sandbox_test

import (
	"archive/tar"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/sandbox"
)

var top = tar.Header{Name: "d/", Typeflag: tar.TypeDir}

func getDir(t testing.TB, box *sandbox.Sandbox, f *fake, archive []byte, dir string, opts sandbox.GetDirOptions) (sandbox.GetDirResult, error) {
	t.Helper()
	f.get = func(w io.Writer) error {
		_, err := w.Write(archive)
		return err
	}
	return box.GetDir(t.Context(), "d", dir, opts)
}

func TestGetDir(t *testing.T) {
	f, box := newBox(t)
	dir := filepath.Join(t.TempDir(), "made", "for", "it")
	modified := time.Unix(1700000000, 0)
	result, err := getDir(t, box, f, archiveOf(t, top,
		tar.Header{Name: "d/locked/", Typeflag: tar.TypeDir, Mode: 0o500, ModTime: modified},
		tar.Header{Name: "d/locked/f", Mode: 0o6751, ModTime: modified},
		tar.Header{Name: "d/parents/lack/f"},
		tar.Header{Name: "d/parents/link", Typeflag: tar.TypeSymlink, Linkname: "../locked/f"},
		tar.Header{Name: "d/hard", Typeflag: tar.TypeLink, Linkname: "d/locked/f"},
	), dir, sandbox.GetDirOptions{})
	if err != nil || result.Entries != 5 || result.Bytes != int64(len("d/locked/f")+len("d/parents/lack/f")) {
		t.Fatalf("got %+v, %v", result, err)
	}
	info, err := os.Stat(filepath.Join(dir, "locked", "f"))
	if err != nil || info.Mode() != 0o751 || !info.ModTime().Equal(modified) {
		t.Errorf("locked/f: %v, %v", info, err)
	}
	if info, err := os.Stat(filepath.Join(dir, "locked")); err != nil || info.Mode().Perm() != 0o700 || !info.ModTime().Equal(modified) {
		t.Errorf("locked: %v, %v", info, err)
	}
	for _, name := range []string{"hard", "parents/link"} {
		if data, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(data) != "d/locked/f" {
			t.Errorf("%s: %q, %v", name, data, err)
		}
	}
	noTemporaries(t, dir)

	// Again, over what is there.
	must(t, os.WriteFile(filepath.Join(dir, "own"), nil, 0o600))
	if _, err := getDir(t, box, f, archiveOf(t, top, tar.Header{Name: "d/hard"}, tar.Header{Name: "d/parents/link"},
		tar.Header{Name: "d/locked/f", Typeflag: tar.TypeLink, Linkname: "d/hard"}), dir, sandbox.GetDirOptions{}); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(filepath.Join(dir, "locked", "f")); err != nil || string(data) != "d/hard" {
		t.Errorf("a link in place of a file: %q, %v", data, err)
	}
	if info, err := os.Lstat(filepath.Join(dir, "parents", "link")); err != nil || !info.Mode().IsRegular() {
		t.Errorf("a file in place of a link: %v, %v", info, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "own")); err != nil {
		t.Error(err)
	}
	noTemporaries(t, dir)
}

func noTemporaries(t testing.TB, dir string) {
	t.Helper()
	filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
		if strings.HasPrefix(filepath.Base(name), ".sandlot-") {
			t.Errorf("%s is left", name)
		}
		return err
	})
}

func TestGetDirHostile(t *testing.T) {
	link := func(name, target string) tar.Header {
		return tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: target}
	}
	for _, test := range []struct {
		name    string
		entries []tar.Header
		opts    sandbox.GetDirOptions
		kind    error
		skips   string // where SkipUnsafe can leave it out
	}{
		{name: "no directory", entries: []tar.Header{{Name: "d"}}, kind: runtime.ErrInvalid},
		{name: "a link for the directory", entries: []tar.Header{link("d", "/etc")}, kind: runtime.ErrInvalid},
		{name: "name above", entries: []tar.Header{top, {Name: "d/../../outside"}}, kind: runtime.ErrConnectionLost},
		{name: "absolute name", entries: []tar.Header{top, {Name: "/outside"}}, kind: runtime.ErrConnectionLost},
		{name: "the directory again", entries: []tar.Header{top, top}, kind: runtime.ErrConnectionLost},
		{name: "absolute link", entries: []tar.Header{top, link("d/l", "/etc/passwd")}, kind: runtime.ErrInvalid, skips: "l"},
		{name: "link above", entries: []tar.Header{top, link("d/l", "..")}, kind: runtime.ErrInvalid, skips: "l"},
		{name: "deep link above", entries: []tar.Header{top, link("d/a/b/l", "../../../x")}, kind: runtime.ErrInvalid, skips: "a/b/l"},
		{name: "link by way of a link", entries: []tar.Header{top, link("d/dot", "."), link("d/l", "dot/../x")}, kind: runtime.ErrInvalid, skips: "l"},
		{name: "empty link", entries: []tar.Header{top, link("d/l", "")}, kind: runtime.ErrInvalid, skips: "l"},
		{name: "through a link", entries: []tar.Header{top, {Name: "d/sub/", Typeflag: tar.TypeDir}, link("d/l", "sub"), {Name: "d/l/f"}}, kind: runtime.ErrInvalid},
		{name: "directory over a link", entries: []tar.Header{top, link("d/l", "."), {Name: "d/l/", Typeflag: tar.TypeDir}}, kind: runtime.ErrInvalid},
		{name: "through a link of this machine", entries: []tar.Header{top, {Name: "d/mine/f"}}, kind: runtime.ErrInvalid},
		{name: "file over a directory", entries: []tar.Header{top, {Name: "d/a/f"}, {Name: "d/a"}}, kind: runtime.ErrInvalid},
		{name: "link over a directory", entries: []tar.Header{top, {Name: "d/a/f"}, link("d/a", ".")}, kind: runtime.ErrInvalid},
		{name: "directory over a file", entries: []tar.Header{top, {Name: "d/a"}, {Name: "d/a/f"}}, kind: runtime.ErrInvalid},
		{name: "hard link outside", entries: []tar.Header{top, {Name: "d/h", Typeflag: tar.TypeLink, Linkname: "../secret"}}, kind: runtime.ErrInvalid, skips: "h"},
		{name: "hard link to what is here", entries: []tar.Header{top, {Name: "d/h", Typeflag: tar.TypeLink, Linkname: "d/here"}}, kind: runtime.ErrInvalid, skips: "h"},
		{
			name:    "hard link to a link in a file's place",
			entries: []tar.Header{top, {Name: "d/f"}, link("d/f", "mine"), {Name: "d/h", Typeflag: tar.TypeLink, Linkname: "d/f"}},
			kind:    runtime.ErrInvalid, skips: "h",
		},
		{name: "device", entries: []tar.Header{top, {Name: "d/c", Typeflag: tar.TypeChar}}, kind: runtime.ErrInvalid, skips: "c"},
		{name: "pipe", entries: []tar.Header{top, {Name: "d/p", Typeflag: tar.TypeFifo}}, kind: runtime.ErrInvalid, skips: "p"},
		{name: "endless name", entries: []tar.Header{top, {Name: "d/" + strings.Repeat("x/", 2048) + "f"}}, kind: runtime.ErrInvalid, skips: strings.Repeat("x/", 2048) + "f"},
		{name: "too many bytes", entries: []tar.Header{top, {Name: "d/f"}, {Name: "d/g"}}, opts: sandbox.GetDirOptions{MaxBytes: 5}, kind: runtime.ErrInvalid},
		{name: "too many entries", entries: []tar.Header{top, {Name: "d/f"}, {Name: "d/g"}}, opts: sandbox.GetDirOptions{MaxEntries: 1}, kind: runtime.ErrInvalid},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, skip := range []bool{false, true} {
				parent := t.TempDir()
				outside, dir := filepath.Join(parent, "outside"), filepath.Join(parent, "dir")
				must(t, os.Mkdir(outside, 0o755))
				must(t, os.Mkdir(dir, 0o755))
				must(t, os.Symlink(outside, filepath.Join(dir, "mine")))
				must(t, os.WriteFile(filepath.Join(dir, "here"), nil, 0o600))
				must(t, os.WriteFile(filepath.Join(parent, "secret"), nil, 0o600))
				f, box := newBox(t)
				opts := test.opts
				opts.SkipUnsafe = skip
				result, err := getDir(t, box, f, archiveOf(t, test.entries...), dir, opts)
				if skip && test.skips != "" {
					if err != nil || !slices.Equal(result.Skipped, []string{test.skips}) {
						t.Errorf("skipping: %q, %v", result.Skipped, err)
					}
				} else {
					wantKind(t, err, test.kind)
				}
				if left, _ := os.ReadDir(outside); len(left) > 0 {
					t.Errorf("written outside: %v", left)
				}
				if left, _ := os.ReadDir(parent); len(left) != 3 {
					t.Errorf("written above: %v", left)
				}
				noTemporaries(t, dir)
			}
		})
	}
}

func TestGetDirOfNothingMakesNothing(t *testing.T) {
	_, box := newBox(t)
	dir := filepath.Join(t.TempDir(), "new")
	_, err := box.GetDir(t.Context(), "d", dir, sandbox.GetDirOptions{})
	wantKind(t, err, fs.ErrNotExist)
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the directory was made: %v", err)
	}
}

// FuzzGetDir feeds GetDir whatever a hostile sandbox could send. Nothing may be written beside the directory, and no link may lead out of it.
func FuzzGetDir(f *testing.F) {
	link := tar.Header{Name: "d/l", Typeflag: tar.TypeSymlink, Linkname: "sub"}
	f.Add(archiveOf(f, top, tar.Header{Name: "d/sub/f"}, link, tar.Header{Name: "d/l/f"}), true)
	f.Add(archiveOf(f, top, link, tar.Header{Name: "d/sub/l2", Typeflag: tar.TypeSymlink, Linkname: "../l/.."}), false)
	f.Add(archiveOf(f, top, tar.Header{Name: "d/f"}, tar.Header{Name: "d/h", Typeflag: tar.TypeLink, Linkname: "d/f"}), true)
	f.Add(archiveOf(f, top, tar.Header{Name: "d/../x"}, tar.Header{Name: "d/p", Typeflag: tar.TypeFifo}), true)
	f.Fuzz(func(t *testing.T, archive []byte, skip bool) {
		parent := t.TempDir()
		dir := filepath.Join(parent, "dir")
		rt := newFake("an-image")
		box, err := sandbox.New(t.Context(), rt, sandbox.Options{Image: "an-image"})
		must(t, err)
		getDir(t, box, rt, archive, dir, sandbox.GetDirOptions{MaxBytes: 1 << 20, MaxEntries: 1 << 8, SkipUnsafe: skip})
		if beside, _ := os.ReadDir(parent); len(beside) > 1 {
			t.Fatalf("written beside: %v", beside)
		}
		filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.Type() != fs.ModeSymlink {
				return nil
			}
			real, err := filepath.EvalSymlinks(name)
			if rel, relErr := filepath.Rel(dir, real); err == nil && (relErr != nil || !filepath.IsLocal(rel)) {
				t.Errorf("%s leads to %s", name, real)
			}
			return nil
		})
		noTemporaries(t, dir)
	})
}
