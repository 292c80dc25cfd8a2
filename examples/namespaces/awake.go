//go:build linux

package namespaces

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// keepAwake sees to it, until stop is called, that nothing a thread of ours starts stays stopped. A command in the sandbox may stop it before it has become
// the program that it is to be; as long as it is stopped, the thread waits for it in the kernel, and nobody in this process can start anything.
func keepAwake(thread int) (stop func()) {
	done := make(chan struct{})
	go func() {
		look := time.NewTicker(10 * time.Millisecond) // the kernel tells only the thread, which waits
		defer look.Stop()
		for {
			select {
			case <-done:
				return
			case <-look.C:
				wake(thread)
			}
		}
	}()
	return func() { close(done) }
}

// wake lets the children of a thread go on that are stopped.
func wake(thread int) {
	children, _ := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/children", thread)) // empty when the thread has ended
	for _, child := range strings.Fields(string(children)) {
		pid, err := strconv.Atoi(child)
		if err == nil && isStopped(pid) {
			_ = unix.Kill(pid, unix.SIGCONT) // it is gone, or goes on
		}
	}
}

func isStopped(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, after, _ := strings.Cut(string(stat[max(0, strings.LastIndexByte(string(stat), ')')):]), " ")
	return err == nil && strings.HasPrefix(after, "T")
}
