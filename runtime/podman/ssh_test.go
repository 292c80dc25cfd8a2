package podman

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/sandlot-dev/sandlot/runtime/engine"
)

// TestSSH opens a service behind an ssh server, and attaches through it: the streams must close by half there too.
func TestSSH(t *testing.T) {
	_, f := fakeService(t, func(w http.ResponseWriter, r *http.Request) {
		if filepath.Base(r.URL.Path) != "start" {
			io.WriteString(w, `{"Id":"12"}`)
			return
		}
		conn, buffered, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		io.WriteString(conn, "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
		io.ReadFull(buffered, make([]byte, r.ContentLength)) // the body, which was not read before
		input, err := io.ReadAll(buffered)
		if err != nil {
			t.Error(err)
		}
		conn.Write(append([]byte{1, 0, 0, 0, 0, 0, 0, byte(len(input))}, input...))
	})
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("SSH_AUTH_SOCK", "")
	address, identity := sshServer(t, home)
	a, err := openRef(t.Context(), "podman+ssh://someone@"+address+f.socket+"?identity="+identity)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if a.local {
		t.Error("an engine behind ssh is taken for a local one")
	}
	s, err := a.Attach(t.Context(), "id", engine.Process{Argv: []string{"cat"}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := io.WriteString(s, "hello"); err != nil {
		t.Fatal(err)
	}
	if err := s.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(s); string(got) != "hello" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// sshServer forwards to unix sockets for the key that it puts into dir.
func sshServer(t *testing.T, dir string) (address, identity string) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	identity = filepath.Join(dir, "id")
	if err := os.WriteFile(identity, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	allowed, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	config := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if string(key.Marshal()) != string(allowed.Marshal()) {
			return nil, os.ErrPermission
		}
		return nil, nil
	}}
	config.AddHostKey(signer)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { conn.Close() })
			_, channels, requests, err := ssh.NewServerConn(conn, config)
			if err != nil {
				continue
			}
			go ssh.DiscardRequests(requests)
			go forward(channels)
		}
	}()
	return listener.Addr().String(), identity
}

func forward(channels <-chan ssh.NewChannel) {
	for c := range channels {
		var want struct {
			Path, Reserved string
			Number         uint32
		}
		if ssh.Unmarshal(c.ExtraData(), &want) != nil {
			c.Reject(ssh.Prohibited, "no unix socket")
			continue
		}
		target, err := net.Dial("unix", want.Path)
		if err != nil {
			c.Reject(ssh.ConnectionFailed, err.Error())
			continue
		}
		channel, requests, err := c.Accept()
		if err != nil {
			target.Close()
			continue
		}
		go ssh.DiscardRequests(requests)
		go func() {
			io.Copy(target, channel)
			target.(*net.UnixConn).CloseWrite()
		}()
		go func() {
			io.Copy(channel, target)
			channel.Close()
			target.Close()
		}()
	}
}
