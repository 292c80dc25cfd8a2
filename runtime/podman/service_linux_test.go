package podman

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sandlot-dev/sandlot/guest"
	"github.com/sandlot-dev/sandlot/runtime"
)

// ownStorage keeps the service away from the storage of this user.
func ownStorage(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	conf := filepath.Join(dir, "storage.conf")
	write(t, conf, fmt.Sprintf("[storage]\ndriver = \"vfs\"\ngraphroot = %q\nrunroot = %q\n", filepath.Join(dir, "graph"), filepath.Join(dir, "run")))
	t.Setenv("CONTAINERS_STORAGE_CONF", conf)
}

// ending watches a process, and says when it has ended.
func ending(t *testing.T, pid int) func() {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		defer unix.Close(fd)
		for {
			n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 30_000)
			if err == unix.EINTR {
				continue
			}
			if n != 1 || err != nil {
				t.Errorf("process %d goes on: %v", pid, err)
			}
			return
		}
	}
}

func TestServiceEndsWithClose(t *testing.T) {
	ownStorage(t)
	program, err := exec.LookPath("podman")
	if err != nil {
		t.Fatal(err)
	}
	s, err := startService(program)
	if err != nil {
		t.Fatal(err)
	}
	ended := ending(t, s.process.Pid)
	if err := s.ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	a, err := openAt(t.Context(), s.url(), s.stop)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := a.Info(t.Context()); err != nil || info.Version == "" {
		t.Errorf("the service says %+v, %v", info, err)
	}
	for range 2 {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
	ended()
	if _, err := os.Stat(s.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its directory is still there: %v", err)
	}
}

const helper = "SANDLOT_TEST_SERVICE_HELPER"

// TestServiceEndsWithProcess kills a process that has started a service.
func TestServiceEndsWithProcess(t *testing.T) {
	if os.Getenv(helper) != "" {
		program, _ := exec.LookPath("podman")
		s, err := startService(program)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		fmt.Printf("service %d\n", s.process.Pid)
		select {}
	}
	ownStorage(t)
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir()) // for what the killed process leaves behind
	cmd := exec.Command(os.Args[0], "-test.run=^TestServiceEndsWithProcess$")
	cmd.Env = append(os.Environ(), helper+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := 0
	line, err := bufio.NewReader(out).ReadString('\n')
	if _, scanErr := fmt.Sscanf(line, "service %d", &pid); scanErr != nil {
		cmd.Process.Kill()
		cmd.Wait()
		t.Fatalf("the helper says %q, %v", line, err)
	}
	ended := ending(t, pid)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	ended()
}

func TestServiceThatFails(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	t.Setenv("XDG_RUNTIME_DIR", dir)
	_, err := StartService(t.Context())
	if !errors.Is(err, runtime.ErrUnavailable) || !strings.Contains(err.Error(), "PATH") {
		t.Errorf("without a program: %v", err)
	}
	t.Setenv("CONTAINER_HOST", "other")
	t.Setenv("CONTAINER_CONNECTION", "other")
	script := "#!/bin/sh\necho the reason$CONTAINER_HOST$CONTAINER_CONNECTION. >&2\nexit 1\n"
	if err := os.WriteFile(filepath.Join(dir, "podman"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err = StartService(t.Context())
	if !errors.Is(err, runtime.ErrUnavailable) || !strings.Contains(err.Error(), "the reason.") {
		t.Errorf("with a program that fails: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "sandlot-*")); len(left) > 0 {
		t.Errorf("%v is left behind", left)
	}
}

// TestServiceBehindAnother stops a service whose parent keeps signals to itself, as Podman does now and then.
func TestServiceBehindAnother(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", dir)
	program, fifo := filepath.Join(dir, "podman"), filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\nsleep 1234 &\ntrap '' TERM\necho $! >" + fifo + "\nwait $!\n"
	if err := os.WriteFile(program, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	s, err := startService(program)
	if err != nil {
		t.Fatal(err)
	}
	said, err := os.ReadFile(fifo)
	if err != nil {
		t.Fatal(err)
	}
	pid := 0
	if _, err := fmt.Sscan(string(said), &pid); err != nil {
		t.Fatal(err)
	}
	ended := ending(t, pid)
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	ended()
}

func TestStopSignal(t *testing.T) {
	if got := int(unix.SignalNum(guest.StopSignal)); got != stopSignal {
		t.Errorf("%s is %d, not %d", guest.StopSignal, got, stopSignal)
	}
}
