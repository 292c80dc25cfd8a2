package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
)

const image = "localhost/test:1"

var (
	ours    = map[string]string{runtime.LabelSandbox: "1"}
	foreign = map[string]string{"someone": "else"}
)

func TestRun(t *testing.T) {
	f := newFake()
	e := f.open(t)
	got, err := e.Run(t.Context(), image, runtime.RunOptions{Name: "box"})
	if err != nil {
		t.Fatal(err)
	}
	c := f.containers[got.ID]
	if c == nil || got.Name != "box" || c.State != runtime.StateRunning || len(got.Warnings) != 0 {
		t.Fatalf("%+v is %+v", got, c)
	}
	if l := c.Labels; l[runtime.LabelSandbox] != "1" || l[runtime.LabelGuest] != "v1" || l[labelImage] != image {
		t.Errorf("labels %v", l)
	}
	other, err := e.Run(t.Context(), image, runtime.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(other.Name, "sandlot-") || !namePattern.MatchString(other.Name) {
		t.Errorf("the name %q was made up", other.Name)
	}
}

func TestRunLeavesNothing(t *testing.T) {
	boom := errors.New("boom")
	for name, test := range map[string]struct {
		prepare func(f *fake)
		opts    runtime.RunOptions
		want    error
		words   string
	}{
		"no image":         {func(f *fake) { f.failCreate = fails(runtime.ErrImageNotFound, "no such image") }, runtime.RunOptions{}, runtime.ErrImageNotFound, "no such image"},
		"start":            {func(f *fake) { f.failStart = fails(runtime.ErrPortInUse, "taken") }, runtime.RunOptions{}, runtime.ErrPortInUse, "taken"},
		"upload":           {func(f *fake) { f.failUpload = func() error { return boom } }, runtime.RunOptions{}, boom, "boom"},
		"ended at once":    {func(f *fake) { f.endsAtOnce = true }, runtime.RunOptions{}, runtime.ErrNotRunning, "exit status 2"},
		"no working dir":   {func(f *fake) { f.failAttach = func() error { return boom } }, runtime.RunOptions{WorkingDir: "/new"}, boom, "boom"},
		"unsupported":      {func(f *fake) { delete(f.caps, runtime.CapabilityMemoryLimit) }, runtime.RunOptions{MemoryBytes: 1 << 30}, errors.ErrUnsupported, "memory-limit"},
		"invalid":          {func(f *fake) {}, runtime.RunOptions{Name: "-"}, runtime.ErrInvalid, ""},
		"engine not there": {func(f *fake) { f.failInfo = fails(runtime.ErrUnavailable, "refused") }, runtime.RunOptions{}, runtime.ErrUnavailable, "refused"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			test.prepare(f)
			_, err := f.open(t).Run(t.Context(), image, test.opts)
			check(t, err, test.want, test.words)
			var e *runtime.Error
			if !errors.As(err, &e) || e.Op != "run" || e.Runtime != "fake" || e.ID != image {
				t.Errorf("not the contract's error: %#v", err)
			}
			if left := f.names(); len(left) != 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

func TestRunSaysWhatItCouldNotRemove(t *testing.T) {
	f := newFake()
	f.failStart = fails(runtime.ErrPortInUse, "taken")
	e := f.open(t)
	f.volumes[guestVolumePrefix+"v1"] = map[string][]byte{marker: {}, "guest": {1}}
	f.failDelete = fails(nil, "the disk is on fire")
	_, err := e.Run(t.Context(), image, runtime.RunOptions{Name: "box"})
	check(t, err, runtime.ErrPortInUse, "taken", "the disk is on fire", "remove the container")
}

func TestRunReplace(t *testing.T) {
	for name, test := range map[string]struct {
		holder  map[string]string
		replace bool
		want    error
		words   string
	}{
		"ours":             {ours, true, nil, ""},
		"ours, unasked":    {ours, false, runtime.ErrAlreadyExists, "taken"},
		"foreign":          {foreign, true, runtime.ErrAlreadyExists, "not Sandlot's"},
		"foreign, unasked": {foreign, false, runtime.ErrAlreadyExists, "not Sandlot's"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			id := f.add("box", test.holder, time.Now())
			_, err := f.open(t).Run(t.Context(), image, runtime.RunOptions{Name: "box", Replace: test.replace})
			check(t, err, test.want, test.words)
			if _, kept := f.containers[id]; kept != (test.want != nil) {
				t.Errorf("the holder was kept: %v", kept)
			}
		})
	}
}

func TestRunReplaceWaitsForRemovalByOthers(t *testing.T) {
	f := newFake()
	id := f.add("box", ours, time.Now())
	f.failDelete = func() error {
		f.failDelete = nil
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.containers, id)
		return &runtime.Error{Message: "removal is already in progress"}
	}
	if _, err := f.open(t).Run(t.Context(), image, runtime.RunOptions{Name: "box", Replace: true}); err != nil {
		t.Error(err)
	}
}

func TestRunKeepsTheReplacedWithoutImage(t *testing.T) {
	f := newFake()
	id := f.add("box", ours, time.Now())
	f.failCreate = fails(runtime.ErrImageNotFound, "")
	_, err := f.open(t).Run(t.Context(), image, runtime.RunOptions{Name: "box", Replace: true})
	check(t, err, runtime.ErrImageNotFound)
	if f.containers[id] == nil {
		t.Error("the sandbox was removed for one that could not be made")
	}
}

func TestRunCancelledWhileCreating(t *testing.T) {
	f := newFake()
	ctx, cancel := context.WithCancel(t.Context())
	f.duringCreate = cancel // the engine goes on and creates
	_, err := f.open(t).Run(ctx, image, runtime.RunOptions{Name: "box"})
	check(t, err, context.Canceled)
	if left := f.names(); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestRunCancelledWhileStarting(t *testing.T) {
	f := newFake()
	ctx, cancel := context.WithCancel(t.Context())
	f.failStart = func() error { cancel(); return &runtime.Error{Kind: runtime.ErrUnavailable, Message: "EOF"} }
	_, err := f.open(t).Run(ctx, image, runtime.RunOptions{Name: "box"})
	check(t, err, context.Canceled)
	if errors.Is(err, runtime.ErrUnavailable) {
		t.Errorf("%v: the engine was there", err)
	}
	if left := f.names(); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestRunMakesWorkingDir(t *testing.T) {
	for name, test := range map[string]struct {
		dir    string
		mounts []runtime.Mount
		want   string
	}{
		"missing":        {"/new/dir/", nil, "put /new/dir create=true"},
		"there":          {"/there", nil, ""},
		"none":           {"", nil, ""},
		"below a tmpfs":  {"/there", []runtime.Mount{{Type: runtime.MountTmpfs, Target: "/there"}}, "put /there create=true"},
		"beside a tmpfs": {"/there", []runtime.Mount{{Type: runtime.MountTmpfs, Target: "/the"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			if _, err := f.open(t).Run(t.Context(), image, runtime.RunOptions{WorkingDir: test.dir, Mounts: test.mounts}); err != nil {
				t.Fatal(err)
			}
			if got := f.calls("put"); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

func TestWarningsForDefaults(t *testing.T) {
	f := newFake()
	f.caps = runtime.Capabilities{
		runtime.CapabilityNoNetwork: {OK: true}, runtime.CapabilityVolumes: {OK: true},
		runtime.CapabilityPidsLimit: {Reason: "cgroup v1"},
	}
	got, err := f.open(t).Run(t.Context(), image, runtime.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Warnings) != 4 || !slices.ContainsFunc(got.Warnings, func(w string) bool { return strings.Contains(w, "(cgroup v1)") }) {
		t.Errorf("warnings %q, want one each for pids, capabilities, privileges and seccomp", got.Warnings)
	}
	spec := f.containers[got.ID].spec
	if spec.Pids != 0 || spec.NoNewPrivs {
		t.Errorf("the engine was told what it cannot do: %+v", spec)
	}
}
