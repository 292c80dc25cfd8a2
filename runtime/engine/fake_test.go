package engine

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sandlot-dev/sandlot/guest"
	"github.com/sandlot-dev/sandlot/runtime"
)

// fake is an engine in memory. Fields of the kind failX are asked before X does anything.
type fake struct {
	mu         sync.Mutex
	caps       runtime.Capabilities
	containers map[string]*fakeContainer
	volumes    map[string]map[string][]byte // files by name
	made       map[string]time.Time         // when volumes were made
	serial     int
	log        []string // what was called

	failInfo, failCreate, failStart, failUpload, failDelete, failAttach, failStop, failPull func() error
	duringCreate, duringUpload                                                              func()
	endsAtOnce                                                                              bool
	words                                                                                   error // what LaunchError says
	streamOut                                                                               string
	exit                                                                                    int // of attached processes
	closed                                                                                  int
	attach                                                                                  func(Process) *Stream // nil: what is attached says streamOut and ends

	failVolumes, failRemoveVolume func() error
}

type fakeContainer struct {
	runtime.Container
	spec Spec
}

func newFake() *fake {
	return &fake{caps: allSupported(), containers: make(map[string]*fakeContainer), volumes: make(map[string]map[string][]byte)}
}

func allSupported() runtime.Capabilities {
	cs := make(runtime.Capabilities)
	for _, c := range runtime.AllCapabilities() {
		cs[c] = runtime.Support{OK: true}
	}
	return cs
}

// open makes a Runtime of f whose guest is a stand-in.
func (f *fake) open(t *testing.T) *engine {
	e := New(f, "fake", "fake:///", Options{NoSessions: true}).(*engine)
	e.guest = guestSide{
		version: func(string) (string, error) { return "v1", nil },
		program: func(string) ([]byte, error) { return []byte("the program"), nil },
		exec: func(ctx context.Context, ch guest.Channel, argv []string, opts runtime.ExecOptions, rescue guest.Rescue) (runtime.ExecResult, error) {
			ch.Close()
			return runtime.ExecResult{}, nil
		},
		put: func(ctx context.Context, ch guest.Channel, dir string, archive io.Reader, opts runtime.PutArchiveOptions) (runtime.PutArchiveResult, error) {
			ch.Close()
			f.note("put %s create=%v", dir, opts.CreateDir)
			return runtime.PutArchiveResult{}, nil
		},
		get: func(ctx context.Context, ch guest.Channel, path string, w io.Writer, opts runtime.GetArchiveOptions) (runtime.GetArchiveResult, error) {
			ch.Close()
			return runtime.GetArchiveResult{}, nil
		},
	}
	t.Cleanup(func() { e.Close() })
	return e
}

func (f *fake) note(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log = append(f.log, fmt.Sprintf(format, args...))
}

// calls is what was called so far, of the kinds that are named.
func (f *fake) calls(kinds ...string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	for _, line := range f.log {
		if kind, _, _ := strings.Cut(line, " "); slices.Contains(kinds, kind) {
			out = append(out, line)
		}
	}
	return strings.Join(out, ", ")
}

func (f *fake) names() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := []string{}
	for _, c := range f.containers {
		out = append(out, c.Name)
	}
	slices.Sort(out)
	return out
}

func ask(fail func() error) error {
	if fail == nil {
		return nil
	}
	return fail()
}

func fails(kind error, message string) func() error {
	return func() error { return &runtime.Error{Kind: kind, Message: message} }
}

// add puts a container there as somebody else would.
func (f *fake) add(name string, labels map[string]string, created time.Time) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.serial++
	id := fmt.Sprintf("%064x", f.serial)
	f.containers[id] = &fakeContainer{Container: runtime.Container{ID: id, Name: name, Labels: labels, Created: created, State: runtime.StateRunning}}
	return id
}

// only is the one container there is.
func (f *fake) only() *fakeContainer {
	for _, c := range f.containers {
		return c
	}
	return nil
}

func (f *fake) find(id string) (*fakeContainer, error) {
	for _, c := range f.containers {
		if c.ID == id || c.Name == id {
			return c, nil
		}
	}
	return nil, &runtime.Error{Kind: runtime.ErrNotFound, Message: "no such container"}
}

func (f *fake) Info(context.Context) (runtime.Info, error) {
	f.note("info")
	return runtime.Info{Arch: "amd64", Capabilities: f.caps}, ask(f.failInfo)
}

func (f *fake) Create(ctx context.Context, spec Spec) (string, []string, error) {
	if f.duringCreate != nil {
		f.duringCreate()
	}
	f.note("create %s", spec.Name)
	if err := ask(f.failCreate); err != nil {
		return "", nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.find(spec.Name); err == nil {
		return "", nil, &runtime.Error{Kind: runtime.ErrAlreadyExists, Message: "name in use"}
	}
	for _, m := range spec.Mounts {
		if m.Type == runtime.MountVolume && f.volumes[m.Source] == nil {
			f.volumes[m.Source] = make(map[string][]byte)
		}
	}
	f.serial++
	id := fmt.Sprintf("%064x", f.serial)
	f.containers[id] = &fakeContainer{
		Container: runtime.Container{ID: id, Name: spec.Name, Labels: spec.Labels, State: runtime.StateCreated, Created: time.Now(), Mounts: spec.Mounts},
		spec:      spec,
	}
	return id, nil, nil
}

func (f *fake) Start(ctx context.Context, id string) error {
	f.note("start")
	if err := ask(f.failStart); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	c, err := f.find(id)
	if err != nil {
		return err
	}
	if volume := f.volumeAt(c, guest.Dir); volume != nil && volume["guest"] == nil {
		return &runtime.Error{Message: "no such file: " + guest.Path}
	}
	c.State = runtime.StateRunning
	if f.endsAtOnce {
		c.State, c.Container.Error = runtime.StateExited, "exit status 2"
	}
	return nil
}

func (f *fake) Stop(ctx context.Context, id string, grace time.Duration) error {
	f.note("stop %s", grace)
	if err := ask(f.failStop); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	c, err := f.find(id)
	if err == nil {
		c.State = runtime.StateExited
	}
	return err
}

func (f *fake) Delete(ctx context.Context, id string) error {
	f.note("delete")
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := ask(f.failDelete); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	c, err := f.find(id)
	if err == nil {
		delete(f.containers, c.ID)
	}
	return err
}

func (f *fake) Inspect(ctx context.Context, id string) (runtime.Container, error) {
	f.note("inspect")
	f.mu.Lock()
	defer f.mu.Unlock()
	c, err := f.find(id)
	if err != nil {
		return runtime.Container{}, err
	}
	return c.Container, nil
}

func (f *fake) List(ctx context.Context, labels map[string]string) ([]runtime.Container, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []runtime.Container
	for _, c := range f.containers {
		match := true
		for key, value := range labels {
			match = match && (c.Labels[key] == value || value == "" && c.Labels[key] != "")
		}
		if match {
			out = append(out, c.Container)
		}
	}
	return out, nil
}

func (f *fake) Attach(ctx context.Context, id string, p Process) (*Stream, error) {
	f.note("attach %s user=%s privileged=%v", p.Argv[1], p.User, p.Privileged)
	if err := ask(f.failAttach); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.find(id); err != nil {
		return nil, err
	}
	if f.attach != nil {
		return f.attach(p), nil
	}
	here, there := net.Pipe()
	there.Close()
	return NewStream(here, strings.NewReader(f.streamOut), "exec"), nil
}

func (f *fake) LaunchError(string) error { return f.words }

func (f *fake) ExecState(context.Context, string) (ExecState, error) {
	return ExecState{ExitCode: f.exit}, nil
}

// volumeAt is the volume that holds a directory of a container.
func (f *fake) volumeAt(c *fakeContainer, dir string) map[string][]byte {
	for _, m := range c.spec.Mounts {
		if m.Target == dir {
			return f.volumes[m.Source]
		}
	}
	return nil
}

func (f *fake) Upload(ctx context.Context, id, dir string, archive io.Reader) error {
	f.note("upload %s", dir)
	if f.duringUpload != nil {
		f.duringUpload()
	}
	if err := ask(f.failUpload); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	c, err := f.find(id)
	if err != nil {
		return err
	}
	volume := f.volumeAt(c, dir)
	for r := tar.NewReader(archive); ; {
		header, err := r.Next()
		if err == io.EOF {
			return nil
		}
		var content bytes.Buffer
		if err == nil {
			_, err = io.Copy(&content, r)
		}
		if err != nil {
			return err
		}
		if volume != nil {
			volume[header.Name] = content.Bytes()
		}
		f.log = append(f.log, fmt.Sprintf("wrote %s %o", path.Join(dir, header.Name), header.Mode))
	}
}

func (f *fake) Exists(ctx context.Context, id, name string) (bool, error) {
	f.note("exists %s", name)
	f.mu.Lock()
	defer f.mu.Unlock()
	c, err := f.find(id)
	if err != nil {
		return false, err
	}
	return f.volumeAt(c, path.Dir(name))[path.Base(name)] != nil || name == "/there", nil
}

func (f *fake) Build(ctx context.Context, r io.ReadSeeker, opts runtime.BuildOptions) (string, error) {
	size, err := io.Copy(io.Discard, r)
	f.note("build %s %d", opts.Dockerfile, size)
	return "sha256:1", err
}

func (f *fake) UnusedVolumes(_ context.Context, prefix string) ([]Volume, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var unused []Volume
	for name := range f.volumes {
		if strings.HasPrefix(name, prefix) && !f.uses(name) {
			unused = append(unused, Volume{name, f.made[name]})
		}
	}
	return unused, ask(f.failVolumes)
}

// uses says whether a container has the volume.
func (f *fake) uses(volume string) bool {
	for _, c := range f.containers {
		if slices.ContainsFunc(c.spec.Mounts, func(m runtime.Mount) bool { return m.Source == volume }) {
			return true
		}
	}
	return false
}

func (f *fake) VolumeExists(_ context.Context, name string) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, there := f.volumes[name]
	return there, nil
}

func (f *fake) RemoveVolume(_ context.Context, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := ask(f.failRemoveVolume); err != nil {
		return err
	}
	delete(f.volumes, name)
	return nil
}

func (f *fake) RemoveImage(context.Context, string) error { return nil }
func (f *fake) Pull(context.Context, string, runtime.PullOptions) (string, error) {
	return "sha256:1", ask(f.failPull)
}

func (f *fake) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed++
	return nil
}

// check fails the test unless err is of the kind and says the words.
func check(t *testing.T, err error, kind error, words ...string) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("error %v, want %v", err, kind)
		return
	}
	if err == nil {
		return
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %q does not say %q", err, word)
		}
	}
}
