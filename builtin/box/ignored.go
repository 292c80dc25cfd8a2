//go:build linux

package main

import (
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// A Go program installs handlers for most signals however they were set when it started, so a shell's `trap ” TERM` would
// not hold in the tools that it starts. What such a program does inherit is its mask of real-time signals. So for each signal
// that a shell ignores, a real-time signal that nobody uses is blocked as a mark: 34 and the signal's number.
const firstMark = 34

// keepIgnored ignores the signals that this program was started ignoring.
func keepIgnored() {
	for _, sig := range inheritedIgnored() {
		signal.Ignore(sig)
	}
}

func inheritedIgnored() (sigs []syscall.Signal) {
	var mask unix.Sigset_t
	if unix.PthreadSigmask(unix.SIG_BLOCK, nil, &mask) != nil {
		return nil
	}
	for sig := syscall.Signal(1); firstMark+sig <= 64; sig++ {
		if mask.Val[0]&mark(sig) != 0 {
			sigs = append(sigs, sig)
		}
	}
	return sigs
}

func mark(sig syscall.Signal) uint64 {
	if sig < 1 || firstMark+sig > 64 {
		return 0
	}
	return 1 << (firstMark + sig - 1)
}

// markIgnored marks signals for what this thread starts until restore is called.
func markIgnored(sigs []syscall.Signal) (restore func()) {
	var mask, old unix.Sigset_t
	for _, sig := range sigs {
		mask.Val[0] |= mark(sig)
	}
	if len(sigs) == 0 || unix.PthreadSigmask(unix.SIG_BLOCK, &mask, &old) != nil {
		return func() {}
	}
	return func() { unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil) }
}
