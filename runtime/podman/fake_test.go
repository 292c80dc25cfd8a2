package podman

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// A fake is a service that answers as it is told to.
type fake struct {
	socket string

	mu       sync.Mutex
	requests []string // "METHOD /path", without the version

	descriptions int  // how many were asked for
	speechless   bool // it gives none
}

// fakeService serves handler on a socket, and a ping and a description.
func fakeService(t *testing.T, handler http.HandlerFunc) (*api, *fake) {
	t.Helper()
	// Not t.TempDir: a socket's path is at most 107 bytes.
	dir, err := os.MkdirTemp("", "sandlot-fake-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	f := &fake{socket: filepath.Join(dir, "s")}
	listener, err := net.Listen("unix", f.socket)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := strings.TrimPrefix(r.URL.Path, "/"+apiVersion+"/libpod")
		switch {
		case strings.HasSuffix(path, "/_ping"):
			w.Header().Set("Libpod-API-Version", "5.8.2")
		case path == "/info" && !f.describes():
			http.Error(w, `{"message": "storage is locked"}`, http.StatusInternalServerError)
		case path == "/info":
			fmt.Fprint(w, `{"host":{"arch":"amd64","os":"linux","cgroupVersion":"v2","cgroupControllers":["memory","pids"],
				"security":{"rootless":true,"seccompEnabled":true}},"version":{"Version":"5.8.2","APIVersion":"5.8.2"}}`)
		default:
			f.mu.Lock()
			f.requests = append(f.requests, r.Method+" "+path)
			f.mu.Unlock()
			handler(w, r)
		}
	}))
	server.Listener.Close()
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	a, err := openAt(t.Context(), &url.URL{Scheme: "podman+unix", Path: f.socket}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a, f
}

func (f *fake) describes() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.descriptions++
	return !f.speechless
}

func (f *fake) seen() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.requests...)
}
