//go:build linux

package self

import (
	"os"

	"golang.org/x/sys/unix"
)

// Limits is what others of the same user can change of a process from outside, and what all that it starts from then on gets: its resource
// limits, and how it is scheduled.
type Limits struct {
	resources  [16]unix.Rlimit
	nice       [2]int // of the first thread, and of this one
	scheduling [2]uintptr
}

// CurrentLimits are those of this process. Two can be compared.
func CurrentLimits() (l Limits) {
	for i := range l.resources {
		_ = unix.Prlimit(0, i, nil, &l.resources[i])
	}
	for i, thread := range []int{os.Getpid(), 0} {
		l.nice[i], _ = unix.Getpriority(unix.PRIO_PROCESS, thread)
		l.scheduling[i], _, _ = unix.RawSyscall(unix.SYS_SCHED_GETSCHEDULER, uintptr(thread), 0, 0)
	}
	return l
}
