//go:build linux

package main

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/interp"
)

// sh is `sh -c script`.
func sh(t *testing.T, script string, args ...string) *exec.Cmd {
	t.Helper()
	return tool(t, "sh", append([]string{"-c", script}, args...)...)
}

// argsOf is a process's command line, empty if there is no such process.
func argsOf(pid int) string {
	raw, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	return strings.TrimSpace(strings.ReplaceAll(string(raw), "\x00", " "))
}

// until waits for something to become true, as long as a stuck test may take.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
	}
}

func endLater(t *testing.T, pid int) {
	t.Cleanup(func() { syscall.Kill(pid, syscall.SIGKILL) })
}

// What a shell has started in the background lives on when it ends, as a process of its own.
func TestBackgroundOutlivesShell(t *testing.T) {
	stdout, _, status := run(t, sh(t, "sleep 871 >/dev/null 2>&1 & echo $!"))
	pid, err := strconv.Atoi(strings.TrimSpace(stdout))
	if err != nil || status != 0 {
		t.Fatalf("%q, status %d", stdout, status)
	}
	endLater(t, pid)
	until(t, "the job is sleep itself", func() bool { return argsOf(pid) == "sleep 871" })
}

// Children in sessions of their own, forked once or twice, are processes that can be found.
func TestSetsid(t *testing.T) {
	cmd := sh(t, "setsid sleep 872 & (setsid sleep 873 &) ; sleep 874")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	want := map[string]bool{"sleep 872": true, "sleep 873": true, "sleep 874": true}
	until(t, "three sleeps", func() bool {
		list, err := processes()
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, p := range list {
			if !want[p.command()] {
				continue
			}
			found++
			endLater(t, p.pid)
			if p.command() != "sleep 874" && p.session != p.pid {
				return false
			}
		}
		return found == 3
	})
	if got := argsOf(cmd.Process.Pid); !strings.HasPrefix(got, bin) {
		t.Errorf("the shell has become %q although it has a job", got)
	}
}

// The last command of a script takes the shell's place.
func TestLastCommandReplacesShell(t *testing.T) {
	cmd := sh(t, "true; sleep 875")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, "the shell has become sleep", func() bool { return argsOf(cmd.Process.Pid) == "sleep 875" })
	cmd.Process.Signal(syscall.SIGTERM)
	cmd.Wait()
	if ws := cmd.ProcessState.Sys().(syscall.WaitStatus); ws.Signal() != syscall.SIGTERM {
		t.Errorf("ended with %v", ws)
	}
}

func TestSignalsEndShell(t *testing.T) {
	for script, want := range map[string]syscall.Signal{"kill -9 $$": syscall.SIGKILL, "kill $$; echo no": syscall.SIGTERM, "(kill -HUP $$); sleep 5; :": syscall.SIGHUP,
		"trap 'echo bye' EXIT; kill $$; echo no": syscall.SIGTERM} {
		cmd := sh(t, script)
		stdout, _, _ := run(t, cmd)
		if ws := cmd.ProcessState.Sys().(syscall.WaitStatus); !ws.Signaled() || ws.Signal() != want || strings.Contains(stdout, "no") {
			t.Errorf("%s: %v, %q; want %v", script, ws, stdout, want)
		}
		if strings.Contains(script, "bye") != strings.Contains(stdout, "bye") {
			t.Errorf("%s: EXIT trap: %q", script, stdout)
		}
	}
}

// trap ” SIGNAL holds for what the shell starts, though it is a Go program, and for what that starts.
func TestIgnoredSignalsAreInherited(t *testing.T) {
	for _, script := range []string{"trap '' TERM; sleep 876", "trap '' TERM; sh -c 'sleep 876; :'", "trap '' TERM; (sleep 876; :)", "trap '' TERM; sleep 876 & wait"} {
		cmd := sh(t, script)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		endLater(t, cmd.Process.Pid)
		sleeper := 0
		until(t, script+": sleep runs", func() bool {
			for _, pid := range descendants(t, cmd.Process.Pid) {
				if argsOf(pid) == "sleep 876" {
					sleeper = pid
				}
			}
			return sleeper != 0
		})
		endLater(t, sleeper)
		// the program has set its signals up when it has begun to sleep
		until(t, script+": SIGTERM is ignored", func() bool { return ignores(t, sleeper, syscall.SIGTERM) })
		syscall.Kill(sleeper, syscall.SIGTERM)
		if argsOf(sleeper) != "sleep 876" {
			t.Errorf("%s: SIGTERM ended it", script)
		}
		syscall.Kill(sleeper, syscall.SIGKILL)
		cmd.Wait()
	}
}

// The stages of a pipeline are forked at once from one shell; each gets all of its state.
func TestForksAtOnce(t *testing.T) {
	stdout, stderr, status := run(t, sh(t, "f() { echo $1; cat; }; for i in $(seq 150); do f a </dev/null | f b | f c; done"))
	if status != 0 || stderr != "" || stdout != strings.Repeat("c\nb\na\n", 150) {
		t.Errorf("status %d, %d lines instead of 450; %s", status, strings.Count(stdout, "\n"), stderr)
	}
}

// Both sides of a pipe may call a function that evals, which is rewritten then: the race detector looks on.
func TestRewritesAtOnce(t *testing.T) {
	sh := &shell{index: map[string]int{}, funcs: map[string]bool{}}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 50 {
				name := "f" + strconv.Itoa(i)
				if text, ok := sh.rewriteText(name + "() { (echo 1; echo 2); }; " + name + " | cat"); !ok || !strings.Contains(text, name) {
					t.Errorf("rewritten to %q", text)
				}
			}
		})
	}
	wg.Wait()
	if len(sh.funcs) != 8 {
		t.Errorf("functions seen: %v", sh.funcs)
	}
}

func descendants(t *testing.T, pid int) []int {
	t.Helper()
	list, err := processes()
	if err != nil {
		t.Fatal(err)
	}
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		for _, p := range list {
			if p.ppid == all[i] && p.pid != all[i] {
				all = append(all, p.pid)
			}
		}
	}
	return all
}

func ignores(t *testing.T, pid int, sig syscall.Signal) bool {
	t.Helper()
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(raw), "SigIgn:")
	field, _, _ := strings.Cut(strings.TrimSpace(rest), "\n")
	mask, err := strconv.ParseUint(field, 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return mask&(1<<(sig-1)) != 0
}

// Each stage of a pipeline hands on what it has at once.
func TestPipesStream(t *testing.T) {
	cmd := sh(t, `while read l; do echo "1 $l"; done | cat | (while read l; do echo "2 $l"; done)`)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(out)
	for _, word := range []string{"a", "b"} {
		io.WriteString(in, word+"\n")
		if line, err := r.ReadString('\n'); line != "2 1 "+word+"\n" {
			t.Fatalf("%q, %v", line, err)
		}
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// A shell fed through a pipe runs each line as it comes: a session of commands and answers.
func TestStdinRunsLineByLine(t *testing.T) {
	cmd := tool(t, "sh")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(out)
	for _, step := range [][2]string{{"x=1; cd /; echo one", "one"}, {"echo $x $PWD", "1 /"}, {"for i in 2; do\necho $i\ndone", "2"}, {"(exit 3); echo $?", "3"}, {"head -n 1\nthis is input", "this is input"}, {"read y\nline\necho $y", "line"}} {
		io.WriteString(in, step[0]+"\n")
		if line, err := r.ReadString('\n'); line != step[1]+"\n" {
			t.Fatalf("%s: %q, %v", step[0], line, err)
		}
	}
	io.WriteString(in, "exit 7\n")
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 7 {
		t.Errorf("status %d", code)
	}
}

// On a terminal there are prompts, Ctrl-C ends the command and not the shell, and a syntax error ends nothing.
func TestInteractive(t *testing.T) {
	master, slave := openPty(t)
	cmd := tool(t, "sh")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	endLater(t, cmd.Process.Pid)
	var seen strings.Builder
	expect := func(text string) {
		t.Helper()
		done := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
		defer done.Stop()
		buf := make([]byte, 4096)
		for !strings.Contains(seen.String(), text) {
			n, err := master.Read(buf)
			if seen.Write(buf[:n]); err != nil {
				t.Fatalf("%q did not come: %q", text, seen.String())
			}
		}
		seen.Reset()
	}
	send := func(text string) { io.WriteString(master, text) }
	expect("$ ")
	send("echo $((40+2))\n")
	expect("42\r\n$ ")
	send("if )\n")
	expect("\r\n$ ")
	send("for i in x; do\n")
	expect("> ")
	send("echo <$i>; done\n")
	expect("$ ")
	send("PS1='p1 '; echo begun; sleep 877\n")
	expect("begun\r\n")
	until(t, "sleep runs", func() bool {
		for _, pid := range descendants(t, cmd.Process.Pid) {
			if argsOf(pid) == "sleep 877" {
				return true
			}
		}
		return false
	})
	send("\x03")
	expect("p1 ")
	send("echo status $?\n")
	expect("status 130\r\np1 ")
	send("exit 4\n")
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 4 {
		t.Errorf("status %d", code)
	}
}

func openPty(t *testing.T) (master, slave *os.File) {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	master = os.NewFile(uintptr(fd), "pty")
	t.Cleanup(func() { master.Close() })
	return master, slave
}

func TestNotFoundAndNotExecutable(t *testing.T) {
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "plain"), []byte("echo hi\n"), 0o644)
	os.WriteFile(filepath.Join(dir, "badshebang"), []byte("#!/no/such\n"), 0o755)
	os.WriteFile(filepath.Join(dir, "binary"), []byte("\x00\x01\x02\n"), 0o755)
	for script, want := range map[string]int{
		"nosuch": 127, "./nosuch": 127, dir + "/plain": 126, dir: 126, dir + "/badshebang": 127, dir + "/binary": 126,
		"env nosuch": 127, "env " + dir + "/plain": 126, "timeout 5 nosuch": 127, "exec nosuch": 127, "nohup nosuch": 127, "setsid nosuch": 127,
		"echo x | xargs nosuch": 127,
	} {
		_, stderr, status := run(t, sh(t, script))
		if status != want || stderr == "" {
			t.Errorf("%s: status %d, want %d; %q", script, status, want, stderr)
		}
	}
}

// -x shows what the script says, and nothing of how it is run.
func TestTrace(t *testing.T) {
	_, stderr, _ := run(t, tool(t, "sh", "-x", "-c", "x=1; (echo $x); sleep 0 & wait; { echo a; } | cat; true"))
	if strings.Contains(stderr, "\x01") || strings.Contains(stderr, `\001`) || strings.Contains(stderr, "sandlot") {
		t.Errorf("the trace shows commands of our own: %q", stderr)
	}
	for _, want := range []string{"+ x=1", "+ echo 1", "+ sleep 0", "+ wait", "+ echo a", "+ cat", "+ true"} {
		if !strings.Contains(stderr, want+"\n") {
			t.Errorf("the trace lacks %q: %q", want, stderr)
		}
	}
}

// Nothing of what the shell uses itself is left in the environment or the descriptors of a program.
func TestProgramsInheritNothingOfOurs(t *testing.T) {
	stdout, _, _ := run(t, sh(t, "export A=1; (env; :); env & wait"))
	if strings.Contains(stdout, "SANDLOT") || strings.Contains(stdout, "sandlot") || !strings.Contains(stdout, "A=1\n") {
		t.Errorf("environment: %q", stdout)
	}
	for _, script := range []string{"ls -1 /proc/self/fd; :", "(ls -1 /proc/self/fd; :)", "ls -1 /proc/self/fd & wait"} {
		stdout, _, _ := run(t, sh(t, script))
		if direct, _, _ := run(t, tool(t, "ls", "-1", "/proc/self/fd")); stdout != direct {
			t.Errorf("%s: descriptors %q, without a shell %q", script, strings.Fields(stdout), strings.Fields(direct))
		}
	}
}

func TestUnsupportedRedirectionIsSaid(t *testing.T) {
	_, stderr, status := run(t, sh(t, "exec {fd}>file; :"))
	if !strings.Contains(stderr, "not supported") {
		t.Errorf("status %d, %q", status, stderr)
	}
}

// runnerOf and runnerState read what the interpreter does not export: a version that names it otherwise must be noticed.
func TestRunnerState(t *testing.T) {
	var r *interp.Runner
	seen := 0
	r, err := interp.New(interp.Params("-e", "-u", "-o", "pipefail", "--", "p1"), interp.ExecHandlers(func(interp.ExecHandlerFunc) interp.ExecHandlerFunc {
		return func(ctx context.Context, args []string) error {
			got := runnerOf(interp.HandlerCtx(ctx))
			opts, inFunc, noErrExit, status := runnerState(got)
			if got != r || opts != "euP" {
				t.Errorf("%s: runner %p, want %p; options %q", args[0], got, r, opts)
			}
			want := map[string][3]any{"first": {false, false, 0}, "inside": {true, false, 0}, "condition": {false, true, 0}, "after": {false, false, 5}}[args[0]]
			if inFunc != want[0] || noErrExit != want[1] || status != want[2] {
				t.Errorf("%s: in a function %v, in a condition %v, status %d; want %v", args[0], inFunc, noErrExit, status, want)
			}
			seen++
			if args[0] == "condition" {
				return interp.ExitStatus(5)
			}
			return nil
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	file, err := newParser().Parse(strings.NewReader("first\nf() { inside; }\nf\ncondition || after\n"), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Run(context.Background(), file); err != nil {
		t.Error(err)
	}
	if seen != 4 || len(r.Funcs) != 1 || len(r.Params) != 1 {
		t.Errorf("%d commands, functions %v, parameters %v", seen, r.Funcs, r.Params)
	}
}
