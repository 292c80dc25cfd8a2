package runtime

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
)

func TestErrorText(t *testing.T) {
	for want, err := range map[string]*Error{
		"run": {Op: "run"},
		"run box on docker: already exists: the name is taken; choose another": {
			Op: "run", ID: "box", Runtime: "docker", Kind: ErrAlreadyExists, Message: "the name is taken", Hint: "choose another",
		},
		"exec on podman: connection lost: the sandbox ended: unexpected EOF": {
			Op: "exec", Runtime: "podman", Kind: ErrConnectionLost, Message: "the sandbox ended", Err: io.ErrUnexpectedEOF,
		},
		"build: build failed: step 2\nstep 1\nstep 2": {Op: "build", Kind: ErrBuildFailed, Message: "step 2", Log: "step 1\nstep 2"},
		"run: EOF": {Op: "run", Message: "EOF", Err: io.EOF}, // not twice
	} {
		if got := err.Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestErrorMatches(t *testing.T) {
	err := fmt.Errorf("wrapped: %w", &Error{Op: "exec", Kind: ErrTimeout, Err: context.DeadlineExceeded})
	for _, want := range []error{ErrTimeout, context.DeadlineExceeded} {
		if !errors.Is(err, want) {
			t.Errorf("it is not %v", want)
		}
	}
	for _, other := range []error{ErrNotFound, context.Canceled} {
		if errors.Is(err, other) {
			t.Errorf("it is %v", other)
		}
	}
	var e *Error
	if !errors.As(err, &e) || e.Op != "exec" {
		t.Errorf("no *Error in %v", err)
	}
	if errors.Is(&Error{Op: "run"}, nil) {
		t.Error("an error without kind and cause matches nil")
	}
	if !errors.Is(&Error{Kind: ErrUnsupported}, errors.ErrUnsupported) {
		t.Error("ErrUnsupported is not errors.ErrUnsupported")
	}
}

func TestCapabilities(t *testing.T) {
	var none Capabilities
	for _, c := range AllCapabilities() {
		if none.Has(c) {
			t.Errorf("the zero value has %s", c)
		}
		var e *Error
		if err := none.Check(c, "run", "an option"); !errors.Is(err, errors.ErrUnsupported) || !errors.As(err, &e) || e.Op != "run" {
			t.Errorf("%s: %v", c, err)
		}
	}
	some := Capabilities{CapabilityTTY: {OK: true}, CapabilityUser: {Reason: "one user", Fix: "add some"}}
	if err := some.Check(CapabilityTTY, "exec", "a terminal"); err != nil {
		t.Error(err)
	}
	const want = "exec: unsupported operation: a user needs the capability user, which this engine does not have: one user; add some"
	if err := some.Check(CapabilityUser, "exec", "a user"); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
