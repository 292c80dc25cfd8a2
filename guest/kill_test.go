//go:build linux

package guest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	goruntime "runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
)

// trees are what a deadline has to end. All of them would last.
var trees = map[string]string{
	"leader":         "exec sleep 4321",
	"child":          "sleep 4321; :",
	"setsid":         "setsid sleep 4321; :",
	"double fork":    "(setsid sh -c 'sleep 4321 & sleep 4321' &) ; sleep 4321",
	"TERM ignored":   "trap '' TERM HUP INT QUIT; while :; do sleep 1; done",
	"stopped":        "sleep 4321 & kill -STOP $!; kill -STOP $$",
	"output closed":  "exec >&- 2>&- <&-; sleep 4321",
	"all blocked":    "HOSTILE block & HOSTILE block",
	"fork loop":      "while :; do sleep 0.01 & done",
	"rabbit":         "HOSTILE rabbit; HOSTILE rabbit; sleep 4321",
	"kill all":       "(setsid sleep 4321 &); trap '' TERM; kill -TERM -1; sleep 4321",
	"many":           "for i in $(seq 300); do setsid sleep 4321 & done; wait",
	"threads' child": "HOSTILE block & wait",
}

func script(s string) string { return strings.ReplaceAll(s, "HOSTILE", hostile) }

func TestTimeout(t *testing.T) {
	overBoth(t, func(t *testing.T, newBox func(*testing.T, []string, string) *box) {
		for user, as := range map[string][]string{"user": asUser, "root": asRoot} {
			t.Run(user, func(t *testing.T) {
				t.Parallel()
				b := newBox(t, as, "/")
				other := b.bystander()
				for name, tree := range trees {
					r := b.sh(runtime.ExecOptions{Timeout: 300 * time.Millisecond}, "echo before; "+script(tree))
					mustTimeOut(t, r)
					if r.stdout != "before\n" && name != "output closed" || r.OutputHeld {
						t.Errorf("%s: output %q, held %v", name, r.stdout, r.OutputHeld)
					}
					b.mustHold(name, other)
				}
			})
		}
	})
}

// bystander is an exec that must live through what happens to others. It returns its leader's pid.
func (b *box) bystander() string {
	b.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	first, lines := make(chan string, 1), 0
	ended := make(chan struct{})
	ch := b.channel(asOther) // who may kill everything of its own user leaves it alone
	go func() {
		defer close(ended)
		_, _ = Exec(ctx, ch, []string{"sh", "-c", "echo $$; exec sleep 1234"}, runtime.ExecOptions{Stdout: writerFunc(func(p []byte) (int, error) {
			if lines++; lines == 1 {
				first <- strings.TrimSpace(string(p))
			}
			return len(p), nil
		})}, b.rescue)
	}()
	b.t.Cleanup(func() { cancel(); <-ended })
	select {
	case pid := <-first:
		return pid
	case <-time.After(watchdog):
		b.t.Fatal("the bystander does not start")
		return ""
	}
}

// mustHold fails unless the bystander, and nothing else, still runs.
func (b *box) mustHold(after, bystander string) {
	b.t.Helper()
	found := false
	for _, line := range b.processes() {
		switch {
		case strings.HasPrefix(line, bystander+" "):
			found = true
		case !isGuest(line):
			b.t.Errorf("after %s: still there: %s", after, line)
		}
	}
	if !found {
		b.t.Errorf("after %s: another exec has ended", after)
	}
}

func TestCancel(t *testing.T) {
	overBoth(t, func(t *testing.T, newBox func(*testing.T, []string, string) *box) {
		b := newBox(t, asUser, "/")
		other := b.bystander()
		for name, tree := range trees {
			ctx, cancel := context.WithCancel(context.Background())
			stdout := writerFunc(func(p []byte) (int, error) { cancel(); return len(p), nil })
			r := b.execIn(ctx, b.channel(asUser), runtime.ExecOptions{Stdout: stdout}, "sh", "-c", "echo before; "+script(tree))
			if !errors.Is(r.err, context.Canceled) || r.ExitCode != runtime.ExitTimeout || r.TimedOut {
				t.Errorf("%s: %+v", name, r)
			}
			b.mustHold(name, other)
		}
		// Before anything has begun.
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if r := b.execIn(ctx, b.channel(asUser), runtime.ExecOptions{}, "sleep", "4321"); !errors.Is(r.err, context.Canceled) {
			t.Errorf("%+v", r)
		}
		ctx, cancel = context.WithTimeout(context.Background(), 200*time.Millisecond)
		defer cancel()
		r := b.execIn(ctx, b.channel(asUser), runtime.ExecOptions{Stdin: endless{}}, "sleep", "4321")
		if !errors.Is(r.err, context.DeadlineExceeded) || errors.Is(r.err, runtime.ErrTimeout) || r.TimedOut {
			t.Errorf("%+v", r)
		}
		b.mustHold("the end", other)
	})
}

// A host that is gone, however it went, takes its commands with it.
func TestHostGone(t *testing.T) {
	b := newBox(t, asUser, "/")
	other := b.bystander()
	for name, tree := range trees {
		ch := b.serve(asUser)
		started := make(chan struct{})
		var once sync.Once
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_, _ = Exec(context.Background(), ch, []string{"sh", "-c", "echo before; " + script(tree)}, runtime.ExecOptions{
				Stdout: writerFunc(func(p []byte) (int, error) { once.Do(func() { close(started) }); return len(p), nil }),
			}, nil)
		}()
		<-started
		ch.Close()
		<-ended
		within(t, name, func() { <-ch.ended })
		b.mustHold(name, other)
	}
}

// A fork bomb has filled the sandbox's limit on processes when its deadline comes.
func TestTimeoutAtProcessLimit(t *testing.T) {
	b := newBox(t, asBomb, "/") // a user of its own, as the kernel counts the processes of all boxes
	r := b.execIn(context.Background(), b.serve(append([]string{"prlimit", "--nproc=150:150"}, asBomb...)),
		runtime.ExecOptions{Timeout: time.Second}, hostile, "bomb")
	mustTimeOut(t, r)
	b.mustBeEmpty()
	b.mustLive()
}

// What a command does to its supervisor, it does to itself.
func TestSupervisorHarmed(t *testing.T) {
	overBoth(t, func(t *testing.T, newBox func(*testing.T, []string, string) *box) {
		for user, as := range map[string][]string{"user": asUser, "root": asRoot} {
			t.Run(user, func(t *testing.T) {
				t.Parallel()
				b := newBox(t, as, "/")
				other := b.bystander()
				for name, harm := range map[string]string{
					"kill":      "kill -KILL $PPID; sleep 4321",
					"kill all":  "(setsid sleep 4321 &); kill -KILL -1; sleep 4321",
					"segv":      "HOSTILE queue $PPID; sleep 4321",
					"far child": "(setsid sh -c 'sleep 0.2; kill -KILL '$PPID'; sleep 4321' &); sleep 4321",
				} {
					r := b.sh(runtime.ExecOptions{}, "echo before; sleep 0.2; "+script(harm))
					if !errors.Is(r.err, runtime.ErrConnectionLost) || r.ExitCode != -1 || r.stdout != "before\n" {
						t.Errorf("%s: %+v, %v", name, r, r.err)
					}
					b.mustHold(name, other)
				}
				for name, harm := range map[string]string{
					"stop":        "kill -STOP $PPID; sleep 4321",
					"stop all":    "(setsid sleep 4321 &); kill -STOP -1; sleep 4321",
					"descriptors": "HOSTILE limit $PPID; HOSTILE rabbit; sleep 4321",
				} {
					r := b.sh(runtime.ExecOptions{Timeout: 500 * time.Millisecond}, "echo before; sleep 0.2; "+script(harm))
					mustTimeOut(t, r)
					if r.stdout != "before\n" {
						t.Errorf("%s: %+v", name, r)
					}
					b.mustHold(name, other)

					ctx, cancel := context.WithCancel(context.Background())
					stdout := writerFunc(func(p []byte) (int, error) { time.AfterFunc(500*time.Millisecond, cancel); return len(p), nil })
					r = b.execIn(ctx, b.channel(as), runtime.ExecOptions{Stdout: stdout}, "sh", "-c", "echo before; sleep 0.2; "+script(harm))
					if !errors.Is(r.err, context.Canceled) || r.ExitCode != runtime.ExitTimeout {
						t.Errorf("%s, then cancelled: %+v", name, r)
					}
					b.mustHold(name+", then cancelled", other)
				}
				b.mustLive()
			})
		}
	})
}

// Signals that are not meant to kill do not, a supervisor or the first process.
func TestSignalsDoNothing(t *testing.T) {
	overBoth(t, func(t *testing.T, newBox func(*testing.T, []string, string) *box) {
		b := newBox(t, asUser, "/")
		r := b.sh(runtime.ExecOptions{}, "for s in HUP INT QUIT ILL TRAP ABRT BUS FPE USR1 SEGV USR2 PIPE ALRM TERM CHLD CONT TSTP TTIN TTOU XCPU XFSZ WINCH IO PWR SYS; do kill -$s $PPID; kill -$s 1; done; kill -KILL 1; kill -STOP 1; "+
			script("HOSTILE queue 1; HOSTILE queue 1; exit 8"))
		mustExit(t, r, 8)
		b.mustLive()
		b.mustBeEmpty()
	})
}

func TestForgedRegistration(t *testing.T) {
	overBoth(t, func(t *testing.T, newBox func(*testing.T, []string, string) *box) {
		b := newBox(t, asUser, "/")
		name := "@sandlot/" + strings.TrimSpace(b.sh(runtime.ExecOptions{}, "readlink /proc/self/ns/pid").stdout)
		if r := b.exec(runtime.ExecOptions{}, hostile, "register", name); r.ExitCode != 1 || !strings.HasPrefix(r.stdout, "refused") {
			t.Errorf("the first process takes a command for a supervisor: %+v", r)
		}
		// Nor does it help to be an orphan, or to flood the socket.
		if r := b.sh(runtime.ExecOptions{}, script("(setsid sh -c 'HOSTILE register "+name+" >&2' &); sleep 0.3")); !strings.HasPrefix(r.stderr, "refused") {
			t.Errorf("%+v", r)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		started := make(chan struct{})
		ch := b.channel(asUser)
		go func() {
			defer close(done)
			_, _ = Exec(ctx, ch, []string{"sh", "-c", script("echo; HOSTILE flood " + name + "& HOSTILE flood " + name)},
				runtime.ExecOptions{Stdout: writerFunc(func(p []byte) (int, error) { close(started); return len(p), nil })}, b.rescue)
		}()
		<-started
		for range 5 {
			b.mustLive()
		}
		cancel()
		<-done
		b.mustBeEmpty()
	})
}

func TestGuestCannotBeReadOrTraced(t *testing.T) {
	overBoth(t, func(t *testing.T, newBox func(*testing.T, []string, string) *box) {
		for user, as := range map[string][]string{"user": asUser, "root": asRoot} {
			t.Run(user, func(t *testing.T) {
				b := newBox(t, as, "/")
				for _, target := range []string{"1", "$PPID"} {
					r := b.sh(runtime.ExecOptions{}, script("HOSTILE trace "+target+" "+program))
					if r.ExitCode != 1 || r.stdout != "nothing worked\n" {
						t.Errorf("%s: %+v", target, r)
					}
				}
				// The same against a process of the command's own: the test can fail.
				if r := b.sh(runtime.ExecOptions{}, script("sleep 4321 & HOSTILE trace $!; e=$?; kill -KILL $!; exit $e")); r.ExitCode != 0 {
					t.Errorf("tracing does not work at all here: %+v", r)
				}
			})
		}
	})
}

// The first process does without the host: it keeps deadlines, and ends what has lost its supervisor.
func TestKeeperAlone(t *testing.T) {
	overBoth(t, func(t *testing.T, newBox func(*testing.T, []string, string) *box) {
		b := newBox(t, asUser, "/")
		other := b.bystander()
		for name, harm := range map[string]string{
			"kill":     "kill -KILL $PPID; sleep 4321",
			"kill all": "(setsid sleep 4321 &); kill -KILL -1; sleep 4321",
			"rabbit":   "HOSTILE rabbit; HOSTILE rabbit; kill -KILL $PPID; HOSTILE rabbit",
			"stop":     "setsid sleep 4321 & kill -STOP -1; HOSTILE rabbit; sleep 4321",
		} {
			ch := b.channel(asUser)
			within(t, name, func() {
				_, err := Exec(context.Background(), ch, []string{"sh", "-c", script(harm)}, runtime.ExecOptions{Timeout: 500 * time.Millisecond}, nil)
				if err == nil {
					t.Errorf("%s: no error", name)
				}
			})
			b.waitFor(func(lines []string) bool {
				return !slices.ContainsFunc(lines, func(line string) bool {
					return !isGuest(line) && !strings.HasPrefix(line, other+" ")
				})
			})
			b.mustHold(name, other)
		}
	})
}

// Where the first process cannot look for a supervisor that is to end, the sandbox ends.
func TestKeeperDeprived(t *testing.T) {
	for name, after := range map[string]string{
		"at a deadline": "kill -STOP $PPID; sleep 4321",
		"at an end":     "kill -KILL $PPID; sleep 4321",
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t, asUser, "/")
			ch := b.serve(asUser)
			go func() {
				_, _ = Exec(context.Background(), ch, []string{"sh", "-c", script("HOSTILE limit 1; " + after)}, runtime.ExecOptions{Timeout: time.Second}, nil)
			}()
			eventually(t, "the first process ends", func() bool { return !alive(b.pid) })
		})
	}
	t.Run("at the next exec", func(t *testing.T) {
		b := newBox(t, asUser, "/")
		mustExit(t, b.sh(runtime.ExecOptions{}, script("HOSTILE limit 1")), 0)
		b.serve(asUser)
		eventually(t, "the first process ends", func() bool { return !alive(b.pid) })
	})
}

// The longest timeouts are none that have passed, for the host or the first process.
func TestLongestTimeout(t *testing.T) {
	overBoth(t, func(t *testing.T, newBox func(*testing.T, []string, string) *box) {
		b := newBox(t, asUser, "/")
		mustExit(t, b.sh(runtime.ExecOptions{Timeout: math.MaxInt64}, "sleep 0.1; exit 7"), 7)
		mustExit(t, b.sh(runtime.ExecOptions{Timeout: math.MaxInt64 - time.Second}, "sleep 0.1; exit 7"), 7)
	})
}

// A supervisor of another user is out of the first process's reach. The host ends its tree.
func TestRescueOfAnotherUsersTree(t *testing.T) {
	overBoth(t, func(t *testing.T, newBox func(*testing.T, []string, string) *box) {
		b := newBox(t, asUser, "/")
		for _, harm := range []string{"kill -STOP $PPID; setsid sleep 4321 & sleep 4321", "kill -KILL $PPID; setsid sleep 4321 & sleep 4321"} {
			r := b.execIn(context.Background(), b.channel(asOther), runtime.ExecOptions{Timeout: 500 * time.Millisecond}, "sh", "-c", harm)
			if !errors.Is(r.err, runtime.ErrTimeout) && !errors.Is(r.err, runtime.ErrConnectionLost) {
				t.Errorf("%+v", r)
			}
			b.mustBeEmpty()
		}
		// A part of the tree is another user's: the guest says that something is left.
		as := append([]string{"setpriv", "--bounding-set=-all,+setuid,+setgid", "--inh-caps=-all", "--"}, "env")
		r := b.execIn(context.Background(), b.channel(as), runtime.ExecOptions{Timeout: 500 * time.Millisecond},
			"sh", "-c", "setpriv --reuid=12346 --clear-groups sleep 4321 & sleep 4321")
		mustTimeOut(t, r)
		b.mustBeEmpty()
		failed, left := errors.New("no rescue"), 0
		_, err := Exec(context.Background(), b.channel(as), []string{"sh", "-c", "setpriv --reuid=12346 --clear-groups sleep 4321 & sleep 4321"},
			runtime.ExecOptions{Timeout: 500 * time.Millisecond}, func(_ context.Context, pid int) error { left = pid; return failed })
		if !errors.Is(err, failed) || !errors.Is(err, runtime.ErrTimeout) {
			t.Errorf("%v", err)
		}
		if err := b.rescue(context.Background(), left); err != nil {
			t.Error(err)
		}
		b.mustBeEmpty()
	})
}

func TestKillRefuses(t *testing.T) {
	b := newBox(t, asUser, "/")
	r := b.sh(runtime.ExecOptions{}, "sleep 4321 >/dev/null 2>&1 & echo $!")
	pid, err := strconv.Atoi(strings.TrimSpace(r.stdout))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []int{1, pid} {
		if err := b.rescue(context.Background(), p); err == nil {
			t.Errorf("kill %d is not refused", p)
		}
	}
	b.mustLive()
	if !contains(b.processes(), "sleep 4321") {
		t.Error("it was killed all the same")
	}
}

func TestSandboxEnds(t *testing.T) {
	b := newBox(t, asUser, "/")
	r := make(chan ran, 1)
	ch := b.serve(asUser)
	started := make(chan struct{})
	go func() {
		r <- b.execIn(context.Background(), ch, runtime.ExecOptions{Stdout: writerFunc(func(p []byte) (int, error) { close(started); return len(p), nil })},
			"sh", "-c", "echo; sleep 4321")
	}()
	<-started
	_ = syscall.Kill(b.pid, syscall.SIGKILL)
	if got := <-r; !errors.Is(got.err, runtime.ErrConnectionLost) || got.ExitCode != -1 {
		t.Errorf("%+v", got)
	}
}

// Stopped from outside, the first process passes SIGTERM on and waits for nothing that has ended.
func TestStop(t *testing.T) {
	b := newBox(t, asUser, "/")
	ch := b.serve(asUser)
	started := make(chan struct{})
	var once sync.Once
	r := make(chan ran, 1)
	go func() {
		var out bytes.Buffer
		got := b.execIn(context.Background(), ch, runtime.ExecOptions{Stdout: writerFunc(func(p []byte) (int, error) {
			once.Do(func() { close(started) })
			return out.Write(p)
		})}, "sh", "-c", "trap 'echo bye; exit 7' TERM; echo hello; while :; do sleep 0.05; done")
		got.stdout = out.String()
		r <- got
	}()
	<-started
	if err := syscall.Kill(b.pid, syscall.SIGPWR); err != nil {
		t.Fatal(err)
	}
	got := <-r
	mustExit(t, got, 7)
	if got.stdout != "hello\nbye\n" {
		t.Errorf("%q", got.stdout)
	}
	eventually(t, "the first process ends", func() bool { return !alive(b.pid) })
}

// A thousand execs leave nothing behind, on either side.
func TestExecLeavesNothing(t *testing.T) {
	overBoth(t, func(t *testing.T, newBox func(*testing.T, []string, string) *box) {
		if testing.Short() {
			t.Log("100 execs instead of 1000 (-short)")
		}
		b := newBox(t, asUser, "/")
		one := func() { mustExit(t, b.exec(runtime.ExecOptions{Stdin: strings.NewReader("x")}, "cat"), 0) }
		counts := func() string {
			goruntime.GC() // what earlier tests dropped is no part of it
			own, err1 := os.ReadDir("/proc/self/fd")
			keeper, err2 := os.ReadDir(fmt.Sprintf("/proc/%d/fd", b.pid))
			threads, err3 := os.ReadDir(fmt.Sprintf("/proc/%d/task", b.pid))
			if err := errors.Join(err1, err2, err3); err != nil {
				t.Fatal(err)
			}
			return fmt.Sprintf("%d and %d descriptors, %d threads, %d goroutines, processes %v", len(own), len(keeper), len(threads), goruntime.NumGoroutine(), b.processes())
		}
		for range 10 {
			one()
		}
		settled := func() string {
			last := ""
			eventually(t, "counts settle", func() bool {
				now := counts()
				same := now == last && (b.sessions != nil || strings.HasSuffix(now, "[]")) // a session stays, with one supervisor
				last = now
				return same
			})
			return last
		}
		before := settled()
		n := 1000
		if testing.Short() {
			n = 100
		}
		for range n {
			one()
		}
		if after := settled(); after != before {
			t.Errorf("before %s\nafter %s", before, after)
		}
	})
}

func TestExecConcurrently(t *testing.T) {
	overBoth(t, func(t *testing.T, newBox func(*testing.T, []string, string) *box) {
		b := newBox(t, asUser, "/")
		var all sync.WaitGroup
		for i := range 32 {
			all.Go(func() {
				if i%2 == 0 {
					r := b.sh(runtime.ExecOptions{Timeout: time.Second}, "echo x; (setsid sleep 4321 &); sleep 4321")
					mustTimeOut(t, r)
					return
				}
				r := b.sh(runtime.ExecOptions{}, fmt.Sprintf("sleep 2; echo %d; exit %d", i, i))
				mustExit(t, r, i)
			})
		}
		all.Wait()
		b.mustBeEmpty()
	})
}
