//go:build linux

package guest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/sandlot-dev/sandlot/guest/wire"
	"github.com/sandlot-dev/sandlot/runtime"
)

func TestExecEnds(t *testing.T) {
	b := newBox(t, asUser, "/")
	for _, c := range []struct {
		script       string
		exit, signal int
	}{
		{"exit 0", 0, 0},
		{"exit 1", 1, 0},
		{"exit 124", 124, 0},
		{"exit 255", 255, 0},
		{"kill -KILL $$", 137, 9},
		{"kill -TERM $$", 143, 15},
		{"kill -INT $$", 130, 2},
	} {
		r := b.sh(runtime.ExecOptions{}, c.script)
		mustExit(t, r, c.exit)
		if r.Signal != c.signal || r.TimedOut || r.OOMKilled || r.OutputHeld {
			t.Errorf("%s: %+v", c.script, r.ExecResult)
		}
	}
	b.mustBeEmpty()
}

func TestExecNotStarted(t *testing.T) {
	dir := openDir(t)
	write := func(name, content string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(path, []byte(content), 0o644), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	plain, noInterpreter, noFormat := write("plain", "", 0o644), write("script", "#!/no/such\n", 0o755), write("nothing", "\x00\x01\x02", 0o755)
	b := newBox(t, asUser, "/")
	for _, c := range []struct {
		name   string
		exit   int
		stderr string
	}{
		{"/no/such/program", 127, "sandlot: /no/such/program: not found\n"},
		{"no-such-program", 127, "sandlot: no-such-program: not found\n"},
		{"", 127, "sandlot: : not found\n"},
		{"/etc/passwd/x", 127, "sandlot: /etc/passwd/x: not found\n"},
		{noInterpreter, 127, "sandlot: " + noInterpreter + ": the program that runs it was not found\n"},
		{"/etc", 126, "sandlot: /etc: is a directory\n"},
		{plain, 126, "sandlot: " + plain + ": permission denied\n"},
		{"/root/x", 126, "sandlot: /root/x: permission denied\n"},
		{noFormat, 126, "sandlot: " + noFormat + ": exec format error\n"},
	} {
		if r := b.exec(runtime.ExecOptions{}, c.name); r.err != nil || r.ExitCode != c.exit || r.stderr != c.stderr || r.stdout != "" {
			t.Errorf("%q: %+v, want exit code %d and %q", c.name, r, c.exit, c.stderr)
		}
	}
	b.mustBeEmpty()
}

func TestExecInvalid(t *testing.T) {
	b := newBox(t, asUser, "/")
	for name, c := range map[string]struct {
		argv []string
		opts runtime.ExecOptions
		kind error
	}{
		"no argv":            {nil, runtime.ExecOptions{}, runtime.ErrInvalid},
		"zero byte":          {[]string{"echo", "a\x00b"}, runtime.ExecOptions{}, runtime.ErrInvalid},
		"env":                {[]string{"echo"}, runtime.ExecOptions{Env: []string{"A"}}, runtime.ErrInvalid},
		"env zero byte":      {[]string{"echo"}, runtime.ExecOptions{Env: []string{"A=\x00"}}, runtime.ErrInvalid},
		"dir zero byte":      {[]string{"echo"}, runtime.ExecOptions{Dir: "/\x00"}, runtime.ErrInvalid},
		"timeout":            {[]string{"echo"}, runtime.ExecOptions{Timeout: -1}, runtime.ErrInvalid},
		"missing dir":        {[]string{"echo"}, runtime.ExecOptions{Dir: "/no/such"}, runtime.ErrInvalid},
		"dir is a file":      {[]string{"echo"}, runtime.ExecOptions{Dir: "/etc/passwd"}, runtime.ErrInvalid},
		"forbidden dir":      {[]string{"echo"}, runtime.ExecOptions{Dir: "/root"}, runtime.ErrPermission},
		"argument too long":  {[]string{"echo", strings.Repeat("x", 1<<20)}, runtime.ExecOptions{}, runtime.ErrInvalid},
		"request too long":   {append([]string{"echo"}, make([]string, 3<<20)...), runtime.ExecOptions{}, runtime.ErrInvalid},
		"all args too long":  {append([]string{"echo"}, slicesOf("y", 1<<20)...), runtime.ExecOptions{}, runtime.ErrInvalid},
		"working dir's gone": {[]string{"echo"}, runtime.ExecOptions{Dir: "no-such"}, runtime.ErrInvalid},
	} {
		r := b.exec(c.opts, c.argv...)
		if !errors.Is(r.err, c.kind) || r.stdout+r.stderr != "" || r.ExitCode != -1 {
			t.Errorf("%s: %+v, want %v", name, r, c.kind)
		}
	}
	b.mustBeEmpty()
}

func slicesOf(s string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = s
	}
	return all
}

func TestExecEnvironment(t *testing.T) {
	b := newBox(t, asUser, "/usr")
	as := append(asUser[:len(asUser):len(asUser)], "env", "-i", "PATH=/usr/bin:/bin", "KEPT=1", "OVER=old")
	exec := func(opts runtime.ExecOptions, argv ...string) ran {
		return b.execIn(context.Background(), b.serve(as), opts, argv...)
	}
	r := exec(runtime.ExecOptions{Env: []string{"OVER=mid", "NEW=\xff\n=", "OVER=new", "EMPTY="}}, "env", "-0")
	mustExit(t, r, 0)
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	if want := "HOSTNAME=" + host + "\x00PATH=/usr/bin:/bin\x00KEPT=1\x00OVER=new\x00NEW=\xff\n=\x00EMPTY=\x00"; r.stdout != want {
		t.Errorf("env: %q, want %q", r.stdout, want)
	}
	for dir, want := range map[string]string{"": "/usr\n", "bin/..": "/usr\n", "lib": "/usr/lib\n", "/etc": "/etc\n"} {
		if r := exec(runtime.ExecOptions{Dir: dir}, "pwd", "-P"); r.stdout != want {
			t.Errorf("pwd in %q: %q, want %q: %v", dir, r.stdout, want, r.err)
		}
	}
	// The command's own PATH counts, from its own directory.
	for path, exit := range map[string]int{"/no/such:/bin": 0, "/no/such": 127, "bin": 0, "": 127} {
		if r := exec(runtime.ExecOptions{Env: []string{"PATH=" + path}}, "true"); r.ExitCode != exit {
			t.Errorf("PATH=%s: %+v, want exit code %d", path, r, exit)
		}
	}
	if r := exec(runtime.ExecOptions{}, "echo", "\xff\xfe", ""); r.stdout != "\xff\xfe \n" {
		t.Errorf("arguments that are no text: %q", r.stdout)
	}
	if r := exec(runtime.ExecOptions{}, append([]string{"sh", "-c", `echo $#`, "sh"}, slicesOf(strings.Repeat("z", 100), 10000)...)...); r.stdout != "10000\n" {
		t.Errorf("1 MB of arguments: %q %v", r.stdout, r.err)
	}
}

func TestExecStartsClean(t *testing.T) {
	b := newBox(t, asUser, "/")
	// An engine that ignores signals, and leaks a descriptor.
	ignoreSignal(t, 32)
	ch := b.serve(append([]string{"sh", "-c", `trap "" HUP INT QUIT PIPE TERM USR1; exec 7</etc/passwd; exec "$@"`, "sh"}, asUser...))
	r := b.execIn(context.Background(), ch, runtime.ExecOptions{},
		"sh", "-c", `grep -E "SigIgn|SigBlk" /proc/self/status; ls /proc/self/fd; ps -o pid=,pgid=,sid=,tty= -p $$`)
	mustExit(t, r, 0)
	lines := strings.Split(strings.TrimSpace(r.stdout), "\n")
	if want := "SigBlk:\t0000000000000000 SigIgn:\t0000000000000000 0 1 2 3"; strings.Join(lines[:len(lines)-1], " ") != want {
		t.Errorf("%q, want %q", lines, want)
	}
	f := strings.Fields(lines[len(lines)-1])
	if f[0] != f[1] || f[0] != f[2] || f[3] != "?" {
		t.Errorf("pid, group, session, terminal: %v: want a session of its own, without a terminal", f)
	}
}

// ignoreSignal lets what the test starts be born with a signal ignored that no shell can ignore, as glibc's posix_spawn, and so make, does.
func ignoreSignal(t *testing.T, s syscall.Signal) {
	t.Helper()
	type sigaction struct{ handler, flags, restorer, mask uint64 }
	set := func(action, before *sigaction) {
		_, _, errno := syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(s), uintptr(unsafe.Pointer(action)), uintptr(unsafe.Pointer(before)), 8, 0, 0)
		if errno != 0 {
			t.Fatalf("rt_sigaction: %v", errno)
		}
	}
	var before sigaction
	set(&sigaction{handler: 1}, &before)
	t.Cleanup(func() { set(&before, nil) })
}

func TestExecStreams(t *testing.T) {
	b := newBox(t, asUser, "/")
	r := b.sh(runtime.ExecOptions{}, "echo out; echo err >&2")
	if r.stdout != "out\n" || r.stderr != "err\n" {
		t.Errorf("%q and %q", r.stdout, r.stderr)
	}
	// The same writer for both, and none.
	var both bytes.Buffer
	b.sh(runtime.ExecOptions{Stdout: &both, Stderr: &both}, "echo out; echo err >&2")
	if both.Len() != 8 {
		t.Errorf("both: %q", both.String())
	}
	if _, err := Exec(context.Background(), b.serve(asUser), []string{"sh", "-c", "echo out; echo err >&2"}, runtime.ExecOptions{}, b.rescue); err != nil {
		t.Error(err)
	}

	mustExit(t, b.sh(runtime.ExecOptions{}, "test -z \"$(cat)\""), 0) // no stdin
	mustExit(t, b.sh(runtime.ExecOptions{Stdin: strings.NewReader("")}, "test -z \"$(cat)\""), 0)
	if r := b.exec(runtime.ExecOptions{Stdin: strings.NewReader("a\x00b")}, "cat"); r.stdout != "a\x00b" {
		t.Errorf("stdin: %q", r.stdout)
	}
	// Who does not read its input, or closes it, is no error.
	mustExit(t, b.sh(runtime.ExecOptions{Stdin: endless{}}, "exit 5"), 5)
	mustExit(t, b.sh(runtime.ExecOptions{Stdin: endless{}}, "exec <&-; sleep 0.1; exit 5"), 5)
	mustExit(t, b.sh(runtime.ExecOptions{Stdin: endless{}}, "head -c 300000 | wc -c; exit 6"), 6)
	// A Read that never returns holds nothing up.
	blocked, _ := io.Pipe()
	mustExit(t, b.sh(runtime.ExecOptions{Stdin: blocked}, "exit 7"), 7)

	failing := io.MultiReader(strings.NewReader("some"), readerFunc(func([]byte) (int, error) { return 0, os.ErrDeadlineExceeded }))
	r = b.exec(runtime.ExecOptions{Stdin: failing}, "cat")
	if !errors.Is(r.err, os.ErrDeadlineExceeded) || r.ExitCode != 0 || r.stdout != "some" {
		t.Errorf("stdin that fails: %+v", r)
	}
	b.mustBeEmpty()
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestExecMuchData(t *testing.T) {
	b := newBox(t, asUser, "/")
	const size = 64 << 20
	// Through a command and back, both ways at once.
	in, out := sha256.New(), sha256.New()
	data := io.TeeReader(io.LimitReader(&pattern{}, size), in)
	var n int64
	r := b.exec(runtime.ExecOptions{Stdin: data, Stdout: writerFunc(func(p []byte) (int, error) {
		n += int64(len(p))
		return out.Write(p)
	})}, "cat")
	mustExit(t, r, 0)
	if n != size || !bytes.Equal(in.Sum(nil), out.Sum(nil)) {
		t.Errorf("%d bytes, want the %d that went in", n, size)
	}
	// Output on both streams, the leader gone before a slow host has read it.
	for range 3 {
		r := b.sh(runtime.ExecOptions{}, "head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2")
		if len(r.stdout) != 300000 || len(r.stderr) != 300000 {
			t.Errorf("%d and %d bytes", len(r.stdout), len(r.stderr))
		}
	}
}

// pattern is bytes that do not repeat with any power of two.
type pattern struct{ n uint64 }

func (p *pattern) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(p.n % 251)
		p.n++
	}
	return len(b), nil
}

// What a command wrote before it exited is not lost when the host takes longer to read it than anybody waits for its background.
func TestExecSlowHostMissesNothing(t *testing.T) {
	b := newBox(t, asUser, "/")
	count := filepath.Join(openDir(t), "count")
	release := make(chan struct{})
	first, n := true, 0
	slow := writerFunc(func(p []byte) (int, error) {
		if first {
			first = false
			<-release
		}
		n += len(p)
		return len(p), nil
	})
	go func() {
		defer close(release)
		b.waitFor(func(lines []string) bool { return contains(lines, "sleep 4321") && !contains(lines, "fill") })
		b.sh(runtime.ExecOptions{}, "sleep 1.5")
	}()
	mustExit(t, b.sh(runtime.ExecOptions{Stdout: slow}, script("sleep 4321 & exec HOSTILE fill "+count)), 0)
	want, err := os.ReadFile(count)
	if err != nil || strconv.Itoa(n) != string(want) {
		t.Errorf("%d bytes, want %s, %v", n, want, err)
	}
}

// openDir is a directory that all users of a box may write to.
func openDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for parent := dir; parent != os.TempDir() && parent != "/"; parent = filepath.Dir(parent) {
		if err := os.Chmod(parent, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func contains(lines []string, s string) bool {
	return strings.Contains(strings.Join(lines, "\n"), s)
}

func (b *box) waitFor(ok func(lines []string) bool) {
	eventually(b.t, "processes as expected", func() bool { return ok(b.processes()) })
}

func TestExecBackground(t *testing.T) {
	b := newBox(t, asUser, "/")
	mark := filepath.Join(openDir(t), "mark")
	// It holds the output, and goes on writing when nobody reads any more.
	r := b.sh(runtime.ExecOptions{}, fmt.Sprintf("echo first; (sleep 1.2; head -c 1000000 /dev/zero; echo more; echo done > %s; sleep 4321) & exit 4", mark))
	mustExit(t, r, 4)
	if r.stdout != "first\n" || !r.OutputHeld {
		t.Errorf("%+v", r)
	}
	eventually(t, "the background goes on", func() bool { _, err := os.Stat(mark); return err == nil })
	if !contains(b.processes(), "sleep 4321") {
		t.Error("what the command left running has ended")
	}
	// One that does not hold it is not waited for.
	r = b.sh(runtime.ExecOptions{}, "sleep 4322 >/dev/null 2>&1 & echo x")
	if r.stdout != "x\n" || r.OutputHeld {
		t.Errorf("%+v", r)
	}
	// When it ends, so does its supervisor.
	mustExit(t, b.sh(runtime.ExecOptions{}, "pkill sleep"), 0)
	eventually(t, "supervisors end", func() bool { return len(b.processes()) == 0 })
}

func TestExecTerminal(t *testing.T) {
	b := newBox(t, asUser, "/")
	r := b.sh(runtime.ExecOptions{TTY: true, Size: runtime.WindowSize{Rows: 30, Cols: 100}}, "stty size; tty; echo err >&2; exit 3")
	mustExit(t, r, 3)
	if lines := strings.Split(r.stdout, "\r\n"); lines[0] != "30 100" || !strings.HasPrefix(lines[1], "/dev/pts/") || lines[2] != "err" || r.stderr != "" {
		t.Errorf("%q %q", r.stdout, r.stderr)
	}
	if r := b.sh(runtime.ExecOptions{TTY: true}, "stty size; echo $TERM"); r.stdout != "24 80\r\nxterm\r\n" && os.Getenv("TERM") == "" {
		t.Errorf("%q", r.stdout)
	}
	for _, input := range []string{"line\n", "part"} {
		r := b.sh(runtime.ExecOptions{TTY: true, Stdin: strings.NewReader(input)}, "stty -echo; cat; exit 9")
		mustExit(t, r, 9)
		if !strings.Contains(r.stdout, strings.TrimSpace(input)) {
			t.Errorf("%q became %q", input, r.stdout)
		}
	}
	// The size changes when the program says that it waits for it.
	sizes := make(chan runtime.WindowSize, 1)
	var out bytes.Buffer
	r = b.sh(runtime.ExecOptions{TTY: true, Resize: sizes, Stdout: writerFunc(func(p []byte) (int, error) {
		out.Write(p)
		if strings.Contains(out.String(), "ready") {
			select {
			case sizes <- runtime.WindowSize{Rows: 40, Cols: 120}:
			default:
			}
		}
		return len(p), nil
	})}, `trap 'stty size; exit 0' WINCH; echo ready; while :; do sleep 0.05; done`)
	mustExit(t, r, 0)
	if !strings.Contains(out.String(), "40 120") {
		t.Errorf("%q", out.String())
	}
	// Ctrl-C is the terminal's.
	r = b.sh(runtime.ExecOptions{TTY: true, Stdin: strings.NewReader("\x03"), Timeout: watchdog / 2}, "exec sleep 4321")
	if r.Signal != 2 {
		t.Errorf("%+v", r)
	}
	b.mustBeEmpty()
}

func TestExecWriteError(t *testing.T) {
	b := newBox(t, asUser, "/")
	full := errors.New("full")
	r := b.sh(runtime.ExecOptions{Stdout: writerFunc(func(p []byte) (int, error) { return 0, full })}, "echo x; (setsid sleep 4321 &); sleep 4321")
	if !errors.Is(r.err, full) || r.ExitCode != runtime.ExitTimeout || r.TimedOut {
		t.Errorf("%+v", r)
	}
	r = b.sh(runtime.ExecOptions{Stderr: writerFunc(func(p []byte) (int, error) { return 0, nil })}, "echo x >&2")
	if !errors.Is(r.err, io.ErrShortWrite) {
		t.Errorf("%+v", r)
	}
	b.mustBeEmpty()
}

// A guest whose host talks nonsense ends, with everything that it started.
func TestServeGarbage(t *testing.T) {
	b := newBox(t, asUser, "/")
	request := func(w *wire.Writer) {
		_ = w.WriteRequest(wire.Request{Exec: &wire.ExecRequest{Argv: [][]byte{[]byte("sleep"), []byte("4321")}, Stdin: true}})
	}
	for name, send := range map[string]func(ch *pipeChannel, w *wire.Writer){
		"nothing":         func(ch *pipeChannel, w *wire.Writer) {},
		"noise":           func(ch *pipeChannel, w *wire.Writer) { _, _ = io.CopyN(ch, &pattern{n: 77}, 1<<20) },
		"text":            func(ch *pipeChannel, w *wire.Writer) { _, _ = io.WriteString(ch, "GET / HTTP/1.0\r\n\r\n") },
		"no request":      func(ch *pipeChannel, w *wire.Writer) { _ = w.Write(wire.TypeData, []byte("x")) },
		"empty request":   func(ch *pipeChannel, w *wire.Writer) { _ = w.Write(wire.TypeRequest, []byte("{}")) },
		"half a request":  func(ch *pipeChannel, w *wire.Writer) { _ = w.Write(wire.TypePart, []byte(`{"exec"`)) },
		"then nothing":    func(ch *pipeChannel, w *wire.Writer) { request(w) },
		"then noise":      func(ch *pipeChannel, w *wire.Writer) { request(w); _, _ = io.CopyN(ch, &pattern{n: 77}, 1<<20) },
		"request again":   func(ch *pipeChannel, w *wire.Writer) { request(w); request(w) },
		"data too early":  func(ch *pipeChannel, w *wire.Writer) { request(w); flood(w) },
		"data at the end": func(ch *pipeChannel, w *wire.Writer) { request(w); _ = w.Write(wire.TypeEOF, nil); flood(w) },
		"guest's types":   func(ch *pipeChannel, w *wire.Writer) { request(w); _ = w.WriteResult(wire.Result{}) },
	} {
		ch := b.serve(asUser)
		go func() { _, _ = io.Copy(io.Discard, ch.out) }()
		send(ch, wire.NewWriter(ch))
		ch.CloseWrite()
		within(t, name, func() { <-ch.ended })
		b.mustBeEmpty()
	}
	b.mustLive()
}

// flood sends more than any guest allows.
func flood(w *wire.Writer) {
	for range 64 {
		if w.Write(wire.TypeData, make([]byte, wire.MaxData)) != nil {
			return
		}
	}
}
