package docker

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sandlot-dev/sandlot/runtime"
)

// daemon answers on a socket.
func daemon(t *testing.T, handler http.HandlerFunc) (host string) {
	dir, err := os.MkdirTemp("", "sandlot") // t.TempDir is too long for a socket's path on some systems
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "docker.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler}
	go server.Serve(listener)
	t.Cleanup(func() {
		server.Close()
		os.RemoveAll(dir)
	})
	return "unix://" + socket
}

// ping is what a daemon of an API version answers; other paths go to handler.
func ping(version string, handler http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/_ping" {
			handler(w, r)
			return
		}
		w.Header().Set("Api-Version", version)
		w.Header().Set("Ostype", "linux")
	}
}

// fail answers with an error as a daemon does.
func fail(status int, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(map[string]string{"message": message})
	}
}

func openHost(t *testing.T, host string) (runtime.Runtime, error) {
	t.Helper()
	u, err := url.Parse("docker+" + host)
	if err != nil {
		t.Fatal(err)
	}
	return Driver().Open(t.Context(), u)
}

func TestOpenFails(t *testing.T) {
	stale := daemon(t, nil) // a socket that nobody listens at
	listener, err := net.Listen("unix", strings.TrimPrefix(stale, "unix://")+".stale")
	if err != nil {
		t.Fatal(err)
	}
	listener.(*net.UnixListener).SetUnlinkOnClose(false)
	listener.Close()
	header := func(key, value string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.Header().Set(key, value) }
	}
	podman := daemon(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Libpod-Api-Version", "4.3.1")
		w.Header().Set("Api-Version", "1.41")
	})
	for name, test := range map[string]struct {
		host  string
		want  error
		words []string
	}{
		"no socket":    {"unix:///nonexistent/docker.sock", runtime.ErrUnavailable, []string{"no such file", "start Docker"}},
		"nobody there": {stale + ".stale", runtime.ErrUnavailable, []string{"refused", "start Docker"}},
		"Podman":       {podman, runtime.ErrInvalid, []string{"Podman answers there", "podman+" + podman}},
		"not Docker":   {daemon(t, header("Server", "x")), runtime.ErrUnavailable, []string{"not Docker"}},
		"too old":      {daemon(t, ping("1.40", nil)), runtime.ErrUnsupported, []string{"1.40", "20.10"}},
		"Windows": {daemon(t, func(w http.ResponseWriter, r *http.Request) {
			header("Ostype", "windows")(w, r)
			header("Api-Version", "1.43")(w, r)
		}), runtime.ErrUnsupported, []string{"Linux containers"}},
		"relative":     {"unix://run/docker.sock", runtime.ErrInvalid, []string{"not absolute"}},
		"no port":      {"tcp://127.0.0.1", runtime.ErrInvalid, []string{"no port"}},
		"no scheme":    {"ftp://127.0.0.1", runtime.ErrInvalid, []string{"docker+unix:///path"}},
		"no ssh host":  {"ssh:///var/run/docker.sock", runtime.ErrInvalid, []string{"names no host"}},
		"ssh option":   {"ssh://-oProxyCommand=x/", runtime.ErrInvalid, []string{"names no host"}},
		"ssh password": {"ssh://me:secret@host", runtime.ErrInvalid, []string{"use a key"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := openHost(t, test.host)
			var e *runtime.Error
			if !errors.Is(err, test.want) || !errors.As(err, &e) || e.Op != "open" || e.Runtime != "docker" || e.ID == "" {
				t.Fatalf("%#v, want %v", err, test.want)
			}
			for _, words := range test.words {
				if !strings.Contains(err.Error(), words) {
					t.Errorf("%q does not say %q", err, words)
				}
			}
			if strings.Contains(err.Error(), "api.moby") || strings.Contains(err.Error(), "secret") {
				t.Errorf("%q says what nobody wants to read", err)
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	for want, cause := range map[error]error{
		runtime.ErrPermission:  &url.Error{Err: &net.OpError{Op: "dial", Err: fs.ErrPermission}},
		runtime.ErrUnavailable: &url.Error{Err: errors.New("boom")},
		context.Canceled:       &url.Error{Err: context.Canceled},
	} {
		if err := unreachable("unix:///x", cause); !errors.Is(err, want) || (want == context.Canceled && errors.Is(err, runtime.ErrUnavailable)) {
			t.Errorf("%v is %v, want %v", cause, err, want)
		}
	}
}

func TestOpenHeedsContext(t *testing.T) {
	asked, done := make(chan struct{}), make(chan struct{})
	host := daemon(t, func(w http.ResponseWriter, r *http.Request) { close(asked); <-done })
	defer close(done)
	u, _ := url.Parse("docker+" + host)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if _, err := Driver().Open(ctx, u); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want context.Canceled", err)
	}
}

func TestOpenNegotiates(t *testing.T) {
	for daemonSpeaks, want := range map[string]string{"1.41": "/v1.41/", "1.44": "/v1.44/", "1.99": "/v1.51/"} {
		paths := make(chan string, 1)
		rt, err := openHost(t, daemon(t, ping(daemonSpeaks, func(w http.ResponseWriter, r *http.Request) {
			paths <- r.URL.Path
			w.Write([]byte("[]"))
		})))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := rt.List(t.Context(), runtime.ListOptions{}); err != nil {
			t.Error(err)
		}
		if got := <-paths; !strings.HasPrefix(got, want) {
			t.Errorf("the daemon speaks %s, asked was %s, want %s", daemonSpeaks, got, want)
		}
		rt.Close()
	}
}

// clean takes away what the environment says of Docker.
func clean(t *testing.T) (home string) {
	for _, name := range []string{"DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY", "XDG_RUNTIME_DIR"} {
		t.Setenv(name, "")
	}
	dir := t.TempDir()
	t.Setenv("DOCKER_CONFIG", dir)
	return dir
}

func TestLocate(t *testing.T) {
	write := func(t *testing.T, file, text string) {
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	context := func(t *testing.T, dir, name, host string) {
		write(t, filepath.Join(dir, "contexts", "meta", contextID(name), "meta.json"), `{"Name":"`+name+`","Endpoints":{"docker":{"Host":"`+host+`"}}}`)
	}
	for name, test := range map[string]struct {
		prepare func(t *testing.T, dir string)
		want    string
		err     error
	}{
		"nothing":           {func(*testing.T, string) {}, "unix:///var/run/docker.sock", nil},
		"DOCKER_HOST":       {func(t *testing.T, _ string) { t.Setenv("DOCKER_HOST", "tcp://a:1") }, "tcp://a:1", nil},
		"default context":   {func(t *testing.T, dir string) { write(t, dir+"/config.json", `{"currentContext":"default"}`) }, "unix:///var/run/docker.sock", nil},
		"no context":        {func(t *testing.T, dir string) { write(t, dir+"/config.json", `{"auths":{}}`) }, "unix:///var/run/docker.sock", nil},
		"bad configuration": {func(t *testing.T, dir string) { write(t, dir+"/config.json", `{`) }, "", runtime.ErrInvalid},
		"context": {func(t *testing.T, dir string) {
			write(t, dir+"/config.json", `{"currentContext":"far"}`)
			context(t, dir, "far", "ssh://me@far")
		}, "ssh://me@far", nil},
		"DOCKER_CONTEXT over configuration": {func(t *testing.T, dir string) {
			write(t, dir+"/config.json", `{"currentContext":"far"}`)
			context(t, dir, "near", "unix:///near")
			t.Setenv("DOCKER_CONTEXT", "near")
		}, "unix:///near", nil},
		"DOCKER_HOST over context": {func(t *testing.T, dir string) {
			write(t, dir+"/config.json", `{"currentContext":"far"}`)
			t.Setenv("DOCKER_HOST", "unix:///host")
		}, "unix:///host", nil},
		"context that is not there": {func(t *testing.T, dir string) { t.Setenv("DOCKER_CONTEXT", "gone") }, "", runtime.ErrInvalid},
		"context without host": {func(t *testing.T, dir string) {
			context(t, dir, "empty", "")
			t.Setenv("DOCKER_CONTEXT", "empty")
		}, "", runtime.ErrInvalid},
		"bad certificates": {func(t *testing.T, dir string) {
			t.Setenv("DOCKER_HOST", "tcp://a:1")
			t.Setenv("DOCKER_CERT_PATH", dir)
		}, "", runtime.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			test.prepare(t, clean(t))
			got, err := locate(nil)
			if !errors.Is(err, test.err) || (err == nil && got.host != test.want) {
				t.Errorf("%q, %v, want %q, %v", got.host, err, test.want, test.err)
			}
		})
	}
	clean(t)
	t.Setenv("DOCKER_HOST", "tcp://elsewhere:1")
	u, _ := url.Parse("docker+ssh://me@host:22/run/x.sock")
	if got, err := locate(u); err != nil || got.host != "ssh://me@host:22/run/x.sock" {
		t.Errorf("a URL: %+v, %v", got, err)
	}
}

// The docker command's name for the directory of the context "desktop-linux".
func TestContextID(t *testing.T) {
	const want = "fe9c6bd7a66301f49ca9b6a70b217107cd1284598bfc254700c989b916da791e"
	if got := contextID("desktop-linux"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
