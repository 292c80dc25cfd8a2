package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/sandlot-dev/sandlot/runtime"
)

// does gives a fake whose commands do f.
func does(f func(ctx context.Context, argv []string, opts runtime.ExecOptions) (runtime.ExecResult, error)) *fake {
	return &fake{images: []string{"image", builtinTag}, exec: f}
}

func exits(code int) *fake {
	return does(func(context.Context, []string, runtime.ExecOptions) (runtime.ExecResult, error) {
		return runtime.ExecResult{ExitCode: code}, nil
	})
}

func TestRunStatus(t *testing.T) {
	lost := &runtime.Error{Op: "exec", Kind: runtime.ErrConnectionLost, Hint: "see sandlot ls"}
	unread := &fs.PathError{Op: "write", Path: os.Stdout.Name(), Err: syscall.EPIPE}
	for _, c := range []struct {
		name   string
		result runtime.ExecResult
		err    error
		status int
		stderr string
	}{
		{"success", runtime.ExecResult{}, nil, 0, ""},
		{"its own", runtime.ExecResult{ExitCode: 3}, nil, 3, ""},
		{"its own 125", runtime.ExecResult{ExitCode: 125}, nil, 125, ""},
		{"not executable", runtime.ExecResult{ExitCode: 126}, nil, 126, ""},
		{"not found", runtime.ExecResult{ExitCode: 127}, nil, 127, ""},
		{"signal", runtime.ExecResult{ExitCode: 137, Signal: 9}, nil, 137, ""},
		{"out of memory", runtime.ExecResult{ExitCode: 137, Signal: 9, OOMKilled: true}, nil, 137, "--memory gives it more"},
		{"timeout", runtime.ExecResult{ExitCode: 124, TimedOut: true}, &runtime.Error{Kind: runtime.ErrTimeout}, 124, "timed out after 2s"},
		{"its own 124", runtime.ExecResult{ExitCode: 124}, nil, 124, ""},
		{"connection lost", runtime.ExecResult{ExitCode: -1}, lost, 125, "sandlot: exec: connection lost\nsandlot: see sandlot ls\n"},
		{"nobody reads", runtime.ExecResult{ExitCode: 124}, &runtime.Error{Op: "exec", Err: unread}, 141, ""},
		{"the engine does not read", runtime.ExecResult{ExitCode: -1}, &runtime.Error{Op: "exec", Err: syscall.EPIPE}, 125, "broken pipe"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := does(func(context.Context, []string, runtime.ExecOptions) (runtime.ExecResult, error) {
				return c.result, c.err
			})
			f.call(t, "run", "--image", "image", "--timeout", "2s", "--", "true").want(t, c.status, "", c.stderr)
			if len(f.sandboxes) != 0 {
				t.Errorf("run left %v", f.sandboxes)
			}
		})
	}
}

func TestRunStreams(t *testing.T) {
	f := does(func(_ context.Context, argv []string, opts runtime.ExecOptions) (runtime.ExecResult, error) {
		if opts.Stdin != nil {
			if _, err := io.Copy(opts.Stdout, opts.Stdin); err != nil {
				return runtime.ExecResult{}, err
			}
		}
		fmt.Fprintf(opts.Stdout, "%q", argv)
		fmt.Fprint(opts.Stderr, "to stderr")
		return runtime.ExecResult{}, nil
	})
	argv := `["-x" "a b" "--" "" "-i"]`
	args := []string{"--image", "image", "--", "-x", "a b", "--", "", "-i"}
	f.callWith(t, t.Context(), "input", append([]string{"run"}, args...)...).want(t, 0, argv, "to stderr")
	if c := f.callWith(t, t.Context(), "input", append([]string{"run", "-i"}, args...)...); c.stdout != "input"+argv {
		t.Errorf("run -i: %q", c.stdout)
	}
	if c := f.callWith(t, t.Context(), "input", append([]string{"run"}, args...)...); c.stdout != argv {
		t.Errorf("run without -i: %q", c.stdout)
	}
}

func TestRunOptions(t *testing.T) {
	f := exits(0)
	f.call(t, "run", "--image", "image", "--name", "box", "--replace", "-e", "A=1", "-e", "SET", "-w", "/w", "-u", "1:2",
		"-v", "/a:/b:ro", "-v", "data:/d", "--tmpfs", "/t:size=1m", "-p", "127.0.0.1:80:8080", "-p", "53/udp", "--network", "default",
		"--hostname", "h", "--label", "k=v", "--read-only", "--cap-add", "NET_RAW,CHOWN", "--cap-drop", "CHOWN",
		"--security-opt", `seccomp={"a":[1,2]}`, "--memory", "64m", "--cpus", "0.5", "--pids", "7", "true").want(t, 0, "", "")
	want := runtime.RunOptions{
		Name: "box", Replace: true, Env: []string{"A=1", "SET=from here"}, WorkingDir: "/w", User: "1:2", Hostname: "h",
		Labels: map[string]string{"k": "v"},
		Mounts: []runtime.Mount{
			{Type: runtime.MountBind, Source: "/a", Target: "/b", ReadOnly: true},
			{Type: runtime.MountVolume, Source: "data", Target: "/d"},
			{Type: runtime.MountTmpfs, Target: "/t", SizeBytes: 1 << 20},
		},
		Ports: []runtime.Port{
			{Container: 8080, Protocol: "tcp", HostIP: netip.MustParseAddr("127.0.0.1"), Host: 80},
			{Container: 53, Protocol: "udp"},
		},
		Network: "default", ReadOnlyRoot: true, CapAdd: []string{"NET_RAW", "CHOWN"}, CapDrop: []string{"CHOWN"},
		SecurityOpt: []string{`seccomp={"a":[1,2]}`}, MemoryBytes: 64 << 20, CPUs: 0.5, PidsLimit: 7,
	}
	if len(f.runs) == 1 {
		want.Owner = f.runs[0].Owner // see TestLease
	}
	if len(f.runs) != 1 || !reflect.DeepEqual(f.runs[0], want) {
		t.Errorf("got %+v\nwant %+v", f.runs, want)
	}
}

func TestRunUsage(t *testing.T) {
	for _, c := range []struct{ args, stderr string }{
		{"run", "sandlot run -- COMMAND"},
		{"run -it", "sandlot run -- COMMAND"},
		{"run -p 80 -- true", "--network default"},
		{"run --image a --build b -- true", "exclude each other"},
		{"run --replace -- true", "--replace needs --name"},
		{"run -v /a:/x -v /b:/x/ -- true", "two mounts at /x/"},
		{"run -v /a:/x --tmpfs /x -- true", "two mounts at /x"},
		{"run --network default -p 80:1 -p 80:2 -- true", "port 80 of the host twice"},
		{"run --memory much -- true", `"--memory" flag: not a size; write 64m`},
		{"run --cpus x -- true", "not a number of processors; write 2"},
		{"run --pids 0 -- true", "not a limit on processes; write 1 or more, or -1 for none"},
		{"run --timeout 5 -- true", "not a time; write 5s"},
		{"run --timout 5s -- true", "unknown flag: --timout\nsandlot: did you mean --timeout? see sandlot run --help"},
		{"run --zzzzzzz -- true", "unknown flag: --zzzzzzz\nsandlot: see sandlot run --help"},
		{"help nosuch", "unknown command \"nosuch\"\nsandlot: see sandlot --help"},
		{"help inspct", "did you mean sandlot inspect?"},
		{"help conformance nosuch", "sandlot conformance has no command \"nosuch\"\nsandlot: see sandlot conformance --help"},
		{"cp", "there are arguments missing\nsandlot: usage: sandlot cp"},
		{"port", "there are arguments missing\nsandlot: usage: sandlot port"},
		{"port a 1 2", "there are too many arguments\nsandlot: usage: sandlot port"},

		{"run --timeout 2 -- true", "write 2s"},
		{"run --pull often -- true", "missing, never, always"},
		{"run -e UNSET -- true", "write UNSET=VALUE"},
		{"run --label a=1 --label a=2 -- true", "twice"},
		{"create x", "usage: sandlot create"},
		{"exec", "usage: sandlot exec"},
		{"exec box", "usage: sandlot exec"},
		{"exec box --", "usage: sandlot exec"},
		{"exec box -w /x true", "flag -w after the sandbox's name"},
		{"cp a b", "must be NAME:PATH"},
		{"cp a:b c:d", "must be NAME:PATH"},
		{"cp a", "usage: sandlot cp"},
		{"build", "there are arguments missing\nsandlot: usage: sandlot build"},
		{"stop", "usage: sandlot stop"},
		{"conformance dif", "unknown command \"dif\"\nsandlot: did you mean sandlot conformance diff?\n"},
		{"frobnicate", "unknown command \"frobnicate\"\nsandlot: see sandlot --help\n"},
		{"insepct --image image", "unknown command \"insepct\"\nsandlot: did you mean sandlot inspect?\n"},
		{"st", "did you mean sandlot stop or sandlot start?\n"},
		{"ps", "did you mean sandlot ls?\n"},
		{"remove box", "did you mean sandlot rm?\n"},
	} {
		t.Run(c.args, func(t *testing.T) {
			f := exits(0)
			f.call(t, strings.Fields(c.args)...).want(t, 125, "", c.stderr)
			if len(f.runs) != 0 || len(f.execs) != 0 {
				t.Error("something ran")
			}
		})
	}
}

func TestRunWarnings(t *testing.T) {
	f := exits(0)
	f.warnings = []string{"no pids limit here"}
	f.call(t, "run", "--image", "image", "true").want(t, 0, "", "sandlot: warning: no pids limit here\n")
	f.call(t, "run", "--image", "image", "-q", "true").want(t, 0, "", "")
}

func TestRunBuiltIn(t *testing.T) {
	f := exits(0)
	f.images = nil
	f.call(t, "run", "true").want(t, 0, "", "building\n")
	f.call(t, "run", "true").want(t, 0, "", "")
	if want := []string{builtinTag, builtinTag}; !slices.Equal(f.ran, want) {
		t.Errorf("ran %v, want %v", f.ran, want)
	}
}

func TestRunMissingImage(t *testing.T) {
	f := exits(0)
	f.call(t, "run", "--image", "nope", "true").want(t, 125, "", "image not found\nsandlot: name another with --image")
}

// TestRunCancelled has a command that goes on until it is cancelled.
func TestRunCancelled(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(sig.String(), func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			f := does(func(ctx context.Context, _ []string, opts runtime.ExecOptions) (runtime.ExecResult, error) {
				fmt.Fprint(opts.Stdout, "so far")
				cancel(&signalError{sig})
				<-ctx.Done()
				return runtime.ExecResult{ExitCode: 124}, &runtime.Error{Op: "exec", Err: ctx.Err()}
			})
			f.callWith(t, ctx, "", "run", "--image", "image", "--", "sleep").want(t, 128+int(sig), "so far", "")
			if len(f.sandboxes) != 0 {
				t.Errorf("run left %v", f.sandboxes)
			}
		})
	}
}

func TestCleanUpFails(t *testing.T) {
	removal := &runtime.Error{Op: "remove", Kind: runtime.ErrUnavailable, Message: "the engine is gone"}
	for command, status := range map[int]int{0: 125, 3: 3} {
		f := exits(command)
		f.removeErr = removal
		f.call(t, "run", "--image", "image", "true").want(t, status, "", "the engine is gone")
	}
}

func TestCreateAndExec(t *testing.T) {
	f := does(func(_ context.Context, argv []string, opts runtime.ExecOptions) (runtime.ExecResult, error) {
		fmt.Fprintf(opts.Stdout, "%q %q %q %q %v", argv, opts.Env, opts.Dir, opts.User, opts.Timeout)
		return runtime.ExecResult{ExitCode: 4}, nil
	})
	if c := f.call(t, "create", "--image", "image", "--name", "box"); c != (call{stdout: "box\n"}) {
		t.Errorf("create: %+v", c)
	}
	f.call(t, "create", "--image", "image", "--json").want(t, 0, `"name": "made-up-1"`, "")
	f.call(t, "exec", "-e", "A=1", "-w", "/w", "-u", "u", "--timeout", "3s", "box", "--", "ls", "--", "-l").
		want(t, 4, `["ls" "--" "-l"] ["A=1"] "/w" "u" 3s`, "")
	f.call(t, "exec", "box", "ls", "-l").want(t, 4, `["ls" "-l"]`, "")
	f.call(t, "exec", "none", "ls").want(t, 125, "", "not found")
	if len(f.sandboxes) != 2 {
		t.Errorf("%d sandboxes are left, want the 2 that create made", len(f.sandboxes))
	}
}
