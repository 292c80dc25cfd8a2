package apitest

import (
	"bytes"
	"context"
	"errors"
	"os"
	goruntime "runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/runtime/engine"
)

// testRuntime is package engine on the real engine, for what package conformance cannot see from outside.
func testRuntime(t *testing.T, a *driver, image string) {
	// Not through the suite's own API, which lives on.
	api, err := a.config.Open(t.Context(), a.ref)
	if err != nil {
		t.Fatal(err)
	}
	rt := engine.New(api, "test", a.ref, engine.Options{})
	defer rt.Close()
	ctx := t.Context()
	name := "sandlot-api-test-runtime"
	box, err := rt.Run(ctx, image, runtime.RunOptions{Name: name, Replace: true, User: "alice", WorkingDir: "/work/new", Mounts: []runtime.Mount{{Type: runtime.MountTmpfs, Target: "/scratch"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Delete(context.Background(), box.ID); err != nil && !isKind(err, runtime.ErrNotFound) {
			t.Error(err)
		}
	}()
	exec := func(opts runtime.ExecOptions, argv ...string) (string, error) {
		var out bytes.Buffer
		opts.Stdout = &out
		result, err := rt.Exec(ctx, box.ID, argv, opts)
		if err == nil && result.ExitCode != 0 {
			t.Errorf("%v: exit code %d", argv, result.ExitCode)
		}
		return out.String(), err
	}
	t.Run("working directory", func(t *testing.T) {
		got, err := exec(runtime.ExecOptions{}, "/box", "self")
		if err != nil || !strings.Contains(got, "dir=/work/new\n") || !strings.Contains(got, "Uid=1234 1234 1234 1234") {
			t.Errorf("%v\n%s", err, got)
		}
		got, err = exec(runtime.ExecOptions{}, "/box", "owner", "/work/new")
		if err != nil || got != "drwxr-xr-x 1234 1234\n" {
			t.Errorf("the working directory is %q, %v", got, err)
		}
	})
	t.Run("unknown user", func(t *testing.T) {
		_, err := exec(runtime.ExecOptions{User: "nobody-here"}, "/box", "exit", "0")
		expectError(t, err, runtime.ErrInvalid)
	})
	t.Run("name of another's", func(t *testing.T) {
		other := create(t, a, engine.Spec{Image: image, Name: "sandlot-api-test-other"})
		_, err := rt.Run(ctx, image, runtime.RunOptions{Name: "sandlot-api-test-other", Replace: true})
		expectError(t, err, runtime.ErrAlreadyExists)
		_, err = rt.Remove(ctx, other, runtime.RemoveOptions{})
		expectError(t, err, runtime.ErrNotFound)
		if _, err := a.Inspect(ctx, other); err != nil {
			t.Errorf("it is gone: %v", err)
		}
	})
	t.Run("nothing leaks", func(t *testing.T) {
		many := func() {
			var group sync.WaitGroup
			for range 16 {
				group.Go(func() {
					for range 4 {
						got, err := exec(runtime.ExecOptions{Stdin: strings.NewReader("in")}, "/box", "cat")
						if err != nil || got != "in" {
							t.Errorf("%q, %v", got, err)
						}
					}
				})
			}
			group.Wait()
		}
		many() // what is kept is kept from the first time on
		before := held()
		many()
		const slack = 8 // connections that are kept for reuse come and go
		for deadline := time.Now().Add(30 * time.Second); ; {
			after := held()
			if after.goroutines <= before.goroutines+slack && after.files <= before.files+slack {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("64 execs left %+v where there was %+v", after, before)
			}
			time.Sleep(50 * time.Millisecond) // between looks: nothing says when a connection has gone
		}
	})
	t.Run("close", func(t *testing.T) {
		began := make(chan struct{})
		done := make(chan error)
		go func() {
			_, err := rt.Exec(ctx, box.ID, []string{"/box", "hang"}, runtime.ExecOptions{Stdout: signal(began)})
			done <- err
		}()
		<-began
		if err := rt.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; !errors.Is(err, runtime.ErrClosed) {
			t.Errorf("the exec under way ended with %v, want ErrClosed", err)
		}
		if c, err := a.Inspect(ctx, box.ID); err != nil || c.State != runtime.StateRunning {
			t.Errorf("the sandbox is %s, %v", c.State, err)
		}
	})
}

// signal closes a channel at the first write.
type signal chan struct{}

func (s signal) Write(p []byte) (int, error) {
	close(s)
	return len(p), nil
}

type holdings struct{ goroutines, files int }

func held() holdings {
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		panic(err)
	}
	return holdings{goruntime.NumGoroutine(), len(files)}
}
