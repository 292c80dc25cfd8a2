package sandbox_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/sandbox"
)

// buildDir makes a directory of files; a name that ends in "/" is a directory.
func buildDir(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		local := filepath.Join(dir, name)
		if strings.HasSuffix(name, "/") {
			must(t, os.MkdirAll(local, 0o755))
			continue
		}
		must(t, os.MkdirAll(filepath.Dir(local), 0o755))
		must(t, os.WriteFile(local, []byte(content), 0o644))
	}
	return dir
}

// sent builds b and gives the context that the runtime got: content by name, a directory's ending in "/".
func sent(t testing.TB, b sandbox.Build) (map[string]string, runtime.BuildOptions) {
	t.Helper()
	got := map[string]string{}
	var opts runtime.BuildOptions
	f := newFake()
	f.build = func(r io.Reader, o runtime.BuildOptions) error {
		opts = o
		archive := tar.NewReader(r)
		for {
			h, err := archive.Next()
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			data, err := io.ReadAll(archive)
			if err != nil {
				return err
			}
			if _, twice := got[h.Name]; twice {
				t.Errorf("%s was sent twice", h.Name)
			}
			for parent := filepath.Dir(strings.TrimSuffix(h.Name, "/")); b.Dir != "" && parent != "."; parent = filepath.Dir(parent) {
				if _, ok := got[parent+"/"]; !ok {
					t.Errorf("%s was sent before its parent", h.Name)
				}
			}
			got[h.Name] = string(data)
		}
	}
	if _, err := sandbox.BuildImage(t.Context(), f, b, nil); err != nil {
		t.Fatal(err)
	}
	return got, opts
}

func names(got map[string]string) []string {
	var list []string
	for name := range got {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

func TestBuildContext(t *testing.T) {
	for _, test := range []struct {
		name  string
		files map[string]string
		build sandbox.Build
		want  []string
		has   map[string]string
	}{
		{
			name:  "no ignore file",
			files: map[string]string{"Dockerfile": "FROM scratch", "a/b": "", "empty/": ""},
			want:  []string{"Dockerfile", "a/", "a/b", "empty/"},
		},
		{
			name:  "ignored",
			files: map[string]string{"Dockerfile": "", ".dockerignore": "# no\n*.log\n/node_modules\n**/tmp", "x.log": "", "node_modules/m": "", "a/tmp/t": "", "a/y.log": ""},
			want:  []string{"Dockerfile", "a/", "a/y.log"},
		},
		{
			name:  "taken back",
			files: map[string]string{"Containerfile": "", ".dockerignore": "*\n!src/**/*.go\n!Containerfile", "src/deep/x.go": "", "src/deep/x.txt": "", "other/y.go": ""},
			want:  []string{"Containerfile", "src/", "src/deep/", "src/deep/x.go"},
		},
		{
			name:  ".containerignore first",
			files: map[string]string{"Dockerfile": "", ".containerignore": "a", ".dockerignore": "b", "a": "", "b": ""},
			want:  []string{"Dockerfile", "b"},
		},
		{
			name:  "that of the Dockerfile first",
			files: map[string]string{"d/My.df": "", "d/My.df.dockerignore": "a", ".dockerignore": "b", ".containerignore": "b", "a": "", "b": ""},
			build: sandbox.Build{Dockerfile: "d/My.df"},
			want:  []string{"b", "d/", "d/My.df"},
		},
		{
			name:  "the Dockerfile is ignored",
			files: map[string]string{"d/Dockerfile": "FROM x", ".dockerignore": "d\n.dockerignore", "d/x": "", "e": ""},
			build: sandbox.Build{Dockerfile: "./d/Dockerfile"},
			want:  []string{".dockerignore", ".sandlot-dockerfile", "e"},
			has:   map[string]string{".sandlot-dockerfile": "FROM x", ".dockerignore": ".dockerignore\n.sandlot-dockerfile\n"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := test.build
			b.Dir = buildDir(t, test.files)
			got, opts := sent(t, b)
			if !slices.Equal(names(got), test.want) {
				t.Errorf("sent %q, want %q", names(got), test.want)
			}
			for name, content := range test.has {
				if got[name] != content {
					t.Errorf("%s holds %q", name, got[name])
				}
			}
			if _, ok := got[opts.Dockerfile]; !ok {
				t.Errorf("the Dockerfile %q was not sent", opts.Dockerfile)
			}
		})
	}
}

func TestBuildTag(t *testing.T) {
	base := map[string]string{"Dockerfile": "FROM scratch", "a/run": "1", "b": "2", ".dockerignore": "skipped"}
	dir := buildDir(t, base)
	tag := func(b sandbox.Build) string {
		t.Helper()
		if b.Dir == "" && b.Context == nil {
			b.Dir = dir
		}
		tag, err := sandbox.BuildTag(t.Context(), b)
		must(t, err)
		return tag
	}
	first := tag(sandbox.Build{})
	name, hash, _ := strings.Cut(first, ":")
	if name != "localhost/sandlot/build" || len(hash) != 12 {
		t.Fatalf("tag %q", first)
	}
	must(t, os.Chtimes(filepath.Join(dir, "b"), time.Unix(1, 0), time.Unix(1, 0)))
	must(t, os.WriteFile(filepath.Join(dir, "skipped"), []byte("anything"), 0o644))
	same := map[string]string{
		"times and what is ignored": tag(sandbox.Build{}),
		"another directory":         tag(sandbox.Build{Dir: buildDir(t, base)}),
		"the name said":             tag(sandbox.Build{Dockerfile: "Dockerfile"}),
		"no cache":                  tag(sandbox.Build{NoCache: true}),
	}
	for what, got := range same {
		if got != first {
			t.Errorf("%s: tag %s, want %s", what, got, first)
		}
	}
	seen := map[string]string{first: "nothing"}
	other := func(what, got string) {
		t.Helper()
		if seen[got] != "" {
			t.Errorf("%s: the same tag as with %s", what, seen[got])
		}
		seen[got] = what
	}
	other("an argument", tag(sandbox.Build{Args: map[string]string{"A": "1"}}))
	other("another value", tag(sandbox.Build{Args: map[string]string{"A": "2"}}))
	other("a target", tag(sandbox.Build{Target: "A"}))
	must(t, os.Chmod(filepath.Join(dir, "a", "run"), 0o755))
	other("a mode", tag(sandbox.Build{}))
	must(t, os.Symlink("a/run", filepath.Join(dir, "link")))
	other("a link", tag(sandbox.Build{}))
	must(t, os.Remove(filepath.Join(dir, "link")))
	must(t, os.Symlink("b", filepath.Join(dir, "link")))
	other("a link's target", tag(sandbox.Build{}))
	must(t, os.WriteFile(filepath.Join(dir, "b"), []byte("3"), 0o644))
	other("content", tag(sandbox.Build{}))
	must(t, os.Mkdir(filepath.Join(dir, "empty"), 0o755))
	other("a directory", tag(sandbox.Build{}))
	if got := tag(sandbox.Build{Tag: "localhost/my/own:1"}); got != "localhost/my/own:1" {
		t.Errorf("own tag: %s", got)
	}
}

func TestNewBuild(t *testing.T) {
	dir := buildDir(t, map[string]string{"Dockerfile": "FROM scratch"})
	tag, err := sandbox.BuildTag(t.Context(), sandbox.Build{Dir: dir})
	must(t, err)
	for _, test := range []struct {
		name  string
		have  []string
		build sandbox.Build
		want  []string
	}{
		{"missing", nil, sandbox.Build{}, []string{"run " + tag, "build " + tag, "run " + tag}},
		{"there", []string{tag}, sandbox.Build{}, []string{"run " + tag}},
		{"there, no cache", []string{tag}, sandbox.Build{NoCache: true}, []string{"build " + tag, "run " + tag}},
		{"own tag", []string{"localhost/x"}, sandbox.Build{Tag: "localhost/x"}, []string{"build localhost/x", "run localhost/x"}},
		{"own tag, there", []string{"localhost/x"}, sandbox.Build{Tag: "localhost/x", IfMissing: true}, []string{"run localhost/x"}},
		{"own tag, missing", nil, sandbox.Build{Tag: "localhost/x", IfMissing: true}, []string{"run localhost/x", "build localhost/x", "run localhost/x"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFake(test.have...)
			var progress bytes.Buffer
			f.build = func(r io.Reader, opts runtime.BuildOptions) error {
				io.Copy(io.Discard, r)
				io.WriteString(opts.Log, "building\n")
				return nil
			}
			test.build.Dir = dir
			box, err := sandbox.New(t.Context(), f, sandbox.Options{Build: &test.build, Progress: &progress})
			must(t, err)
			defer box.Close()
			if !slices.Equal(f.seen(), test.want) {
				t.Errorf("calls %q, want %q", f.seen(), test.want)
			}
			if built := len(test.want) > 1; built != (progress.String() == "building\n") {
				t.Errorf("progress %q", progress.String())
			}
		})
	}
	f := newFake()
	failed := &runtime.Error{Op: "build", Kind: runtime.ErrBuildFailed, Log: "the end"}
	f.build = func(io.Reader, runtime.BuildOptions) error { return failed } // which reads nothing
	_, err = sandbox.New(t.Context(), f, sandbox.Options{Build: &sandbox.Build{Dir: dir}})
	wantKind(t, err, runtime.ErrBuildFailed)
	if !strings.Contains(err.Error(), "the end") || len(f.seen()) != 2 {
		t.Errorf("%v, calls %q", err, f.seen())
	}
}

func TestBuildOfWhatChanges(t *testing.T) {
	dir := buildDir(t, map[string]string{"Dockerfile": "FROM scratch", "a": "1"})
	f := newFake()
	f.build = func(r io.Reader, _ runtime.BuildOptions) error {
		must(t, os.WriteFile(filepath.Join(dir, "a"), []byte("2"), 0o644))
		data, err := io.ReadAll(r)
		if bytes.HasSuffix(data, make([]byte, 1024)) {
			t.Error("the archive was ended, so that an engine might build it")
		}
		return err
	}
	_, err := sandbox.BuildImage(t.Context(), f, sandbox.Build{Dir: dir}, nil)
	wantKind(t, err, runtime.ErrInvalid)
	if !strings.Contains(err.Error(), "changed") || len(f.images) > 0 {
		t.Errorf("%v", err)
	}
}

func TestBuildInvalid(t *testing.T) {
	dir := buildDir(t, map[string]string{"Other": "", "sub/": "", "Dockerfile": ""})
	bad := buildDir(t, map[string]string{"Dockerfile": "", ".dockerignore": "[a-"})
	must(t, os.Symlink("/etc/hostname", filepath.Join(dir, "leads-out")))
	broken := errors.New("broken")
	open := func(r io.Reader, err error) func() (io.ReadCloser, error) {
		return func() (io.ReadCloser, error) { return io.NopCloser(r), err }
	}
	for name, test := range map[string]struct {
		build sandbox.Build
		kind  error
	}{
		"both":             {sandbox.Build{Dir: dir, Context: open(nil, nil)}, runtime.ErrInvalid},
		"no Dockerfile":    {sandbox.Build{Dir: filepath.Join(dir, "sub")}, runtime.ErrInvalid},
		"not that one":     {sandbox.Build{Dir: dir, Dockerfile: "Missing"}, runtime.ErrInvalid},
		"a directory":      {sandbox.Build{Dir: dir, Dockerfile: "sub"}, runtime.ErrInvalid},
		"above":            {sandbox.Build{Dir: filepath.Join(dir, "sub"), Dockerfile: "../Dockerfile"}, runtime.ErrInvalid},
		"one outside":      {sandbox.Build{Dir: dir, Dockerfile: "leads-out"}, runtime.ErrInvalid},
		"a file":           {sandbox.Build{Dir: filepath.Join(dir, "Dockerfile")}, runtime.ErrInvalid},
		"a bad pattern":    {sandbox.Build{Dir: bad}, runtime.ErrInvalid},
		"no tar":           {sandbox.Build{Context: open(strings.NewReader(strings.Repeat("x", 2000)), nil)}, runtime.ErrInvalid},
		"a broken opening": {sandbox.Build{Context: open(nil, broken)}, broken},
		"a cut tar":        {sandbox.Build{Context: open(bytes.NewReader(archiveOf(t, tar.Header{Name: "f"})[:300]), nil)}, io.ErrUnexpectedEOF},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			_, err := sandbox.BuildImage(t.Context(), f, test.build, nil)
			wantKind(t, err, test.kind)
			var ours *runtime.Error
			if !errors.As(err, &ours) {
				t.Errorf("no *runtime.Error: %v", err)
			}
			if len(f.seen()) > 0 {
				t.Errorf("the runtime was called: %q", f.seen())
			}
		})
	}
}

func TestBuildOfTar(t *testing.T) {
	archive := archiveOf(t, tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": "c"}},
		tar.Header{Name: "./", Typeflag: tar.TypeDir}, tar.Header{Name: "./Dockerfile"}, tar.Header{Name: "./.dockerignore"},
		tar.Header{Name: "a/", Typeflag: tar.TypeDir}, tar.Header{Name: "a/.dockerignore"}, tar.Header{Name: "../up"},
		tar.Header{Name: "pipe", Typeflag: tar.TypeFifo}, tar.Header{Name: "link", Typeflag: tar.TypeSymlink, Linkname: "a"})
	closed := 0
	b := sandbox.Build{Context: func() (io.ReadCloser, error) {
		return closer{bytes.NewReader(archive), &closed}, nil
	}}
	got, _ := sent(t, b)
	if want := []string{"Dockerfile", "a/", "a/.dockerignore", "link", "up"}; !slices.Equal(names(got), want) {
		t.Errorf("sent %q, want %q", names(got), want)
	}
	if closed < 2 {
		t.Errorf("closed %d times, opened twice", closed)
	}
}

type closer struct {
	io.Reader
	n *int
}

func (c closer) Close() error { *c.n++; return nil }

// FuzzIgnore holds the context that is sent against the patterns, looked at one by one, for every file of a small tree.
func FuzzIgnore(f *testing.F) {
	for _, seed := range []string{"", "*", "*\n!a", "a/**\n!a/b/c", "**/*.go\n!b/x.go", "# a\n/a/\n", "!a", "a b", "[", "Dockerfile", "**\n!**/c", "a\n!a/b/**\n a/b/d", "..", "./a", "a/../b"} {
		f.Add(seed)
	}
	files := map[string]string{"Dockerfile": "", "a/b/c": "", "a/b/d": "", "a/x.go": "", "b/x.go": "", "b/c/c": "", "c": "", "a b": ""}
	dir := buildDir(f, files)
	f.Fuzz(func(t *testing.T, patterns string) {
		must(t, os.WriteFile(filepath.Join(dir, ".dockerignore"), []byte(patterns), 0o644))
		list, err := ignorefile.ReadAll(strings.NewReader(patterns))
		var matcher *patternmatcher.PatternMatcher
		if err == nil {
			matcher, err = patternmatcher.New(list)
		}
		var want []string
		for name := range files {
			if err == nil {
				var ignored bool
				if ignored, err = matcher.MatchesOrParentMatches(name); !ignored {
					want = append(want, name)
				}
			}
		}
		got := map[string]string{}
		rt := newFake()
		rt.build = func(r io.Reader, _ runtime.BuildOptions) error {
			archive := tar.NewReader(r)
			for {
				h, err := archive.Next()
				if err == io.EOF {
					return nil
				}
				if err != nil {
					return err
				}
				if h.Typeflag == tar.TypeReg && !strings.HasPrefix(h.Name, ".") {
					got[h.Name] = ""
				}
			}
		}
		_, buildErr := sandbox.BuildImage(t.Context(), rt, sandbox.Build{Dir: dir}, nil)
		if err != nil || buildErr != nil {
			if (err == nil) != (buildErr == nil) || !errors.Is(buildErr, fs.ErrInvalid) {
				t.Fatalf("patterns %q: %v, the matcher says %v", patterns, buildErr, err)
			}
			return
		}
		slices.Sort(want)
		if fmt.Sprint(names(got)) != fmt.Sprint(want) {
			t.Errorf("patterns %q: sent %q, want %q", patterns, names(got), want)
		}
	})
}
