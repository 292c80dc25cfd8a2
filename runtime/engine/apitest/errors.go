package apitest

import (
	"errors"
	"io"
	"net/netip"
	"testing"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/runtime/engine"
)

func isKind(err, kind error) bool { return errors.Is(err, kind) }

// testMistakes are specs that an engine refuses, at create or at start.
func testMistakes(t *testing.T, a *driver, image string) {
	ctx := t.Context()
	taken := create(t, a, engine.Spec{Image: image, Name: "sandlot-api-test-taken"})
	for name, c := range map[string]struct {
		spec engine.Spec
		kind error
	}{
		"image":         {engine.Spec{Image: "localhost/sandlot-api-test/nothing:1"}, runtime.ErrImageNotFound},
		"image id":      {engine.Spec{Image: "sha256:" + taken}, runtime.ErrImageNotFound},
		"image name":    {engine.Spec{Image: "Not An Image"}, runtime.ErrInvalid},
		"name":          {engine.Spec{Name: "sandlot-api-test-taken"}, runtime.ErrAlreadyExists},
		"bad name":      {engine.Spec{Name: "-x"}, runtime.ErrInvalid},
		"network":       {engine.Spec{Network: "sandlot-no-such-network"}, runtime.ErrNotFound},
		"user":          {engine.Spec{User: "nobody-here"}, runtime.ErrInvalid},
		"group":         {engine.Spec{User: "alice:nobody-here"}, runtime.ErrInvalid},
		"bind":          {engine.Spec{Mounts: []runtime.Mount{{Type: runtime.MountBind, Source: "/no/such/place", Target: "/b"}}}, runtime.ErrInvalid},
		"capability":    {engine.Spec{CapAdd: []string{"CAP_NONSENSE"}}, runtime.ErrInvalid},
		"working dir":   {engine.Spec{WorkingDir: "/etc/passwd"}, runtime.ErrInvalid},
		"first process": {engine.Spec{Entrypoint: []string{"/nothing"}}, runtime.ErrInvalid},
		"address": {engine.Spec{Network: runtime.NetworkDefault, Ports: []runtime.Port{
			{Container: 80, Protocol: "tcp", HostIP: netip.MustParseAddr("203.0.113.9"), Host: 48099},
		}}, runtime.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			if c.spec.Image == "" {
				c.spec.Image = image
			}
			if c.spec.Network == "" {
				c.spec.Network = runtime.NetworkNone
			}
			if c.spec.Entrypoint == nil {
				c.spec.Entrypoint = []string{"/box", "init"}
			}
			id, _, err := a.Create(ctx, c.spec)
			if err == nil {
				err = a.Start(ctx, id)
				if cleanErr := a.Delete(ctx, id); cleanErr != nil {
					t.Error(cleanErr)
				}
			}
			expectError(t, err, c.kind)
		})
	}
}

// expectError wants a *runtime.Error of a kind with the engine's words.
func expectError(t *testing.T, err, kind error) {
	t.Helper()
	var e *runtime.Error
	if !errors.As(err, &e) || !errors.Is(err, kind) || e.Message == "" {
		t.Errorf("got %#v, want a *runtime.Error of kind %q with a message", err, kind)
	}
}

// testMissing does everything to what is not there, and to what does not run.
func testMissing(t *testing.T, a *driver, image string) {
	ctx := t.Context()
	nothing := "sandlot-api-test-nothing"
	for name, do := range map[string]func() error{
		"start":  func() error { return a.Start(ctx, nothing) },
		"stop":   func() error { return a.Stop(ctx, nothing, 0) },
		"delete": func() error { return a.Delete(ctx, nothing) },
		"attach": func() error { _, err := a.Attach(ctx, nothing, engine.Process{Argv: []string{"/box"}}); return err },
		"inspect": func() error {
			_, err := a.Inspect(ctx, nothing)
			return err
		},
		"exec state":    func() error { _, err := a.ExecState(ctx, nothing); return err },
		"exists":        func() error { _, err := a.Exists(ctx, nothing, "/"); return err },
		"upload":        func() error { return a.Upload(ctx, nothing, "/", archive(t, "x", "y")) },
		"remove volume": func() error { return a.RemoveVolume(ctx, nothing) },
	} {
		t.Run(name, func(t *testing.T) { expectError(t, do(), runtime.ErrNotFound) })
	}
	expectError(t, a.RemoveImage(ctx, "localhost/"+nothing), runtime.ErrImageNotFound)

	id := create(t, a, engine.Spec{Image: image})
	attach := func(p engine.Process) error {
		_, err := a.Attach(ctx, id, p)
		return err
	}
	process := engine.Process{Argv: []string{"/box", "exit", "0"}}
	expectError(t, attach(process), runtime.ErrNotRunning)
	if err := a.Start(ctx, id); err != nil {
		t.Fatal(err)
	}
	process.User = "nobody-here"
	s, err := a.Attach(ctx, id, process)
	if err == nil { // then it is on the streams
		defer s.Close()
		out, _ := io.ReadAll(s)
		err = a.LaunchError(string(out) + s.Stderr())
	}
	expectError(t, err, runtime.ErrInvalid)
	if err := a.Stop(ctx, id, 0); err != nil {
		t.Fatal(err)
	}
	process.User = ""
	expectError(t, attach(process), runtime.ErrNotRunning)
	expectError(t, a.RemoveImage(ctx, image), runtime.ErrInUse)
}
