package conformance

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/sandlot-dev/sandlot/runtime"
)

// whole is all that a runtime may offer.
type whole interface {
	runtime.Runtime
	runtime.Puller
	runtime.Stopper
	runtime.ImageRemover
	runtime.VolumeRemover
	runtime.Dialer
	runtime.FileChanger
	runtime.FileWatcher
	runtime.Processes
	runtime.Leaser
}

// broken is a real runtime that breaks one rule. Each func takes the place of one method; error changes what any of them returns.
type broken struct {
	whole
	info      func(*runtime.Info)
	build     func(ctx context.Context, r *io.Reader, opts *runtime.BuildOptions) (after func(*runtime.BuildResult, *error))
	run       func(ctx *context.Context, image *string, opts *runtime.RunOptions) (after func(*runtime.RunResult, *error))
	exec      func(ctx context.Context, id string, argv []string, opts runtime.ExecOptions) (runtime.ExecResult, error)
	inspect   func(*runtime.Container, *error)
	list      func(*runtime.ListOptions) (after func(*[]runtime.Container))
	remove    func(ctx context.Context, id string) (error, bool)
	put       func(ctx context.Context, id, dir string, archive io.Reader, opts runtime.PutArchiveOptions) (runtime.PutArchiveResult, error)
	get       func(ctx context.Context, id, path string, w io.Writer, opts runtime.GetArchiveOptions) (runtime.GetArchiveResult, error)
	stop      func(*runtime.StopOptions) (skip bool)
	start     func(ctx context.Context, id string) (error, bool)
	close     func() error
	dial      func(ctx context.Context, id, network, address string, opts runtime.DialOptions) (net.Conn, error)
	processes brokenProcesses
	change    func(ctx context.Context, id, path string, change runtime.FileChange, opts runtime.ChangeFileOptions) (runtime.ChangeFileResult, error)
	watch     func(ctx context.Context, id, path string, tell func(runtime.FileEvent) error, opts runtime.WatchFilesOptions) (runtime.WatchFilesResult, error)
	renew     func(ctx context.Context, id string) error
	// removeImage says that the image is gone.
	removeImage func() bool
	error       func(error) error

	made *made
}

// made is what a broken runtime may have left behind, for the test to remove.
type made struct {
	mu        sync.Mutex
	sandboxes []string
	volumes   []string
	images    []string
	runtimes  []runtime.Runtime
}

func (m *made) add(list *[]string, name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	*list = append(*list, name)
}

func (b *broken) Dial(ctx context.Context, id, network, address string, opts runtime.DialOptions) (net.Conn, error) {
	if b.dial != nil {
		return b.dial(ctx, id, network, address, opts)
	}
	conn, err := b.whole.Dial(ctx, id, network, address, opts)
	return conn, b.fault(err)
}

func (b *broken) Renew(ctx context.Context, id string, opts runtime.RenewOptions) (runtime.RenewResult, error) {
	if b.renew != nil {
		return runtime.RenewResult{}, b.renew(ctx, id)
	}
	res, err := b.whole.Renew(ctx, id, opts)
	return res, b.fault(err)
}

func (b *broken) fault(err error) error {
	if b.error != nil && err != nil {
		return b.error(err)
	}
	return err
}

func (b *broken) Info(ctx context.Context) (runtime.Info, error) {
	info, err := b.whole.Info(ctx)
	if b.info != nil {
		b.info(&info)
	}
	return info, err
}

func (b *broken) Build(ctx context.Context, r io.Reader, opts runtime.BuildOptions) (runtime.BuildResult, error) {
	after := func(*runtime.BuildResult, *error) {}
	if b.build != nil {
		after = b.build(ctx, &r, &opts)
	}
	res, err := b.whole.Build(ctx, r, opts)
	if err == nil {
		if opts.Tag != "" {
			b.made.add(&b.made.images, opts.Tag)
		} else {
			b.made.add(&b.made.images, res.ImageID)
		}
	}
	if after != nil {
		after(&res, &err)
	}
	return res, b.fault(err)
}

func (b *broken) Run(ctx context.Context, image string, opts runtime.RunOptions) (runtime.RunResult, error) {
	after := func(*runtime.RunResult, *error) {}
	if b.run != nil {
		after = b.run(&ctx, &image, &opts)
	}
	for _, m := range opts.Mounts {
		if m.Type == runtime.MountVolume && m.Source != "" {
			b.made.add(&b.made.volumes, m.Source)
		}
	}
	res, err := b.whole.Run(ctx, image, opts)
	if err == nil {
		b.made.add(&b.made.sandboxes, res.ID)
	}
	if after != nil {
		after(&res, &err)
	}
	return res, b.fault(err)
}

func (b *broken) Exec(ctx context.Context, id string, argv []string, opts runtime.ExecOptions) (runtime.ExecResult, error) {
	if b.exec != nil {
		res, err := b.exec(ctx, id, argv, opts)
		return res, b.fault(err)
	}
	res, err := b.whole.Exec(ctx, id, argv, opts)
	return res, b.fault(err)
}

func (b *broken) Inspect(ctx context.Context, id string, opts runtime.InspectOptions) (runtime.Container, error) {
	c, err := b.whole.Inspect(ctx, id, opts)
	if b.inspect != nil {
		b.inspect(&c, &err)
	}
	return c, b.fault(err)
}

func (b *broken) List(ctx context.Context, opts runtime.ListOptions) ([]runtime.Container, error) {
	after := func(*[]runtime.Container) {}
	if b.list != nil {
		after = b.list(&opts)
	}
	all, err := b.whole.List(ctx, opts)
	if after != nil {
		after(&all)
	}
	return all, b.fault(err)
}

func (b *broken) Remove(ctx context.Context, id string, opts runtime.RemoveOptions) (runtime.RemoveResult, error) {
	if b.remove != nil {
		if err, done := b.remove(ctx, id); done {
			return runtime.RemoveResult{}, err
		}
	}
	res, err := b.whole.Remove(ctx, id, opts)
	return res, b.fault(err)
}

func (b *broken) Stop(ctx context.Context, id string, opts runtime.StopOptions) (runtime.StopResult, error) {
	if b.stop != nil && b.stop(&opts) {
		return runtime.StopResult{}, nil
	}
	res, err := b.whole.Stop(ctx, id, opts)
	return res, b.fault(err)
}

func (b *broken) Start(ctx context.Context, id string, opts runtime.StartOptions) (runtime.StartResult, error) {
	if b.start != nil {
		if err, done := b.start(ctx, id); done {
			return runtime.StartResult{}, err
		}
	}
	res, err := b.whole.Start(ctx, id, opts)
	return res, b.fault(err)
}

func (b *broken) RemoveImage(ctx context.Context, image string, opts runtime.RemoveImageOptions) (runtime.RemoveImageResult, error) {
	if b.removeImage != nil && b.removeImage() {
		return runtime.RemoveImageResult{}, nil
	}
	res, err := b.whole.RemoveImage(ctx, image, opts)
	return res, b.fault(err)
}

func (b *broken) RemoveVolume(ctx context.Context, name string, opts runtime.RemoveVolumeOptions) (runtime.RemoveVolumeResult, error) {
	res, err := b.whole.RemoveVolume(ctx, name, opts)
	return res, b.fault(err)
}

func (b *broken) PutArchive(ctx context.Context, id, dir string, archive io.Reader, opts runtime.PutArchiveOptions) (runtime.PutArchiveResult, error) {
	put := b.put
	if put == nil {
		put = b.whole.PutArchive
	}
	res, err := put(ctx, id, dir, archive, opts)
	return res, b.fault(err)
}

func (b *broken) GetArchive(ctx context.Context, id, path string, w io.Writer, opts runtime.GetArchiveOptions) (runtime.GetArchiveResult, error) {
	get := b.get
	if get == nil {
		get = b.whole.GetArchive
	}
	res, err := get(ctx, id, path, w, opts)
	return res, b.fault(err)
}

func (b *broken) Close() error {
	if b.close != nil {
		return b.close()
	}
	return b.whole.Close()
}

// A breaker makes a runtime break a rule.
type breaker func(b *broken)

// breakers maps the id of each case to a runtime that breaks its rule.
func breakers() map[string]breaker {
	out := map[string]breaker{}
	for _, group := range []map[string]breaker{execBreakers(), nextExecBreakers(), timeoutBreakers(), lifecycleBreakers(), leaseBreakers(), attachedBreakers(), buildBreakers(), isolationBreakers(), portBreakers(), dialBreakers(), processBreakers(), putBreakers(), getBreakers(), changeBreakers(), watchBreakers()} {
		for id, b := range group {
			out[id] = b
		}
	}
	return out
}

// undo removes what a broken runtime has left behind.
func (m *made) undo(t *testing.T, rt runtime.Runtime) {
	ctx, cancel := context.WithTimeout(context.Background(), cleanupTimeout)
	defer cancel()
	m.mu.Lock()
	defer m.mu.Unlock()
	check := func(err error, gone error) {
		if err != nil && !errors.Is(err, gone) {
			t.Errorf("cleaning up: %v", err)
		}
	}
	for _, id := range m.sandboxes {
		_, err := rt.Remove(ctx, id, runtime.RemoveOptions{})
		check(err, runtime.ErrNotFound)
	}
	for _, name := range m.volumes {
		_, err := rt.(whole).RemoveVolume(ctx, name, runtime.RemoveVolumeOptions{})
		check(err, runtime.ErrNotFound)
	}
	for _, image := range m.images {
		_, err := rt.(whole).RemoveImage(ctx, image, runtime.RemoveImageOptions{})
		check(err, runtime.ErrImageNotFound)
	}
	for _, rt := range m.runtimes {
		check(rt.Close(), runtime.ErrClosed)
	}
}
