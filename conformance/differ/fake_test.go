package differ

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sandlot-dev/sandlot/conformance/internal/answer"
	"github.com/sandlot-dev/sandlot/runtime"
)

// A fake is a runtime in memory: enough of one that what is broken in a wrapper of it shows.
type fake struct {
	capabilities runtime.Capabilities

	mu        sync.Mutex
	sandboxes []*fakeSandbox
	volumes   map[string]bool
	images    map[string]bool
	made      int
}

type fakeSandbox struct {
	runtime.Container
	opts  runtime.RunOptions
	files map[string]tar.Header
	data  map[string]string
}

func newFake() *fake {
	f := &fake{capabilities: runtime.Capabilities{}, volumes: map[string]bool{}, images: map[string]bool{}}
	for _, c := range runtime.AllCapabilities() {
		f.capabilities[c] = runtime.Support{OK: true}
	}
	return f
}

func fail(op, id string, kind error) error { return &runtime.Error{Op: op, ID: id, Kind: kind} }

func (f *fake) Info(context.Context) (runtime.Info, error) {
	return runtime.Info{Runtime: "fake", OS: "linux", Arch: "amd64", Capabilities: f.capabilities}, nil
}

func (f *fake) Build(_ context.Context, r io.Reader, opts runtime.BuildOptions) (runtime.BuildResult, error) {
	if _, err := tar.NewReader(r).Next(); err != nil {
		return runtime.BuildResult{}, fail("build", opts.Tag, runtime.ErrInvalid)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if opts.Tag == "" {
		f.made++
		opts.Tag = fmt.Sprintf("sha256:%064d", f.made)
	}
	f.images[opts.Tag] = true
	return runtime.BuildResult{ImageID: opts.Tag}, nil
}

func (f *fake) RemoveImage(_ context.Context, image string, _ runtime.RemoveImageOptions) (runtime.RemoveImageResult, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.images[image] {
		return runtime.RemoveImageResult{}, fail("remove image", image, runtime.ErrImageNotFound)
	}
	delete(f.images, image)
	return runtime.RemoveImageResult{}, nil
}

func (f *fake) RemoveVolume(_ context.Context, volume string, _ runtime.RemoveVolumeOptions) (runtime.RemoveVolumeResult, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.volumes[volume] {
		return runtime.RemoveVolumeResult{}, fail("remove volume", volume, runtime.ErrNotFound)
	}
	delete(f.volumes, volume)
	return runtime.RemoveVolumeResult{}, nil
}

func (f *fake) Run(_ context.Context, image string, opts runtime.RunOptions) (runtime.RunResult, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range opts.Env {
		if !strings.Contains(e, "=") {
			return runtime.RunResult{}, fail("run", image, runtime.ErrInvalid)
		}
	}
	for _, m := range opts.Mounts {
		if len(m.Source) == 1 || m.Type == runtime.MountVolume && strings.ContainsAny(m.Source, "/ ") {
			return runtime.RunResult{}, fail("run", image, runtime.ErrInvalid)
		}
	}
	if !f.images[image] {
		return runtime.RunResult{}, fail("run", image, runtime.ErrImageNotFound)
	}
	f.made++
	id := fmt.Sprintf("%x", sha256.Sum256([]byte(fmt.Sprint(f.made))))
	name := opts.Name
	if name == "" {
		name = "made-up-" + id[50:]
	}
	if held := f.find(name); held != nil {
		if !opts.Replace {
			return runtime.RunResult{}, fail("run", image, runtime.ErrAlreadyExists)
		}
		f.delete(held)
	}
	for _, m := range opts.Mounts {
		if m.Type == runtime.MountVolume && m.Source != "" {
			f.volumes[m.Source] = true
		}
	}
	f.sandboxes = append(f.sandboxes, &fakeSandbox{
		Container: runtime.Container{
			ID: id, Name: name, Image: image, ImageID: "sha256:1", State: runtime.StateRunning, Created: time.Now(), Labels: opts.Labels, Env: opts.Env,
			User: opts.User, Mounts: opts.Mounts, Network: opts.Network,
		},
		opts: opts, files: map[string]tar.Header{}, data: map[string]string{},
	})
	return runtime.RunResult{ID: id, Name: name}, nil
}

func (f *fake) find(id string) *fakeSandbox {
	for _, s := range f.sandboxes {
		if s.ID == id || s.Name == id || len(id) >= 12 && strings.HasPrefix(s.ID, id) {
			return s
		}
	}
	return nil
}

func (f *fake) delete(gone *fakeSandbox) {
	f.sandboxes = slices.DeleteFunc(f.sandboxes, func(s *fakeSandbox) bool { return s == gone })
}

// in calls do with a sandbox.
func (f *fake) in(op, id string, running bool, do func(s *fakeSandbox) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.find(id)
	switch {
	case s == nil:
		return fail(op, id, runtime.ErrNotFound)
	case running && s.State != runtime.StateRunning:
		return fail(op, id, runtime.ErrNotRunning)
	}
	return do(s)
}

func (f *fake) Exec(ctx context.Context, id string, argv []string, opts runtime.ExecOptions) (res runtime.ExecResult, err error) {
	err = f.in("exec", id, true, func(s *fakeSandbox) error {
		if len(argv) == 0 || argv[0] == "" {
			res.ExitCode = -1
			return fail("exec", id, runtime.ErrInvalid)
		}
		if argv[0] != probe || len(argv) < 2 {
			res.ExitCode = 127
			return nil
		}
		args := slices.Concat(argv[2:], []string{"", ""}) // steps that are shortened lose arguments
		switch argv[1] {
		case "ids":
			all := []answer.Range{{First: 0, Count: 65536}}
			return json.NewEncoder(opts.Stdout).Encode(answer.IDs{UIDs: all, GIDs: all})
		case "self":
			f.made++
			return json.NewEncoder(opts.Stdout).Encode(answer.Self{Args: argv[2:], Env: slices.Concat(s.Env, opts.Env), PID: f.made, Hostname: s.ID[:12]})
		case "exit":
			res.ExitCode, _ = strconv.Atoi(args[0])
		case "die":
			res.Signal, _ = strconv.Atoi(args[0])
			res.ExitCode = 128 + res.Signal
		case "say":
			fmt.Fprint(opts.Stdout, args[0])
			fmt.Fprint(opts.Stderr, args[1])
		case "cat":
			if opts.Stdin != nil {
				_, err := io.Copy(opts.Stdout, opts.Stdin)
				return err
			}
		case "write":
			p := path.Join("/work", args[0])
			s.files[p] = tar.Header{Typeflag: tar.TypeReg, Mode: 0o644, ModTime: time.Now(), Size: int64(len(args[1]))}
			s.data[p] = args[1]
		}
		return nil
	})
	return res, err
}

func (f *fake) PutArchive(_ context.Context, id, dir string, r io.Reader, _ runtime.PutArchiveOptions) (res runtime.PutArchiveResult, err error) {
	err = f.in("put archive", id, true, func(s *fakeSandbox) error {
		for tr := tar.NewReader(r); ; {
			h, err := tr.Next()
			switch {
			case err == io.EOF:
				return nil
			case errors.Is(err, io.ErrUnexpectedEOF):
				return &runtime.Error{Op: "put archive", ID: id, Err: err}
			case err != nil:
				return fail("put archive", id, runtime.ErrInvalid)
			}
			content, _ := io.ReadAll(tr)
			p := path.Join("/work", dir, h.Name)
			s.files[p], s.data[p] = *h, string(content)
			res.Entries++
		}
	})
	return res, err
}

func (f *fake) GetArchive(_ context.Context, id, p string, w io.Writer, _ runtime.GetArchiveOptions) (res runtime.GetArchiveResult, err error) {
	err = f.in("get archive", id, true, func(s *fakeSandbox) error {
		p = path.Join("/work", p)
		tw := tar.NewWriter(w)
		for _, name := range slices.Sorted(maps.Keys(s.files)) {
			if name == p || strings.HasPrefix(name, p+"/") {
				h := s.files[name]
				h.Name = strings.TrimPrefix(name, path.Dir(p)+"/")
				h.Format = tar.FormatPAX
				if err := tw.WriteHeader(&h); err != nil {
					return err
				}
				_, _ = io.WriteString(tw, s.data[name])
				res.Entries++
			}
		}
		if res.Entries == 0 && p != "/work" {
			return fail("get archive", id, runtime.ErrFileNotFound)
		}
		return tw.Close()
	})
	return res, err
}

func (f *fake) Inspect(_ context.Context, id string, _ runtime.InspectOptions) (c runtime.Container, err error) {
	err = f.in("inspect", id, false, func(s *fakeSandbox) error { c = s.Container; return nil })
	return c, err
}

func (f *fake) List(_ context.Context, opts runtime.ListOptions) ([]runtime.Container, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []runtime.Container
	for _, s := range slices.Backward(f.sandboxes) {
		matches := true
		for k, v := range opts.Labels {
			have, ok := s.Labels[k]
			matches = matches && ok && (v == "" || v == have)
		}
		if matches {
			out = append(out, s.Container)
		}
	}
	return out, nil
}

func (f *fake) Remove(_ context.Context, id string, _ runtime.RemoveOptions) (runtime.RemoveResult, error) {
	return runtime.RemoveResult{}, f.in("remove", id, false, func(s *fakeSandbox) error { f.delete(s); return nil })
}

func (f *fake) Stop(_ context.Context, id string, _ runtime.StopOptions) (runtime.StopResult, error) {
	return runtime.StopResult{}, f.in("stop", id, false, func(s *fakeSandbox) error { s.State = runtime.StateExited; return nil })
}

func (f *fake) Start(_ context.Context, id string, _ runtime.StartOptions) (runtime.StartResult, error) {
	return runtime.StartResult{}, f.in("start", id, false, func(s *fakeSandbox) error { s.State = runtime.StateRunning; return nil })
}

func (f *fake) Close() error { return nil }

// whole is all that the fake offers.
type whole interface {
	runtime.Runtime
	runtime.Stopper
	runtime.ImageRemover
	runtime.VolumeRemover
}

var _ whole = (*fake)(nil)

// A broken is a fake that does one thing wrong.
type broken struct {
	whole
	run  func(opts *runtime.RunOptions)
	exec func(argv []string, opts *runtime.ExecOptions, res *runtime.ExecResult)
	get  func(h *tar.Header)
	fail func(op string, err error) error
}

func (b *broken) wrong(op string, err error) error {
	if err != nil && b.fail != nil {
		return b.fail(op, err)
	}
	return err
}

func (b *broken) Run(ctx context.Context, image string, opts runtime.RunOptions) (runtime.RunResult, error) {
	if b.run != nil {
		b.run(&opts)
	}
	res, err := b.whole.Run(ctx, image, opts)
	return res, b.wrong("run", err)
}

func (b *broken) Exec(ctx context.Context, id string, argv []string, opts runtime.ExecOptions) (runtime.ExecResult, error) {
	if b.exec != nil {
		b.exec(argv, &opts, nil)
	}
	res, err := b.whole.Exec(ctx, id, argv, opts)
	if b.exec != nil && err == nil {
		b.exec(argv, &opts, &res)
	}
	return res, b.wrong("exec", err)
}

func (b *broken) GetArchive(ctx context.Context, id, p string, w io.Writer, opts runtime.GetArchiveOptions) (runtime.GetArchiveResult, error) {
	if b.get == nil {
		return b.whole.GetArchive(ctx, id, p, w, opts)
	}
	var buf bytes.Buffer
	res, err := b.whole.GetArchive(ctx, id, p, &buf, opts)
	if err != nil {
		return res, err
	}
	tw := tar.NewWriter(w)
	for tr := tar.NewReader(&buf); ; {
		h, err := tr.Next()
		if err != nil {
			break
		}
		b.get(h)
		_ = tw.WriteHeader(h)
		_, _ = io.Copy(tw, tr)
	}
	return res, tw.Close()
}
