package podman

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sandlot-dev/sandlot/runtime"
)

// TestDockerAnswers opens a daemon of Docker's, which has no libpod in its API, as Podman.
func TestDockerAnswers(t *testing.T) {
	dir, err := os.MkdirTemp("", "sandlot-docker-") // short enough for a socket
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	socket, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	port, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	for place, listener := range map[string]net.Listener{"unix://" + socket.Addr().String(): socket, "tcp://" + port.Addr().String(): port} {
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Api-Version", "1.41")
			if r.URL.Path != "/_ping" {
				w.WriteHeader(http.StatusNotFound)
			}
		}))
		server.Listener.Close()
		server.Listener = listener
		server.Start()
		_, err := runtime.Open(t.Context(), "podman+"+place, Driver())
		if !errors.Is(err, runtime.ErrInvalid) || !strings.Contains(err.Error(), "Docker answers") || !strings.Contains(err.Error(), "docker+"+place) {
			t.Errorf("%s: %v", place, err)
		}
		server.Close()
	}
}
