//go:build linux

// Package self makes the guest hard to harm and light to carry. What it supervises runs under the same user.
package self

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// Harden makes the process unreadable and untraceable for others, lets no descriptor that it was born with go on to what it starts,
// and keeps it small. The program's file is not readable either, which is what protects the instants before this.
func Harden() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return err
	}
	// Whatever the image's environment says to Go's runtime.
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(50)
	debug.SetMemoryLimit(math.MaxInt64)

	if err := dropAmbient(); err != nil {
		return err
	}
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, entry := range open {
		if fd, err := strconv.Atoi(entry.Name()); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}

// KeepThreads makes n threads that stay. Go starts a thread whenever all others are blocked in the kernel, and dies when it cannot:
// when the sandbox has reached its limit on processes, say, just when the guest is to end those.
func KeepThreads(n int) error {
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		return err
	}
	var started, ended sync.WaitGroup
	for range n {
		started.Add(1)
		ended.Go(func() {
			started.Done()
			_, _ = unix.Read(pipe[0], make([]byte, 1)) // blocks this thread
		})
	}
	started.Wait()
	unix.Close(pipe[1])
	ended.Wait()
	unix.Close(pipe[0])
	return nil
}
