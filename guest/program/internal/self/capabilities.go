//go:build linux

package self

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// dropAmbient sees to it that what we start has capabilities by the user that it runs as, and not by the engine: Podman has them go on to users who are
// not root, Docker has not.
func dropAmbient() error {
	_, _, errno := syscall.AllThreadsSyscall(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0)
	if errno != 0 && errno != unix.EINVAL { // which says that the kernel knows none
		return fmt.Errorf("giving up ambient capabilities: %w", errno)
	}
	return nil
}

// KeepCapabilities gives up every capability but those in a mask, whatever the process was started with.
func KeepCapabilities(keep uint32) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var has [2]unix.CapUserData
	if err := unix.Capget(&header, &has[0]); err != nil {
		return fmt.Errorf("reading capabilities: %w", err)
	}
	left := has[0].Permitted & keep
	now := [2]unix.CapUserData{{Effective: left, Permitted: left}}
	// A thread's capabilities are its own.
	_, _, errno := syscall.AllThreadsSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&now)), 0)
	if errno != 0 {
		return fmt.Errorf("giving up capabilities: %w", errno)
	}
	return nil
}
