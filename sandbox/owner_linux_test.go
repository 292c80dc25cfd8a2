package sandbox

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
)

// sleeper starts a process that lives until it is killed.
func sleeper(t *testing.T) (o owner, kill, wait func()) {
	t.Helper()
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = func() { _ = cmd.Process.Kill() }
	wait = func() { _ = cmd.Wait() }
	t.Cleanup(func() { kill(); wait() })
	o = self()
	o.pid = cmd.Process.Pid
	var err error
	if o.start, err = startOf(o.pid); err != nil {
		t.Fatal(err)
	}
	return o, kill, wait
}

func TestOwnerLives(t *testing.T) {
	me := self()
	if got := me.lifeOf(me, true); got != lifeRuns {
		t.Errorf("of this process: %v", got)
	}
	o, kill, wait := sleeper(t)
	if got := o.lifeOf(me, true); got != lifeRuns {
		t.Errorf("of a process that lives: %v", got)
	}
	again := o
	again.start = "1"
	if got := again.lifeOf(me, true); got != lifeOver {
		t.Errorf("of a process whose id another has now: %v", got)
	}
	unsure := o
	unsure.start = ""
	if got := unsure.lifeOf(me, true); got != lifeUnknown {
		t.Errorf("of a process that did not know its start: %v", got)
	}
	kill()
	for deadline := time.Now().Add(time.Minute); o.lifeOf(me, true) != lifeOver; { // until the kernel has ended it
		if time.Now().After(deadline) {
			t.Fatal("a process that was killed, and not waited for, lives on")
		}
	}
	wait()
	if got := o.lifeOf(me, true); got != lifeOver {
		t.Errorf("of a process that is gone: %v", got)
	}
}

// TestLifeOfInit asks about a process of another user, where this one is not root.
func TestLifeOfInit(t *testing.T) {
	start, err := startOf(1)
	if err != nil {
		t.Fatal(err)
	}
	if got := lifeOfProcess(1, start); got != lifeRuns {
		t.Errorf("of process 1: %v", got)
	}
}

func TestOwnerElsewhere(t *testing.T) {
	dead, kill, wait := sleeper(t)
	kill()
	wait()
	me := self()
	me.machine = "digest" // also where this machine has no id
	dead.machine = me.machine
	booted := func(o *owner) { o.boot = "another" }
	for name, test := range map[string]struct {
		change  func(o *owner)
		running bool
		want    life
	}{
		"here":                                {func(*owner) {}, true, lifeOver},
		"in another namespace":                {func(o *owner) { o.namespace = "pid:[1]" }, false, lifeUnknown},
		"before this boot":                    {booted, false, lifeOver},
		"before this boot, but it runs":       {booted, true, lifeUnknown},
		"on another machine of the same name": {func(o *owner) { booted(o); o.machine = "other" }, false, lifeUnknown},
		"on a machine without an id":          {func(o *owner) { booted(o); o.machine = "" }, false, lifeUnknown},
		"on a copy of another name":           {func(o *owner) { booted(o); o.host = "other" }, false, lifeUnknown},
		"where lives are not told":            {func(o *owner) { o.boot = "" }, false, lifeUnknown},
	} {
		o := dead
		test.change(&o)
		if got := o.lifeOf(me, test.running); got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
	other := me
	other.boot = ""
	if got := dead.lifeOf(other, false); got != lifeUnknown {
		t.Errorf("asked where lives are not told: %v", got)
	}
}

func TestOwnerText(t *testing.T) {
	for _, o := range []owner{self(), {host: "a b&=\n%", machine: "m", boot: "b", namespace: "pid:[1]", pid: 1, start: "2"}} {
		text := o.String()
		if got, ok := parseOwnerOf(text); !ok || got != o {
			t.Errorf("%q is read as %+v, %v", text, got, ok)
		}
		if len(text) > runtime.MaxOwner || strings.ContainsAny(text, " \n") {
			t.Errorf("%q is no owner of the contract", text)
		}
	}
	for _, text := range []string{"", "somebody", "pid=0", "pid=-1", "pid=x&boot=b", "%zz", "boot=b"} {
		if got, ok := parseOwnerOf(text); ok {
			t.Errorf("%q is read as %+v", text, got)
		}
	}
}

func TestLeftBehind(t *testing.T) {
	dead, kill, wait := sleeper(t)
	kill()
	wait()
	me, now := self(), time.Now()
	unknown := me
	unknown.boot, unknown.host = "another", "another"
	over, later := now.Add(-time.Second), now.Add(time.Second)
	for name, test := range map[string]struct {
		owner string
		lease time.Time
		want  GCReason
	}{
		"nobody's":                             {"", time.Time{}, ""},
		"nobody's, leased":                     {"", later, ""},
		"nobody's, its lease over":             {"", over, GCLeaseOver},
		"mine":                                 {me.String(), time.Time{}, ""},
		"mine, its lease over":                 {me.String(), over, ""},
		"a dead process'":                      {dead.String(), time.Time{}, GCOwnerGone},
		"a dead process', leased":              {dead.String(), later, GCOwnerGone},
		"another machine's":                    {unknown.String(), time.Time{}, ""},
		"another machine's, leased":            {unknown.String(), later, ""},
		"another machine's, its lease over":    {unknown.String(), over, GCLeaseOver},
		"somebody else's":                      {"somebody", time.Time{}, ""},
		"somebody else's, with its lease over": {"somebody", over, GCLeaseOver},
	} {
		c := runtime.Container{Owner: test.owner, LeaseEnd: test.lease, State: runtime.StateRunning}
		if got := leftBehind(c, me, now); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
