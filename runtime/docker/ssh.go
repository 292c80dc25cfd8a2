package docker

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// sshArgv is the command line whose standard streams are a connection to the daemon of another host.
func sshArgv(u *url.URL) ([]string, error) {
	if u.Hostname() == "" || strings.HasPrefix(u.Hostname(), "-") || strings.HasPrefix(u.User.Username(), "-") {
		return nil, invalidPlace(u.Redacted() + " names no host")
	}
	if _, set := u.User.Password(); set {
		return nil, invalidPlace("a password cannot be given in the URL; use a key")
	}
	argv := []string{"ssh", "-o", "ConnectTimeout=30", "-T"}
	if user := u.User.Username(); user != "" {
		argv = append(argv, "-l", user)
	}
	if port := u.Port(); port != "" {
		argv = append(argv, "-p", port)
	}
	argv = append(argv, "--", u.Hostname(), "docker")
	if socket := strings.TrimSuffix(u.Path, "/"); socket != "" {
		if strings.ContainsAny(socket, "'\x00\n") { // a shell reads it there
			return nil, invalidPlace(fmt.Sprintf("%q is no path of a socket", socket))
		}
		argv = append(argv, "--host", "'unix://"+socket+"'")
	}
	return append(argv, "system", "dial-stdio"), nil
}

// dialCommand starts a command and takes its standard streams for a connection. Close ends the command.
func dialCommand(ctx context.Context, argv []string) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c := &commandConn{cmd: exec.Command(argv[0], argv[1:]...)}
	c.cmd.Stderr = &c.stderr
	c.cmd.WaitDelay = time.Second // for what the command left behind with its stderr
	var err error
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if c.stdout, err = c.cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	return c, nil
}

type commandConn struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout io.ReadCloser
	stderr tail
	spoke  bool // something came
	ended  sync.Once
}

func (c *commandConn) Read(p []byte) (int, error) {
	n, err := c.stdout.Read(p)
	c.spoke = c.spoke || n > 0
	if err == io.EOF && !c.spoke { // it did not get to be a connection: it ends, and has said why
		c.wait()
		if words := strings.TrimSpace(c.stderr.String()); words != "" {
			err = fmt.Errorf("%s: %s", c.cmd.Args[0], words)
		}
	}
	return n, err
}

func (c *commandConn) Write(p []byte) (int, error) { return c.stdin.Write(p) }

func (c *commandConn) CloseWrite() error { return c.stdin.Close() }

func (c *commandConn) Close() error {
	c.stdin.Close()
	c.cmd.Process.Kill()
	c.wait()
	return nil
}

// wait reaps the command. Its status says nothing that its words do not.
func (c *commandConn) wait() { c.ended.Do(func() { c.cmd.Wait() }) }

func (c *commandConn) LocalAddr() net.Addr              { return commandAddr{} }
func (c *commandConn) RemoteAddr() net.Addr             { return commandAddr{} }
func (c *commandConn) SetDeadline(time.Time) error      { return nil }
func (c *commandConn) SetReadDeadline(time.Time) error  { return nil }
func (c *commandConn) SetWriteDeadline(time.Time) error { return nil }

type commandAddr struct{}

func (commandAddr) Network() string { return "command" }
func (commandAddr) String() string  { return "ssh" }

// A tail keeps the end of what is written to it.
type tail struct {
	mu  sync.Mutex
	end []byte
}

const tailSize = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end = append(t.end, p...)
	if over := len(t.end) - tailSize; over > 0 {
		t.end = append(t.end[:0], t.end[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.end)
}
