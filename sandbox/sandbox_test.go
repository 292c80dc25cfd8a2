package sandbox_test

import (
	"context"
	"errors"
	"io/fs"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/go-multierror"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/sandbox"
)

func TestNewInvalid(t *testing.T) {
	for name, opts := range map[string]sandbox.Options{
		"nothing":        {},
		"both":           {Image: "an-image", Build: &sandbox.Build{Dir: "."}},
		"pull policy":    {Image: "an-image", Pull: "sometimes"},
		"output limit":   {Image: "an-image", OutputLimit: -1},
		"build: nothing": {Build: &sandbox.Build{}},
		"build: missing": {Build: &sandbox.Build{Dir: "/does/not/exist"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake("an-image")
			_, err := sandbox.New(t.Context(), f, opts)
			wantKind(t, err, runtime.ErrInvalid)
			if len(f.seen()) > 0 {
				t.Errorf("the runtime was called: %v", f.seen())
			}
		})
	}
	_, err := sandbox.New(t.Context(), newFake(), sandbox.Options{})
	if !strings.Contains(err.Error(), "package builtin") {
		t.Errorf("the error does not say what to do: %v", err)
	}
}

func TestNewImage(t *testing.T) {
	local, remote := "local", "remote"
	unavailable := errors.New("the engine is gone")
	for _, test := range []struct {
		name  string
		image string
		pull  sandbox.PullPolicy
		noReg bool // the runtime cannot pull
		fails error
		want  []string
		kind  error
	}{
		{name: "there", image: local, want: []string{"run local"}},
		{name: "there, never", image: local, pull: sandbox.PullNever, want: []string{"run local"}},
		{name: "missing", image: remote, want: []string{"run remote", "pull remote", "run remote"}},
		{name: "missing, said", image: remote, pull: sandbox.PullMissing, want: []string{"run remote", "pull remote", "run remote"}},
		{name: "missing, never", image: remote, pull: sandbox.PullNever, want: []string{"run remote"}, kind: runtime.ErrImageNotFound},
		{name: "nowhere", image: "none", want: []string{"run none", "pull none"}, kind: runtime.ErrImageNotFound},
		{name: "always", image: remote, pull: sandbox.PullAlways, want: []string{"pull remote", "run remote"}},
		{name: "always, no puller", image: local, pull: sandbox.PullAlways, noReg: true, kind: errors.ErrUnsupported},
		{name: "missing, no puller", image: remote, noReg: true, want: []string{"run remote"}, kind: runtime.ErrImageNotFound},
		{name: "another error", image: local, fails: unavailable, want: []string{"run local"}, kind: unavailable},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFake(local)
			f.runErr = test.fails
			var rt runtime.Runtime = &fakePuller{f, map[string]bool{remote: true}}
			if test.noReg {
				rt = f
			}
			var progress strings.Builder
			box, err := sandbox.New(t.Context(), rt, sandbox.Options{Image: test.image, Pull: test.pull, Progress: &progress})
			if !slices.Equal(f.seen(), test.want) {
				t.Errorf("calls %q, want %q", f.seen(), test.want)
			}
			if test.kind != nil {
				wantKind(t, err, test.kind)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if pulled := slices.Contains(test.want, "pull remote"); pulled != (progress.String() == "pulling\n") {
				t.Errorf("progress %q", progress.String())
			}
			if box.ID() != "id0" || box.Name() != "nameid0" || !slices.Equal(box.Warnings(), []string{"a warning"}) || box.Runtime() != rt {
				t.Errorf("wrong sandbox: %s %s %q", box.ID(), box.Name(), box.Warnings())
			}
		})
	}
}

// offline is a puller whose registry does not answer.
type offline struct{ *fake }

func (offline) Pull(context.Context, string, runtime.PullOptions) (runtime.PullResult, error) {
	return runtime.PullResult{}, &runtime.Error{Op: "pull", ID: "none", Kind: runtime.ErrUnavailable, Message: "no route"}
}

// TestNewOffline: an image that is missing is, also where no registry can be asked; with PullAlways it may be there.
func TestNewOffline(t *testing.T) {
	for policy, isMissing := range map[sandbox.PullPolicy]bool{sandbox.PullMissing: true, sandbox.PullAlways: false} {
		_, err := sandbox.New(t.Context(), offline{newFake()}, sandbox.Options{Image: "none", Pull: policy})
		if !errors.Is(err, runtime.ErrUnavailable) || errors.Is(err, runtime.ErrImageNotFound) != isMissing || !strings.Contains(err.Error(), "no route") {
			t.Errorf("%s: %v", policy, err)
		}
	}
}

func TestCloseOnce(t *testing.T) {
	f, box := newBox(t)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if err := box.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if want := []string{"run an-image", "remove id0"}; !slices.Equal(f.seen(), want) {
		t.Errorf("calls %q, want %q", f.seen(), want)
	}
}

func TestCloseAfterError(t *testing.T) {
	f, box := newBox(t)
	f.removeErr = map[string]error{"id0": runtime.ErrUnavailable}
	wantKind(t, box.Close(), runtime.ErrUnavailable)
	if _, err := box.Inspect(t.Context()); err != nil {
		t.Errorf("a sandbox that was not removed is not usable: %v", err)
	}
	f.removeErr = nil
	if err := box.Close(); err != nil {
		t.Error(err)
	}
	if len(f.boxes) > 0 {
		t.Error("the sandbox is still there")
	}
}

func TestCloseOfOneThatIsGone(t *testing.T) {
	f, box := newBox(t)
	delete(f.boxes, "id0")
	if err := box.Close(); err != nil {
		t.Error(err)
	}
}

func TestRemoveWaitsNoLongerThanItsContext(t *testing.T) {
	f, box := newBox(t)
	entered, release := make(chan bool), make(chan bool)
	rt := blockingRemove{f, entered, release}
	box, err := sandbox.Open(t.Context(), rt, box.Name(), sandbox.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- box.Remove(t.Context()) }()
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantKind(t, box.Remove(ctx), context.Canceled)
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

type blockingRemove struct {
	*fake
	entered, release chan bool
}

func (b blockingRemove) Remove(ctx context.Context, id string, opts runtime.RemoveOptions) (runtime.RemoveResult, error) {
	b.entered <- true
	<-b.release
	return b.fake.Remove(ctx, id, opts)
}

func TestClosed(t *testing.T) {
	_, box := newBox(t)
	if err := box.Close(); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	_, exec := box.Exec(ctx, []string{"true"}, runtime.ExecOptions{})
	_, shell := box.Shell(ctx, "true", runtime.ExecOptions{})
	_, output := box.Output(ctx, []string{"true"}, runtime.ExecOptions{})
	_, inspect := box.Inspect(ctx)
	_, hostPort := box.HostPort(ctx, "80")
	_, stat := box.Stat(ctx, "f")
	_, getDir := box.GetDir(ctx, "d", t.TempDir(), sandbox.GetDirOptions{})
	for name, err := range map[string]error{
		"exec": exec, "shell": shell, "output": output, "inspect": inspect, "host port": hostPort, "stat": stat, "get dir": getDir,
		"stop":    box.Stop(ctx, runtime.StopOptions{}),
		"start":   box.Start(ctx),
		"write":   box.WriteFile(ctx, "f", nil, sandbox.FileOptions{}),
		"upload":  box.Upload(ctx, "f", strings.NewReader(""), -1, sandbox.FileOptions{}),
		"put dir": box.PutDir(ctx, t.TempDir(), "d", sandbox.PutDirOptions{}),
	} {
		if !errors.Is(err, runtime.ErrClosed) {
			t.Errorf("%s after Close: %v", name, err)
		}
	}
	if !errors.Is(stat, fs.ErrClosed) {
		t.Errorf("stat after Close does not match fs.ErrClosed: %v", stat)
	}
}

func TestOpen(t *testing.T) {
	f, made := newBox(t)
	for _, ref := range []string{made.ID(), made.Name()} {
		box, err := sandbox.Open(t.Context(), f, ref, sandbox.OpenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if box.ID() != made.ID() || box.Name() != made.Name() {
			t.Errorf("opened %s %s", box.ID(), box.Name())
		}
		if err := box.Close(); err != nil || len(f.boxes) != 1 {
			t.Errorf("Close of an opened sandbox: %v, %d sandboxes", err, len(f.boxes))
		}
		_, err = box.Inspect(t.Context())
		wantKind(t, err, runtime.ErrClosed)
	}
	_, err := sandbox.Open(t.Context(), f, "nobody", sandbox.OpenOptions{})
	wantKind(t, err, runtime.ErrNotFound)
	_, err = sandbox.Open(t.Context(), f, made.ID(), sandbox.OpenOptions{OutputLimit: -1})
	wantKind(t, err, runtime.ErrInvalid)

	box, err := sandbox.Open(t.Context(), f, made.ID(), sandbox.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := box.Remove(t.Context()); err != nil || len(f.boxes) != 0 {
		t.Errorf("Remove of an opened sandbox: %v, %d sandboxes", err, len(f.boxes))
	}
}

func TestHostPort(t *testing.T) {
	f, box := newBox(t)
	c := f.boxes["id0"]
	want := netip.MustParseAddrPort("127.0.0.1:4711")
	c.Ports = []runtime.PublishedPort{{Container: 8080, Protocol: "tcp", Host: want}}
	f.boxes["id0"] = c
	got, err := box.HostPort(t.Context(), "8080/tcp")
	if err != nil || got != want {
		t.Errorf("got %v, %v", got, err)
	}
	_, err = box.HostPort(t.Context(), "8080/udp")
	wantKind(t, err, runtime.ErrNotFound)
	_, err = box.HostPort(t.Context(), "http")
	wantKind(t, err, runtime.ErrInvalid)
}

func TestStopAndStart(t *testing.T) {
	f, box := newBox(t)
	wantKind(t, box.Stop(t.Context(), runtime.StopOptions{}), errors.ErrUnsupported)
	wantKind(t, box.Start(t.Context()), errors.ErrUnsupported)

	box, err := sandbox.Open(t.Context(), fakePuller{fake: f}, box.ID(), sandbox.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := box.Stop(t.Context(), runtime.StopOptions{}); err != nil || f.boxes["id0"].State != runtime.StateExited {
		t.Errorf("stop: %v, %s", err, f.boxes["id0"].State)
	}
	if err := box.Start(t.Context()); err != nil || f.boxes["id0"].State != runtime.StateRunning {
		t.Errorf("start: %v, %s", err, f.boxes["id0"].State)
	}
}

func TestRemoveMany(t *testing.T) {
	fill := func() *fake {
		f := newFake()
		for _, id := range []string{"a", "b", "c", "d"} {
			f.boxes[id] = runtime.Container{ID: id, Name: "name-" + id}
		}
		f.removeErr = map[string]error{
			"b": &runtime.Error{Op: "remove", Kind: runtime.ErrUnavailable},
			"c": &runtime.Error{Op: "remove", Kind: runtime.ErrNotFound}, // it went away after List
			"d": &runtime.Error{Op: "remove", Kind: runtime.ErrPermission},
		}
		return f
	}
	removed, err := sandbox.RemoveAll(t.Context(), fill(), runtime.ListOptions{})
	if !slices.Equal(removed, []string{"name-a"}) {
		t.Errorf("removed %q", removed)
	}
	wantKind(t, err, runtime.ErrUnavailable, runtime.ErrPermission)
	var all *multierror.Error
	if !errors.As(err, &all) || len(all.Errors) != 2 {
		t.Errorf("RemoveAll gives %v", err)
	}

	removed, err = sandbox.Remove(t.Context(), fill(), "c", "a", "b")
	if !slices.Equal(removed, []string{"a"}) {
		t.Errorf("removed %q", removed)
	}
	wantKind(t, err, runtime.ErrUnavailable, runtime.ErrNotFound)

	if removed, err := sandbox.RemoveAll(t.Context(), newFake(), runtime.ListOptions{}); err != nil || removed != nil {
		t.Errorf("nothing to remove: %q, %v", removed, err)
	}
}
