//go:build linux

package archive

import (
	"errors"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sandlot-dev/sandlot/guest/program/internal/link"
	"github.com/sandlot-dev/sandlot/guest/wire"
)

const (
	// maxWatched is how many directories one watch has at most.
	maxWatched = 8192
	// pairTime is how long the other half of a rename may take: the kernel tells both, one right after the other.
	pairTime = 10 * time.Millisecond
	// batchSize is about how many bytes of events are told at once, one more event to come.
	batchSize = 16 << 10

	watched = unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO | unix.IN_MODIFY | unix.IN_ATTRIB |
		unix.IN_DELETE_SELF | unix.IN_MOVE_SELF | unix.IN_EXCL_UNLINK
)

// Watch tells what happens in the directory that request names. It tells nothing, once, when the watch stands. It ends with an error: ErrCancelled after over
// was closed.
func Watch(welcome link.Welcome, request *wire.WatchRequest, tell func([]wire.FileEvent) error, over <-chan struct{}) error {
	n, err := newInotify()
	if err != nil {
		return err
	}
	defer n.file.Close()
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		select {
		case <-over:
			n.file.Close()
		case <-ended:
		}
	}()
	w := &watcher{inotify: n, path: absolute(welcome, request.Path), recursive: request.Recursive, dirs: make(map[int]string), root: -1, send: tell}
	if err := w.add(".", false); err != nil {
		return err
	}
	if err := tell([]wire.FileEvent{}); err != nil {
		return err
	}
	return w.run()
}

// A watcher watches a directory, by its path, and what is below. It keeps no directory open: the kernel would not tell of its end.
type watcher struct {
	*inotify
	path      string
	recursive bool
	root      int            // the watch of the directory itself
	dirs      map[int]string // the directories that are watched, relative to it

	moved *move // half a rename
	batch []wire.FileEvent
	size  int
	send  func([]wire.FileEvent) error
}

type move struct {
	cookie uint32
	from   string
	dir    bool
}

var errGone = &failure{wire.KindNotFound, errors.New("the directory that is watched was removed or moved")}

func (w *watcher) run() error {
	for {
		wait := time.Duration(0)
		if w.moved != nil {
			wait = pairTime
		}
		e, ok, err := w.next(wait)
		if err == nil && ok {
			err = w.take(e)
		} else if err == nil {
			err = w.movedAway()
		}
		if err == nil && !w.more() && w.moved == nil {
			err = w.flush()
		}
		if err != nil {
			_ = w.flush() // what came before the end
			return err
		}
	}
}

// take makes of an event of the kernel's what is told.
func (w *watcher) take(e event) error {
	if e.is(unix.IN_Q_OVERFLOW) {
		return w.lost()
	}
	pair := w.moved != nil && e.is(unix.IN_MOVED_TO) && e.cookie == w.moved.cookie
	if !pair && e.name != "" { // before it is looked up: it may be in what was moved away
		if err := w.movedAway(); err != nil {
			return err
		}
	}
	dir, known := w.dirs[e.wd]
	switch {
	case !known:
		return nil
	case e.wd == w.root && e.is(unix.IN_DELETE_SELF|unix.IN_MOVE_SELF|unix.IN_UNMOUNT|unix.IN_IGNORED):
		return errGone
	case e.is(unix.IN_IGNORED):
		delete(w.dirs, e.wd)
		return nil
	case e.name == "": // those of other directories are told by what holds them
		if e.wd != w.root || !e.is(unix.IN_ATTRIB) {
			return nil
		}
		return w.emit(wire.FileEvent{Op: wire.OpAttrib, Path: []byte("."), Dir: true})
	}
	name, isDir := below(dir, e.name), e.is(unix.IN_ISDIR)
	if pair {
		return w.renamed(name)
	}
	tell := wire.FileEvent{Path: []byte(name), Dir: isDir}
	switch {
	case e.is(unix.IN_MOVED_FROM):
		w.moved = &move{e.cookie, name, isDir}
		return nil
	case e.is(unix.IN_CREATE | unix.IN_MOVED_TO):
		tell.Op = wire.OpCreated
		if err := w.emit(tell); err != nil || !isDir {
			return err
		}
		return w.addNew(name)
	case e.is(unix.IN_DELETE):
		tell.Op = wire.OpRemoved
	case e.is(unix.IN_MODIFY):
		tell.Op = wire.OpWritten
	case e.is(unix.IN_ATTRIB):
		tell.Op = wire.OpAttrib
	default:
		return nil
	}
	return w.emit(tell)
}

// renamed tells of a rename whose halves are both there.
func (w *watcher) renamed(to string) error {
	m := w.moved
	w.moved = nil
	err := w.emit(wire.FileEvent{Op: wire.OpRenamed, Path: []byte(m.from), To: []byte(to), Dir: m.dir})
	if err != nil || !m.dir {
		return err
	}
	for wd, dir := range w.dirs {
		if isIn(dir, m.from) {
			w.dirs[wd] = to + dir[len(m.from):]
		}
	}
	return w.addNew(to) // it may have been renamed before it was watched
}

// movedAway tells of a rename of which there is one half only.
func (w *watcher) movedAway() error {
	m := w.moved
	if m == nil {
		return nil
	}
	w.moved = nil
	if m.dir {
		for wd, dir := range w.dirs {
			if isIn(dir, m.from) {
				delete(w.dirs, wd)
				w.remove(wd)
			}
		}
	}
	return w.emit(wire.FileEvent{Op: wire.OpRemoved, Path: []byte(m.from), Dir: m.dir})
}

// lost watches anew what is there now, and then says that events were lost. What is still told of under an old number happened before.
func (w *watcher) lost() error {
	for wd := range w.dirs {
		if wd != w.root {
			w.remove(wd)
		}
	}
	w.dirs, w.moved = map[int]string{w.root: "."}, nil
	if err := w.add(".", false); err != nil {
		return err
	}
	return w.emit(wire.FileEvent{Op: wire.OpOverflow})
}

// addNew watches a directory that has come, and those below.
func (w *watcher) addNew(dir string) error {
	if !w.recursive {
		return nil
	}
	return w.add(dir, true)
}

// add watches a directory and, where that is wanted, those below. With tell, what is found in those that were not watched is told.
func (w *watcher) add(dir string, tell bool) error {
	root, err := w.openRoot()
	if err != nil {
		return err
	}
	defer unix.Close(root)
	for queue := []string{dir}; len(queue) > 0; queue = queue[1:] {
		if queue, err = w.addOne(root, queue, tell); err != nil {
			return err
		}
	}
	return nil
}

// openRoot opens the directory itself. When another one has taken its place it is gone.
func (w *watcher) openRoot() (int, error) {
	root, err := unix.Open(w.path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err == unix.ENOTDIR {
		var st unix.Stat_t
		if statErr := unix.Stat(w.path, &st); statErr != nil { // the path leads through what is no directory
			err = missing(err)
		}
	}
	if w.root >= 0 && err != nil {
		err = errGone
	}
	if err != nil {
		return 0, named("watching", w.path, err)
	}
	wd, err := w.inotify.add(root, watched)
	if err == nil && w.root >= 0 && wd != w.root {
		err = errGone
	}
	if err != nil {
		unix.Close(root)
		return 0, err
	}
	w.root, w.dirs[wd] = wd, "."
	return root, nil
}

// addOne watches the first directory of a queue, and adds those that are in it.
func (w *watcher) addOne(root int, queue []string, tell bool) ([]string, error) {
	dir := queue[0]
	if len(dir) > unix.PathMax {
		return nil, fail(wire.KindUnavailable, "directories go deeper than can be watched")
	}
	f, err := openBelow(root, dir)
	if err == unix.ENOENT || err == unix.ENOTDIR || err == unix.ELOOP {
		return queue, nil // gone meanwhile, or another thing now
	}
	if err != nil {
		return nil, named("watching", dir, err)
	}
	defer f.Close()
	wd, err := w.inotify.add(int(f.Fd()), watched)
	if err != nil {
		return nil, err
	}
	_, known := w.dirs[wd]
	w.dirs[wd] = dir
	for w.recursive {
		names, err := f.Readdirnames(256)
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, named("watching", dir, err)
		}
		for _, name := range names {
			var st unix.Stat_t
			if unix.Fstatat(int(f.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW) != nil {
				continue // gone again, which is told
			}
			isDir := st.Mode&unix.S_IFMT == unix.S_IFDIR
			if isDir {
				queue = append(queue, below(dir, name))
			}
			if tell && !known {
				if err := w.emit(wire.FileEvent{Op: wire.OpCreated, Path: []byte(below(dir, name)), Dir: isDir}); err != nil {
					return nil, err
				}
			}
		}
		if len(queue)+len(w.dirs) > 2*maxWatched || len(w.dirs) > maxWatched {
			return nil, fail(wire.KindUnavailable, "more than %d directories are to be watched", maxWatched)
		}
	}
	return queue, nil
}

// openBelow opens a directory without going through any link.
func openBelow(root int, dir string) (*os.File, error) {
	at, err := unix.FcntlInt(uintptr(root), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	for part := range strings.SplitSeq(dir, "/") {
		next, err := unix.Openat(at, part, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		unix.Close(at)
		if err != nil {
			return nil, err
		}
		at = next
	}
	return os.NewFile(uintptr(at), path.Base(dir)), nil
}

// emit tells of something, soon.
func (w *watcher) emit(e wire.FileEvent) error {
	w.batch = append(w.batch, e)
	if w.size += 64 + 2*(len(e.Path)+len(e.To)); w.size < batchSize {
		return nil
	}
	return w.flush()
}

func (w *watcher) flush() error {
	if len(w.batch) == 0 {
		return nil
	}
	err := w.send(w.batch)
	w.batch, w.size = w.batch[:0], 0
	return err
}

func below(dir, name string) string {
	if dir == "." {
		return name
	}
	return dir + "/" + name
}

// isIn says whether a directory is another one, or in it.
func isIn(dir, other string) bool {
	return dir == other || strings.HasPrefix(dir, other) && dir[len(other)] == '/'
}
