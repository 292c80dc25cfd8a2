package main

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/sandlot-dev/sandlot/runtime"
)

// TestDescribe has what to do next on the last line, in terms of flags where the error leaves that to its kind.
func TestDescribe(t *testing.T) {
	refused := &runtime.Error{Op: "pull", ID: "image", Kind: runtime.ErrUnavailable, Message: "refused", Hint: "see the registry"}
	for _, c := range []struct {
		err  error
		want string
	}{
		{&runtime.Error{Op: "run", ID: "image", Kind: runtime.ErrAlreadyExists}, "run image: already exists\nchoose another --name, or let --replace remove the sandbox that has it"},
		{&runtime.Error{Op: "run", ID: "image", Kind: runtime.ErrAlreadyExists, Hint: "not that one"}, "run image: already exists\nnot that one"},
		{&runtime.Error{Op: "exec", ID: "box", Kind: runtime.ErrNotRunning}, "exec box: not running\nsandlot start box starts it"},
		{&runtime.Error{Op: "exec", Kind: runtime.ErrNotRunning}, "exec: not running\nsandlot start NAME starts it"},
		{&runtime.Error{Op: "run", ID: "image", Kind: runtime.ErrImageNotFound}, "run image: image not found\nname another with --image, let it be pulled with --pull missing, or build one with --build DIR"},
		{refused, "pull image: unavailable: refused\nsee the registry\n--build DIR builds an image, --image REF names another, and with --pull never no registry is asked"},
		{&runtime.Error{Op: "pull", Kind: runtime.ErrInvalid}, "pull: invalid\n--build DIR builds an image, --image REF names another, and with --pull never no registry is asked"},
		{fmt.Errorf("while it runs: %w", &runtime.Error{Op: "exec", Kind: runtime.ErrInvalid, Hint: "mend it"}), "while it runs: exec: invalid\nmend it"},
		{&runtime.Error{Op: "build", Kind: runtime.ErrBuildFailed, Hint: "mend it", Log: "the log"}, "build: build failed\nthe log\nmend it"},
		{context.Canceled, "context canceled"},
	} {
		if got := describe(c.err); got != c.want {
			t.Errorf("%#v:\n%s\nwant\n%s", c.err, got, c.want)
		}
	}
}

func TestBuildFileMissing(t *testing.T) {
	c := exits(0).call(t, "build", t.TempDir())
	c.want(t, 125, "", "it has no Dockerfile or Containerfile\nsandlot: name the directory that holds it")
	if !strings.HasSuffix(c.stderr, " or -f\n") {
		t.Errorf("stderr: %q", c.stderr)
	}
}

func TestBuildDirectoryMissing(t *testing.T) {
	c := exits(0).call(t, "run", "--build", "/no/such", "--", "true")
	c.want(t, 125, "", "build /no/such: invalid")
	if !strings.HasSuffix(c.stderr, "\nsandlot: name a directory that holds a Dockerfile or Containerfile\n") {
		t.Errorf("stderr: %q", c.stderr)
	}
}

func TestSayLeavesEmptyLinesOut(t *testing.T) {
	var out strings.Builder
	say(&out, "two errors:\n\t* one\n\n\t* other\n\n\nthe hint\n")
	if want := "sandlot: two errors:\nsandlot: \t* one\nsandlot: \t* other\nsandlot: the hint\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}
