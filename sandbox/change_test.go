package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"testing"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/sandbox"
)

// A fakeChanger remembers changes, and watches as the funcs say.
type fakeChanger struct {
	*fake
	err   error
	watch func(ctx context.Context, tell func(runtime.FileEvent) error, opts runtime.WatchFilesOptions) error
}

func (f *fakeChanger) ChangeFile(
	_ context.Context, id, path string, change runtime.FileChange, opts runtime.ChangeFileOptions,
) (runtime.ChangeFileResult, error) {
	f.called(fmt.Sprintf("change %s %T%+v %v", path, change, change, opts.Follow))
	return runtime.ChangeFileResult{}, f.err
}

func (f *fakeChanger) WatchFiles(
	ctx context.Context, id, path string, tell func(runtime.FileEvent) error, opts runtime.WatchFilesOptions,
) (runtime.WatchFilesResult, error) {
	f.called(fmt.Sprintf("watch %s %v", path, opts.Recursive))
	return runtime.WatchFilesResult{}, f.watch(ctx, tell, opts)
}

func newChanger(t *testing.T) (*fakeChanger, *sandbox.Sandbox) {
	t.Helper()
	f := &fakeChanger{fake: newFake("an-image")}
	box, err := sandbox.New(t.Context(), f, sandbox.Options{Image: "an-image"})
	if err != nil {
		t.Fatal(err)
	}
	return f, box
}

func TestChanges(t *testing.T) {
	f, box := newChanger(t)
	before := len(f.seen())
	for _, err := range []error{
		box.Rename(t.Context(), "a", "b"), box.Chmod(t.Context(), "a", 0o4|fs.ModeSetuid), box.Chown(t.Context(), "a", 1, -1), box.Lchown(t.Context(), "a", -1, 2),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	want := []string{
		"change a runtime.Rename{To:b} false", "change a runtime.Chmod{Mode:u------r--} true",
		"change a runtime.Chown{UID:1 GID:-1} true", "change a runtime.Chown{UID:-1 GID:2} false",
	}
	if got := f.seen()[before:]; !slices.Equal(got, want) {
		t.Errorf("asked for %q, want %q", got, want)
	}
	f.err = &runtime.Error{Op: "change file", Kind: runtime.ErrFileNotFound}
	wantKind(t, box.Chmod(t.Context(), "a", 0), runtime.ErrFileNotFound, fs.ErrNotExist)
	if err := box.Close(); err != nil {
		t.Fatal(err)
	}
	wantKind(t, box.Rename(t.Context(), "a", "b"), runtime.ErrClosed, fs.ErrClosed)
	_, plain := newBox(t)
	wantKind(t, plain.Rename(t.Context(), "a", "b"), runtime.ErrUnsupported)
}

func TestWatch(t *testing.T) {
	f, box := newChanger(t)
	left := make(chan struct{}, 1)
	f.watch = func(ctx context.Context, tell func(runtime.FileEvent) error, opts runtime.WatchFilesOptions) error {
		defer func() { left <- struct{}{} }()
		opts.Ready()
		for i := range 3 {
			if err := tell(runtime.FileEvent{Op: runtime.FileCreated, Path: fmt.Sprint(i)}); err != nil {
				return err
			}
		}
		return &runtime.Error{Op: "watch files", Kind: runtime.ErrFileNotFound}
	}
	watch := func() (list []string, last error) {
		t.Helper()
		events, err := box.Watch(t.Context(), "d", sandbox.WatchOptions{Recursive: true})
		if err != nil {
			t.Fatal(err)
		}
		for e, err := range events {
			if last = err; err == nil {
				list = append(list, e.Path)
			}
		}
		for _, again := range events {
			wantKind(t, again, runtime.ErrInvalid)
		}
		<-left
		return list, last
	}
	list, err := watch()
	wantKind(t, err, runtime.ErrFileNotFound, fs.ErrNotExist)
	if !slices.Equal(list, []string{"0", "1", "2"}) {
		t.Errorf("events: %q", list)
	}
	events, err := box.Watch(t.Context(), "d", sandbox.WatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for range events {
		break
	}
	<-left // leaving the loop has ended it

	ctx, cancel := context.WithCancel(t.Context())
	if _, err = box.Watch(ctx, "d", sandbox.WatchOptions{}); err != nil {
		t.Fatal(err)
	}
	cancel()
	<-left

	f.watch = func(context.Context, func(runtime.FileEvent) error, runtime.WatchFilesOptions) error {
		return &runtime.Error{Op: "watch files", Kind: runtime.ErrInvalid}
	}
	if _, err := box.Watch(t.Context(), "d", sandbox.WatchOptions{}); !errors.Is(err, runtime.ErrInvalid) || !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("a watch that does not stand: %v", err)
	}
	_, plain := newBox(t)
	if _, err := plain.Watch(t.Context(), "d", sandbox.WatchOptions{}); !errors.Is(err, runtime.ErrUnsupported) {
		t.Errorf("a runtime that cannot: %v", err)
	}
}
