//go:build linux

package guest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"

	"github.com/sandlot-dev/sandlot/runtime"
)

func (b *box) change(path string, change runtime.FileChange, opts runtime.ChangeFileOptions) (err error) {
	b.t.Helper()
	within(b.t, "a change", func() { _, err = ChangeFile(context.Background(), b.serve(asEngine), path, change, opts) })
	return err
}

func TestChangeFile(t *testing.T) {
	dir := openDir(t)
	b := newBox(t, asUser, dir)
	must := func(errs ...error) {
		t.Helper()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(dir+"/f", []byte("f"), 0o600), os.Mkdir(dir+"/d", 0o700), os.Mkdir(dir+"/full", 0o700), os.WriteFile(dir+"/full/g", nil, 0o600),
		os.Symlink("f2", dir+"/link"), os.Symlink("d", dir+"/to-d"), syscall.Mkfifo(dir+"/pipe", 0o600))
	must(b.change("f", runtime.Rename{To: "to-d/f2"}, runtime.ChangeFileOptions{}), b.change("d/f2", runtime.Rename{To: dir + "/f2"}, runtime.ChangeFileOptions{}))
	must(b.change("link", runtime.Chmod{Mode: 0o750 | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky}, runtime.ChangeFileOptions{Follow: true}))
	must(b.change("pipe", runtime.Chmod{Mode: 0o640}, runtime.ChangeFileOptions{}), b.change("/"+dir+"/./d/", runtime.Chmod{Mode: 0o711 | fs.ModeSticky}, runtime.ChangeFileOptions{}))
	for name, want := range map[string]fs.FileMode{
		"f2": 0o750 | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky, "pipe": 0o640 | fs.ModeNamedPipe, "d": 0o711 | fs.ModeDir | fs.ModeSticky,
	} {
		if st, err := os.Lstat(filepath.Join(dir, name)); err != nil || st.Mode() != want {
			t.Errorf("%s: %v, want %v", name, st.Mode(), want)
		}
	}
	must(b.change("link", runtime.Chown{UID: 3, GID: -1}, runtime.ChangeFileOptions{}), b.change("link", runtime.Chown{UID: -1, GID: 4}, runtime.ChangeFileOptions{Follow: true}))
	owner := func(name string) [2]uint32 {
		st, err := os.Lstat(filepath.Join(dir, name))
		must(err)
		return [2]uint32{st.Sys().(*syscall.Stat_t).Uid, st.Sys().(*syscall.Stat_t).Gid}
	}
	if link, file := owner("link"), owner("f2"); link != [2]uint32{3, 0} || file != [2]uint32{0, 4} {
		t.Errorf("owners: %v, %v", link, file)
	}
	if st, err := os.Stat(dir + "/f2"); err != nil || st.Mode()&fs.ModeSetuid != 0 {
		t.Errorf("after a change of owner: %v %v", st.Mode(), err)
	}
	before := names(t, dir)
	for _, refused := range []struct {
		path   string
		change runtime.FileChange
		follow bool
		kind   error
	}{
		{"f2", runtime.Rename{To: "d"}, false, runtime.ErrInvalid},
		{"d", runtime.Rename{To: "f2"}, false, runtime.ErrInvalid},
		{"d", runtime.Rename{To: "full"}, false, runtime.ErrInvalid},
		{"d", runtime.Rename{To: "d/e"}, false, runtime.ErrInvalid},
		{"f2", runtime.Rename{To: "/proc/x"}, false, runtime.ErrInvalid}, // another file system
		{"f2", runtime.Rename{To: "x"}, true, runtime.ErrInvalid},
		{"f2", runtime.Rename{To: "d/"}, false, runtime.ErrInvalid},
		{"f2", runtime.Rename{To: ".."}, false, runtime.ErrInvalid},
		{"f2", runtime.Rename{}, false, runtime.ErrInvalid},
		{"/", runtime.Rename{To: "x"}, false, runtime.ErrInvalid},
		{"/dev/null", runtime.Rename{To: "x"}, false, runtime.ErrInvalid},
		{"f2", runtime.Rename{To: "/dev/null"}, false, runtime.ErrInvalid},
		{"/dev/null", runtime.Chmod{Mode: 0o666}, false, runtime.ErrInvalid},
		{"/dev/null", runtime.Chown{}, false, runtime.ErrInvalid},
		{"f2", runtime.Rename{To: "pipe/x"}, false, runtime.ErrFileNotFound},
		{"pipe/x", runtime.Rename{To: "x"}, false, runtime.ErrFileNotFound},
		{"f2", runtime.Rename{To: "none/x"}, false, runtime.ErrFileNotFound},
		{"none", runtime.Rename{To: "x"}, false, runtime.ErrFileNotFound},
		{"none", runtime.Chmod{}, false, runtime.ErrFileNotFound},
		{"f2/x", runtime.Chown{}, false, runtime.ErrFileNotFound},
		{"link", runtime.Chmod{Mode: 0o777}, false, runtime.ErrInvalid},
		{"f2", runtime.Chmod{Mode: fs.ModeDir}, false, runtime.ErrInvalid},
		{"f2", runtime.Chmod{Mode: 0o4755}, false, runtime.ErrInvalid},
		{"f2", runtime.Chown{UID: -2}, false, runtime.ErrInvalid},
		{"f2", runtime.Chown{GID: 1<<32 - 1}, false, runtime.ErrInvalid},
		{"", runtime.Chmod{}, false, runtime.ErrInvalid},
		{"a\x00b", runtime.Chmod{}, false, runtime.ErrInvalid},
		{"f2", nil, false, runtime.ErrInvalid},
	} {
		err := b.change(refused.path, refused.change, runtime.ChangeFileOptions{Follow: refused.follow})
		var own *runtime.Error
		if !errors.Is(err, refused.kind) || !errors.As(err, &own) {
			t.Errorf("%q %T %+[2]v: %v, want %v", refused.path, refused.change, err, refused.kind)
		}
	}
	if err := b.change("f2", runtime.Rename{To: "/proc/x"}, runtime.ChangeFileOptions{}); !errors.Is(err, syscall.EXDEV) {
		t.Errorf("to another file system: %v", err)
	}
	if after := names(t, dir); !slices.Equal(after, before) {
		t.Errorf("what was refused has changed %q to %q", before, after)
	}
}

// What stands where a directory belongs may be a pipe, which nobody must wait at.
func TestPipeInTheWay(t *testing.T) {
	dir := openDir(t)
	b := newBox(t, asUser, dir)
	if err := syscall.Mkfifo(dir+"/pipe", 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := b.put("pipe", runtime.PutArchiveOptions{}, bytes.NewReader(tarOf(t, file("f", "")))); !errors.Is(err, runtime.ErrInvalid) {
		t.Errorf("put in a pipe: %v", err)
	}
	if _, err := b.put("pipe/d", runtime.PutArchiveOptions{}, bytes.NewReader(tarOf(t, file("f", "")))); !errors.Is(err, runtime.ErrInvalid) {
		t.Errorf("put below a pipe: %v", err)
	}
	if _, err := b.get("pipe/f", runtime.GetArchiveOptions{}); !errors.Is(err, runtime.ErrFileNotFound) {
		t.Errorf("get below a pipe: %v", err)
	}
}

// A watching is a WatchFiles under way.
type watching struct {
	t      *testing.T
	cancel context.CancelFunc
	done   chan error
	mu     sync.Mutex
	events []string
	change chan struct{}
	hold   sync.Mutex // held: the events' taker blocks
}

func (b *box) watch(ch Channel, path string, recursive bool) *watching {
	b.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := &watching{t: b.t, cancel: cancel, done: make(chan error, 1), change: make(chan struct{}, 1)}
	ready := make(chan struct{})
	go func() {
		_, err := WatchFiles(ctx, ch, path, w.take, runtime.WatchFilesOptions{Recursive: recursive, Ready: func() { close(ready) }})
		w.done <- err
	}()
	b.t.Cleanup(cancel)
	within(b.t, "a watch", func() {
		select {
		case <-ready:
		case err := <-w.done:
			w.done <- err
		}
	})
	return w
}

func (w *watching) take(e runtime.FileEvent) error {
	w.hold.Lock()
	defer w.hold.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	text := fmt.Sprintf("%s %s", e.Op, e.Path)
	if e.To != "" {
		text += " " + e.To
	}
	if e.Dir {
		text += "/"
	}
	w.events = append(w.events, text)
	select {
	case w.change <- struct{}{}:
	default:
	}
	return nil
}

func (w *watching) all() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.events)
}

// await waits for an event.
func (w *watching) await(event string) {
	w.t.Helper()
	within(w.t, "waiting for "+event, func() {
		for !slices.Contains(w.all(), event) {
			<-w.change
		}
	})
}

func (w *watching) ends(kind error) {
	w.t.Helper()
	within(w.t, "the end of a watch", func() {
		if err := <-w.done; !errors.Is(err, kind) {
			w.t.Errorf("the watch ended with %v, want %v", err, kind)
		}
	})
}

func TestWatchFlat(t *testing.T) {
	dir := openDir(t)
	b := newBox(t, asUser, dir)
	for _, err := range []error{os.MkdirAll(dir+"/d/sub", 0o777), os.Symlink("d", dir+"/link"), os.WriteFile(dir+"/d/sub/deep", nil, 0o644)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	w := b.watch(b.serve(asEngine), "link", false)
	odd := "a\nb\xff"
	for _, err := range []error{
		os.WriteFile(dir+"/d/f", []byte("x"), 0o644), os.Chmod(dir+"/d/f", 0o600), os.Rename(dir+"/d/f", dir+"/d/"+odd), os.Mkdir(dir+"/d/new", 0o755),
		os.WriteFile(dir+"/d/new/unseen", nil, 0o644), os.Rename(dir+"/d/"+odd, dir+"/out"), os.Rename(dir+"/out", dir+"/d/in"), os.Remove(dir + "/d/sub/deep"),
		os.Remove(dir + "/d/sub"), os.Chmod(dir+"/d", 0o755), os.Remove(dir + "/d/in"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	w.await("remove in")
	want := []string{
		"create f", "write f", "attributes f", "rename f " + odd, "create new/", "remove " + odd, "create in", "remove sub/", "attributes ./", "remove in",
	}
	if got := w.all(); !slices.Equal(got, want) {
		t.Errorf("told\n%q, want\n%q", got, want)
	}
	w.cancel()
	w.ends(context.Canceled)
	b.mustBeEmpty()
}

func TestWatchRecursive(t *testing.T) {
	dir := openDir(t)
	b := newBox(t, asUser, dir)
	step := func(errs ...error) {
		t.Helper()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	step(os.MkdirAll(dir+"/d/a/b/c", 0o777), os.Mkdir(dir+"/out", 0o777), os.Symlink("../out", dir+"/d/link"))
	w := b.watch(b.serve(asEngine), "d", true)
	step(os.WriteFile(dir+"/d/a/b/c/f", nil, 0o644))
	w.await("create a/b/c/f")
	step(os.Rename(dir+"/d/a/b", dir+"/d/z"))
	step(os.WriteFile(dir+"/d/z/c/g", nil, 0o644))
	w.await("create z/c/g")
	step(os.MkdirAll(dir+"/d/n/e/w", 0o777), os.WriteFile(dir+"/d/n/e/w/h", nil, 0o644))
	w.await("create n/e/w/h")
	step(os.Rename(dir+"/d/z", dir+"/out/z"), os.WriteFile(dir+"/out/z/c/unseen", nil, 0o644), os.WriteFile(dir+"/out/unseen", nil, 0o644))
	step(os.Mkdir(dir+"/d/end", 0o777))
	w.await("create end/")
	step(os.WriteFile(dir+"/out/z/c/unseen2", nil, 0o644))
	step(os.Rename(dir+"/out/z", dir+"/d/back"), os.WriteFile(dir+"/d/back/c/i", nil, 0o644))
	w.await("create back/c/i")
	if got := w.all(); !slices.Contains(got, "rename a/b z/") || !slices.Contains(got, "remove z/") || slices.ContainsFunc(got, func(s string) bool {
		return s == "create z/c/unseen" || s == "create unseen" || s == "create link/unseen" || s == "create z/c/unseen2"
	}) {
		t.Errorf("told %q", got)
	}
	step(os.RemoveAll(dir + "/d"))
	w.ends(runtime.ErrFileNotFound)
}

func TestWatchOverflow(t *testing.T) {
	dir := openDir(t)
	b := newBox(t, asUser, dir)
	w := b.watch(b.serve(asEngine), ".", true)
	w.hold.Lock()
	const many = 40000
	for i := range many {
		name := fmt.Sprintf("%s/f%d", dir, i)
		if err := errors.Join(os.WriteFile(name, nil, 0o644), os.Remove(name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Mkdir(dir+"/lost", 0o777)); err != nil {
		t.Fatal(err)
	}
	w.hold.Unlock()
	w.await("overflow ")
	if err := os.WriteFile(dir+"/lost/f", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	w.await("create lost/f")
	if n := len(w.all()); n > many {
		t.Errorf("%d events, and some lost", n)
	}
}

func TestWatchEnds(t *testing.T) {
	dir := openDir(t)
	b := newBox(t, asUser, dir)
	if err := errors.Join(os.WriteFile(dir+"/f", nil, 0o644), os.Mkdir(dir+"/d", 0o777), syscall.Mkfifo(dir+"/pipe", 0o600)); err != nil {
		t.Fatal(err)
	}
	b.watch(b.serve(asEngine), "f", false).ends(runtime.ErrInvalid)
	b.watch(b.serve(asEngine), "pipe", true).ends(runtime.ErrInvalid)
	b.watch(b.serve(asEngine), "f/x", false).ends(runtime.ErrFileNotFound)
	b.watch(b.serve(asEngine), "none", false).ends(runtime.ErrFileNotFound)
	b.watch(b.serve(asEngine), "", false).ends(runtime.ErrInvalid)
	w := b.watch(b.serve(asEngine), "d", false)
	if err := os.Rename(dir+"/d", dir+"/e"); err != nil {
		t.Fatal(err)
	}
	w.ends(runtime.ErrFileNotFound)
	broken := errors.New("broken")
	var err error
	within(t, "a watch whose taker fails", func() {
		_, err = WatchFiles(context.Background(), b.serve(asEngine), ".", func(runtime.FileEvent) error { return broken },
			runtime.WatchFilesOptions{Ready: func() { _ = os.WriteFile(dir+"/g", nil, 0o644) }})
	})
	if !errors.Is(err, broken) {
		t.Errorf("a taker that fails: %v", err)
	}
	ch := b.serve(asEngine)
	w = b.watch(ch, ".", true)
	ch.Close() // the host is gone
	w.ends(runtime.ErrConnectionLost)
	b.mustBeEmpty()
}

// Over a session a supervisor watches, and serves others after that; and no watch holds up the sandbox's end.
func TestWatchOverSession(t *testing.T) {
	dir := openDir(t)
	b := newBox(t, asUser, dir)
	s, err := OpenSession(context.Background(), b.start(asEngine, "session", "files"), testRoom, func(context.Context) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	open := func() Channel {
		ch, err := s.Open(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return ch
	}
	w := b.watch(open(), ".", true)
	if _, err := ChangeFile(context.Background(), open(), ".", runtime.Chmod{Mode: 0o755}, runtime.ChangeFileOptions{}); err != nil {
		t.Fatal(err)
	}
	w.await("attributes ./")
	w.cancel()
	w.ends(context.Canceled)
	first := open()
	if got := first.(*turn).hello.PID; got == 0 {
		t.Error("no process id")
	}
	w = b.watch(first, ".", true)
	if err := syscall.Kill(b.pid, syscall.SIGPWR); err != nil {
		t.Fatal(err)
	}
	w.ends(runtime.ErrConnectionLost)
	eventually(t, "the sandbox ends", func() bool { return !alive(b.pid) })
}
