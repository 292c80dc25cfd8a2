package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
)

const contractWatch = "runtime.FileWatcher.WatchFiles"

// watchCases are about events.
func watchCases() []Case {
	cases := append(watchEventCases(), watchEndCases()...)
	for i := range cases {
		cases[i].Contract = contractWatch
		cases[i].Needs = append([]runtime.Capability{runtime.CapabilityWatchFiles}, cases[i].Needs...)
	}
	return cases
}

// watchEventCases are about what is told.
func watchEventCases() []Case {
	recursive := runtime.WatchFilesOptions{Recursive: true}
	return []Case{
		{
			ID:   "watch/events",
			Rule: "All that happens in a directory is told, in the order in which it happened, with any names; what happens below is not, without Recursive.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.MustExec(id, runtime.ExecOptions{}, "mkdir", "/work/d/sub")
				t.MustExec(id, runtime.ExecOptions{}, "link", "d", "/work/l")
				odd := "a b\n☃\xff"
				w := t.Watch(id, "l", runtime.WatchFilesOptions{})
				for _, args := range [][]string{
					{"write", "/work/d/f", "x"}, {"chmod", "600", "/work/d/f"}, {"move", "/work/d/f", "/work/d/" + odd}, {"mkdir", "/work/d/new"},
					{"write", "/work/d/sub/unseen", "x"}, {"write", "/work/d/new/unseen", "x"}, {"move", "/work/d/" + odd, "/work/out"}, {"move", "/work/out", "/work/d/in"},
					{"link", "nowhere", "/work/d/link"}, {"remove", "/work/d/sub"}, {"chmod", "700", "/work/d"}, {"remove", "/work/d/in"},
				} {
					t.MustExec(id, runtime.ExecOptions{}, args...)
				}
				t.Equal("what is told", w.Await("remove in"), []string{
					"create f", "write f", "attributes f", "rename f to " + odd, "create new, a directory", "remove " + odd, "create in",
					"create link", "remove sub, a directory", "attributes ., a directory", "remove in",
				})
			},
		},
		{
			ID:   "watch/recursive",
			Rule: "With Recursive what happens below is told too, in directories that come as well, and links are not followed.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.MustExec(id, runtime.ExecOptions{}, "mkdir", "/work/d/a/b")
				t.MustExec(id, runtime.ExecOptions{}, "mkdir", "/work/out")
				t.MustExec(id, runtime.ExecOptions{}, "link", "/work/out", "/work/d/l")
				w := t.Watch(id, "/work/d", recursive)
				t.MustExec(id, runtime.ExecOptions{}, "write", "/work/d/a/b/f", "x")
				w.Await("create a/b/f")
				t.MustExec(id, runtime.ExecOptions{}, "mkdir", "/work/d/n/e/w")
				t.MustExec(id, runtime.ExecOptions{}, "write", "/work/d/n/e/w/f", "x")
				w.Await("create n/e/w/f")
				t.MustExec(id, runtime.ExecOptions{}, "many", "/work/d/many", "100")
				t.MustExec(id, runtime.ExecOptions{}, "write", "/work/d/l/unseen", "x")
				t.MustExec(id, runtime.ExecOptions{}, "remove", "/work/d/n")
				all := w.Await("remove n, a directory")
				for i := range 100 {
					t.True(slices.Contains(all, fmt.Sprint("create many/", i)), "what is told", all, fmt.Sprintf("the creation of many/%d", i))
				}
				t.True(!strings.Contains(fmt.Sprint(all), "unseen"), "what is told", all, "nothing behind a link")
			},
		},
		{
			ID:   "watch/moved",
			Rule: "A directory that is renamed is told of under its new name; one that is moved away no more, and again when it comes back.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.MustExec(id, runtime.ExecOptions{}, "mkdir", "/work/d/a/b/c")
				w := t.Watch(id, "d", recursive)
				t.MustExec(id, runtime.ExecOptions{}, "move", "/work/d/a/b", "/work/d/z")
				t.MustExec(id, runtime.ExecOptions{}, "write", "/work/d/z/c/f", "x")
				all := w.Await("create z/c/f")
				renamed := slices.Contains(all, "rename a/b to z, a directory")
				t.True(renamed || slices.Contains(all, "remove a/b, a directory") && slices.Contains(all, "create z, a directory"), "what is told", all, "a rename")
				t.MustExec(id, runtime.ExecOptions{}, "move", "/work/d/z", "/work/away")
				t.MustExec(id, runtime.ExecOptions{}, "write", "/work/away/c/unseen", "x")
				t.MustExec(id, runtime.ExecOptions{}, "mkdir", "/work/d/mark")
				all = w.Await("create mark, a directory")
				t.True(slices.Contains(all, "remove z, a directory") && !strings.Contains(fmt.Sprint(all), "unseen"), "what is told", all, "a removal, and nothing of what is away")
				t.MustExec(id, runtime.ExecOptions{}, "move", "/work/away", "/work/d/back")
				t.MustExec(id, runtime.ExecOptions{}, "write", "/work/d/back/c/g", "x")
				w.Await("create back/c/g")
			},
		},
		{
			ID:   "watch/overflow",
			Rule: "While tell blocks nothing else is held up. All that happened meanwhile is told after that, or a FileOverflow; what follows is told.",
			Run: func(t *T) {
				const many = 25000
				name := strings.Repeat("m", 200) // which each event tells, so that no buffer on the way takes them all
				id := t.Run(runtime.RunOptions{})
				t.MustExec(id, runtime.ExecOptions{}, "mkdir", "/work/d")
				blocked, release := make(chan struct{}), make(chan struct{})
				var once sync.Once
				defer once.Do(func() { close(release) })
				var first sync.Once
				w := t.WatchWith(id, "d", recursive, func(runtime.FileEvent) error {
					first.Do(func() { close(blocked) })
					<-release
					return nil
				})
				t.MustExec(id, runtime.ExecOptions{}, "write", "/work/d/first", "x")
				select {
				case <-blocked:
				case <-t.ctx.Done():
					t.Fatalf("the watch\n  got:   nothing\n  want:  the first event")
				}
				t.MustExec(id, runtime.ExecOptions{}, "many", "/work/d/"+name, fmt.Sprint(many))
				once.Do(func() { close(release) })
				w.Await("overflow", fmt.Sprint("create ", name, "/", many-1))
				t.MustExec(id, runtime.ExecOptions{}, "write", "/work/d/"+name+"/last", "x")
				all := w.Await("create " + name + "/last")
				if !slices.Contains(all, "overflow") {
					created := map[string]bool{}
					for _, e := range all {
						if strings.HasPrefix(e, "create "+name+"/") {
							created[e] = true
						}
					}
					t.Equal("how many creations are told, without an overflow", len(created), many+1)
				}
			},
		},
		{
			ID: "watch/administrator", Needs: []runtime.Capability{runtime.CapabilityUser, runtime.CapabilityOwners},
			Rule: "A watch needs no rights of the sandbox's user.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{User: workerName})
				t.MustPut(id, "/mnt", runtime.PutArchiveOptions{KeepOwner: true}, dirEntry("d").with(0o700), dirEntry("d/sub").with(0o700))
				w := t.Watch(id, "/mnt/d", recursive)
				t.MustPut(id, "/mnt/d/sub", runtime.PutArchiveOptions{KeepOwner: true}, fileEntry("f", "x"), dirEntry("g"))
				w.Await("create sub/g, a directory")
			},
		},
	}
}

// watchEndCases are about how a watch ends.
func watchEndCases() []Case {
	return []Case{
		{
			ID:   "watch/refused",
			Rule: "A path that does not exist is ErrFileNotFound, what is no directory ErrInvalid, and Ready is not called.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.MustExec(id, runtime.ExecOptions{}, "write", "/work/f", "x")
				t.MustExec(id, runtime.ExecOptions{}, "fifo", "/work/pipe")
				for path, want := range map[string]error{
					"missing": runtime.ErrFileNotFound, "f/x": runtime.ErrFileNotFound, "pipe/x": runtime.ErrFileNotFound,
					"f": runtime.ErrInvalid, "pipe": runtime.ErrInvalid, "": runtime.ErrInvalid, "a\x00b": runtime.ErrInvalid,
				} {
					w := t.Watch(id, path, runtime.WatchFilesOptions{})
					w.Ends(want)
					select {
					case <-w.ready:
						t.Errorf("the watch of %q\n  got:   Ready was called\n  want:  that it was not", path)
					default:
					}
				}
			},
		},
		{
			ID:   "watch/ends",
			Rule: "A watch ends when ctx is done, with its error, and when tell returns an error, with that; others go on.",
			Run: func(t *T) {
				id := t.Sandbox()
				full := errors.New("full")
				first, second := t.Watch(id, "/work", runtime.WatchFilesOptions{}), t.Watch(id, "/work", runtime.WatchFilesOptions{})
				broken := t.WatchWith(id, "/work", runtime.WatchFilesOptions{}, func(runtime.FileEvent) error { return full })
				first.cancel()
				first.Ends(context.Canceled)
				t.MustExec(id, runtime.ExecOptions{}, "mkdir", "/work/d")
				broken.Ends(full)
				second.Await("create d, a directory")
				t.Equal("how often the one whose tell failed was called", len(broken.Events()), 1)
				t.Equal("what the cancelled one was told", first.Events(), []string{})
			},
		},
		{
			ID:   "watch/directory-gone",
			Rule: "When the directory is removed or moved, the watch is ErrFileNotFound.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.MustExec(id, runtime.ExecOptions{}, "mkdir", "/work/removed")
				t.MustExec(id, runtime.ExecOptions{}, "mkdir", "/work/moved")
				removed, moved := t.Watch(id, "removed", runtime.WatchFilesOptions{Recursive: true}), t.Watch(id, "moved", runtime.WatchFilesOptions{})
				t.MustExec(id, runtime.ExecOptions{}, "remove", "/work/removed")
				t.MustExec(id, runtime.ExecOptions{}, "move", "/work/moved", "/work/elsewhere")
				removed.Ends(runtime.ErrFileNotFound)
				moved.Ends(runtime.ErrFileNotFound)
			},
		},
		{
			ID:   "watch/sandbox-ends",
			Rule: "When the sandbox is removed, a watch is ErrConnectionLost. In one that does not run it is ErrNotRunning, and in one that is gone ErrNotFound.",
			Run: func(t *T) {
				id, stopped := t.Run(runtime.RunOptions{}), t.Run(runtime.RunOptions{})
				w := t.Watch(id, "/work", runtime.WatchFilesOptions{})
				t.Remove(id)
				w.Ends(runtime.ErrConnectionLost)
				t.Watch(id, "/work", runtime.WatchFilesOptions{}).Ends(runtime.ErrNotFound)
				t.stop(stopped, runtime.StopOptions{})
				t.Watch(stopped, "/work", runtime.WatchFilesOptions{}).Ends(runtime.ErrNotRunning)
			},
		},
		{
			ID:   "watch/stop",
			Rule: "A watch does not hold up a sandbox's stop: it is ErrConnectionLost.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{})
				w := t.Watch(id, "/work", runtime.WatchFilesOptions{})
				t.stop(id, runtime.StopOptions{Grace: time.Hour})
				w.Ends(runtime.ErrConnectionLost)
			},
		},
	}
}
