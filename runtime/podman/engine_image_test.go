package podman

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/runtime/engine"
)

func testBuild(t *testing.T, a *api, _ string) {
	ctx := t.Context()
	build := func(t *testing.T, context io.Reader, opts runtime.BuildOptions) (string, string, error) {
		t.Helper()
		if opts.Dockerfile == "" {
			opts.Dockerfile = "Dockerfile"
		}
		var log strings.Builder
		opts.Log = &log
		id, err := a.Build(ctx, context, opts)
		if err == nil {
			t.Cleanup(func() { a.RemoveImage(t.Context(), id) })
		}
		return id, log.String(), err
	}
	t.Run("arguments and target", func(t *testing.T) {
		id, log, err := build(t, boxContext(t, "FROM scratch AS one\nARG X=1\nCOPY box /box\nENV Y=$X\nFROM scratch AS two\nRUN [\"/nothing\"]\n"),
			runtime.BuildOptions{Args: map[string]string{"X": "two words"}, Target: "one", Dockerfile: "./Dockerfile"})
		if err != nil || !strings.Contains(log, "COPY box /box") {
			t.Fatalf("%v, with the log %q", err, log)
		}
		started := start(t, a, engine.Spec{Image: id})
		expect(t, self(t, a, started, engine.Process{}), map[string]string{"env Y": "two words"})
		if err := a.Delete(ctx, started); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("network of its own", func(t *testing.T) {
		_, log, err := build(t, boxContext(t, "FROM scratch\nCOPY box /box\nRUN [\"/box\", \"file\", \"/proc/net/unix\"]\n"), runtime.BuildOptions{NoCache: true})
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(log, "api.sock") || strings.Contains(log, "docker.sock") {
			t.Errorf("a step runs in the host's network:\n%s", log)
		}
	})
	t.Run("a log that ends like an id", func(t *testing.T) {
		id := strings.Repeat("0123456789abcdef", 4)
		_, _, err := build(t, boxContext(t, "FROM scratch\nCOPY box /box\nRUN [\"/box\", \"say\", \""+id+"\"]\nRUN [\"/box\", \"exit\", \"1\"]\n"), runtime.BuildOptions{})
		expectError(t, err, runtime.ErrBuildFailed)
	})
	for name, c := range map[string]struct {
		context io.Reader
		opts    runtime.BuildOptions
		kind    error
		words   string
	}{
		"failing step":     {boxContext(t, "FROM scratch\nCOPY box /box\nRUN [\"/box\",\"exit\",\"7\"]\n"), runtime.BuildOptions{}, runtime.ErrBuildFailed, "7"},
		"nothing to copy":  {boxContext(t, "FROM scratch\nCOPY nothing /box\n"), runtime.BuildOptions{}, runtime.ErrBuildFailed, "nothing"},
		"no Dockerfile":    {archive(t, "x", "y"), runtime.BuildOptions{}, runtime.ErrInvalid, "Dockerfile"},
		"another missing":  {boxContext(t, boxDockerfile), runtime.BuildOptions{Dockerfile: "sub/File"}, runtime.ErrInvalid, "sub/File"},
		"outside":          {boxContext(t, boxDockerfile), runtime.BuildOptions{Dockerfile: "../../etc/hostname"}, runtime.ErrInvalid, "outside"},
		"absolute":         {boxContext(t, boxDockerfile), runtime.BuildOptions{Dockerfile: "/etc/hostname"}, runtime.ErrInvalid, "outside"},
		"target":           {boxContext(t, "FROM scratch AS one\nCOPY box /box\n"), runtime.BuildOptions{Target: "two"}, runtime.ErrInvalid, "two"},
		"no tar":           {strings.NewReader(strings.Repeat("no tar ", 1000)), runtime.BuildOptions{}, runtime.ErrInvalid, ""},
		"nothing":          {strings.NewReader(""), runtime.BuildOptions{}, runtime.ErrInvalid, ""},
		"cut off":          {io.LimitReader(boxContext(t, boxDockerfile), 2000), runtime.BuildOptions{}, runtime.ErrInvalid, "EOF"},
		"no instruction":   {archive(t, "Dockerfile", "NONSENSE\n"), runtime.BuildOptions{}, runtime.ErrInvalid, ""},
		"empty Dockerfile": {archive(t, "Dockerfile", ""), runtime.BuildOptions{}, runtime.ErrInvalid, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, log, err := build(t, c.context, c.opts)
			expectError(t, err, c.kind)
			if err == nil {
				return
			}
			if !strings.Contains(err.Error(), c.words) {
				t.Errorf("%q lacks %q", err, c.words)
			}
			var e *runtime.Error
			if errors.As(err, &e) && c.kind == runtime.ErrBuildFailed && (e.Log == "" || !strings.HasSuffix(log, e.Log)) {
				t.Errorf("the error's log is %q, the log %q", e.Log, log)
			}
		})
	}
	t.Run("reader fails", func(t *testing.T) {
		failed := errors.New("the disk is gone")
		_, _, err := build(t, io.MultiReader(io.LimitReader(boxContext(t, boxDockerfile), 2000), iotest.ErrReader(failed)), runtime.BuildOptions{})
		if !errors.Is(err, failed) {
			t.Errorf("got %v, want the reader's error", err)
		}
	})
}

func testImageNames(t *testing.T, a *api, image string) {
	found, err := a.findImage(t.Context(), image)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		strings.TrimPrefix(image, "localhost/"), found.fullID(), found.hex(), found.hex()[:12],
	} {
		if got, err := a.findImage(t.Context(), name); err != nil || got.ID != found.ID {
			t.Errorf("%s is %q, %v; want %q", name, got.ID, err, found.ID)
		}
	}
}

func testPull(t *testing.T, a *api, _ string) {
	_, err := a.Pull(t.Context(), "localhost:1/nothing/at-all:1", runtime.PullOptions{})
	expectError(t, err, runtime.ErrUnavailable)
	_, err = a.Pull(t.Context(), "Not An Image", runtime.PullOptions{})
	expectError(t, err, runtime.ErrInvalid)
}
