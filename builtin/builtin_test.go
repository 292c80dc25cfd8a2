package builtin

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"errors"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func readAll(t *testing.T, arch string) []byte {
	t.Helper()
	r, err := Context(arch)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

type file struct {
	*tar.Header
	content []byte
}

func untar(t *testing.T, b []byte) map[string]file {
	t.Helper()
	files := map[string]file{}
	r := tar.NewReader(bytes.NewReader(b))
	for {
		h, err := r.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, twice := files[h.Name]; twice {
			t.Errorf("%s is there twice", h.Name)
		}
		files[h.Name] = file{h, content}
	}
}

func TestContext(t *testing.T) {
	for arch, machine := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64} {
		context := readAll(t, arch)
		if !bytes.Equal(context, readAll(t, arch)) {
			t.Errorf("%s: another context the second time", arch)
		}
		outer := untar(t, context)
		if !strings.HasPrefix(string(outer["Dockerfile"].content), "FROM scratch\n") || len(outer) != 2 {
			t.Errorf("%s: the context holds %v", arch, outer)
		}
		root := untar(t, outer["rootfs.tar"].content)
		for name, want := range map[string]struct {
			mode  int64
			owner int
		}{"tmp/": {0o1777, 0}, "work/": {0o755, 1000}, "home/sandbox/": {0o755, 1000}, "root/": {0o700, 0}, "bin/box": {0o755, 0}, "etc/passwd": {0o644, 0}} {
			h := root[name].Header
			if h == nil || h.Mode != want.mode || h.Uid != want.owner || h.Gid != want.owner {
				t.Errorf("%s: %s is %+v", arch, name, h)
			}
		}
		for name, f := range root {
			// a builder makes missing parents as it likes
			if dir := filepath.Dir(strings.TrimSuffix(name, "/")); dir != "." && root[dir+"/"].Header == nil && root[dir].Header == nil {
				t.Errorf("%s: %s comes without its directory", arch, name)
			}
			if strings.HasPrefix(name, "bin/") && f.Typeflag == tar.TypeSymlink && f.Linkname != "box" {
				t.Errorf("%s: %s -> %s", arch, name, f.Linkname)
			}
		}
		program, err := elf.NewFile(bytes.NewReader(root["bin/box"].content))
		if err != nil {
			t.Fatal(err)
		}
		if libraries, _ := program.ImportedLibraries(); program.Machine != machine || len(libraries) > 0 {
			t.Errorf("%s: the program is for %v and needs %v", arch, program.Machine, libraries)
		}
	}
}

func TestTag(t *testing.T) {
	form := regexp.MustCompile(`^localhost/sandlot/builtin:[0-9a-f]{12}$`)
	for _, arch := range []string{"amd64", "arm64"} {
		if tag := Tag(arch); !form.MatchString(tag) || tag != Tag(arch) {
			t.Errorf("%s: %s, then %s", arch, tag, Tag(arch))
		}
	}
	if Tag("amd64") == Tag("arm64") {
		t.Error("both architectures have one tag")
	}
	if Tag("amd64") != Tag("x86_64") || Tag("arm64") != Tag("aarch64") {
		t.Error("an engine's own name for its architecture has another tag")
	}
	packed, err := program("amd64")
	if err != nil {
		t.Fatal(err)
	}
	changed := slices.Clone(packed)
	changed[len(changed)/2] ^= 1
	if tagOf(changed) == Tag("amd64") {
		t.Error("a program that is another one has the same tag")
	}
}

func TestUnknownArchitecture(t *testing.T) {
	if _, err := Context("riscv64"); !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "riscv64") {
		t.Errorf("%v", err)
	}
}
