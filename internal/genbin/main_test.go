package main

import (
	"bytes"
	"compress/gzip"
	"debug/elf"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// module makes a module in a directory of its own and goes there.
func module(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{
		"go.mod":             "module example.com/m\n\ngo 1.25.0\n\ntoolchain " + runtime.Version() + "\n",
		"cmd/hello/main.go":  "package main\n\nfunc main() { println(word) }\n",
		"cmd/hello/plain.go": "//go:build !loud\n\npackage main\n\nconst word = \"hello\"\n",
		"cmd/hello/loud.go":  "//go:build loud\n\npackage main\n\nconst word = \"HELLO\"\n",
	}
	for name, content := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
}

func generate(t *testing.T, args ...string) map[string][]byte {
	t.Helper()
	if err := run(append([]string{"-pkg", "./cmd/hello", "-out", "image"}, args...)); err != nil {
		t.Fatal(err)
	}
	got := map[string][]byte{}
	for _, arch := range architectures {
		content, err := os.ReadFile("image/hello_linux_" + arch + ".gz")
		if err != nil {
			t.Fatal(err)
		}
		got[arch] = content
	}
	return got
}

func TestSameBytesFromAnotherPlaceAndEnvironment(t *testing.T) {
	module(t)
	first := generate(t)
	mustBePlain(t, first)
	module(t)
	t.Setenv("GOFLAGS", "-race -tags=loud")
	t.Setenv("GOAMD64", "v3")
	t.Setenv("CGO_ENABLED", "1")
	second := generate(t)
	for _, arch := range architectures {
		if !bytes.Equal(first[arch], second[arch]) {
			t.Errorf("linux/%s differs between two places", arch)
		}
	}
}

func TestTags(t *testing.T) {
	module(t)
	plain, err := build("./cmd/hello", "", "amd64")
	if err != nil {
		t.Fatal(err)
	}
	loud, err := build("./cmd/hello", "loud", "amd64")
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(loud, plain) {
		t.Error("-tags made no difference")
	}
}

// mustBePlain fails unless programs are static, and their headers empty.
func mustBePlain(t *testing.T, programs map[string][]byte) {
	t.Helper()
	machines := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}
	for arch, packed := range programs {
		r, err := gzip.NewReader(bytes.NewReader(packed))
		if err != nil {
			t.Fatal(err)
		}
		if r.Name != "" || r.Comment != "" || !r.ModTime.IsZero() {
			t.Errorf("linux/%s: header %+v, want an empty one", arch, r.Header)
		}
		program, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		f, err := elf.NewFile(bytes.NewReader(program))
		if err != nil {
			t.Fatal(err)
		}
		if f.Machine != machines[arch] {
			t.Errorf("linux/%s: machine %v", arch, f.Machine)
		}
		for _, p := range f.Progs {
			if p.Type == elf.PT_INTERP {
				t.Errorf("linux/%s needs a dynamic linker", arch)
			}
		}
	}
}

func TestTooLarge(t *testing.T) {
	module(t)
	err := run([]string{"-pkg", "./cmd/hello", "-out", "image", "-max", "1000"})
	if err == nil || !strings.Contains(err.Error(), "1000 are allowed") {
		t.Fatalf("got %v, want an error about the limit", err)
	}
	if left, _ := filepath.Glob("image/*"); len(left) > 0 {
		t.Errorf("left %v behind", left)
	}
}
