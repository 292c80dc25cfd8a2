//go:build linux

// Package proc sees processes through /proc, and ends whole trees of them.
package proc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// FS is a proc file system, held open so that nothing mounted over it later matters. It is safe for concurrent use.
type FS struct{ dir *os.File }

// Open opens /proc. Something else in its place is an error, and so is that of other processes: their numbers are not ours.
func Open() (*FS, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(dir.Fd()), &fs); err != nil {
		return nil, err
	}
	if fs.Type != unix.PROC_SUPER_MAGIC {
		return nil, errors.New("/proc is no proc file system")
	}
	p := &FS{dir}
	if self, err := p.Link("self"); err != nil || self != strconv.Itoa(os.Getpid()) {
		return nil, fmt.Errorf("/proc says that we are process %q: it is another pid namespace's", self)
	}
	return p, nil
}

// A Process is one as it was when it was looked at. PID and Start together name it for good.
type Process struct {
	PID, Parent, Group int
	Start              uint64
	// Alive is false for a process that has ended and only waits to be reaped.
	Alive bool
}

// Get looks at one process. One that is gone is fs.ErrNotExist, or ESRCH.
func (fs *FS) Get(pid int) (Process, error) {
	fd, err := unix.Openat(int(fs.dir.Fd()), strconv.Itoa(pid)+"/stat", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return Process{}, err
	}
	defer unix.Close(fd)
	var buf [1024]byte
	n, err := unix.Read(fd, buf[:])
	if err != nil {
		return Process{}, err
	}
	return parse(pid, buf[:n])
}

// Same says whether p still lives.
func (fs *FS) Same(p Process) (bool, error) {
	now, err := fs.Get(p.PID)
	if gone(err) {
		return false, nil
	}
	return err == nil && now.Alive && now.Start == p.Start, err
}

// All looks at all processes, one after the other.
func (fs *FS) All() ([]Process, error) {
	fd, err := unix.Openat(int(fs.dir.Fd()), ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	dir := os.NewFile(uintptr(fd), "/proc")
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var all []Process
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		p, err := fs.Get(pid)
		if gone(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// Adopted says which children the first process of a sandbox has that it did not start: those of its first thread. Kernels that do not tell have all of them
// looked at, and seem to have started none.
func (fs *FS) Adopted(first int) (map[int]bool, error) {
	adopted := map[int]bool{}
	fd, err := unix.Openat(int(fs.dir.Fd()), fmt.Sprintf("%d/task/%[1]d/children", first), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if gone(err) {
		all, err := fs.All()
		for _, p := range all {
			if p.Parent == first {
				adopted[p.PID] = true
			}
		}
		return adopted, err
	}
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), "children")
	defer file.Close()
	text, err := io.ReadAll(file)
	for _, field := range bytes.Fields(text) {
		if pid, err := strconv.Atoi(string(field)); err == nil {
			adopted[pid] = true
		}
	}
	return adopted, err
}

// Args are the first words of a process's command line, as they were when it was started unless it has changed them.
func (fs *FS) Args(pid int) []string {
	fd, err := unix.Openat(int(fs.dir.Fd()), strconv.Itoa(pid)+"/cmdline", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	var buf [1024]byte
	n, _ := unix.Read(fd, buf[:])
	return strings.Split(string(buf[:max(n, 0)]), "\x00")
}

// Link reads a symbolic link below /proc.
func (fs *FS) Link(name string) (string, error) {
	var buf [256]byte
	n, err := unix.Readlinkat(int(fs.dir.Fd()), name, buf[:])
	return string(buf[:max(n, 0)]), err
}

func gone(err error) bool { return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH) }

// Fields of /proc/PID/stat, counted from the one behind the command's name.
const (
	fieldState   = 0
	fieldParent  = 1
	fieldGroup   = 2
	fieldThreads = 17
	fieldStart   = 19
)

// parse reads a line of /proc/PID/stat. The command's name may hold anything, so it ends at the last parenthesis.
func parse(pid int, line []byte) (Process, error) {
	bad := fmt.Errorf("/proc/%d/stat makes no sense", pid)
	end := bytes.LastIndexByte(line, ')')
	if end < 0 {
		return Process{}, bad
	}
	f := bytes.Fields(line[end+1:])
	if len(f) <= fieldStart {
		return Process{}, bad
	}
	parent, err1 := strconv.Atoi(string(f[fieldParent]))
	group, err2 := strconv.Atoi(string(f[fieldGroup]))
	threads, err3 := strconv.Atoi(string(f[fieldThreads]))
	start, err4 := strconv.ParseUint(string(f[fieldStart]), 10, 64)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return Process{}, bad
	}
	state := f[fieldState][0]
	// The first thread may have ended while others of the process run on: it looks like a zombie, and is none.
	alive := state != 'Z' && state != 'X' || threads > 1
	return Process{pid, parent, group, start, alive}, nil
}
