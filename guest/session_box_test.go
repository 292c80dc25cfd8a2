//go:build linux

package guest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
)

// overBoth runs a test with a guest for each exec, and with sessions.
func overBoth(t *testing.T, test func(t *testing.T, newBox func(t *testing.T, as []string, dir string) *box)) {
	t.Run("each its own guest", func(t *testing.T) { test(t, newBox) })
	t.Run("session", func(t *testing.T) { test(t, newSessionBox) })
}

// newSessionBox makes a box whose execs go through sessions.
func newSessionBox(t *testing.T, as []string, dir string) *box {
	b := newBox(t, as, dir)
	b.sessions = &boxSessions{open: make(map[string]*boxSession)}
	t.Cleanup(b.closeSessions)
	return b
}

// boxSessions are the sessions with a box, by the user's words.
type boxSessions struct {
	mu   sync.Mutex
	open map[string]*boxSession
}

type boxSession struct {
	*Session
	carrier *pipeChannel
}

// channel is a channel to a guest.
func (b *box) channel(as []string) Channel {
	b.t.Helper()
	if b.sessions == nil {
		return b.serve(as)
	}
	for range 10 {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		ch, err := b.session(as).channel(ctx)
		cancel()
		switch {
		case err == nil:
			return ch
		case errors.Is(err, context.DeadlineExceeded): // as an engine does it
			if err := b.rescue(context.Background(), 0); err != nil {
				b.t.Fatal(err)
			}
		case !errors.Is(err, ErrNoGuest):
			b.t.Fatalf("a channel: %v", err)
		}
	}
	b.t.Fatal("no session gives a channel")
	return nil
}

func (s *boxSession) channel(ctx context.Context) (Channel, error) {
	if ch, ok := s.Idle(); ok {
		return ch, nil
	}
	return s.Open(ctx)
}

// session is the one as a user, open.
func (b *box) session(as []string) *boxSession {
	b.t.Helper()
	b.sessions.mu.Lock()
	defer b.sessions.mu.Unlock()
	key := strings.Join(as, " ")
	if s := b.sessions.open[key]; s != nil && !isClosed(s.Done()) {
		return s
	}
	carrier := b.start(as, "session")
	s, err := OpenSession(context.Background(), carrier, testRoom, func(ctx context.Context) error { return b.rescue(ctx, 0) })
	if err != nil {
		b.t.Fatalf("opening a session: %v", err)
	}
	b.sessions.open[key] = &boxSession{s, carrier}
	return b.sessions.open[key]
}

func (b *box) closeSessions() {
	b.sessions.mu.Lock()
	defer b.sessions.mu.Unlock()
	for key, s := range b.sessions.open {
		_ = s.Close()
		delete(b.sessions.open, key)
	}
}

// supervisorOf is the process id of the supervisor that serves an exec, as sh sees it.
func (b *box) supervisorOf() string {
	b.t.Helper()
	r := b.sh(runtime.ExecOptions{}, "echo $PPID")
	mustExit(b.t, r, 0)
	return strings.TrimSpace(r.stdout)
}

func TestSupervisorIsUsedAgain(t *testing.T) {
	b := newSessionBox(t, asUser, "/")
	first := b.supervisorOf()
	for name, exec := range map[string]func(){
		"exit code":        func() { mustExit(t, b.sh(runtime.ExecOptions{}, "exit 7"), 7) },
		"not found":        func() { mustExit(t, b.exec(runtime.ExecOptions{}, "nothing"), 127) },
		"no such dir":      func() { b.exec(runtime.ExecOptions{Dir: "/nowhere"}, "true") },
		"killed":           func() { mustExit(t, b.sh(runtime.ExecOptions{}, "kill -KILL $$"), 137) },
		"deadline not met": func() { mustExit(t, b.sh(runtime.ExecOptions{Timeout: time.Minute}, "exit 0"), 0) },
		"double fork":      func() { mustExit(t, b.sh(runtime.ExecOptions{}, "(setsid true &); sleep 0.2"), 0) },
		"terminal":         func() { mustExit(t, b.sh(runtime.ExecOptions{TTY: true}, "test -t 0"), 0) },
	} {
		exec()
		if again := b.supervisorOf(); again != first {
			t.Errorf("after %q another supervisor serves", name)
			first = again
		}
	}
	// Nothing of an exec gets into the next one's, whether the same supervisor serves it or, because the host was about to send more, another one.
	mustExit(t, b.sh(runtime.ExecOptions{Stdin: endless{}}, "exit 0"), 0)
	if r := b.sh(runtime.ExecOptions{}, "cat"); r.stdout != "" {
		t.Errorf("an exec without input reads %q", r.stdout)
	}
	mustExit(t, b.sh(runtime.ExecOptions{Dir: "/tmp", Env: []string{"A=1"}}, "umask 0; ulimit -n 10; ulimit -c 0; exec 7</dev/null; exit 0"), 0)
	r := b.sh(runtime.ExecOptions{}, "pwd; echo x$A; ls /proc/self/fd | wc -l; umask; ulimit -n")
	if want := "/\nx\n4\n0022\n"; !strings.HasPrefix(r.stdout, want) || strings.HasSuffix(r.stdout, "\n10\n") {
		t.Errorf("an exec after another one sees %q, want %q", r.stdout, want)
	}
}

// A supervisor is not used again when anything is left of its command, or the command has changed it.
func TestSupervisorIsNotUsedAgain(t *testing.T) {
	b := newSessionBox(t, asUser, "/")
	for name, script := range map[string]string{
		"background":       "sleep 4321 >/dev/null 2>&1 &",
		"background, held": "sleep 4321 &",
		"daemon":           "(setsid sleep 4321 >/dev/null 2>&1 &)",
		"limits":           "prlimit --pid $PPID --core=0:0 || ulimit -c 0; prlimit --pid $PPID --nofile=100:100",
		"nice":             "renice 15 $PPID",
	} {
		first := b.supervisorOf()
		mustExit(t, b.sh(runtime.ExecOptions{}, script), 0)
		if again := b.supervisorOf(); again == first {
			t.Errorf("after %q the same supervisor serves", name)
		}
	}
	// What was left goes on, also without a host.
	left := func() (n int) {
		for _, line := range b.processes() {
			if strings.Contains(line, "sleep 4321") {
				n++
			}
		}
		return n
	}
	if left() != 3 {
		t.Errorf("%d of 3 go on in the background", left())
	}
	carrier := b.session(asUser).carrier
	b.closeSessions()
	for range 20 {
		b.processes() // takes a moment
	}
	if left() != 3 {
		t.Errorf("without a host %d of 3 go on in the background", left())
	}
	if isClosed(carrier.ended) {
		t.Error("the session has left its supervisors")
	}
	_, _ = b.engineExec("pkill", "-KILL", "-x", "sleep")
	within(t, "the session", func() { <-carrier.ended })
	b.mustBeEmpty()
}

// Input that comes when its exec is over is not the next one's.
func TestLateInput(t *testing.T) {
	b := newSessionBox(t, asUser, "/")
	first := b.supervisorOf()
	for range 50 {
		late := make(chan []byte)
		stdin := readerFunc(func(p []byte) (int, error) { return copy(p, <-late), nil })
		mustExit(t, b.sh(runtime.ExecOptions{Stdin: stdin}, "exit 0"), 0)
		go func() { late <- []byte("late") }()
		r := b.exec(runtime.ExecOptions{Stdin: strings.NewReader("mine")}, "cat")
		if mustExit(t, r, 0); r.stdout != "mine" {
			t.Fatalf("the input was %q", r.stdout)
		}
	}
	if b.supervisorOf() != first {
		t.Error("there was not one supervisor")
	}
}

// Without its session a supervisor has no host, and its tree ends; the next session works.
func TestSessionKilled(t *testing.T) {
	asThird := slices.Clone(asOther)
	asThird[1] = "--reuid=12347"
	for user, as := range map[string][]string{"root": asRoot, "user": asUser, "third": asThird} {
		t.Run(user, func(t *testing.T) {
			b := newSessionBox(t, as, "/")
			if user == "third" {
				b = newSessionBox(t, asUser, "/") // the first process may not kill what another user runs
			}
			b.as = as
			other := b.bystander()
			for name, harm := range map[string]string{
				"kill":              "kill -KILL SESSION; sleep 4321",
				"kill, setsid":      "(setsid sleep 4321 &); kill -KILL SESSION; sleep 4321",
				"kill, from afar":   "(setsid sh -c 'sleep 0.2; kill -KILL SESSION; sleep 4321' &); sleep 4321",
				"stop, then kill":   "kill -STOP $PPID; kill -KILL SESSION; sleep 4321",
				"all":               "(setsid sleep 4321 &); kill -KILL -1; sleep 4321",
				"with a background": "setsid sleep 4321 & kill -KILL SESSION",
			} {
				mustExit(t, b.exec(runtime.ExecOptions{}, "true"), 0)
				pid := b.session(as).PID()
				if pid == 0 {
					t.Fatal("the session's process id is not known")
				}
				r := b.sh(runtime.ExecOptions{}, "echo before; sleep 0.1; "+strings.ReplaceAll(harm, "SESSION", strconv.Itoa(pid)))
				if !errors.Is(r.err, runtime.ErrConnectionLost) || r.stdout != "before\n" {
					t.Errorf("%s: %+v", name, r)
				}
				b.mustHold(name, other)
				b.mustLive()
			}
		})
	}
}

// A session that was stopped goes on at the latest when a deadline has passed.
func TestSessionStopped(t *testing.T) {
	b := newSessionBox(t, asUser, "/")
	other := b.bystander()
	mustExit(t, b.exec(runtime.ExecOptions{}, "true"), 0)
	session := b.session(asUser)
	for name, harm := range map[string]string{
		"stop":     fmt.Sprintf("kill -STOP %d; sleep 4321", session.PID()),
		"stop all": "(setsid sleep 4321 &); kill -STOP -1; sleep 4321",
	} {
		r := b.sh(runtime.ExecOptions{Timeout: 500 * time.Millisecond}, "echo before; sleep 0.1; "+harm)
		mustTimeOut(t, r)
		b.mustHold(name, other)
		b.mustLive()
	}
	if b.session(asUser) != session {
		t.Error("it was another session in the end")
	}
}

// An idle supervisor that somebody stops, or kills, is none that a next exec waits for.
func TestIdleSupervisorHarmed(t *testing.T) {
	b := newSessionBox(t, asUser, "/")
	for _, signal := range []string{"STOP", "KILL"} {
		idle := b.supervisorOf()
		if idle != b.supervisorOf() {
			t.Fatal("there is no idle supervisor")
		}
		r := b.execIn(context.Background(), b.serve(asUser), runtime.ExecOptions{}, "kill", "-"+signal, idle)
		mustExit(t, r, 0)
		eventually(t, "it is stopped, or dead", func() bool {
			return !slices.ContainsFunc(b.processes(), func(line string) bool {
				f := strings.Fields(line)
				return f[0] == idle && !strings.HasPrefix(f[2], "T")
			})
		})
		b.mustLive()
	}
}

// A host that goes takes what is under way, and only that.
func TestSessionsHostGone(t *testing.T) {
	b := newSessionBox(t, asUser, "/")
	session := b.session(asUser)
	var all sync.WaitGroup
	for _, tree := range trees {
		if strings.Contains(tree, "-1") {
			continue // it would signal the others
		}
		started := make(chan struct{})
		var once sync.Once
		ch := b.channel(asUser)
		all.Go(func() {
			_, err := Exec(context.Background(), ch, []string{"sh", "-c", "echo before; " + script(tree)}, runtime.ExecOptions{
				Stdout: writerFunc(func(p []byte) (int, error) { once.Do(func() { close(started) }); return len(p), nil }),
			}, nil)
			if err == nil {
				t.Errorf("%s: no error", tree)
			}
		})
		<-started
	}
	b.closeSessions()
	all.Wait()
	within(t, "the session", func() { <-session.carrier.ended })
	b.mustBeEmpty()
}

// A sandbox that is stopped does not wait for sessions, nor for idle supervisors.
func TestStopWithSessions(t *testing.T) {
	b := newSessionBox(t, asUser, "/")
	mustExit(t, b.exec(runtime.ExecOptions{}, "true"), 0)
	session, ch := b.session(asUser), b.channel(asUser)
	mustExit(t, b.exec(runtime.ExecOptions{}, "true"), 0) // another supervisor
	var out bytes.Buffer
	started, ended := make(chan struct{}), make(chan ran, 1)
	var once sync.Once
	go func() {
		ended <- b.execIn(context.Background(), ch, runtime.ExecOptions{Stdout: writerFunc(func(p []byte) (int, error) {
			once.Do(func() { close(started) })
			return out.Write(p)
		})}, "sh", "-c", "trap 'echo bye; exit 7' TERM; echo hello; while :; do sleep 0.05; done")
	}()
	<-started
	if err := syscall.Kill(b.pid, syscall.SIGPWR); err != nil {
		t.Fatal(err)
	}
	mustExit(t, <-ended, 7)
	if out.String() != "hello\nbye\n" {
		t.Errorf("%q", out.String())
	}
	eventually(t, "the first process ends", func() bool { return !alive(b.pid) })
	within(t, "the session", func() { <-session.Done() })
}

// testRoom is how many idle supervisors the sessions of these tests keep.
const testRoom = 16

// Two hundred at once, and what they cost goes again.
func TestSessionManyAtOnce(t *testing.T) {
	b := newSessionBox(t, asUser, "/")
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			r := b.sh(runtime.ExecOptions{}, fmt.Sprintf("echo %d; exit %d", i, i))
			if mustExit(t, r, i); r.stdout != fmt.Sprintln(i) {
				t.Errorf("exec %d wrote %q", i, r.stdout)
			}
		})
	}
	all.Wait()
	s := b.session(asUser)
	s.mu.Lock()
	if n := len(s.idle); n > testRoom {
		t.Errorf("%d supervisors are kept", n)
	}
	s.mu.Unlock()
	eventually(t, "idle supervisors end", func() bool { return len(b.processes()) <= 1+keepIdle })
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", b.pid))
	if err != nil || len(fds) > 20 {
		t.Errorf("the first process has %d descriptors open, %v", len(fds), err)
	}
	b.mustBeEmpty()
}
