package auto

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sandlot-dev/sandlot/runtime"
)

func lookup(t *testing.T, pairs ...string) func(string) string {
	t.Helper()
	env := map[string]string{"HOME": t.TempDir(), "XDG_RUNTIME_DIR": "/run/user/7"}
	for i := 0; i < len(pairs); i += 2 {
		env[pairs[i]] = pairs[i+1]
	}
	return func(k string) string { return env[k] }
}

func names(getenv func(string) string) []string {
	var out []string
	for _, p := range places(getenv) {
		name := p.Name
		if p.URL != "" {
			name += " " + p.URL
		}
		out = append(out, name)
	}
	return out
}

func TestOrder(t *testing.T) {
	always := []string{
		"the rootless Podman socket podman+unix:///run/user/7/podman/podman.sock",
		"the rootful Podman socket podman+unix:///run/podman/podman.sock",
		"Docker's socket docker+unix:///var/run/docker.sock",
		"the rootless Docker socket docker+unix:///run/user/7/docker.sock",
		"a Podman service of our own",
	}
	context := t.TempDir()
	if err := os.WriteFile(filepath.Join(context, "config.json"), []byte(`{"auths":{},"currentContext":"far"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for title, c := range map[string]struct {
		env  []string
		want []string
	}{
		"nothing set":    {nil, always},
		"DOCKER_HOST":    {[]string{"DOCKER_HOST", "tcp://h:1"}, append([]string{"DOCKER_HOST docker+tcp://h:1"}, always...)},
		"DOCKER_CONTEXT": {[]string{"DOCKER_CONTEXT", "near"}, append([]string{`the docker context "near"`}, always...)},
		"config.json":    {[]string{"DOCKER_CONFIG", context}, append([]string{`the docker context "far"`}, always...)},
		"the default":    {[]string{"DOCKER_CONFIG", context, "DOCKER_CONTEXT", "default"}, always},
		"host over context": {[]string{"DOCKER_CONFIG", context, "DOCKER_HOST", "unix:///d", "CONTAINER_HOST", "unix:///c"},
			append([]string{"DOCKER_HOST docker+unix:///d", "CONTAINER_HOST podman+unix:///c"}, always...)},
		"once each": {[]string{"DOCKER_HOST", "unix:///var/run/docker.sock", "CONTAINER_HOST", "unix:///run/podman/podman.sock"}, []string{
			"DOCKER_HOST docker+unix:///var/run/docker.sock", "CONTAINER_HOST podman+unix:///run/podman/podman.sock", always[0], always[3], always[4],
		}},
	} {
		if got := names(lookup(t, c.env...)); !slices.Equal(got, c.want) {
			t.Errorf("%s: places are\n%s\nwant\n%s", title, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
}

func TestDockerConfigurationThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte("no JSON"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := places(lookup(t, "DOCKER_CONFIG", dir))[0].Try(t.Context())
	if !errors.Is(err, runtime.ErrInvalid) || !strings.Contains(err.Error(), dir) {
		t.Errorf("got %v", err)
	}
}

func TestWhoAnswers(t *testing.T) {
	dir, err := os.MkdirTemp("", "sandlot-auto-") // short enough for a socket
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for header, want := range map[string]bool{"Libpod-API-Version": true, "Api-Version": false} {
		socket := filepath.Join(dir, header[:3])
		listener, err := net.Listen("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set(header, "1.41")
		}))
		server.Listener.Close()
		server.Listener = listener
		server.Start()
		if got := isPodman(t.Context(), "unix://"+socket); got != want {
			t.Errorf("who answers with %s is Podman: %v", header, got)
		}
		server.Close()
	}
	if isPodman(t.Context(), "unix:///no/such/socket") {
		t.Error("nobody is Podman")
	}
}

func TestSandlotRuntimeDecidesAlone(t *testing.T) {
	for _, ref := range []string{"", "auto"} {
		_, err := Open(t.Context(), ref, Options{Getenv: lookup(t, "SANDLOT_RUNTIME", "podman+unix:///no/such/socket")})
		if !errors.Is(err, runtime.ErrUnavailable) || !strings.Contains(err.Error(), "/no/such/socket") || strings.Contains(err.Error(), "docker") {
			t.Errorf("%q: %v", ref, err)
		}
	}
	_, err := Open(t.Context(), "nonsense", Options{Getenv: lookup(t, "SANDLOT_RUNTIME", "podman")})
	if !errors.Is(err, runtime.ErrInvalid) || !strings.Contains(err.Error(), "one of auto, docker, podman") {
		t.Errorf("an unknown name: %v", err)
	}
	if _, err := Open(t.Context(), "auto+unix:///x", Options{Getenv: lookup(t)}); !errors.Is(err, runtime.ErrInvalid) {
		t.Errorf("auto with a URL: %v", err)
	}
}

func TestVariablesDecide(t *testing.T) {
	for _, variable := range []string{"DOCKER_HOST", "DOCKER_CONTEXT", "CONTAINER_HOST"} {
		t.Run(variable, func(t *testing.T) {
			t.Setenv("HOME", t.TempDir())
			t.Setenv(variable, "unix:///no/such/socket")
			_, err := Open(t.Context(), "auto", Options{})
			if !errors.Is(err, runtime.ErrUnavailable) || !strings.Contains(err.Error(), "unset "+variable) || strings.Contains(err.Error(), "/run/podman") {
				t.Error(err)
			}
		})
	}
}

// TestEngines opens each engine of SANDLOT_TEST_ENGINES through DOCKER_HOST, as what it is.
func TestEngines(t *testing.T) {
	pairs := strings.Fields(os.Getenv("SANDLOT_TEST_ENGINES"))
	if len(pairs) == 0 {
		t.Fatal("SANDLOT_TEST_ENGINES is empty: set it to name=url pairs, such as docker=docker+unix:///var/run/docker.sock")
	}
	t.Setenv("PATH", t.TempDir()) // no service of our own
	for _, pair := range pairs {
		title, ref, _ := strings.Cut(pair, "=")
		t.Run(title, func(t *testing.T) {
			want, host, _ := strings.Cut(ref, "+")
			opts := Options{Getenv: lookup(t, "DOCKER_HOST", host)}
			rt, err := Open(t.Context(), "auto", opts)
			if err != nil {
				t.Fatal(err)
			}
			info, err := rt.Info(t.Context())
			if err != nil || info.Runtime != want || info.URL != ref {
				t.Errorf("%s is %s at %s, %v", ref, info.Runtime, info.URL, err)
			}
			if err := rt.Close(); err != nil {
				t.Error(err)
			}
			first := Candidates(t.Context(), opts)[0]
			if first.Name != "DOCKER_HOST" || first.Err != nil || first.URL != ref || first.Info.Version != info.Version {
				t.Errorf("the first candidate is %+v", first)
			}
		})
	}
}
