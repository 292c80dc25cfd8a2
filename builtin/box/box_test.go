//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// bin holds the program as it is in the image, with a link for each tool, built once for all tests.
var bin string

func TestMain(m *testing.M) {
	// A signal that whoever runs the tests ignores (nohup does so with SIGHUP) would be ignored by the shells under test too: a program gets the
	// default for what its parent catches.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "box")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		build := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(dir, "box"), ".")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
			return 1
		}
		for name := range applets() {
			if err := os.Symlink("box", filepath.Join(dir, name)); err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
		}
		bin = dir
		return m.Run()
	}())
}

// tool is a call of a tool, in an empty directory and with nothing but the box's tools in PATH.
func tool(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(filepath.Join(bin, name), args...)
	cmd.Dir = t.TempDir()
	cmd.Env = []string{"PATH=" + bin, "HOME=/root", "TZ=UTC", "LC_ALL=C"}
	return cmd
}

// run runs a command; only an exit status is not an error of the test.
func run(t *testing.T, cmd *exec.Cmd) (stdout, stderr string, status int) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// The files in testdata hold scripts, and what bash and GNU's tools answer to them.
func TestLikeBash(t *testing.T) {
	for _, file := range []string{"shell", "tools"} {
		raw, err := os.ReadFile("testdata/" + file + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n----\n") {
			script, answer, ok := strings.Cut(block, "\n==== ")
			code, want, ok2 := strings.Cut(answer, "\n")
			status, err := strconv.Atoi(code)
			if !ok || !ok2 || err != nil {
				t.Fatalf("%s: not a case: %q", file, block)
			}
			t.Run(file+"/"+script, func(t *testing.T) {
				t.Parallel()
				stdout, stderr, got := run(t, tool(t, "bash", "-c", script))
				if got < 0 { // killed; bash's own status says so by the signal
					got = 0
				}
				if stdout != want || got != max(status, 0) {
					t.Errorf("%s\nstatus %d, want %d\nstdout %q\nwant   %q\nstderr %q", script, got, status, stdout, want, stderr)
				}
			})
		}
	}
}

// Whoever calls a tool wrongly learns it: by the status, and by a message that names the tool.
func TestUnknownFlag(t *testing.T) {
	takesAnything := map[string]bool{"echo": true, "true": true, "false": true, "test": true, "[": true, "expr": true, "yes": true, "clear": true, "arch": true}
	own := map[string]int{"env": 125, "timeout": 125, "printf": 0}
	for name := range applets() {
		if takesAnything[name] {
			continue
		}
		_, stderr, status := run(t, tool(t, name, "--no-such-flag"))
		want, ok := own[name]
		if !ok {
			want = 2
		}
		if status != want || want != 0 && !strings.HasPrefix(stderr, name+": ") {
			t.Errorf("%s --no-such-flag: status %d, want %d; %q", name, status, want, stderr)
		}
	}
}

// A file that cannot be read is an error of the tool, not silence.
func TestMissingFile(t *testing.T) {
	for name, args := range map[string][]string{
		"cat": nil, "tac": nil, "rev": nil, "head": nil, "tail": nil, "wc": nil, "nl": nil, "sort": nil, "uniq": nil, "grep": {"x"}, "sed": {"p"},
		"cut": {"-c1"}, "paste": nil, "fold": nil, "ls": nil, "rm": nil, "rmdir": nil, "stat": nil, "chmod": {"600"}, "readlink": nil, "realpath": {"-e"},
		"find": nil, "du": nil, "gzip": nil, "gunzip": nil, "zcat": nil, "base64": nil, "md5sum": nil, "sha256sum": nil, "cksum": nil, "od": nil, "xxd": nil,
		"cp": {"-r", "/"}, "mv": {"other"}, "tar": {"-xf"}, "comm": {"other"}, "cmp": {"other"}, "diff": {"other"}, "df": nil, "sh": nil,
	} {
		_, stderr, status := run(t, tool(t, name, append(args, "no/such/file")...))
		if status == 0 || stderr == "" && name != "readlink" {
			t.Errorf("%s of a missing file: status %d, %q", name, status, stderr)
		}
	}
}

func TestHelp(t *testing.T) {
	for _, name := range []string{"ls", "cp", "sed", "tar", "sleep", "env", "sh", "find"} {
		stdout, _, status := run(t, tool(t, name, "--help"))
		if status != 0 || !strings.Contains(stdout, name) {
			t.Errorf("%s --help: status %d, %q", name, status, stdout)
		}
	}
}

// box NAME ARG… calls a tool, and box alone lists them.
func TestBox(t *testing.T) {
	if stdout, _, status := run(t, tool(t, "box", "echo", "hi")); stdout != "hi\n" || status != 0 {
		t.Errorf("box echo hi: %q, status %d", stdout, status)
	}
	if stdout, _, _ := run(t, tool(t, "box")); strings.Count(stdout, "\n") != len(applets()) {
		t.Errorf("box lists %q", stdout)
	}
	if _, stderr, status := run(t, tool(t, "box", "nosuch")); status != 127 || stderr == "" {
		t.Errorf("box nosuch: status %d, %q", status, stderr)
	}
}
