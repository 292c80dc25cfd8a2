//go:build linux

package guest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sandlot-dev/sandlot/runtime"
)

// watchdog bounds what a test waits for. It is not a measure of anything.
const watchdog = 60 * time.Second

// program is the guest, hostile what commands may try against it: both built from what is here, so that tests need no generated file.
var program, hostile string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "guest")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		program, hostile = filepath.Join(dir, "guest"), filepath.Join(dir, "hostile")
		for file, pkg := range map[string]string{program: "./program", hostile: "./testdata/hostile"} {
			build := exec.Command("go", "build", "-trimpath", "-o", file, pkg)
			build.Env = append(os.Environ(), "CGO_ENABLED=0")
			if out, err := build.CombinedOutput(); err != nil {
				fmt.Fprintf(os.Stderr, "go build %s: %v\n%s", pkg, err, out)
				return 1
			}
		}
		if err := errors.Join(os.Chmod(dir, 0o755), os.Chmod(program, 0o111)); err != nil {
			panic(err)
		}
		return m.Run()
	}())
}

// A box is a pid namespace whose first process is the guest: what an engine makes, without an engine.
type box struct {
	t   *testing.T
	pid int      // of the first process, as the host sees it
	as  []string // the user it runs as
	// said is what guests wrote to their standard error: what a test does to them makes some die noisily.
	said said
	// sessions are those that execs go through; nil: each has a guest of its own.
	sessions *boxSessions
}

type said struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

// Users that a box runs as, without any capability; and what an engine's privileged exec is: root, with every one.
var (
	asEngine = []string{"env", "--"}

	asRoot  = []string{"setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", "--"}
	asUser  = []string{"setpriv", "--reuid=12345", "--regid=12345", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", "--"}
	asBomb  = []string{"setpriv", "--reuid=12347", "--regid=12347", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", "--"}
	asOther = []string{"setpriv", "--reuid=12346", "--regid=12346", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", "--"}
)

// tested tells the go command's cache that tests depend on the guest's sources.
var tested = sync.OnceValue(func() error {
	var err error
	for _, dir := range []string{"program", "wire", "testdata"} {
		err = errors.Join(err, filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
			if err == nil {
				_, err = os.Stat(path)
			}
			return err
		}))
	}
	return err
})

func newBox(t *testing.T, as []string, dir string) *box {
	t.Helper()
	return newBoxWith(t, as, nil, InitOptions{WorkingDir: dir})
}

// newBoxWith makes a box whose first process is told opts, and run by words before all others.
func newBoxWith(t *testing.T, as, before []string, opts InitOptions) *box {
	t.Helper()
	if err := tested(); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() != 0 {
		t.Fatal("these tests make pid namespaces and change users: run them as root, on Linux, with unshare and setpriv (util-linux) there")
	}
	args := append(append([]string{"--fork", "--pid", "--mount-proc", "--"}, before...), as...)
	cmd := exec.Command("unshare", append(append(args, program), InitArgv(opts)[1:]...)...)
	b := &box{t: t, as: as}
	cmd.Stderr, cmd.SysProcAttr = &b.said, ownSession()
	if err := cmd.Start(); err != nil {
		t.Fatalf("unshare: %v (install util-linux)", err)
	}
	t.Cleanup(func() {
		_ = cmd.Wait()
		if t.Failed() && b.said.String() != "" {
			t.Logf("the guests said:\n%s", b.said.String())
		}
	})
	for {
		children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		if pid, err := strconv.Atoi(strings.TrimSpace(string(children))); err == nil && b.pid == 0 {
			t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) }) // and with it all of the box
			b.pid = pid
		}
		// Only when the guest runs is the box's own /proc mounted.
		if line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", b.pid)); err == nil && strings.HasPrefix(string(line), program+"\x00") {
			return b
		}
		time.Sleep(time.Millisecond)
	}
}

// ownSession is what engines give the processes that they start. The kernel shares the processor out between sessions: in one with all other tests,
// the first process would get next to nothing as long as a fork bomb with hundreds of sessions goes on.
func ownSession() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// enter starts a process in the box whose parent is outside, as an engine's exec is.
func (b *box) enter(cmd *exec.Cmd) error {
	started := make(chan error)
	go func() {
		goruntime.LockOSThread() // for good: the thread ends with its namespaces
		started <- func() error {
			if err := unix.Unshare(unix.CLONE_FS); err != nil {
				return err
			}
			for _, ns := range []string{"pid", "mnt"} {
				f, err := os.Open(fmt.Sprintf("/proc/%d/ns/%s", b.pid, ns))
				if err != nil {
					return err
				}
				defer f.Close()
				if err := unix.Setns(int(f.Fd()), 0); err != nil {
					return err
				}
			}
			return cmd.Start()
		}()
	}()
	return <-started
}

// engineExec runs a program in the box as root with every capability.
func (b *box) engineExec(argv ...string) (string, error) {
	var out bytes.Buffer
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = &out, &out, ownSession()
	if err := b.enter(cmd); err != nil {
		return "", err
	}
	err := cmd.Wait()
	return out.String(), err
}

// serve starts a guest and connects to it.
func (b *box) serve(as []string) *pipeChannel {
	b.t.Helper()
	return b.start(as, "serve")
}

// start starts a guest and connects to it.
func (b *box) start(as []string, args ...string) *pipeChannel {
	b.t.Helper()
	argv := append(append(as[:len(as):len(as)], program), args...)
	ch := &pipeChannel{cmd: exec.Command(argv[0], argv[1:]...), ended: make(chan struct{})}
	ch.cmd.Dir, ch.cmd.Stderr, ch.cmd.SysProcAttr = "/", &b.said, ownSession()
	in, err := ch.cmd.StdinPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	out, w, err := os.Pipe()
	if err != nil {
		b.t.Fatal(err)
	}
	ch.cmd.Stdout = w
	ch.in, ch.out = in, out
	if err := b.enter(ch.cmd); err != nil {
		b.t.Fatalf("entering the box: %v", err)
	}
	w.Close()
	go func() {
		_ = ch.cmd.Wait()
		close(ch.ended)
	}()
	return ch
}

type pipeChannel struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *os.File
	ended chan struct{} // the guest has exited

	closeWrite, close sync.Once
}

func (c *pipeChannel) Read(p []byte) (int, error)  { return c.out.Read(p) }
func (c *pipeChannel) Write(p []byte) (int, error) { return c.in.Write(p) }
func (c *pipeChannel) CloseWrite() error {
	c.closeWrite.Do(func() { c.in.Close() })
	return nil
}
func (c *pipeChannel) Close() error {
	c.close.Do(func() { c.CloseWrite(); c.out.Close() })
	return nil
}

// rescue is what an engine does: kill, with every capability.
func (b *box) rescue(ctx context.Context, supervisor int) error {
	argv := KillArgv(supervisor)
	argv[0] = program
	if out, err := b.engineExec(argv...); err != nil {
		return fmt.Errorf("kill: %w: %s", err, out)
	}
	return nil
}

// ran is what came of a command.
type ran struct {
	runtime.ExecResult
	stdout, stderr string
	err            error
}

func (b *box) exec(opts runtime.ExecOptions, argv ...string) ran {
	b.t.Helper()
	return b.execIn(context.Background(), b.channel(b.as), opts, argv...)
}

func (b *box) execIn(ctx context.Context, ch Channel, opts runtime.ExecOptions, argv ...string) ran {
	b.t.Helper()
	var stdout, stderr bytes.Buffer
	if opts.Stdout == nil {
		opts.Stdout = &stdout
	}
	if opts.Stderr == nil {
		opts.Stderr = &stderr
	}
	var r ran
	within(b.t, fmt.Sprintf("%q", argv), func() {
		r.ExecResult, r.err = Exec(ctx, ch, argv, opts, b.rescue)
	})
	r.stdout, r.stderr = stdout.String(), stderr.String()
	return r
}

func (b *box) sh(opts runtime.ExecOptions, script string) ran {
	b.t.Helper()
	return b.exec(opts, "/bin/sh", "-c", script)
}

// processes lists what runs in the box besides its first process: supervisors and what they supervise.
func (b *box) processes() []string {
	b.t.Helper()
	out, err := b.engineExec("ps", "-eo", "pid=,ppid=,stat=,args=")
	if err != nil {
		b.t.Fatalf("ps: %v", err)
	}
	var list []string
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		if f[0] == "1" || f[3] == "ps" || strings.ContainsAny(f[2], "ZX") { // dead, and not quite gone
			continue
		}
		list = append(list, strings.TrimSpace(line))
	}
	return list
}

// isGuest says whether a line of ps is a guest's. One that is about to end has no arguments any more, only the name that the kernel gave it:
// of the file that it was started from, or of the link to that by which it started itself.
func isGuest(line string) bool {
	return strings.Contains(line, program) || strings.HasSuffix(line, " ["+filepath.Base(program)+"]") || strings.HasSuffix(line, " [exe]")
}

// mustBeEmpty fails when something still runs of which the contract says that it is gone. Supervisors are about to end, and waited for.
func (b *box) mustBeEmpty() {
	b.t.Helper()
	for _, line := range b.processes() {
		if !isGuest(line) {
			b.t.Errorf("still there: %s", line)
		}
	}
	if b.sessions != nil {
		b.closeSessions()
	}
	eventually(b.t, "supervisors end", func() bool { return len(b.processes()) == 0 })
}

func (b *box) mustLive() {
	b.t.Helper()
	if r := b.exec(runtime.ExecOptions{}, "/bin/echo", "alive"); r.err != nil || r.stdout != "alive\n" {
		b.t.Errorf("the sandbox does not run commands any more: %+v", r)
	}
}

// within fails the test when f does not return.
func within(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(watchdog):
		t.Fatalf("%s hangs", what)
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for until := time.Now().Add(watchdog); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("never: %s", what)
		}
	}
}

func mustExit(t *testing.T, r ran, code int) {
	t.Helper()
	if r.err != nil || r.ExitCode != code {
		t.Errorf("exit code %d and error %v, want %d and none; stdout %q, stderr %q", r.ExitCode, r.err, code, r.stdout, r.stderr)
	}
}

func mustTimeOut(t *testing.T, r ran) {
	t.Helper()
	if !errors.Is(r.err, runtime.ErrTimeout) || r.ExitCode != runtime.ExitTimeout || !r.TimedOut {
		t.Errorf("%+v, want a timeout", r)
	}
}

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }
