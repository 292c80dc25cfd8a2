//go:build linux

package namespaces

import (
	"os/exec"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

func TestKeepAwake(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	if err := cmd.Process.Signal(unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	var status unix.WaitStatus
	if _, err := unix.Wait4(cmd.Process.Pid, &status, unix.WUNTRACED, nil); err != nil || !status.Stopped() {
		t.Fatalf("stopping it: %v, %v", status, err)
	}
	if !isStopped(cmd.Process.Pid) {
		t.Fatal("a stopped process is not taken for one")
	}
	defer keepAwake(unix.Gettid())()
	if _, err := unix.Wait4(cmd.Process.Pid, &status, unix.WCONTINUED, nil); err != nil || !status.Continued() {
		t.Errorf("waiting until it goes on: %v, %v", status, err)
	}
}
