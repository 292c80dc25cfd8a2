//go:build linux

package proc

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// ErrLeft says that something lives on: it may not be signalled by us, or did not end in time.
var ErrLeft = errors.New("processes are left that could not be ended")

// stopRounds bounds how often new processes are looked for before the killing begins.
const stopRounds = 32

// KillBelow ends all descendants of root, but not root, and returns when none is left: left is what the kernel says of that, since a look at /proc
// can miss who is born and dies meanwhile. First it stops them until no new one shows up: what is stopped cannot start others, and still
// counts against the limit on processes, so that something that forks faster than it could be killed comes to a stand.
// What spare picks of root's children it leaves alone, and what is below.
func (fs *FS) KillBelow(ctx context.Context, root int, spare func(Process) bool, left func() (bool, error)) error {
	if some, err := left(); err != nil || !some {
		return err
	}
	type id struct {
		pid   int
		start uint64
	}
	stopped := map[id]bool{}
	for range stopRounds {
		all, err := fs.All()
		if err != nil {
			return err
		}
		fresh := false
		tree := below(all, root, spare)
		for _, p := range tree {
			fresh = fresh || !stopped[id{p.PID, p.Start}]
			stopped[id{p.PID, p.Start}] = true
		}
		if !fresh {
			break
		}
		signal(tree, all, unix.SIGSTOP)
	}
	for wait := time.Millisecond; ; wait = min(2*wait, 20*time.Millisecond) {
		all, err := fs.All()
		if err != nil {
			return err
		}
		tree := below(all, root, spare)
		if taken := signal(tree, all, unix.SIGKILL); taken == 0 && len(tree) > 0 {
			return ErrLeft
		}
		if some, err := left(); err != nil || !some {
			return err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ErrLeft
		}
	}
}

// below picks the living descendants of root, without those of its children that spare picks.
func below(all []Process, root int, spare func(Process) bool) []Process {
	children := map[int][]Process{}
	for _, p := range all {
		if p.Parent == root && spare != nil && spare(p) {
			continue
		}
		children[p.Parent] = append(children[p.Parent], p)
	}
	var tree []Process
	seen := map[int]bool{} // processes come and go while one looks: there may even be a circle
	for next := []int{root}; len(next) > 0; next = next[1:] {
		if seen[next[0]] {
			continue
		}
		seen[next[0]] = true
		for _, p := range children[next[0]] {
			next = append(next, p.PID)
			if p.Alive {
				tree = append(tree, p)
			}
		}
	}
	return tree
}

// signal signals a tree and says how many of it took the signal. Process groups with no other member get it as a group: that happens in
// one step, also for those who are about to be born.
func signal(tree, all []Process, sig unix.Signal) (taken int) {
	in := map[int]bool{}
	for _, p := range tree {
		in[p.PID] = true
	}
	groups := map[int]bool{}
	for _, p := range tree {
		groups[p.Group] = p.Group > 1
	}
	for _, p := range all {
		if p.Alive && !in[p.PID] {
			groups[p.Group] = false
		}
	}
	for group, ours := range groups {
		if ours {
			_ = unix.Kill(-group, sig) // its members get the signal once more, and their errors count
		}
	}
	for _, p := range tree {
		if err := unix.Kill(p.PID, sig); err != unix.EPERM {
			taken++
		}
	}
	return taken
}
