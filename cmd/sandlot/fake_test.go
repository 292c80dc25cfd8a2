package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/sandbox"
)

const builtinTag = "localhost/sandlot/builtin:test"

// fake is a runtime without an engine. Tests say what its commands do with exec.
type fake struct {
	mu         sync.Mutex
	images     []string
	sandboxes  []runtime.Container
	runs       []runtime.RunOptions
	ran        []string // images given to Run
	warnings   []string
	open       int // how often it was opened and not closed
	put        bytes.Buffer
	exec       func(ctx context.Context, argv []string, opts runtime.ExecOptions) (runtime.ExecResult, error)
	get        func(path string, w io.Writer) error
	runErr     error
	removeErr  error
	capable    bool // says that it can do everything
	execs      [][]string
	putDir     string
	putOptions runtime.PutArchiveOptions
}

func (f *fake) Info(context.Context) (runtime.Info, error) {
	info := runtime.Info{Runtime: "fake", Version: "1", OS: "linux", Arch: "amd64", Capabilities: runtime.Capabilities{}}
	if f.capable {
		for _, c := range runtime.AllCapabilities() {
			info.Capabilities[c] = runtime.Support{OK: true}
		}
	}
	return info, nil
}

func (f *fake) Build(_ context.Context, buildContext io.Reader, opts runtime.BuildOptions) (runtime.BuildResult, error) {
	if _, err := io.Copy(io.Discard, buildContext); err != nil {
		return runtime.BuildResult{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	fmt.Fprintln(opts.Log, "building")
	f.images = append(f.images, opts.Tag)
	return runtime.BuildResult{ImageID: "sha256:built"}, nil
}

func (f *fake) Run(_ context.Context, image string, opts runtime.RunOptions) (runtime.RunResult, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.runErr != nil {
		return runtime.RunResult{}, f.runErr
	}
	if !slices.Contains(f.images, image) && image != "sha256:built" {
		return runtime.RunResult{}, &runtime.Error{Op: "run", ID: image, Kind: runtime.ErrImageNotFound}
	}
	name := opts.Name
	if name == "" {
		name = fmt.Sprintf("made-up-%d", len(f.runs))
	}
	f.runs, f.ran = append(f.runs, opts), append(f.ran, image)
	c := runtime.Container{
		ID: "id-" + name, Name: name, Image: image, State: runtime.StateRunning,
		Created: time.Now().Add(-time.Minute), Labels: opts.Labels, Owner: opts.Owner, LeaseEnd: opts.LeaseEnd,
	}
	for _, p := range opts.Ports {
		c.Ports = append(c.Ports, published(p))
	}
	f.sandboxes = append(f.sandboxes, c)
	return runtime.RunResult{ID: c.ID, Name: name, Warnings: f.warnings}, nil
}

func (f *fake) Exec(ctx context.Context, id string, argv []string, opts runtime.ExecOptions) (runtime.ExecResult, error) {
	f.mu.Lock()
	_, err := f.find(id)
	f.execs = append(f.execs, argv)
	f.mu.Unlock()
	if err != nil || f.exec == nil {
		return runtime.ExecResult{}, err
	}
	return f.exec(ctx, argv, opts)
}

func (f *fake) PutArchive(_ context.Context, id, dir string, archive io.Reader, opts runtime.PutArchiveOptions) (runtime.PutArchiveResult, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.find(id); err != nil {
		return runtime.PutArchiveResult{}, err
	}
	f.putDir, f.putOptions = dir, opts
	_, err := f.put.ReadFrom(archive)
	return runtime.PutArchiveResult{}, err
}

func (f *fake) GetArchive(_ context.Context, id, path string, w io.Writer, _ runtime.GetArchiveOptions) (runtime.GetArchiveResult, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.find(id); err != nil {
		return runtime.GetArchiveResult{}, err
	}
	return runtime.GetArchiveResult{}, f.get(path, w)
}

func (f *fake) Inspect(_ context.Context, id string, _ runtime.InspectOptions) (runtime.Container, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.find(id)
}

func (f *fake) List(_ context.Context, opts runtime.ListOptions) ([]runtime.Container, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []runtime.Container
	for _, c := range f.sandboxes {
		matches := true
		for key, value := range opts.Labels {
			got, ok := c.Labels[key]
			matches = matches && ok && (value == "" || got == value)
		}
		if matches {
			out = append(out, c)
		}
	}
	return out, nil
}

func (f *fake) Remove(_ context.Context, id string, _ runtime.RemoveOptions) (runtime.RemoveResult, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.removeErr != nil {
		return runtime.RemoveResult{}, f.removeErr
	}
	c, err := f.find(id)
	f.sandboxes = slices.DeleteFunc(f.sandboxes, func(o runtime.Container) bool { return o.ID == c.ID })
	return runtime.RemoveResult{}, err
}

func (f *fake) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open--
	return nil
}

func (f *fake) find(id string) (runtime.Container, error) {
	for _, c := range f.sandboxes {
		if c.ID == id || c.Name == id {
			return c, nil
		}
	}
	return runtime.Container{}, &runtime.Error{Op: "find", ID: id, Kind: runtime.ErrNotFound, Hint: "sandlot ls lists what there is"}
}

// call runs one command line on f and gives what it wrote and its exit status.
type call struct {
	stdout, stderr string
	status         int
}

func (f *fake) call(t *testing.T, args ...string) call {
	t.Helper()
	return f.callWith(t, t.Context(), "", args...)
}

func (f *fake) callWith(t *testing.T, ctx context.Context, stdin string, args ...string) call {
	t.Helper()
	var stdout, stderr bytes.Buffer
	a := &app{
		stdin: strings.NewReader(stdin), stdout: &stdout, stderr: &stderr,
		lookupEnv: func(key string) (string, bool) { return "from here", key == "SET" },
		open: func(context.Context, string) (runtime.Runtime, error) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.open++
			return f, nil
		},
		builtin: func(context.Context, runtime.Runtime) (*sandbox.Build, error) {
			return &sandbox.Build{Tag: builtinTag, IfMissing: true, Context: func() (io.ReadCloser, error) {
				return io.NopCloser(strings.NewReader("")), nil
			}}, nil
		},
	}
	status := a.run(ctx, args)
	if f.open != 0 {
		t.Errorf("sandlot %v left %d runtimes open", args, f.open)
	}
	return call{stdout.String(), stderr.String(), status}
}

// want checks a call: its exit status, and what must be in its output.
func (c call) want(t *testing.T, status int, stdout, stderr string) {
	t.Helper()
	if c.status != status || !strings.Contains(c.stdout, stdout) || !strings.Contains(c.stderr, stderr) {
		t.Errorf("exit status %d, want %d\nstdout %q, want %q in it\nstderr %q, want %q in it",
			c.status, status, c.stdout, stdout, c.stderr, stderr)
	}
	if stderr == "" && c.stderr != "" {
		t.Errorf("stderr: %q, want none", c.stderr)
	}
}
