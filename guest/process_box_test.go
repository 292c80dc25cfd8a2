//go:build linux

package guest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sandlot-dev/sandlot/guest/wire"
	"github.com/sandlot-dev/sandlot/runtime"
)

func TestProcessBoundsAreTheContracts(t *testing.T) {
	if wire.KeepHead != runtime.ProcessOutputHead || wire.KeepTail != runtime.ProcessOutputTail {
		t.Error("the guest keeps another amount of output than the contract says")
	}
}

// background starts a process that must start.
func (b *box) background(opts runtime.StartProcessOptions, argv ...string) runtime.Process {
	b.t.Helper()
	var p runtime.Process
	var err error
	within(b.t, fmt.Sprintf("starting %q", argv), func() {
		p, err = StartProcess(context.Background(), b.channel(b.as), argv, opts, b.rescue)
	})
	if err != nil {
		b.t.Fatalf("starting %q: %v", argv, err)
	}
	return p
}

func (b *box) listed() []string {
	b.t.Helper()
	all, err := ListProcesses(context.Background(), b.channel(b.as))
	if err != nil {
		b.t.Fatalf("listing: %v", err)
	}
	var ids []string
	for _, p := range all {
		ids = append(ids, p.ID)
	}
	return ids
}

// waited is a process that has ended, and all that it wrote.
func (b *box) waited(id string, opts runtime.WaitProcessOptions) (p runtime.Process, stdout, stderr string) {
	b.t.Helper()
	var out, errs bytes.Buffer
	var err error
	opts.Stdout, opts.Stderr = &out, &errs
	within(b.t, "waiting for a process", func() { p, err = WaitProcess(context.Background(), b.channel(b.as), id, opts) })
	if err != nil {
		b.t.Fatalf("waiting: %v", err)
	}
	return p, out.String(), errs.String()
}

func (b *box) remove(id string) {
	b.t.Helper()
	within(b.t, "removing a process", func() {
		if err := RemoveProcess(context.Background(), b.channel(b.as), id); err != nil {
			b.t.Errorf("removing: %v", err)
		}
	})
}

func TestProcess(t *testing.T) {
	overBoth(t, func(t *testing.T, newBox func(t *testing.T, as []string, dir string) *box) {
		b := newBox(t, asUser, "/")
		p := b.background(runtime.StartProcessOptions{Env: []string{"A=b"}, Dir: "/tmp"}, "/bin/sh", "-c", "echo $A; pwd; echo err >&2; exit 7")
		if !slices.Equal(p.Argv[:2], []string{"/bin/sh", "-c"}) || p.PID <= 1 || p.Started.IsZero() {
			t.Errorf("started: %+v", p)
		}
		ended, out, errs := b.waited(p.ID, runtime.WaitProcessOptions{})
		if out != "b\n/tmp\n" || errs != "err\n" || ended.Result == nil || *ended.Result != (runtime.ExecResult{ExitCode: 7}) || ended.StdoutBytes != 7 || ended.StderrBytes != 4 {
			t.Errorf("stdout %q, stderr %q, %+v %+v", out, errs, ended, ended.Result)
		}
		if _, out, _ := b.waited(p.ID, runtime.WaitProcessOptions{StdoutFrom: 2}); out != "/tmp\n" {
			t.Errorf("from a place on: %q", out)
		}
		if got := b.listed(); !slices.Equal(got, []string{p.ID}) {
			t.Errorf("listed %q", got)
		}
		b.remove(p.ID)
		if got := b.listed(); len(got) > 0 {
			t.Errorf("listed %q", got)
		}
		for what, err := range map[string]error{
			"removing": RemoveProcess(context.Background(), b.channel(b.as), p.ID),
			"signal":   SignalProcess(context.Background(), b.channel(b.as), p.ID, 15),
		} {
			if !errors.Is(err, runtime.ErrProcessNotFound) {
				t.Errorf("%s: %v", what, err)
			}
		}
		b.mustBeEmpty()
	})
}

func TestProcessCannotStart(t *testing.T) {
	b := newSessionBox(t, asUser, "/")
	p := b.background(runtime.StartProcessOptions{}, "nothing")
	if ended, _, errs := b.waited(p.ID, runtime.WaitProcessOptions{}); ended.Result.ExitCode != 127 || !strings.Contains(errs, "not found") {
		t.Errorf("%+v %q", ended.Result, errs)
	}
	b.remove(p.ID)
	_, err := StartProcess(context.Background(), b.channel(b.as), []string{"true"}, runtime.StartProcessOptions{Dir: "/nowhere"}, b.rescue)
	if !errors.Is(err, runtime.ErrInvalid) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := StartProcess(ctx, b.channel(b.as), []string{"sleep", "1000"}, runtime.StartProcessOptions{}, b.rescue); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if got := b.listed(); len(got) > 0 {
		t.Errorf("listed %q", got)
	}
	b.mustBeEmpty()
}

func TestProcessOutlivesItsSession(t *testing.T) {
	b := newSessionBox(t, asUser, "/")
	p := b.background(runtime.StartProcessOptions{}, "/bin/sh", "-c", "trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.01; done")
	_ = b.sessions.open[strings.Join(asUser, " ")].carrier.cmd.Process.Signal(syscall.SIGCONT) // it is there
	b.closeSessions()
	if got := b.listed(); !slices.Equal(got, []string{p.ID}) {
		t.Fatalf("listed %q", got)
	}
	var stdout [2]bytes.Buffer
	var waiting sync.WaitGroup
	for i := range stdout {
		ch := b.channel(b.as)
		waiting.Go(func() {
			ended, err := WaitProcess(context.Background(), ch, p.ID, runtime.WaitProcessOptions{Stdout: &stdout[i]})
			if err != nil || ended.Result == nil || ended.Result.ExitCode != 3 {
				t.Errorf("%v, %+v", err, ended)
			}
		})
	}
	eventually(t, "it is ready", func() bool {
		_, out, _ := b.waited(p.ID, runtime.WaitProcessOptions{NoWait: true})
		return out == "ready\n"
	})
	if err := SignalProcess(context.Background(), b.channel(b.as), p.ID, 15); err != nil {
		t.Error(err)
	}
	within(t, "waiting twice", waiting.Wait)
	for i := range stdout {
		if got := stdout[i].String(); got != "ready\nbye\n" {
			t.Errorf("%d: %q", i, got)
		}
	}
	if err := SignalProcess(context.Background(), b.channel(b.as), p.ID, 15); !errors.Is(err, runtime.ErrInvalid) {
		t.Errorf("a signal after the end: %v", err)
	}
	b.remove(p.ID)
	b.mustBeEmpty()
}

func TestProcessTreeEnds(t *testing.T) {
	const tree = "setsid sleep 1001 & (sleep 1002 &) ; trap '' TERM; echo ready; sleep 1003; sleep 1004"
	for name, end := range map[string]func(b *box, id string){
		"deadline": func(b *box, id string) {
			p, _, _ := b.waited(id, runtime.WaitProcessOptions{})
			if !p.Result.TimedOut || p.Result.ExitCode != runtime.ExitTimeout {
				b.t.Errorf("%+v", p.Result)
			}
		},
		"kill": func(b *box, id string) {
			if err := SignalProcess(context.Background(), b.channel(b.as), id, 9); err != nil {
				b.t.Error(err)
			}
			p, out, _ := b.waited(id, runtime.WaitProcessOptions{})
			if *p.Result != (runtime.ExecResult{ExitCode: 137, Signal: 9}) || out != "ready\n" {
				b.t.Errorf("%+v %q", p.Result, out)
			}
		},
		"remove": func(b *box, id string) {},
	} {
		t.Run(name, func(t *testing.T) {
			b := newSessionBox(t, asUser, "/")
			opts := runtime.StartProcessOptions{}
			if name == "deadline" {
				opts.Timeout = 500 * time.Millisecond
			}
			p := b.background(opts, "/bin/sh", "-c", tree)
			eventually(t, "it is ready", func() bool {
				_, out, _ := b.waited(p.ID, runtime.WaitProcessOptions{NoWait: true})
				return out == "ready\n"
			})
			end(b, p.ID)
			if name == "remove" {
				b.remove(p.ID)
			}
			for _, line := range b.processes() {
				if strings.Contains(line, "sleep") {
					t.Errorf("still there: %s", line)
				}
			}
			if name != "remove" {
				b.remove(p.ID)
			}
			b.mustBeEmpty()
		})
	}
}

// Whoever waits learns how a process ended that somebody removes.
func TestProcessRemovedWhileWaited(t *testing.T) {
	b := newSessionBox(t, asUser, "/")
	p := b.background(runtime.StartProcessOptions{}, "sleep", "1000")
	ch := b.channel(b.as)
	ended := make(chan error, 1)
	go func() {
		p, err := WaitProcess(context.Background(), ch, p.ID, runtime.WaitProcessOptions{})
		if err == nil && p.Result.Signal != 9 {
			err = fmt.Errorf("%+v", p.Result)
		}
		ended <- err
	}()
	ctx, cancel := context.WithCancel(context.Background())
	second, gaveUp := b.channel(b.as), make(chan error, 1)
	go func() {
		_, err := WaitProcess(ctx, second, p.ID, runtime.WaitProcessOptions{})
		gaveUp <- err
	}()
	cancel()
	within(t, "giving up", func() {
		if err := <-gaveUp; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
	b.remove(p.ID)
	within(t, "waiting", func() {
		if err := <-ended; err != nil && !errors.Is(err, runtime.ErrProcessNotFound) { // it may not have begun to wait
			t.Error(err)
		}
	})
	b.mustBeEmpty()
}

func TestProcessOutputIsBounded(t *testing.T) {
	b := newSessionBox(t, asUser, "/")
	p := b.background(runtime.StartProcessOptions{}, "/bin/sh", "-c", "echo first; head -c 20000000 /dev/zero | tr '\\0' x; echo last")
	ended, out, _ := b.waited(p.ID, runtime.WaitProcessOptions{}) // from the beginning, with or without gaps
	if !strings.HasPrefix(out, "first\nxxx") || !strings.HasSuffix(out, "xxxlast\n") || ended.StdoutBytes != 20000011 {
		t.Errorf("%d bytes of %d", len(out), ended.StdoutBytes)
	}
	_, out, _ = b.waited(p.ID, runtime.WaitProcessOptions{})
	mark := fmt.Sprintf("\n[... %d bytes left out ...]\n", 20000011-runtime.ProcessOutputHead-runtime.ProcessOutputTail)
	if at := strings.Index(out, mark); at != runtime.ProcessOutputHead || len(out) != runtime.ProcessOutputHead+runtime.ProcessOutputTail+len(mark) {
		t.Errorf("%d bytes, the mark at %d", len(out), at)
	}
	if _, out, _ := b.waited(p.ID, runtime.WaitProcessOptions{StdoutFrom: 20000011 - 5}); out != "last\n" {
		t.Errorf("the end: %q", out)
	}
	b.remove(p.ID)
	b.mustBeEmpty()
}

func TestProcessesAreBounded(t *testing.T) {
	b := newSessionBox(t, asUser, "/")
	for range runtime.MaxProcesses {
		b.background(runtime.StartProcessOptions{}, "true")
	}
	_, err := StartProcess(context.Background(), b.channel(b.as), []string{"true"}, runtime.StartProcessOptions{}, b.rescue)
	if !errors.Is(err, runtime.ErrUnavailable) {
		t.Errorf("one too many: %v", err)
	}
	ids := b.listed()
	if len(ids) != runtime.MaxProcesses {
		t.Errorf("%d are listed", len(ids))
	}
	b.remove(ids[0])
	b.background(runtime.StartProcessOptions{}, "true")
	for _, id := range b.listed() {
		b.remove(id)
	}
	b.mustBeEmpty()
}

// A command cannot ask a supervisor, nor answer in its place.
func TestProcessIsAskedBySupervisorsOnly(t *testing.T) {
	b := newSessionBox(t, asUser, "/")
	p := b.background(runtime.StartProcessOptions{}, "sleep", "1000")
	r := b.exec(runtime.ExecOptions{}, hostile, "ask-process", p.ID)
	mustExit(t, r, 0)
	if r.stdout != "hung up\n" {
		t.Errorf("got %q", r.stdout)
	}
	if got := b.listed(); !slices.Equal(got, []string{p.ID}) {
		t.Errorf("listed %q", got)
	}
	b.remove(p.ID)
	b.mustBeEmpty()
}

// A command that stops a supervisor does not make it unreachable, one that kills it ends the process.
func TestProcessSupervisorIsSignalled(t *testing.T) {
	b := newSessionBox(t, asUser, "/")
	p := b.background(runtime.StartProcessOptions{}, "/bin/sh", "-c", "echo $PPID; exec sleep 1000")
	var supervisor string
	eventually(t, "it is ready", func() bool {
		_, supervisor, _ = b.waited(p.ID, runtime.WaitProcessOptions{NoWait: true})
		return supervisor != ""
	})
	supervisor = strings.TrimSpace(supervisor)
	mustExit(t, b.sh(runtime.ExecOptions{}, "kill -STOP "+supervisor), 0)
	if got := b.listed(); !slices.Equal(got, []string{p.ID}) {
		t.Errorf("listed %q", got)
	}
	mustExit(t, b.sh(runtime.ExecOptions{}, "kill -KILL "+supervisor), 0)
	eventually(t, "it is not listed", func() bool { return len(b.listed()) == 0 })
	_, err := WaitProcess(context.Background(), b.channel(b.as), p.ID, runtime.WaitProcessOptions{})
	if !errors.Is(err, runtime.ErrProcessNotFound) {
		t.Errorf("got %v", err)
	}
	eventually(t, "the process ends", func() bool {
		return !slices.ContainsFunc(b.processes(), func(line string) bool { return strings.Contains(line, "sleep") })
	})
	b.mustBeEmpty()
}

func TestStopEndsProcesses(t *testing.T) {
	b := newSessionBox(t, asUser, "/")
	b.background(runtime.StartProcessOptions{}, "sleep", "1000")
	b.background(runtime.StartProcessOptions{}, "true")
	_ = syscall.Kill(b.pid, syscall.SIGPWR)
	eventually(t, "the box ends", func() bool { _, err := os.Stat(fmt.Sprintf("/proc/%d", b.pid)); return err != nil })
}
