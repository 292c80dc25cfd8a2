package engine

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/sandlot-dev/sandlot/guest"
	"github.com/sandlot-dev/sandlot/runtime"
)

func TestExecRefuses(t *testing.T) {
	f := newFake()
	e := f.open(t)
	f.add("box", ours, time.Now())
	for name, test := range map[string]struct {
		argv []string
		opts runtime.ExecOptions
		want error
	}{
		"no argv":           {nil, runtime.ExecOptions{}, runtime.ErrInvalid},
		"empty argv":        {[]string{""}, runtime.ExecOptions{}, runtime.ErrInvalid},
		"zero byte":         {[]string{"a", "b\x00"}, runtime.ExecOptions{}, runtime.ErrInvalid},
		"env without =":     {[]string{"a"}, runtime.ExecOptions{Env: []string{"HOME"}}, runtime.ErrInvalid},
		"negative deadline": {[]string{"a"}, runtime.ExecOptions{Timeout: -1}, runtime.ErrInvalid},
		"user":              {[]string{"a"}, runtime.ExecOptions{User: "a:b:c"}, runtime.ErrInvalid},
		"no users here":     {[]string{"a"}, runtime.ExecOptions{User: "nobody"}, errors.ErrUnsupported},
		"no terminals here": {[]string{"a"}, runtime.ExecOptions{TTY: true}, errors.ErrUnsupported},
	} {
		t.Run(name, func(t *testing.T) {
			f.caps = runtime.Capabilities{}
			result, err := e.Exec(t.Context(), "box", test.argv, test.opts)
			check(t, err, test.want)
			if result.ExitCode != -1 || f.calls("attach") != "" {
				t.Errorf("%+v, %s", result, f.calls("attach"))
			}
		})
	}
}

func TestExecAttachesAsTheUser(t *testing.T) {
	f := newFake()
	e := f.open(t)
	f.add("box", ours, time.Now())
	var got runtime.ExecOptions
	e.guest.exec = func(_ context.Context, ch guest.Channel, argv []string, opts runtime.ExecOptions, _ guest.Rescue) (runtime.ExecResult, error) {
		got = opts
		return runtime.ExecResult{ExitCode: 3}, ch.Close()
	}
	result, err := e.Exec(t.Context(), "box", []string{"a"}, runtime.ExecOptions{User: "nobody", Env: []string{"A=1", "B=2", "A=3"}})
	if err != nil || result.ExitCode != 3 {
		t.Fatal(result, err)
	}
	if want := "attach serve user=nobody privileged=false"; f.calls("attach") != want {
		t.Errorf("%s, want %s", f.calls("attach"), want)
	}
	if len(got.Env) != 2 || got.Env[0] != "A=3" || got.Env[1] != "B=2" {
		t.Errorf("environment %q", got.Env)
	}
}

func TestExecSaysWhyTheChannelBroke(t *testing.T) {
	lost := &runtime.Error{Kind: runtime.ErrConnectionLost, Message: "the stream ended"}
	never := &runtime.Error{Kind: runtime.ErrConnectionLost, Err: guest.ErrNoGuest}
	set := func(state runtime.State) func(f *fake, id string) {
		return func(f *fake, id string) { f.containers[id].State = state }
	}
	for name, test := range map[string]struct {
		err     error
		prepare func(f *fake, id string)
		want    error
		words   string
	}{
		"supervisor killed": {lost, func(*fake, string) {}, runtime.ErrConnectionLost, "supervisor"},
		"sandbox ended":     {lost, set(runtime.StateExited), runtime.ErrConnectionLost, "the sandbox ended"},
		"out of memory": {lost, func(f *fake, id string) {
			f.containers[id].State, f.containers[id].OOMKilled = runtime.StateExited, true
		}, runtime.ErrConnectionLost, "out of memory"},
		"sandbox removed":       {lost, func(f *fake, id string) { delete(f.containers, id) }, runtime.ErrConnectionLost, "removed"},
		"never: sandbox ended":  {never, set(runtime.StateExited), runtime.ErrNotRunning, "the sandbox ended"},
		"never: paused":         {never, set(runtime.StatePaused), runtime.ErrNotRunning, "unpause"},
		"never: removed":        {never, func(f *fake, id string) { delete(f.containers, id) }, runtime.ErrNotFound, ""},
		"never: unknown user":   {never, func(f *fake, id string) { f.words = fails(runtime.ErrInvalid, "no such user")() }, runtime.ErrInvalid, "no such user"},
		"never: other words":    {never, func(f *fake, id string) { f.words = fails(nil, "runc failed")() }, nil, "runc failed"},
		"never: no words known": {never, func(*fake, string) {}, runtime.ErrConnectionLost, `the engine's words`},
		// Words on a stream are an engine's only where the guest did not get to speak.
		"words of a guest": {lost, func(f *fake, id string) { f.words = fails(runtime.ErrInvalid, "no such user")() }, runtime.ErrConnectionLost, "supervisor"},
		"other errors":     {&runtime.Error{Kind: runtime.ErrTimeout}, set(runtime.StateExited), runtime.ErrTimeout, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			e := f.open(t)
			id := f.add("box", ours, time.Now())
			f.streamOut = frame(2, "the engine's words")
			e.guest.exec = func(_ context.Context, ch guest.Channel, _ []string, _ runtime.ExecOptions, _ guest.Rescue) (runtime.ExecResult, error) {
				io.Copy(io.Discard, ch)
				ch.Close()
				test.prepare(f, id)
				return runtime.ExecResult{ExitCode: -1}, test.err
			}
			_, err := e.Exec(t.Context(), "box", []string{"a"}, runtime.ExecOptions{})
			if test.want == nil {
				if isKind(err) {
					t.Errorf("%v has a kind", err)
				}
				test.want = err
			}
			check(t, err, test.want, test.words)
			if test.want == runtime.ErrInvalid && errors.Is(err, runtime.ErrConnectionLost) {
				t.Errorf("%v is two things", err)
			}
		})
	}
}

func TestRescue(t *testing.T) {
	const (
		own   = "attach kill user=nobody privileged=false"
		tried = own + ", attach kill user=0 privileged=true"
	)
	for name, test := range map[string]struct {
		supervisor int
		prepare    func(f *fake)
		calls      string
		words      []string
	}{
		"killed":          {7, func(*fake) {}, own, nil},
		"pid not known":   {0, func(*fake) {}, "stop 0s", []string{"so the sandbox was"}},
		"some are left":   {7, func(f *fake) { f.exit = 1 }, tried + ", stop 0s", []string{"exit code 1", "so the sandbox was"}},
		"cannot attach":   {7, func(f *fake) { f.failAttach = fails(nil, "busy") }, tried + ", stop 0s", []string{"busy", "so the sandbox was"}},
		"sandbox ended":   {7, func(f *fake) { f.failAttach = fails(nil, "gone"); f.only().State = runtime.StateExited }, tried, nil},
		"sandbox removed": {7, func(f *fake) { clear(f.containers) }, tried, nil},
		"sandbox paused":  {7, func(f *fake) { f.failAttach = fails(nil, "paused"); f.only().State = runtime.StatePaused }, tried + ", stop 0s", []string{"paused"}},
		"nothing helps":   {0, func(f *fake) { f.failStop = fails(nil, "stuck") }, "stop 0s", []string{"stuck", "may go on"}},
		"context is done": {7, func(f *fake) {}, own, nil},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			e := f.open(t)
			id := f.add("box", ours, time.Now())
			test.prepare(f)
			ctx, cancel := context.WithCancel(t.Context())
			if name == "context is done" {
				cancel()
			}
			defer cancel()
			err := e.rescue(id, "nobody")(ctx, test.supervisor)
			if (err == nil) != (test.words == nil) {
				t.Fatalf("error %v", err)
			}
			check(t, err, err, test.words...)
			if got := f.calls("attach", "stop"); got != test.calls {
				t.Errorf("%s, want %s", got, test.calls)
			}
		})
	}
}

func TestArchives(t *testing.T) {
	f := newFake()
	e := f.open(t)
	f.add("box", ours, time.Now())
	if _, err := e.PutArchive(t.Context(), "box", "/", emptyTar(), runtime.PutArchiveOptions{KeepOwner: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := e.GetArchive(t.Context(), "box", "/", io.Discard, runtime.GetArchiveOptions{}); err != nil {
		t.Fatal(err)
	}
	one := "attach serve user=0 privileged=true"
	if got := f.calls("attach"); got != one+", "+one {
		t.Errorf("%s", got)
	}
	_, err := e.PutArchive(t.Context(), "box", "/", nil, runtime.PutArchiveOptions{})
	check(t, err, runtime.ErrInvalid)
	_, err = e.GetArchive(t.Context(), "box", "/", io.Discard, runtime.GetArchiveOptions{Depth: -1})
	check(t, err, runtime.ErrInvalid)

	poor := newFake()
	delete(poor.caps, runtime.CapabilityOwners)
	poor.add("box", ours, time.Now())
	_, err = poor.open(t).PutArchive(t.Context(), "box", "/", emptyTar(), runtime.PutArchiveOptions{KeepOwner: true})
	check(t, err, errors.ErrUnsupported)
	if poor.calls("attach") != "" {
		t.Error("something ran")
	}
}
