//go:build linux

package proc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	line := func(name, state string, threads int) string {
		return fmt.Sprintf("7 (%s) %s 3 4 5 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 %d 0 12345 1000 1 18446744073709551615 1", name, state, threads)
	}
	for name, want := range map[string]Process{
		line("sh", "S", 1):                      {7, 3, 4, 12345, true},
		line(") R 1 1 1 (", "T", 1):             {7, 3, 4, 12345, true},
		line("a\nb)", "D", 2):                   {7, 3, 4, 12345, true},
		line("zombie", "Z", 1):                  {7, 3, 4, 12345, false},
		line("dead", "X", 1):                    {7, 3, 4, 12345, false},
		line("zombie with live thread", "Z", 2): {7, 3, 4, 12345, true},
	} {
		if got, err := parse(7, []byte(name)); err != nil || got != want {
			t.Errorf("%q: %+v, %v; want %+v", name, got, err, want)
		}
	}
	for _, bad := range []string{"", "7", "7 (sh)", "7 (sh) S", line("x", "S", 1)[:40], "7 (sh) S a b c d e f g h i j k l m n o p q r s t u v w"} {
		if _, err := parse(7, []byte(bad)); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("7 (sh) S 3 4 5 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 12345 1000 1 1 1"))
	f.Fuzz(func(t *testing.T, line []byte) { _, _ = parse(7, line) })
}

func TestBelow(t *testing.T) {
	p := func(pid, parent int, alive bool) Process { return Process{PID: pid, Parent: parent, Alive: alive} }
	all := []Process{
		p(1, 0, true), p(2, 0, true), p(3, 2, true), p(4, 3, false), p(5, 3, true), p(6, 5, true), p(7, 1, true),
		p(8, 9, true), p(9, 8, true), // seen at different times
	}
	pids := func(ps []Process) (out []int) {
		for _, p := range ps {
			out = append(out, p.PID)
		}
		return out
	}
	for root, want := range map[int][]int{2: {3, 5, 6}, 1: {7}, 3: {5, 6}, 7: nil, 99: nil, 8: {9, 8}} {
		if got := pids(below(all, root, nil)); !reflect.DeepEqual(got, want) {
			t.Errorf("below %d: %v, want %v", root, got, want)
		}
	}
}

func TestLooksAtProcesses(t *testing.T) {
	fs, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	me, err := fs.Get(os.Getpid())
	if err != nil || me.PID != os.Getpid() || me.Parent != os.Getppid() || !me.Alive {
		t.Errorf("%+v, %v", me, err)
	}
	if same, err := fs.Same(me); err != nil || !same {
		t.Errorf("%v %v", same, err)
	}
	other := me
	other.Start++
	if same, err := fs.Same(other); err != nil || same {
		t.Errorf("another process of the same number: %v %v", same, err)
	}
	cmd := exec.Command("sleep", "4321")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	child, err := fs.Get(cmd.Process.Pid)
	if err != nil || child.Parent != os.Getpid() {
		t.Errorf("%+v, %v", child, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := fs.KillBelow(ctx, os.Getpid(), nil, func() (bool, error) { return fs.Same(child) }); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait()
	if same, err := fs.Same(child); err != nil || same {
		t.Errorf("dead: %v %v", same, err)
	}
	if _, err := fs.Get(child.PID); !gone(err) {
		t.Errorf("gone: %v", err)
	}
	failed := errors.New("cannot tell")
	if err := fs.KillBelow(ctx, os.Getpid(), nil, func() (bool, error) { return false, failed }); !errors.Is(err, failed) {
		t.Errorf("%v", err)
	}
}
