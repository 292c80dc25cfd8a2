//go:build linux

package self

import "golang.org/x/sys/unix"

// Limits is what others of the same user can change of a process from outside, and what all that it starts from then on gets: its resource
// limits, and how it is scheduled.
type Limits struct {
	resources  [16]unix.Rlimit
	nice       int
	scheduling uintptr
}

// CurrentLimits are those of this process. Two can be compared.
func CurrentLimits() (l Limits) {
	for i := range l.resources {
		_ = unix.Prlimit(0, i, nil, &l.resources[i])
	}
	l.nice, _ = unix.Getpriority(unix.PRIO_PROCESS, 0)
	l.scheduling, _, _ = unix.RawSyscall(unix.SYS_SCHED_GETSCHEDULER, 0, 0, 0)
	return l
}
