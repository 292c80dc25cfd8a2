package engine

import (
	"context"
	"errors"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/sandlot-dev/sandlot/guest"
	"github.com/sandlot-dev/sandlot/runtime"
)

// attacher is a fake that attaches to first processes.
type attacher struct {
	*fake
	g     *guests
	first []net.Conn // the ends of first processes that have no session
}

func (a *attacher) AttachFirst(_ context.Context, id string) (*Stream, error) {
	a.note("attach-first")
	a.mu.Lock()
	defer a.mu.Unlock()
	c, err := a.find(id)
	if err != nil {
		return nil, err
	}
	if slices.Contains(c.spec.Entrypoint, "carrier") {
		return a.g.attach(Process{Argv: guest.SessionArgv(false)}), nil
	}
	here, there := net.Pipe()
	a.first = append(a.first, there)
	return NewStream(here, here, ""), nil
}

func (a *attacher) openWith(t *testing.T, options Options) *engine {
	e := New(a, "fake", "fake:///", options).(*engine)
	e.guest.version = func(string) (string, error) { return "v1", nil }
	e.guest.program = func(string) ([]byte, error) { return []byte("the program"), nil }
	a.g = &guests{started: make(chan *playedSession, 100)}
	a.attach = a.g.attach
	t.Cleanup(func() { e.Close() })
	return e
}

// portChecker is a fake that says whether ports are free.
type portChecker struct {
	*attacher
	answer error
}

func (c *portChecker) PortsFree(context.Context, string) error {
	c.note("ports-free")
	return c.answer
}

// A sandbox whose port is taken is not started, nor attached to, and one that publishes nothing is not asked about.
func TestPortsFree(t *testing.T) {
	for _, attached := range []bool{false, true} {
		a := &attacher{fake: newFake()}
		e := a.openWith(t, Options{})
		checker := &portChecker{a, &runtime.Error{Kind: runtime.ErrPortInUse}}
		e.api = checker
		published := runtime.RunOptions{Attached: attached, Network: runtime.NetworkDefault, Ports: []runtime.Port{{Container: 80}}}
		_, err := e.Run(t.Context(), image, published)
		check(t, err, runtime.ErrPortInUse, "")
		if got := a.calls("ports-free", "attach-first", "start"); got != "ports-free" {
			t.Errorf("attached %v, taken: calls %s", attached, got)
		}
		a.mustSee(t, "")
		checker.answer = nil
		for _, opts := range []runtime.RunOptions{published, {Attached: attached}} {
			if _, err := e.Run(t.Context(), image, opts); err != nil {
				t.Error(err)
			}
		}
		want := "ports-free, start, start"
		if attached {
			want = "ports-free, attach-first, start, attach-first, start"
		}
		if got := a.calls("ports-free", "attach-first", "start"); got != want {
			t.Errorf("attached %v: calls %s, want %s", attached, got, want)
		}
	}
}

const callsOfAttached = "attach attach-first start stop inspect"

// mustSee compares the calls so far, and forgets them.
func (a *attacher) mustSee(t *testing.T, want string) {
	t.Helper()
	if got := a.calls(strings.Fields(callsOfAttached)...); got != want {
		t.Errorf("calls: %s\nwant:  %s", got, want)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.log = nil
}

func TestAttached(t *testing.T) {
	a := &attacher{fake: newFake()}
	e := a.openWith(t, Options{})
	ran, err := e.Run(t.Context(), image, runtime.RunOptions{Name: "box", Attached: true})
	if err != nil {
		t.Fatal(err)
	}
	if s := a.only().spec; !s.Stdin || !s.AutoRemove || strings.Join(s.Entrypoint[3:], " ") != "carrier attached" {
		t.Errorf("%+v", s)
	}
	mustRunIn(t, e, ran.ID)
	a.mustSee(t, "attach-first, start, inspect") // the exec has cost no call
	carrier := <-a.g.started
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	<-carrier.ended
}

func mustRunIn(t *testing.T, e *engine, id string) {
	t.Helper()
	if result, err := e.Exec(t.Context(), id, []string{"true"}, runtime.ExecOptions{}); err != nil || result.ExitCode != 0 {
		t.Errorf("%+v, %v", result, err)
	}
}

// A sandbox with no room for a session is held by its standard input alone, until it is removed or its Runtime closed.
func TestAttachedSmall(t *testing.T) {
	for name, end := range map[string]func(e *engine, id string) error{
		"close": func(e *engine, _ string) error { return e.Close() },
		"remove": func(e *engine, id string) error {
			_, err := e.Remove(t.Context(), id, runtime.RemoveOptions{})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := &attacher{fake: newFake()}
			e := a.openWith(t, Options{})
			ran, err := e.Run(t.Context(), image, runtime.RunOptions{Attached: true, PidsLimit: 64})
			if err != nil {
				t.Fatal(err)
			}
			mustRunIn(t, e, ran.ID)
			a.mustSee(t, "attach-first, start, inspect, attach serve user= privileged=false")
			if err := end(e, ran.ID); err != nil {
				t.Error(err)
			}
			if n, err := a.first[0].Read(make([]byte, 1)); n > 0 || err == nil {
				t.Error("the first process has its standard input still")
			}
		})
	}
}

// A carrier alone changes nothing of how long a sandbox lives.
func TestCarrier(t *testing.T) {
	a := &attacher{fake: newFake()}
	e := a.openWith(t, Options{Carrier: true})
	ran, err := e.Run(t.Context(), image, runtime.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if s := a.only().spec; !s.Stdin || s.AutoRemove || strings.Join(s.Entrypoint[3:], " ") != "carrier" {
		t.Errorf("%+v", s)
	}
	first := <-a.g.started
	mustRunIn(t, e, ran.ID)
	a.mustSee(t, "attach-first, start, inspect")
	// A session that has ended is replaced by an exec's, and so is that of a sandbox which is started again.
	s := e.sessions.get(sessionKey{id: ran.ID})
	first.carrier.Close()
	<-s.guest.Done()
	mustRunIn(t, e, ran.ID)
	second := <-a.g.started
	if _, err := e.Stop(t.Context(), ran.ID, runtime.StopOptions{}); err != nil {
		t.Fatal(err)
	}
	<-second.ended
	if _, err := e.Start(t.Context(), ran.ID, runtime.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	mustRunIn(t, e, ran.ID)
	a.mustSee(t, "attach session user= privileged=false, stop 0s, inspect, start, inspect, attach session user= privileged=false")
}

func TestAttachedLeavesNothing(t *testing.T) {
	a := &attacher{fake: newFake()}
	e := a.openWith(t, Options{})
	a.failStart = fails(runtime.ErrPortInUse, "taken")
	_, err := e.Run(t.Context(), image, runtime.RunOptions{Attached: true})
	check(t, err, runtime.ErrPortInUse, "taken")
	if left := a.names(); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	for range len(a.g.started) {
		<-(<-a.g.started).ended
	}
	_, err = newFake().open(t).Run(t.Context(), image, runtime.RunOptions{Attached: true})
	check(t, err, errors.ErrUnsupported, "attached")
}

func TestOptionsInURLs(t *testing.T) {
	for given, want := range map[string]Options{
		"x:///y":                  {},
		"x:///y?sessions=off":     {NoSessions: true},
		"x:///y?carrier=attached": {Carrier: true},
		"x:///y?carrier=attached&sessions=off&z=1": {NoSessions: true, Carrier: true},
		"x:///y?carrier=exec&sessions=on":          {},
	} {
		u, err := url.Parse(given)
		if err != nil {
			t.Fatal(err)
		}
		rest, got, err := ReadOptions(u)
		if err != nil || got != want || rest.Query().Has("carrier") || rest.Query().Has("sessions") {
			t.Errorf("%s: %+v, %v, %v", given, got, rest, err)
		}
		again, err := url.Parse(got.again(rest.String()))
		if err != nil {
			t.Fatal(err)
		}
		if _, twice, err := ReadOptions(again); err != nil || twice != want {
			t.Errorf("%s: again %+v, %v", given, twice, err)
		}
	}
	for _, wrong := range []string{"x:///y?carrier=pigeon", "x:///y?sessions=maybe"} {
		u, _ := url.Parse(wrong)
		if _, _, err := ReadOptions(u); !errors.Is(err, runtime.ErrInvalid) {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}
