package sandbox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/sandbox"
)

// shells answers the tries of Shell: 127 for those that are not among names.
func shells(names ...string) func(context.Context, []string, runtime.ExecOptions) (runtime.ExecResult, error) {
	return func(_ context.Context, argv []string, _ runtime.ExecOptions) (runtime.ExecResult, error) {
		if slices.Contains(names, argv[0]) {
			return runtime.ExecResult{}, nil
		}
		return runtime.ExecResult{ExitCode: runtime.ExitNotFound}, nil
	}
}

func TestShell(t *testing.T) {
	for _, test := range []struct {
		has, want []string
	}{
		{[]string{"bash", "sh"}, []string{"exec bash -c :", "exec bash -c echo 1", "exec bash -c echo 2"}},
		{[]string{"sh"}, []string{"exec bash -c :", "exec sh -c :", "exec sh -c echo 1", "exec sh -c echo 2"}},
	} {
		f, box := newBox(t)
		f.exec = shells(test.has...)
		for _, line := range []string{"echo 1", "echo 2"} {
			if _, err := box.Shell(t.Context(), line, runtime.ExecOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		if got := f.seen()[1:]; !slices.Equal(got, test.want) {
			t.Errorf("with %q: calls %q, want %q", test.has, got, test.want)
		}
	}
}

func TestShellNone(t *testing.T) {
	f, box := newBox(t)
	f.exec = shells()
	result, err := box.Shell(t.Context(), "echo", runtime.ExecOptions{})
	wantKind(t, err, runtime.ErrInvalid)
	if result.ExitCode != -1 {
		t.Errorf("exit code %d of a command that did not run", result.ExitCode)
	}
	f.exec = shells("sh") // it was installed since
	if _, err := box.Shell(t.Context(), "echo", runtime.ExecOptions{}); err != nil {
		t.Error(err)
	}
}

// A cancelled first call must not decide for those that come after it, and one that waits is bound by its own context.
func TestShellContexts(t *testing.T) {
	f, box := newBox(t)
	entered := make(chan bool)
	f.exec = func(ctx context.Context, _ []string, _ runtime.ExecOptions) (runtime.ExecResult, error) {
		entered <- true
		<-ctx.Done()
		return runtime.ExecResult{ExitCode: runtime.ExitTimeout}, ctx.Err()
	}
	first, cancelFirst := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := box.ShellArgv(first, "echo")
		done <- err
	}()
	<-entered
	second, cancelSecond := context.WithCancel(t.Context())
	cancelSecond()
	_, err := box.ShellArgv(second, "echo")
	wantKind(t, err, context.Canceled)
	cancelFirst()
	wantKind(t, <-done, context.Canceled)

	f.exec = shells("bash")
	argv, err := box.ShellArgv(t.Context(), "echo")
	if err != nil || !slices.Equal(argv, []string{"bash", "-c", "echo"}) {
		t.Errorf("after a cancelled call: %q, %v", argv, err)
	}
}

func TestShellConcurrent(t *testing.T) {
	f, box := newBox(t)
	f.exec = shells("sh")
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			argv, err := box.ShellArgv(t.Context(), "echo")
			if err != nil || argv[0] != "sh" {
				t.Errorf("%q, %v", argv, err)
			}
		})
	}
	wg.Wait()
	if want := []string{"exec bash -c :", "exec sh -c :"}; !slices.Equal(f.seen()[1:], want) {
		t.Errorf("calls %q, want %q", f.seen()[1:], want)
	}
}

func TestOutput(t *testing.T) {
	f := newFake("an-image")
	f.exec = func(_ context.Context, _ []string, opts runtime.ExecOptions) (runtime.ExecResult, error) {
		io.WriteString(opts.Stdout, "0123456789")
		io.WriteString(opts.Stderr, "abc")
		return runtime.ExecResult{ExitCode: 124, TimedOut: true}, runtime.ErrTimeout
	}
	box, err := sandbox.New(t.Context(), f, sandbox.Options{Image: "an-image", OutputLimit: 5})
	if err != nil {
		t.Fatal(err)
	}
	var all bytes.Buffer
	out, err := box.Output(t.Context(), []string{"x"}, runtime.ExecOptions{Stdout: &all})
	wantKind(t, err, runtime.ErrTimeout)
	if got := fmt.Sprintf("%q %d %q %d %d", out.Stdout, out.StdoutCut, out.Stderr, out.StderrCut, out.ExitCode); got !=
		`"012\n[... 5 bytes left out ...]\n89" 5 "abc" 0 124` {
		t.Errorf("got %s", got)
	}
	if all.String() != "0123456789" {
		t.Errorf("the caller's writer got %q", all.String())
	}
	f.exec = func(context.Context, []string, runtime.ExecOptions) (runtime.ExecResult, error) {
		return runtime.ExecResult{ExitCode: -1}, errors.New("gone")
	}
	if out, err := box.ShellOutput(t.Context(), "x", runtime.ExecOptions{}); err == nil || out.ExitCode != -1 {
		t.Errorf("%v, %v", out, err)
	}
}

func FuzzBuffer(f *testing.F) {
	f.Add(7, []byte("hello, world, this is long"), 3)
	f.Add(1, []byte("ab"), 1)
	f.Add(8, []byte("abcdefgh"), 8)
	f.Fuzz(func(t *testing.T, limit int, data []byte, chunk int) {
		limit, chunk = 1+abs32(limit)%64, 1+abs32(chunk)%64
		b := sandbox.Buffer{Limit: limit}
		for part := range slices.Chunk(data, chunk) {
			if n, err := b.Write(part); n != len(part) || err != nil {
				t.Fatalf("Write gives %d, %v", n, err)
			}
		}
		want := string(data)
		cut := len(data) - limit
		if cut > 0 {
			want = fmt.Sprintf("%s\n[... %d bytes left out ...]\n%s", data[:limit-limit/2], cut, data[len(data)-limit/2:])
		}
		if b.String() != want || b.Cut() != int64(max(cut, 0)) {
			t.Errorf("limit %d, chunk %d: got %q, %d, want %q", limit, chunk, b.String(), b.Cut(), want)
		}
	})
}

func abs32(n int) int {
	if n < 0 {
		n = ^n
	}
	return n
}

func TestBufferDefault(t *testing.T) {
	var b sandbox.Buffer
	b.Write([]byte(strings.Repeat("x", sandbox.DefaultOutputLimit+1)))
	if b.Cut() != 1 {
		t.Errorf("%d bytes were cut, want 1", b.Cut())
	}
}
