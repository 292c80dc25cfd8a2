package apitest

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/runtime/engine"
)

func testBuild(t *testing.T, a *driver, _ string) {
	ctx := t.Context()
	build := func(t *testing.T, r io.ReadSeeker, opts runtime.BuildOptions) (string, string, error) {
		t.Helper()
		if opts.Dockerfile == "" {
			opts.Dockerfile = "Dockerfile"
		}
		var log strings.Builder
		opts.Log = &log
		id, err := a.Build(ctx, r, opts)
		if err == nil {
			t.Cleanup(func() {
				if err := a.RemoveImage(context.Background(), id); err != nil {
					t.Error(err)
				}
			})
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
		dockerfile := "FROM scratch\nCOPY box /box\nRUN [\"/box\", \"say\", \"" + strings.Repeat("0123456789abcdef", 4) + "\"]\n"
		_, _, err := build(t, boxContext(t, dockerfile+"RUN [\"/box\", \"exit\", \"1\"]\n"), runtime.BuildOptions{})
		expectError(t, err, runtime.ErrBuildFailed)
		// Engines keep what was built before the step that failed. As an image of its own it can be removed.
		if _, _, err := build(t, boxContext(t, dockerfile), runtime.BuildOptions{}); err != nil {
			t.Error(err)
		}
	})
	for name, c := range map[string]struct {
		context io.ReadSeeker
		opts    runtime.BuildOptions
		kind    error
		words   string
	}{
		"failing step":     {boxContext(t, "FROM scratch\nCOPY box /box\nRUN [\"/box\",\"exit\",\"7\"]\n"), runtime.BuildOptions{}, runtime.ErrBuildFailed, "7"},
		"nothing to copy":  {boxContext(t, "FROM scratch\nCOPY nothing /box\n"), runtime.BuildOptions{}, runtime.ErrBuildFailed, "nothing"},
		"target":           {boxContext(t, "FROM scratch AS one\nCOPY box /box\n"), runtime.BuildOptions{Target: "two"}, runtime.ErrInvalid, "two"},
		"no instruction":   {archive(t, "Dockerfile", "NONSENSE\n"), runtime.BuildOptions{}, runtime.ErrBuildFailed, ""},
		"empty Dockerfile": {archive(t, "Dockerfile", ""), runtime.BuildOptions{}, runtime.ErrBuildFailed, ""},
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
			if errors.As(err, &e) && c.kind == runtime.ErrBuildFailed && (e.Log == "" || log != "" && !strings.HasSuffix(log, e.Log)) {
				t.Errorf("the error's log is %q, the log %q", e.Log, log)
			}
		})
	}
}

func testPull(t *testing.T, a *driver, _ string) {
	_, err := a.Pull(t.Context(), "localhost:1/nothing/at-all:1", runtime.PullOptions{})
	expectError(t, err, runtime.ErrUnavailable)
}
