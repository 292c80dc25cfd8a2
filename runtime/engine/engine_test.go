package engine

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/sandlot-dev/sandlot/guest"
	"github.com/sandlot-dev/sandlot/runtime"
)

func TestClose(t *testing.T) {
	f := newFake()
	e := f.open(t)
	id := f.add("box", ours, time.Now())
	began := make(chan struct{})
	e.guest.exec = func(ctx context.Context, ch guest.Channel, _ []string, _ runtime.ExecOptions, _ guest.Rescue) (runtime.ExecResult, error) {
		defer ch.Close()
		close(began)
		<-ctx.Done()
		return runtime.ExecResult{ExitCode: 124}, &runtime.Error{Err: ctx.Err()}
	}
	done := make(chan error)
	go func() {
		_, err := e.Exec(t.Context(), "box", []string{"a"}, runtime.ExecOptions{})
		done <- err
	}()
	<-began
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	check(t, <-done, runtime.ErrClosed, "closed during the call")
	if f.closed != 1 {
		t.Errorf("the API was closed %d times", f.closed)
	}
	if err := e.Close(); err != nil || f.closed != 1 {
		t.Errorf("again: %v, %d times", err, f.closed)
	}
	for _, err := range everything(t.Context(), e, id) {
		check(t, err, runtime.ErrClosed)
	}
	_, err := e.Run(t.Context(), image, runtime.RunOptions{})
	check(t, err, runtime.ErrClosed)
	_, err = e.Info(t.Context())
	check(t, err, runtime.ErrClosed)
	if f.containers[id] == nil {
		t.Error("the sandbox was removed")
	}
}

func TestInfoIsKept(t *testing.T) {
	f := newFake()
	e := f.open(t)
	f.failInfo = fails(runtime.ErrUnavailable, "refused")
	_, err := e.Info(t.Context())
	check(t, err, runtime.ErrUnavailable)
	f.failInfo = nil
	for range 2 {
		info, err := e.Info(t.Context())
		if err != nil || info.Runtime != "fake" || info.URL != "fake:///?sessions=off" || !info.Capabilities.Has(runtime.CapabilityTTY) {
			t.Errorf("%+v, %v", info, err)
		}
		info.Capabilities[runtime.CapabilityTTY] = runtime.Support{} // the caller's own copy
	}
	if got := f.calls("info"); got != "info, info" {
		t.Errorf("%s, want one that failed and one kept", got)
	}
}

func TestFailKeepsContextErrors(t *testing.T) {
	e := newFake().open(t)
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	for _, err := range []error{
		errors.New("connection reset"), &runtime.Error{Kind: runtime.ErrUnavailable, Message: "EOF"}, context.DeadlineExceeded,
		&runtime.Error{Err: context.DeadlineExceeded},
	} {
		got := e.fail(ctx, "run", "x", err)
		check(t, got, context.DeadlineExceeded)
		if errors.Is(got, runtime.ErrUnavailable) {
			t.Errorf("%v: the engine was not asked long enough", got)
		}
	}
	check(t, e.fail(ctx, "run", "x", &runtime.Error{Kind: runtime.ErrInvalid}), runtime.ErrInvalid)
	if err := e.fail(ctx, "run", "x", nil); err != nil {
		t.Error(err)
	}
}

func buildContext(names ...string) *bytes.Buffer {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, name := range names {
		w.WriteHeader(&tar.Header{Name: name, Size: 600, Mode: 0o644})
		w.Write(make([]byte, 600))
	}
	w.Close()
	return &buf
}

func TestBuildFindsTheDockerfile(t *testing.T) {
	for name, test := range map[string]struct {
		context    io.Reader
		dockerfile string
		want       error
		calls      string
	}{
		"Dockerfile":    {buildContext("a", "./Dockerfile"), "", nil, "build Dockerfile 4096"},
		"Containerfile": {buildContext("Containerfile"), "", nil, "build Containerfile 2560"},
		"both":          {buildContext("Containerfile", "Dockerfile"), "", nil, "build Dockerfile 4096"},
		"named":         {buildContext("Dockerfile", "deep/file"), "./deep/file", nil, "build deep/file 4096"},
		"missing":       {buildContext("a"), "", runtime.ErrInvalid, ""},
		"named missing": {buildContext("Dockerfile"), "other", runtime.ErrInvalid, ""},
		"outside":       {buildContext("Dockerfile"), "../Dockerfile", runtime.ErrInvalid, ""},
		"absolute":      {buildContext("Dockerfile"), "/Dockerfile", runtime.ErrInvalid, ""},
		"no tar":        {strings.NewReader(strings.Repeat("no tar ", 200)), "", runtime.ErrInvalid, ""},
		"empty":         {strings.NewReader(""), "", runtime.ErrInvalid, ""},
		"nil":           {nil, "", runtime.ErrInvalid, ""},
		"cut off":       {io.LimitReader(buildContext("Dockerfile"), 700), "", io.ErrUnexpectedEOF, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			_, err := f.open(t).Build(t.Context(), test.context, runtime.BuildOptions{Dockerfile: test.dockerfile})
			check(t, err, test.want)
			if got := f.calls("build"); got != test.calls {
				t.Errorf("%q, want %q", got, test.calls)
			}
		})
	}
}

func TestBuildChecksTheTag(t *testing.T) {
	e := newFake().open(t)
	for tag, want := range map[string]error{
		"": nil, "localhost/a": nil, "localhost/project/app:1": nil, "registry.example.com:5000/x:y": nil,
		"app": runtime.ErrInvalid, "project/app:1": runtime.ErrInvalid, "localhost/UPPER": runtime.ErrInvalid, "localhost/a:b:c": runtime.ErrInvalid,
		"localhost/a@sha256:" + strings.Repeat("0", 64): runtime.ErrInvalid,
	} {
		_, err := e.Build(t.Context(), buildContext("Dockerfile"), runtime.BuildOptions{Tag: tag})
		if !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", tag, err, want)
		}
	}
}

func TestBuildDoesNotWaitForItsReader(t *testing.T) {
	r, w := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	e := newFake().open(t)
	go func() {
		_, err := e.Build(ctx, r, runtime.BuildOptions{})
		done <- err
	}()
	w.Write([]byte{0}) // it reads
	cancel()
	check(t, <-done, context.Canceled)
	w.Close()
}
