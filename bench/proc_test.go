package main

import (
	"os"
	"os/exec"
	"slices"
	"testing"
)

func TestProcessesAreFoundByTheirToken(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	cmd.Env = []string{tokenVar + "=" + t.Name()}
	must(t, cmd.Start())
	defer func() { _ = cmd.Wait() }()
	defer func() { _ = cmd.Process.Kill() }()
	got, err := processes(t.Name())
	must(t, err)
	if !slices.Equal(got, []int{cmd.Process.Pid}) {
		t.Errorf("processes are %v, want %d", got, cmd.Process.Pid)
	}
	if got, err := processes(t.Name()[1:]); err != nil || len(got) > 0 {
		t.Errorf("of another token are %v, %v", got, err)
	}
}

func TestMemory(t *testing.T) {
	n, err := memoryOf(os.Getpid())
	must(t, err)
	used, err := usedMemory()
	must(t, err)
	if n < 1<<20 || used < n {
		t.Errorf("this process has %d bytes, all together %d", n, used)
	}
}
