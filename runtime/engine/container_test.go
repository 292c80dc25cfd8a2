package engine

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sandlot-dev/sandlot/guest"
	"github.com/sandlot-dev/sandlot/runtime"
)

// everything calls each method that takes an id.
func everything(ctx context.Context, e *engine, id string) map[string]error {
	out := make(map[string]error)
	_, out["exec"] = e.Exec(ctx, id, []string{"true"}, runtime.ExecOptions{})
	_, out["put archive"] = e.PutArchive(ctx, id, "/", emptyTar(), runtime.PutArchiveOptions{})
	_, out["get archive"] = e.GetArchive(ctx, id, "/", nil, runtime.GetArchiveOptions{})
	_, out["inspect"] = e.Inspect(ctx, id, runtime.InspectOptions{})
	_, out["stop"] = e.Stop(ctx, id, runtime.StopOptions{})
	_, out["start"] = e.Start(ctx, id, runtime.StartOptions{})
	_, out["remove"] = e.Remove(ctx, id, runtime.RemoveOptions{})
	return out
}

func TestOnlySandlots(t *testing.T) {
	f := newFake()
	e := f.open(t)
	id := f.add("theirs", foreign, time.Now())
	for given, words := range map[string]string{
		id: "not Sandlot's", "theirs": "not Sandlot's", id[:12]: "no such container", "gone": "no such container",
		"": "neither an id nor a name", "../x": "neither an id nor a name", "a": "neither an id nor a name",
	} {
		for op, err := range everything(t.Context(), e, given) {
			check(t, err, runtime.ErrNotFound, op, words)
		}
	}
	if got := f.calls("attach", "stop", "start", "delete"); got != "" {
		t.Errorf("a container that is not Sandlot's was touched: %s", got)
	}
}

func TestFindRefusesPrefixes(t *testing.T) {
	f := newFake()
	id := f.add("box", ours, time.Now())
	e := f.open(t)
	e.api = prefixes{f, id} // as engines find containers
	if _, err := e.Inspect(t.Context(), id[:idLength], runtime.InspectOptions{}); err != nil {
		t.Error(err)
	}
	_, err := e.Inspect(t.Context(), id[:2], runtime.InspectOptions{})
	check(t, err, runtime.ErrNotFound)
}

type prefixes struct {
	*fake
	id string
}

func (p prefixes) Inspect(ctx context.Context, id string) (runtime.Container, error) {
	if strings.HasPrefix(p.id, id) {
		id = p.id
	}
	return p.fake.Inspect(ctx, id)
}

func TestKnownIDsAreNotAskedFor(t *testing.T) {
	f := newFake()
	e := f.open(t)
	id := f.add("box", ours, time.Now())
	exec := func() error {
		_, err := e.Exec(t.Context(), id, []string{"true"}, runtime.ExecOptions{})
		return err
	}
	for range 3 {
		if err := exec(); err != nil {
			t.Fatal(err)
		}
	}
	if got := f.calls("inspect"); got != "inspect" {
		t.Errorf("%s, want one question", got)
	}
	delete(f.containers, id)
	check(t, exec(), runtime.ErrNotFound)
	if e.known[id] {
		t.Error("an id that is gone is still known")
	}
	// A name can be another's at any time.
	f.add("name", ours, time.Now())
	for range 2 {
		if _, err := e.Exec(t.Context(), "name", []string{"true"}, runtime.ExecOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Count(f.calls("inspect"), "inspect"); got != 3 {
		t.Errorf("%d questions in all, want 3", got)
	}
}

func TestInspectAndList(t *testing.T) {
	f := newFake()
	e := f.open(t)
	f.add("theirs", foreign, time.Now())
	got, err := e.Run(t.Context(), image, runtime.RunOptions{
		Name: "box", Labels: map[string]string{"team": "a"}, WorkingDir: "/work/", Network: "default",
		Mounts: []runtime.Mount{{Type: runtime.MountTmpfs, Target: "/tmp"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := e.Inspect(t.Context(), "box", runtime.InspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := runtime.Container{
		ID: got.ID, Name: "box", Image: image, State: runtime.StateRunning, WorkingDir: "/work", Created: c.Created,
		Labels: map[string]string{"team": "a"}, Mounts: []runtime.Mount{{Type: runtime.MountTmpfs, Target: "/tmp", Mode: 0o1777}},
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
	if mounts := f.containers[got.ID].Mounts; mounts[len(mounts)-1].Target != guest.Dir {
		t.Errorf("the engine's own description was changed: %v", mounts)
	}
	for _, labels := range []map[string]string{nil, {"team": "a"}, {"team": ""}, {"team": "b"}} {
		all, err := e.List(t.Context(), runtime.ListOptions{Labels: labels})
		if err != nil {
			t.Fatal(err)
		}
		if found := len(all) == 1 && all[0].Name == "box" && len(all[0].Labels) == 1; found != (labels["team"] != "b") || len(all) > 1 {
			t.Errorf("with %v: %+v", labels, all)
		}
	}
}

func TestRemove(t *testing.T) {
	f := newFake()
	e := f.open(t)
	id := f.add("box", ours, time.Now())
	if _, err := e.Remove(t.Context(), id, runtime.RemoveOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Remove(t.Context(), id, runtime.RemoveOptions{}); err == nil || e.known[id] {
		t.Errorf("%v, known %v", err, e.known[id])
	}
}

func TestStart(t *testing.T) {
	f := newFake()
	e := f.open(t)
	id := f.add("box", ours, time.Now())
	if _, err := e.Start(t.Context(), id, runtime.StartOptions{}); err != nil || f.calls("start") != "" {
		t.Errorf("one that runs already: %v, %s", err, f.calls("start"))
	}
	if _, err := e.Stop(t.Context(), id, runtime.StopOptions{Grace: time.Second}); err != nil || f.calls("stop") != "stop 1s" {
		t.Errorf("%v, %s", err, f.calls("stop"))
	}
	if _, err := e.Start(t.Context(), id, runtime.StartOptions{}); err != nil || f.calls("start") != "start" {
		t.Errorf("%v, %s", err, f.calls("start"))
	}
	_, err := e.Stop(t.Context(), id, runtime.StopOptions{Grace: -1})
	check(t, err, runtime.ErrInvalid)
	f.containers[id].State = runtime.StatePaused
	_, err = e.Start(t.Context(), id, runtime.StartOptions{})
	check(t, err, runtime.ErrNotRunning, HintPaused)
	f.containers[id].State, f.endsAtOnce = runtime.StateExited, true
	_, err = e.Start(t.Context(), id, runtime.StartOptions{})
	check(t, err, runtime.ErrNotRunning, "exit status 2")
}
