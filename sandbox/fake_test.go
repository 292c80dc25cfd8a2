package sandbox_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/sandbox"
)

// A fake is a Runtime in memory. It has one directory tree for all of its sandboxes, and remembers its calls. It is no Puller or Stopper; see
// fakePuller.
type fake struct {
	mu     sync.Mutex
	calls  []string
	images map[string]bool
	boxes  map[string]runtime.Container
	files  map[string]fakeFile

	exec      func(ctx context.Context, argv []string, opts runtime.ExecOptions) (runtime.ExecResult, error)
	build     func(r io.Reader, opts runtime.BuildOptions) error
	get       func(w io.Writer) error // instead of the tree
	runErr    error
	putErr    error // before the archive is read
	removeErr map[string]error
}

type fakeFile struct {
	header *tar.Header
	data   []byte
	owned  bool // put with KeepOwner
}

// A fakePuller can pull what its registry has, and stop and start.
type fakePuller struct {
	*fake
	registry map[string]bool
}

func newFake(images ...string) *fake {
	f := &fake{images: map[string]bool{}, boxes: map[string]runtime.Container{}, files: map[string]fakeFile{}}
	for _, image := range images {
		f.images[image] = true
	}
	return f
}

// newBox makes a sandbox on a new fake.
func newBox(t *testing.T) (*fake, *sandbox.Sandbox) {
	t.Helper()
	f := newFake("an-image")
	box, err := sandbox.New(t.Context(), f, sandbox.Options{Image: "an-image"})
	if err != nil {
		t.Fatal(err)
	}
	return f, box
}

func (f *fake) called(call string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, call)
}

func (f *fake) seen() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

func (f *fake) Info(context.Context) (runtime.Info, error) { return runtime.Info{Runtime: "fake"}, nil }
func (f *fake) Close() error                               { return nil }

func (f *fake) Build(_ context.Context, r io.Reader, opts runtime.BuildOptions) (runtime.BuildResult, error) {
	f.called("build " + opts.Tag)
	if f.build != nil {
		if err := f.build(r, opts); err != nil {
			return runtime.BuildResult{}, err
		}
	} else if _, err := io.Copy(io.Discard, r); err != nil {
		return runtime.BuildResult{}, err
	}
	f.images[opts.Tag] = true
	return runtime.BuildResult{ImageID: "sha256:0"}, nil
}

func (f *fake) Run(_ context.Context, image string, opts runtime.RunOptions) (runtime.RunResult, error) {
	f.called("run " + image)
	if f.runErr != nil {
		return runtime.RunResult{}, f.runErr
	}
	if !f.images[image] {
		return runtime.RunResult{}, &runtime.Error{Op: "run", ID: image, Kind: runtime.ErrImageNotFound}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	id := "id" + strconv.Itoa(len(f.boxes))
	if opts.Name == "" {
		opts.Name = "name" + id
	}
	f.boxes[id] = runtime.Container{ID: id, Name: opts.Name, Image: image, State: runtime.StateRunning, Owner: opts.Owner, LeaseEnd: opts.LeaseEnd, Lease: opts.Lease}
	return runtime.RunResult{ID: id, Name: opts.Name, Warnings: []string{"a warning"}}, nil
}

func (f *fake) Exec(ctx context.Context, _ string, argv []string, opts runtime.ExecOptions) (runtime.ExecResult, error) {
	f.called("exec " + strings.Join(argv, " "))
	return f.exec(ctx, argv, opts)
}

func (f *fake) Inspect(_ context.Context, id string, _ runtime.InspectOptions) (runtime.Container, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.boxes {
		if c.ID == id || c.Name == id {
			return c, nil
		}
	}
	return runtime.Container{}, &runtime.Error{Op: "inspect", ID: id, Kind: runtime.ErrNotFound}
}

func (f *fake) List(context.Context, runtime.ListOptions) ([]runtime.Container, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []runtime.Container
	for _, c := range f.boxes {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b runtime.Container) int { return strings.Compare(a.ID, b.ID) })
	return list, nil
}

func (f *fake) Remove(_ context.Context, id string, _ runtime.RemoveOptions) (runtime.RemoveResult, error) {
	f.called("remove " + id)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.removeErr[id]; err != nil {
		return runtime.RemoveResult{}, err
	}
	if _, ok := f.boxes[id]; !ok {
		return runtime.RemoveResult{}, &runtime.Error{Op: "remove", ID: id, Kind: runtime.ErrNotFound}
	}
	delete(f.boxes, id)
	return runtime.RemoveResult{}, nil
}

func abs(dir, name string) string { return path.Join("/work", dir, name) }

func (f *fake) PutArchive(_ context.Context, _, dir string, r io.Reader, opts runtime.PutArchiveOptions) (runtime.PutArchiveResult, error) {
	f.called("put " + dir)
	if f.putErr != nil {
		return runtime.PutArchiveResult{}, f.putErr
	}
	if path.IsAbs(dir) {
		dir = path.Join("..", dir)
	}
	for _, name := range opts.Remove {
		for have := range f.files {
			if have == abs(dir, name) || strings.HasPrefix(have, abs(dir, name)+"/") {
				delete(f.files, have)
			}
		}
	}
	archive := tar.NewReader(r)
	for {
		h, err := archive.Next()
		if err == io.EOF {
			return runtime.PutArchiveResult{}, nil
		}
		if err != nil {
			return runtime.PutArchiveResult{}, err
		}
		data, err := io.ReadAll(archive)
		if err != nil {
			return runtime.PutArchiveResult{}, err
		}
		f.files[abs(dir, h.Name)] = fakeFile{h, data, opts.KeepOwner}
	}
}

func (f *fake) GetArchive(_ context.Context, _, name string, w io.Writer, opts runtime.GetArchiveOptions) (runtime.GetArchiveResult, error) {
	f.called("get " + name)
	if f.get != nil {
		return runtime.GetArchiveResult{}, f.get(w)
	}
	top := path.Clean(name)
	if !path.IsAbs(top) {
		top = path.Join("/work", top)
	}
	var names []string
	for have := range f.files {
		rest, below := strings.CutPrefix(have, top+"/")
		if have == top || below && (opts.Depth == 0 || strings.Count(rest, "/") < opts.Depth-1) {
			names = append(names, have)
		}
	}
	if len(names) == 0 {
		return runtime.GetArchiveResult{}, &runtime.Error{Op: "get archive", ID: name, Kind: runtime.ErrFileNotFound}
	}
	slices.Sort(names)
	archive := tar.NewWriter(w)
	for _, have := range names {
		file := f.files[have]
		h := *file.header
		h.Name = path.Base(top) + strings.TrimPrefix(have, top)
		if opts.HeadersOnly && h.Typeflag == tar.TypeReg {
			h.PAXRecords = map[string]string{runtime.PAXSize: strconv.FormatInt(h.Size, 10)}
			h.Format, h.Size, file.data = tar.FormatPAX, 0, nil
		}
		if err := archive.WriteHeader(&h); err != nil {
			return runtime.GetArchiveResult{}, err
		}
		if _, err := archive.Write(file.data); err != nil {
			return runtime.GetArchiveResult{}, err
		}
	}
	return runtime.GetArchiveResult{}, archive.Close()
}

func (f fakePuller) Pull(_ context.Context, image string, opts runtime.PullOptions) (runtime.PullResult, error) {
	f.called("pull " + image)
	if !f.registry[image] {
		return runtime.PullResult{}, &runtime.Error{Op: "pull", ID: image, Kind: runtime.ErrImageNotFound}
	}
	if opts.Progress != nil {
		io.WriteString(opts.Progress, "pulling\n")
	}
	f.images[image] = true
	return runtime.PullResult{}, nil
}

func (f fakePuller) setState(id string, state runtime.State) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.boxes[id]
	c.State = state
	f.boxes[id] = c
}

func (f fakePuller) Stop(_ context.Context, id string, _ runtime.StopOptions) (runtime.StopResult, error) {
	f.setState(id, runtime.StateExited)
	return runtime.StopResult{}, nil
}

func (f fakePuller) Start(_ context.Context, id string, _ runtime.StartOptions) (runtime.StartResult, error) {
	f.setState(id, runtime.StateRunning)
	return runtime.StartResult{}, nil
}

// archiveOf makes a tar of headers, of which regular files hold their name.
func archiveOf(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if h.Typeflag == tar.TypeReg && h.Size == 0 {
			h.Size = int64(len(h.Name))
		}
		if h.Mode == 0 && h.Typeflag != tar.TypeXGlobalHeader {
			h.Mode = 0o755
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			io.WriteString(w, h.Name)
		}
	}
	w.Close()
	return b.Bytes()
}

func wantKind(t *testing.T, err error, kinds ...error) {
	t.Helper()
	for _, kind := range kinds {
		if !errors.Is(err, kind) {
			t.Fatalf("got the error %v, want one that matches %q", err, kind)
		}
	}
}
