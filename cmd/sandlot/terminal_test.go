//go:build unix

package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/term"
)

func TestTerminalOnEngines(t *testing.T) {
	onEngines(t, func(t *testing.T, h host) {
		dir := t.TempDir()
		build := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(dir, "size"), "./testdata/size")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM scratch\nCOPY size /\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		image := strings.TrimSpace(h.call(t, "build", "-q", dir).stdout)
		defer h.removeImage(t, image)

		c := h.start(t, "run", "-q", "-it", "--image", image, "--", "/size")
		c.until(t, "size 33 111 <nil>")
		if err := pty.Setsize(c.terminal, &pty.Winsize{Rows: 44, Cols: 99}); err != nil {
			t.Fatal(err)
		}
		c.until(t, "size 44 99 <nil>")
		c.write(t, "\x03") // to the command in the sandbox, not to sandlot
		c.until(t, "interrupted")
		c.ends(t, 7)
	})
}

func TestShellOnEngines(t *testing.T) {
	onEngines(t, func(t *testing.T, h host) {
		c := h.start(t, "run", "-q", "-it")
		c.write(t, "echo answer-$((6*7))\n") // what is typed is not taken for the answer
		c.until(t, "answer-42")
		c.write(t, "exit 3\n")
		c.ends(t, 3)

		// The terminal is as it was, also after a signal.
		c = h.start(t, "run", "-q", "-it")
		c.write(t, "echo answer-$((6*7))\n")
		c.until(t, "answer-42")
		raw, err := term.GetState(int(c.terminal.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		c.ends(t, 143)
		restored, err := term.GetState(int(c.terminal.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		if reflect.DeepEqual(raw, c.before) || !reflect.DeepEqual(restored, c.before) {
			t.Errorf("the terminal was %v, then %v, and is %v", c.before, raw, restored)
		}
	})
}

// A conversation is a command with a terminal.
type conversation struct {
	cmd      *exec.Cmd
	terminal *os.File // the user's side
	before   *term.State
	output   chan string
	seen     strings.Builder
}

func (h host) start(t *testing.T, args ...string) *conversation {
	t.Helper()
	terminal, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { terminal.Close(); tty.Close() }) // tty stays open, so that the terminal does
	if err := pty.Setsize(terminal, &pty.Winsize{Rows: 33, Cols: 111}); err != nil {
		t.Fatal(err)
	}
	before, err := term.GetState(int(terminal.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	cmd := h.command(t, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &conversation{cmd: cmd, terminal: terminal, before: before, output: make(chan string)}
	go func() { // ends with an error when the terminal is closed
		defer close(c.output)
		for buf := make([]byte, 4096); ; {
			n, err := terminal.Read(buf)
			if err != nil {
				return
			}
			select {
			case c.output <- string(buf[:n]):
			case <-t.Context().Done():
				return
			}
		}
	}()
	return c
}

func (c *conversation) write(t *testing.T, text string) {
	t.Helper()
	if _, err := io.WriteString(c.terminal, text); err != nil {
		t.Fatal(err)
	}
}

// until reads until text has been seen.
func (c *conversation) until(t *testing.T, text string) {
	t.Helper()
	for watchdog := time.After(patience); !strings.Contains(c.seen.String(), text); {
		select {
		case chunk := <-c.output:
			c.seen.WriteString(chunk)
		case <-watchdog:
			t.Fatalf("no %q in %q", text, c.seen.String())
		}
	}
}

func (c *conversation) ends(t *testing.T, status int) {
	t.Helper()
	if got := ended(t, c.cmd.Wait(), c.cmd, &c.seen, &c.seen); got.status != status {
		t.Errorf("exit status %d, want %d; after %q", got.status, status, got.stdout)
	}
}
