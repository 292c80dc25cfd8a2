package conformance

import (
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/sandlot-dev/sandlot/runtime"
)

// A fake is a runtime that remembers which sandboxes there are and does nothing else, as well as the funcs say.
type fake struct {
	capabilities runtime.Capabilities
	exec         func(ctx context.Context, id string, argv []string, opts runtime.ExecOptions) (runtime.ExecResult, error)
	remove       func(id string) error

	mu        sync.Mutex
	sandboxes map[string]map[string]string // id to labels
	built     []string
	made      int
	closed    int
}

func newFake() *fake {
	f := &fake{capabilities: runtime.Capabilities{}, sandboxes: map[string]map[string]string{}}
	for _, c := range runtime.AllCapabilities() {
		f.capabilities[c] = runtime.Support{OK: true}
	}
	return f
}

func (f *fake) open(context.Context) (runtime.Runtime, error) { return f, nil }

func (f *fake) Info(context.Context) (runtime.Info, error) {
	return runtime.Info{
		Runtime: "fake", Version: "1.2.3", APIVersion: "4", OS: "linux", Arch: "amd64", Rootless: true, Capabilities: f.capabilities,
	}, nil
}

func (f *fake) Build(_ context.Context, r io.Reader, opts runtime.BuildOptions) (runtime.BuildResult, error) {
	_, err := io.Copy(io.Discard, r)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.built = append(f.built, opts.Tag)
	return runtime.BuildResult{ImageID: "sha256:fake"}, err
}

func (f *fake) RemoveImage(_ context.Context, image string, _ runtime.RemoveImageOptions) (runtime.RemoveImageResult, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, tag := range f.built {
		if tag == image {
			f.built = append(f.built[:i], f.built[i+1:]...)
			return runtime.RemoveImageResult{}, nil
		}
	}
	return runtime.RemoveImageResult{}, &runtime.Error{Op: "remove image", Kind: runtime.ErrImageNotFound}
}

func (f *fake) Run(_ context.Context, _ string, opts runtime.RunOptions) (runtime.RunResult, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.made++
	id := fmt.Sprint("sandbox", f.made)
	f.sandboxes[id] = opts.Labels
	return runtime.RunResult{ID: id, Name: opts.Name}, nil
}

func (f *fake) Exec(ctx context.Context, id string, argv []string, opts runtime.ExecOptions) (runtime.ExecResult, error) {
	return f.exec(ctx, id, argv, opts)
}

func (f *fake) PutArchive(context.Context, string, string, io.Reader, runtime.PutArchiveOptions) (runtime.PutArchiveResult, error) {
	return runtime.PutArchiveResult{}, &runtime.Error{Kind: runtime.ErrUnsupported}
}

func (f *fake) GetArchive(context.Context, string, string, io.Writer, runtime.GetArchiveOptions) (runtime.GetArchiveResult, error) {
	return runtime.GetArchiveResult{}, &runtime.Error{Kind: runtime.ErrUnsupported}
}

func (f *fake) Inspect(_ context.Context, id string, _ runtime.InspectOptions) (runtime.Container, error) {
	return runtime.Container{ID: id}, nil
}

func (f *fake) List(_ context.Context, opts runtime.ListOptions) ([]runtime.Container, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []runtime.Container
	for id, labels := range f.sandboxes {
		matches := true
		for k, v := range opts.Labels {
			if labels[k] != v {
				matches = false
			}
		}
		if matches {
			out = append(out, runtime.Container{ID: id, Labels: labels})
		}
	}
	return out, nil
}

func (f *fake) Remove(_ context.Context, id string, _ runtime.RemoveOptions) (runtime.RemoveResult, error) {
	if f.remove != nil {
		if err := f.remove(id); err != nil {
			return runtime.RemoveResult{}, err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.sandboxes[id]; !ok {
		return runtime.RemoveResult{}, &runtime.Error{Op: "remove", Kind: runtime.ErrNotFound}
	}
	delete(f.sandboxes, id)
	return runtime.RemoveResult{}, nil
}

func (f *fake) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed++
	return nil
}

var (
	_ runtime.Runtime      = (*fake)(nil)
	_ runtime.ImageRemover = (*fake)(nil)
)
