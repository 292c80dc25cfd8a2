package engine

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/sandlot-dev/sandlot/guest"
	"github.com/sandlot-dev/sandlot/runtime"
)

// What to do about an error is the same on each engine, where the engines' words are not.
func TestHints(t *testing.T) {
	const networks, registry, name = "none, default, host", "reaches the registry", "wants a user"
	run := func(network string) func(e *engine) error {
		return func(e *engine) error {
			_, err := e.Run(t.Context(), image, runtime.RunOptions{Network: network})
			return err
		}
	}
	pull := func(e *engine) error {
		_, err := e.Pull(t.Context(), image, runtime.PullOptions{})
		return err
	}
	for title, test := range map[string]struct {
		prepare func(f *fake)
		do      func(e *engine) error
		kind    error
		hint    string
	}{
		"no network, found out by the creation": {func(f *fake) { f.failCreate = fails(runtime.ErrNotFound, "") }, run("mine"), runtime.ErrNotFound, networks},
		"no network, found out by the start":    {func(f *fake) { f.failStart = fails(runtime.ErrNotFound, "") }, run("mine"), runtime.ErrNotFound, networks},
		"not a network":                         {func(f *fake) { f.failStart = fails(runtime.ErrNotFound, "") }, run("default"), runtime.ErrNotFound, ""},
		"another error with a network":          {func(f *fake) { f.failStart = fails(runtime.ErrPortInUse, "") }, run("mine"), runtime.ErrPortInUse, ""},
		"no registry":                           {func(f *fake) { f.failPull = fails(runtime.ErrUnavailable, "") }, pull, runtime.ErrUnavailable, registry},
		"not in the registry":                   {func(f *fake) { f.failPull = fails(runtime.ErrImageNotFound, "") }, pull, runtime.ErrImageNotFound, name},
	} {
		t.Run(title, func(t *testing.T) {
			f := newFake()
			test.prepare(f)
			err := test.do(f.open(t))
			check(t, err, test.kind, test.hint)
			if own := err.(*runtime.Error); test.hint == "" && own.Hint != "" {
				t.Errorf("the hint is %q, want none", own.Hint)
			}
		})
	}
}

// The guest knows the last part of a path that is not there.
func TestMissingFilesAreNamedWhole(t *testing.T) {
	f := newFake()
	e := f.open(t)
	f.add("box", ours, time.Now())
	e.guest.get = func(_ context.Context, ch guest.Channel, _ string, _ io.Writer, _ runtime.GetArchiveOptions) (runtime.GetArchiveResult, error) {
		ch.Close()
		return runtime.GetArchiveResult{}, &runtime.Error{Kind: runtime.ErrFileNotFound, Message: "packing nosuch: no such file or directory"}
	}
	_, err := e.GetArchive(t.Context(), "box", "/a/nosuch", io.Discard, runtime.GetArchiveOptions{})
	if want := "get archive box on fake: file not found: /a/nosuch: no such file or directory"; err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}
