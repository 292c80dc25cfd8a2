package docker

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sandlot-dev/sandlot/runtime/engine"
)

// TestMain is also the command that stands in for ssh: it connects its standard streams to a socket.
func TestMain(m *testing.M) {
	if socket := os.Getenv("SANDLOT_TEST_DIAL"); socket != "" {
		conn, err := net.Dial("unix", socket)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(255)
		}
		go func() {
			io.Copy(conn, os.Stdin)
			conn.(*net.UnixConn).CloseWrite()
		}()
		io.Copy(os.Stdout, conn)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// execDaemon has one exec, which says on stderr who asked and on stdout all of what it gets when that ends.
func execDaemon(t *testing.T) http.HandlerFunc {
	return ping("1.41", func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/containers/box/exec") {
			w.WriteHeader(http.StatusCreated)
			io.WriteString(w, `{"Id":"exec1"}`)
			return
		}
		if r.URL.Path != "/v1.41/exec/exec1/start" || r.Header.Get("Upgrade") != "tcp" {
			fail(http.StatusNotFound, "no such page: "+r.URL.Path)(w, r)
			return
		}
		io.Copy(io.Discard, r.Body)
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		io.WriteString(conn, "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
		in, err := io.ReadAll(rw)
		if err != nil {
			t.Error(err)
		}
		fmt.Fprintf(conn, "\x02\x00\x00\x00\x00\x00\x00\x03err\x01\x00\x00\x00\x00\x00\x00%c%s", len(in), in)
	})
}

func attachTo(t *testing.T, host string) error {
	u, err := url.Parse("docker+" + host)
	if err != nil {
		t.Fatal(err)
	}
	place, err := locate(u)
	if err != nil {
		return err
	}
	a, err := connect(t.Context(), place)
	if err != nil {
		return err
	}
	defer a.Close()
	s, err := a.Attach(t.Context(), "box", engine.Process{Argv: []string{"x"}})
	if err != nil {
		return err
	}
	defer s.Close()
	if _, err := io.WriteString(s, "hello"); err != nil {
		return err
	}
	if err := s.CloseWrite(); err != nil {
		return err
	}
	got, err := io.ReadAll(s)
	if err == nil && (string(got) != "hello" || s.Stderr() != "err" || s.ExecID != "exec1") {
		t.Errorf("stdout %q, stderr %q, exec %q", got, s.Stderr(), s.ExecID)
	}
	return err
}

func TestAttachOverSocket(t *testing.T) {
	clean(t)
	if err := attachTo(t, daemon(t, execDaemon(t))); err != nil {
		t.Error(err)
	}
}

func TestAttachOverTCP(t *testing.T) {
	clean(t)
	server := httptest.NewServer(execDaemon(t))
	defer server.Close()
	if err := attachTo(t, "tcp://"+server.Listener.Addr().String()); err != nil {
		t.Error(err)
	}
}

func TestAttachOverTLS(t *testing.T) {
	dir := clean(t)
	server := httptest.NewTLSServer(execDaemon(t))
	defer server.Close()
	host := "tcp://" + server.Listener.Addr().String()
	if err := attachTo(t, host); err == nil {
		t.Error("without TLS it can be spoken with")
	}
	key, err := x509.MarshalPKCS8PrivateKey(server.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		"ca.pem": {Type: "CERTIFICATE", Bytes: server.Certificate().Raw}, "cert.pem": {Type: "CERTIFICATE", Bytes: server.Certificate().Raw},
		"key.pem": {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("DOCKER_CERT_PATH", dir)
	t.Setenv("DOCKER_TLS_VERIFY", "1")
	if err := attachTo(t, host); err != nil {
		t.Error(err)
	}
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	if err := attachTo(t, "tcp://localhost:"+port); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a daemon of another name: %v", err)
	}
}

// fakeSSH puts a command named ssh first in PATH that writes its arguments to a file and then does what script says.
func fakeSSH(t *testing.T, script string) (args func() string) {
	dir := t.TempDir()
	file := filepath.Join(dir, "args")
	text := "#!/bin/sh\nprintf '%s\\n' \"$*\" >>" + file + "\n" + script + "\n"
	if err := os.WriteFile(filepath.Join(dir, "ssh"), []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return func() string {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		line, _, _ := strings.Cut(string(text), "\n")
		return line
	}
}

func TestAttachOverSSH(t *testing.T) {
	clean(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	socket := strings.TrimPrefix(daemon(t, execDaemon(t)), "unix://")
	args := fakeSSH(t, "SANDLOT_TEST_DIAL="+socket+" exec "+self)
	if err := attachTo(t, "ssh://me@far:22/run/docker.sock"); err != nil {
		t.Fatal(err)
	}
	if got, want := args(), "-o ConnectTimeout=30 -T -l me -p 22 -- far docker --host 'unix:///run/docker.sock' system dial-stdio"; got != want {
		t.Errorf("ssh %s, want %s", got, want)
	}
}

func TestSSHSaysWhyNot(t *testing.T) {
	clean(t)
	fakeSSH(t, "echo 'me@far: Permission denied (publickey).' >&2; exit 255")
	err := attachTo(t, "ssh://me@far")
	if err == nil || !strings.Contains(err.Error(), "Permission denied (publickey)") || !strings.Contains(err.Error(), "docker version") {
		t.Errorf("%v does not say what ssh said", err)
	}
}

// Close ends the command, also one that takes no notice of its input.
func TestSSHIsEnded(t *testing.T) {
	conn, err := dialCommand(context.Background(), []string{"sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done"})
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 6)
	if _, err := io.ReadFull(conn, buf); err != nil || string(buf) != "ready\n" {
		t.Fatalf("%q, %v", buf, err)
	}
	conn.Close()
	if state := conn.(*commandConn).cmd.ProcessState; state == nil {
		t.Error("it goes on")
	}
	if _, err := conn.Read(buf); err == nil {
		t.Error("a closed connection can be read")
	}
}
