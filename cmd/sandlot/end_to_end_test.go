//go:build unix

package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sandlot-dev/sandlot/runtime"
)

func TestRunOnEngines(t *testing.T) {
	onEngines(t, func(t *testing.T, h host) {
		if c := h.call(t, "run", "-q", "--", "sh", "-c", "echo hello; echo careful >&2"); c != (call{"hello\n", "careful\n", 0}) {
			t.Errorf("hello: %+v", c)
		}
		for _, c := range []struct {
			args   []string
			stdin  string
			status int
			stdout string
		}{
			{[]string{"--", "sh", "-c", "exit 3"}, "", 3, ""},
			{[]string{"--", "sh", "-c", "kill -9 $$"}, "", 137, ""},
			{[]string{"--", "/tmp"}, "", 126, ""},
			{[]string{"--", "no-such-command"}, "", 127, ""},
			{[]string{"-i", "--", "cat"}, "to and fro", 0, "to and fro"},
			{[]string{"--", "cat"}, "not passed on", 0, ""},
			{[]string{"-e", "A=b c", "--", "sh", "-c", `echo "$A"`}, "", 0, "b c\n"},
			{[]string{"-w", "/some/where", "--", "pwd"}, "", 0, "/some/where\n"},
			{[]string{"-u", "1234", "--", "id", "-u"}, "", 0, "1234\n"},
			{[]string{"--tmpfs", "/t:size=1m", "--", "sh", "-c", "echo x > /t/f && cat /t/f"}, "", 0, "x\n"},
			{[]string{"--read-only", "--", "sh", "-c", "echo x > /f || echo refused"}, "", 0, "refused\n"},
			{[]string{"--hostname", "somebody", "--", "hostname"}, "", 0, "somebody\n"},
		} {
			t.Run(strings.Join(c.args, " "), func(t *testing.T) {
				got := h.callWith(t, strings.NewReader(c.stdin), append([]string{"run", "-q"}, c.args...)...)
				if got.status != c.status || got.stdout != c.stdout {
					t.Errorf("got %+v, want exit status %d, stdout %q", got, c.status, c.stdout)
				}
			})
		}
	})
}

func TestTimeoutOnEngines(t *testing.T) {
	onEngines(t, func(t *testing.T, h host) {
		// The odd number of seconds finds these processes, and no others, on the host.
		seconds := fmt.Sprint("98", os.Getpid(), crc32.ChecksumIEEE([]byte(h.url))) // finds these processes, and no others, on the host
		script := fmt.Sprintf("echo so far; setsid sleep %[1]s & (setsid sleep %[1]s &) ; sleep %[1]s", seconds)
		h.call(t, "run", "-q", "--timeout", "2s", "--", "sh", "-c", script).want(t, 124, "so far\n", "timed out after 2s")
		if out, err := exec.Command("pgrep", "-f", "sleep "+seconds).Output(); err == nil {
			t.Errorf("processes are left: %s", out)
		}
	})
}

func TestSignalsOnEngines(t *testing.T) {
	onEngines(t, func(t *testing.T, h host) {
		for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
			t.Run(sig.String(), func(t *testing.T) {
				cmd := h.command(t, "run", "-q", "--", "sh", "-c", "echo ready; sleep 1000")
				stdout, err := cmd.StdoutPipe()
				if err != nil {
					t.Fatal(err)
				}
				var stderr bytes.Buffer
				cmd.Stderr = &stderr
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				if _, err := io.ReadFull(stdout, make([]byte, len("ready\n"))); err != nil {
					t.Errorf("reading: %v", err)
				}
				if len(h.sandboxes(t)) != 1 {
					t.Errorf("the sandbox is not listed while it runs")
				}
				if err := cmd.Process.Signal(sig); err != nil {
					t.Fatal(err)
				}
				if c := ended(t, cmd.Wait(), cmd, &stderr, &stderr); c.status != 128+int(sig) {
					t.Errorf("exit status %d, want %d; %s", c.status, 128+int(sig), c.stderr)
				}
				if left := h.sandboxes(t); len(left) != 0 {
					t.Errorf("left: %v", left)
				}
			})
		}
		t.Run("broken pipe", func(t *testing.T) {
			cmd := h.command(t, "run", "-q", "--", "sh", "-c", "while true; do echo y; done")
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(stdout, make([]byte, 2)); err != nil {
				t.Errorf("reading: %v", err)
			}
			stdout.Close()
			if c := ended(t, cmd.Wait(), cmd, new(bytes.Buffer), new(bytes.Buffer)); c.status != 141 {
				t.Errorf("exit status %d, want 141", c.status)
			}
		})
	})
}

func TestSandboxOnEngines(t *testing.T) {
	onEngines(t, func(t *testing.T, h host) {
		name := h.create(t, "--network", "default", "-p", "8080", "-w", "/w")
		h.call(t, "exec", name, "--", "sh", "-c", "echo $((6*7)) > answer").want(t, 0, "", "")
		h.call(t, "exec", "-w", "/", "-e", "A=1", name, "sh", "-c", "pwd; echo $A; exit 5").want(t, 5, "/\n1\n", "")
		h.call(t, "exec", "--timeout", "1s", name, "sleep", "1000").want(t, 124, "", "timed out after 1s")
		h.call(t, "cp", name+":answer", "-").want(t, 0, "42\n", "")
		h.call(t, "port", name, "8080").want(t, 0, "127.0.0.1:", "")
		h.call(t, "ls").want(t, 0, name, "")

		var got []runtime.Container
		c := h.call(t, "inspect", name)
		if err := json.Unmarshal([]byte(c.stdout), &got); err != nil || len(got) != 1 || got[0].WorkingDir != "/w" {
			t.Errorf("inspect: %+v", c)
		}

		h.call(t, "stop", name).want(t, 0, name+"\n", "")
		h.call(t, "exec", name, "true").want(t, 125, "", "not running")
		h.call(t, "port", name, "8080").want(t, 125, "", "not running")
		h.call(t, "start", name).want(t, 0, name+"\n", "")
		h.call(t, "exec", name, "cat", "answer").want(t, 0, "42\n", "")

		h.call(t, "run", "--name", name, "--", "true").want(t, 125, "", "already exists")
		h.call(t, "run", "-q", "--name", name, "--replace", "--", "true").want(t, 0, "", "")
		h.call(t, "rm", name).want(t, 125, "", "not found")
	})
}

func TestCopyOnEngines(t *testing.T) {
	onEngines(t, func(t *testing.T, h host) {
		name := h.create(t, "-w", "/w")
		dir := t.TempDir()
		write := func(file, content string, mode os.FileMode) {
			t.Helper()
			file = filepath.Join(dir, file)
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(content), mode); err != nil {
				t.Fatal(err)
			}
		}
		write("tree/a", "A", 0o644)
		write("tree/sub/b", "B", 0o755)
		src := filepath.Join(dir, "tree")
		for _, c := range []struct{ from, to, file string }{
			{src + "/a", ":new", "/w/new"},
			{src + "/a", ":/deep/missing/new", "/deep/missing/new"},
			{src + "/a", ":/tmp", "/tmp/a"},
			{src + "/a", ":dir/", "/w/dir/a"},
			{src, ":copy", "/w/copy/a"},
			{src, ":/tmp", "/tmp/tree/a"},
			{src + "/.", ":/tmp/merged", "/tmp/merged/a"},
			{src + "/.", ":/tmp", "/tmp/a"},
		} {
			h.call(t, "cp", c.from, name+c.to).want(t, 0, "", "")
			if got := h.call(t, "exec", name, "cat", c.file); got.stdout != "A" {
				t.Errorf("cp %s %s: %s is %+v", c.from, c.to, c.file, got)
			}
		}
		h.call(t, "exec", name, "copy/sub/b").want(t, 126, "", "exec format error") // no program, but it may be executed

		out := t.TempDir()
		for _, c := range []struct{ from, to, file string }{
			{":new", "/file", "/file"},
			{":new", "", "/new"},
			{":new", "/missing/file", "/missing/file"},
			{":new", "/dir/", "/dir/new"},
			{":copy", "/tree", "/tree/a"},
			{":copy", "", "/copy/a"},
			{":copy/.", "", "/a"},
			{":.", "/whole", "/whole/new"},
			{":", "/all", "/all/copy/a"},
		} {
			h.call(t, "cp", name+c.from, out+c.to).want(t, 0, "", "")
			if got, err := os.ReadFile(out + c.file); string(got) != "A" {
				t.Errorf("cp %s %s: %s is %q, %v", c.from, c.to, c.file, got, err)
			}
		}
		if info, err := os.Stat(out + "/tree/sub/b"); err != nil || info.Mode().Perm() != 0o755 {
			t.Errorf("the mode of what was copied out: %v, %v", info, err)
		}
		h.call(t, "cp", name+":new", "/dev/null").want(t, 0, "", "")
		if info, err := os.Stat("/dev/null"); err != nil || info.Mode().IsRegular() {
			t.Fatal("/dev/null was replaced")
		}
		h.call(t, "cp", name+":dir/nothing", out).want(t, 125, "", "get archive "+name+" on")
		h.call(t, "cp", name+":dir/nothing", out).want(t, 125, "", "file not found: dir/nothing: no such file or directory\nsandlot: sandlot exec "+name)
		h.call(t, "cp", filepath.Join(dir, "nothing"), name+":/tmp").want(t, 125, "", "no such file")

		archive := h.call(t, "cp", name+":copy", "-")
		var names []string
		for r := tar.NewReader(strings.NewReader(archive.stdout)); ; {
			header, err := r.Next()
			if err != nil {
				break
			}
			names = append(names, strings.TrimSuffix(header.Name, "/"))
		}
		if got := strings.Join(names, " "); !strings.Contains(got, "copy/sub/b") {
			t.Errorf("the archive has %q", got)
		}
		h.callWith(t, strings.NewReader(archive.stdout), "cp", "-", name+":/again").want(t, 0, "", "")
		h.call(t, "exec", name, "cat", "/again/copy/sub/b").want(t, 0, "B", "")
	})
}

func TestBuildOnEngines(t *testing.T) {
	onEngines(t, func(t *testing.T, h host) {
		dir := t.TempDir()
		for file, content := range map[string]string{
			"Dockerfile": "FROM scratch\nCOPY greeting /greeting\nENV FROM_IMAGE=" + unique() + "\n", "greeting": "hello", ".dockerignore": "left-out",
		} {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		name := h.create(t, "--build", dir)
		h.call(t, "cp", name+":/greeting", "-").want(t, 0, "hello", "")
		h.call(t, "rm", name).want(t, 0, name, "")

		c := h.call(t, "build", "-q", dir)
		c.want(t, 0, "localhost/", "")
		h.call(t, "run", "--pull", "never", "--image", strings.TrimSpace(c.stdout), "--", "true").want(t, 127, "", "not found")
		h.removeImage(t, strings.TrimSpace(c.stdout))

		if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM scratch\nCOPY nothing /\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		h.call(t, "run", "--build", dir, "--", "true").want(t, 125, "", "build failed")
		h.call(t, "run", "--build", t.TempDir(), "--", "true").want(t, 125, "", "Dockerfile")
	})
}
