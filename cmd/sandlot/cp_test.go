package main

import (
	"archive/tar"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRemote(t *testing.T) {
	for _, c := range []struct {
		arg, name, path string
		remote          bool
	}{
		{"box:/a", "box", "/a", true},
		{"box:a:b", "box", "a:b", true},
		{"box:", "box", ".", true},
		{"a", "", "a", false},
		{"-", "", "-", false},
		{"./a:b", "", "./a:b", false},
		{"/a:b", "", "/a:b", false},
		{"dir/a:b", "", "dir/a:b", false},
		{":a", "", ":a", false},
	} {
		name, path, remote := remote(c.arg)
		if name != c.name || path != c.path || remote != c.remote {
			t.Errorf("%q: got %q, %q, %v", c.arg, name, path, remote)
		}
	}
}

func TestCopyArchives(t *testing.T) {
	f := withBox()
	f.callWith(t, t.Context(), "an archive", "cp", "-", "box:/dir").want(t, 0, "", "")
	if f.put.String() != "an archive" || f.putDir != "/dir" || !f.putOptions.CreateDir || f.putOptions.KeepOwner {
		t.Errorf("put %q at %q with %+v", f.put.String(), f.putDir, f.putOptions)
	}
	f.get = func(path string, w io.Writer) error {
		tw := tar.NewWriter(w)
		if err := tw.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: strings.TrimPrefix(path, "/") + "/", Mode: 0o755}); err != nil {
			return err
		}
		return tw.Close()
	}
	c := f.call(t, "cp", "box:/dir", "-")
	header, err := tar.NewReader(strings.NewReader(c.stdout)).Next()
	if err != nil || header.Name != "dir/" {
		t.Errorf("cp box:/dir -: %v, %v, %+v", header, err, c)
	}
	f.call(t, "cp", "-", "none:/dir").want(t, 125, "", "not found")
	f.call(t, "cp", "/no/such/file", "box:").want(t, 125, "", "no such file or directory\nsandlot: name what this machine has; NAME:PATH names what")
}

// TestCopyOutOfWhatIsUnsafe has a directory with a link that leads out of it, under a name that would clear a terminal.
func TestCopyOutOfWhatIsUnsafe(t *testing.T) {
	f := withBox()
	all, calls := []tar.Header{
		{Typeflag: tar.TypeDir, Name: "./", Mode: 0o755},
		{Typeflag: tar.TypeSymlink, Name: "./out\x1b[2J", Linkname: "/etc"},
		{Typeflag: tar.TypeReg, Name: "./file", Mode: 0o644},
	}, 0
	f.get = func(_ string, w io.Writer) error {
		tw, headers := tar.NewWriter(w), all
		if calls++; calls%2 == 1 { // what it is, comes first
			headers = all[:1]
		}
		for _, h := range headers {
			if err := tw.WriteHeader(&h); err != nil {
				return err
			}
		}
		return tw.Close()
	}
	dir := t.TempDir()
	c := f.call(t, "cp", "box:.", dir)
	c.want(t, 125, "", "leads outside")
	if !strings.Contains(c.stderr, "\nsandlot: --skip-unsafe leaves out") || strings.Contains(c.stderr, "\x1b") {
		t.Errorf("stderr: %q", c.stderr)
	}
	f.call(t, "cp", "--skip-unsafe", "box:.", dir).want(t, 0, "", "sandlot: warning: out\uFFFD[2J is left out\n")
	if _, err := os.Stat(filepath.Join(dir, "file")); err != nil {
		t.Error(err)
	}
}
