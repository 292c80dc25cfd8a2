package podman

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/runtime/engine"
)

// TestKinds holds what Podman 4.3 and 5.8 said to the kinds of errors.
func TestKinds(t *testing.T) {
	for _, c := range []struct {
		status  int
		message string
		missing error
		kind    error
	}{
		{500, `creating container storage: the container name "x" is already in use by 5d7a. You have to remove that container to be able to reuse that name: that name is already in use`, nil, runtime.ErrAlreadyExists},
		{500, "cannot listen on the TCP port: listen tcp4 127.0.0.1:38271: bind: address already in use", nil, runtime.ErrPortInUse},
		{500, "rootlessport listen tcp 127.0.0.1:34869: bind: address already in use", nil, runtime.ErrPortInUse},
		{500, "pasta failed with exit code 1:\nListen failed for HOST TCP port 127.0.0.1/36001: Address already in use", nil, runtime.ErrPortInUse},
		{500, "unable to find network with name or ID nonet: network not found", nil, runtime.ErrNotFound},
		{500, "localhost/x:1: image not known", nil, runtime.ErrImageNotFound},
		{404, "no such image: localhost/x:1: image not known", runtime.ErrNotFound, runtime.ErrImageNotFound},
		{404, `no container with ID or name "nope" found: no such container`, runtime.ErrImageNotFound, runtime.ErrNotFound},
		{500, "can only create exec sessions on running containers: container state improper", nil, runtime.ErrNotRunning},
		{409, "cannot exec in a container that is not running; container 12 is stopped", nil, runtime.ErrNotRunning},
		{409, "cannot create exec session as container 12 is paused", nil, runtime.ErrNotRunning},
		{500, "unable to find user nobody-here: no matching entries in passwd file", nil, runtime.ErrInvalid},
		{500, `"CAP_NONSENSE": unknown capability`, nil, runtime.ErrInvalid},
		{409, "volume data is being used by the following container(s): 12: volume is being used", nil, runtime.ErrInUse},
		{409, "image used by 12: image is in use by a container", nil, runtime.ErrInUse},
		{500, "crun: create keyring `12`: Disk quota exceeded: OCI runtime error", nil, runtime.ErrUnavailable},
		{500, "mkdir /x: no space left on device", nil, runtime.ErrNoSpace},
		{404, "Not Found", runtime.ErrImageNotFound, runtime.ErrImageNotFound},
		{400, "something", nil, runtime.ErrInvalid},
		{403, "something", nil, runtime.ErrPermission},
		{503, "something", nil, runtime.ErrUnavailable},
		{500, "something", runtime.ErrNotFound, nil},
	} {
		err := failure(&engine.StatusError{Code: c.status, Message: c.message}, c.missing)
		var e *runtime.Error
		if !errors.As(err, &e) || e.Kind != c.kind || e.Message != c.message {
			t.Errorf("%d %q is %v, want kind %v", c.status, c.message, err, c.kind)
		}
		if paused := strings.Contains(c.message, "is paused"); paused != (e.Hint == engine.HintPaused) {
			t.Errorf("%d %q: the hint is %q", c.status, c.message, e.Hint)
		}
		if keyring := strings.Contains(c.message, "keyring"); keyring != strings.Contains(e.Hint, "kernel.keys.maxkeys") {
			t.Errorf("%d %q: the hint is %q", c.status, c.message, e.Hint)
		}
		if user := strings.Contains(c.message, "find user"); user != (e.Hint == engine.HintUser) {
			t.Errorf("%d %q: the hint is %q", c.status, c.message, e.Hint)
		}
	}
}

func TestConnectionFailures(t *testing.T) {
	dial := func(err error) error {
		return &net.OpError{Op: "dial", Net: "unix", Err: os.NewSyscallError("connect", err)}
	}
	for _, c := range []struct{ err, kind error }{
		{dial(syscall.EACCES), runtime.ErrPermission},
		{dial(syscall.ENOENT), runtime.ErrUnavailable},
		{dial(syscall.ECONNREFUSED), runtime.ErrUnavailable},
		{dial(syscall.ETIMEDOUT), runtime.ErrUnavailable},
		{io.ErrUnexpectedEOF, runtime.ErrConnectionLost},
		{context.Canceled, nil},
		{context.DeadlineExceeded, nil},
	} {
		var e *runtime.Error
		if err := failure(c.err, nil); !errors.As(err, &e) || e.Kind != c.kind || !errors.Is(err, c.err) {
			t.Errorf("%v is %v, want kind %v", c.err, err, c.kind)
		}
	}
	if err := connectionFailure(fs.ErrPermission); !strings.Contains(err.Error(), "user") {
		t.Errorf("%v does not say what to do", err)
	}
}

// TestNothingIsRepeated counts requests that fail, one by an answer and one by a lost connection.
func TestNothingIsRepeated(t *testing.T) {
	a, f := fakeService(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/start") {
			panic(http.ErrAbortHandler)
		}
		if r.Method == http.MethodGet {
			io.WriteString(w, "{}")
			return
		}
		io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusInternalServerError)
		io.WriteString(w, `{"cause":"c","message":"the words","response":500}`)
	})
	err := a.Upload(t.Context(), "id", "/", strings.NewReader("a body"))
	var e *runtime.Error
	if !errors.As(err, &e) || e.Kind != nil || e.Message != "the words" {
		t.Errorf("upload: %v", err)
	}
	if err := a.Start(t.Context(), "id"); !errors.Is(err, runtime.ErrConnectionLost) {
		t.Errorf("start with a lost connection: %v", err)
	}
	if got, want := f.seen(), []string{"PUT /containers/id/archive", "POST /containers/id/start"}; !slices.Equal(got, want) {
		t.Errorf("requests were %q, want %q", got, want)
	}
}

// TestContextEndsCalls has a server that never answers.
func TestContextEndsCalls(t *testing.T) {
	arrived, release := make(chan struct{}, 9), make(chan struct{})
	a, _ := fakeService(t, func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-release
	})
	defer close(release)
	for name, do := range map[string]func(context.Context) error{
		"start":  func(ctx context.Context) error { return a.Start(ctx, "id") },
		"attach": func(ctx context.Context) error { _, err := a.Attach(ctx, "id", engine.Process{}); return err },
		"build": func(ctx context.Context) error {
			_, err := a.Build(ctx, strings.NewReader(""), runtime.BuildOptions{Dockerfile: "Dockerfile"})
			return err
		},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-arrived
			cancel()
		}()
		if err := do(ctx); !errors.Is(err, context.Canceled) || errors.Is(err, runtime.ErrConnectionLost) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOddNames checks that a name is one element of the path, whatever it holds.
func TestOddNames(t *testing.T) {
	var raw []string
	a, _ := fakeService(t, func(w http.ResponseWriter, r *http.Request) { raw = append(raw, r.URL.EscapedPath()) })
	if err := a.Start(t.Context(), "../a b?c#d/e"); err != nil {
		t.Fatal(err)
	}
	if len(raw) != 1 || !strings.HasSuffix(raw[0], "/containers/..%2Fa%20b%3Fc%23d%2Fe/start") {
		t.Errorf("the path was %q", raw)
	}
}

func TestBuildStreamsThatEndTooSoon(t *testing.T) {
	id := strings.Repeat("0123456789abcdef", 4)
	for name, c := range map[string]struct {
		answer string
		kind   error
	}{
		"an id":              {`{"stream":"STEP 1/1: FROM scratch\n"}{"stream":"` + id + `\n"}`, nil},
		"nothing":            {``, runtime.ErrConnectionLost},
		"no id":              {`{"stream":"STEP 1/1: FROM scratch\n"}`, runtime.ErrConnectionLost},
		"an id on the way":   {`{"stream":"` + id + `\n"}{"stream":"more\n"}`, runtime.ErrConnectionLost},
		"half a line":        {`{"stream":"` + id + `\n"}{"stre`, runtime.ErrConnectionLost},
		"an error at a step": {`{"stream":"STEP 1/1: RUN x\n"}{"error":"unknown instruction","errorDetail":{"message":"x"}}`, runtime.ErrBuildFailed},
		"an error before":    {`{"error":"unknown instruction: X"}`, runtime.ErrBuildFailed},
	} {
		t.Run(name, func(t *testing.T) {
			a, _ := fakeService(t, func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				io.WriteString(w, c.answer)
			})
			got, err := a.Build(t.Context(), strings.NewReader("x"), runtime.BuildOptions{Dockerfile: "Dockerfile"})
			if c.kind == nil && (err != nil || got != "sha256:"+id) {
				t.Errorf("got %q, %v", got, err)
			}
			if !errors.Is(err, c.kind) {
				t.Errorf("got %v, want %v", err, c.kind)
			}
		})
	}
}

func TestBuildAgainWherePodmanLostIt(t *testing.T) {
	id := strings.Repeat("0123456789abcdef", 4)
	const killed = `building at STEP "RUN x": ` + killedStep
	for name, c := range map[string]struct {
		words          string
		killed, builds int
	}{
		"once": {killed, 1, 2}, "as often as it is tried": {killed, buildTries - 1, buildTries}, "each time": {killed, buildTries, buildTries},
		"where an image of the cache was removed": {lostCache + ": getting top layer info: layer not known", 1, 2},
	} {
		t.Run(name, func(t *testing.T) {
			builds := 0
			a, _ := fakeService(t, func(w http.ResponseWriter, r *http.Request) {
				if body, _ := io.ReadAll(r.Body); string(body) != "the context" {
					t.Errorf("build %d got the context %q", builds, body)
				}
				if builds++; builds > c.killed {
					io.WriteString(w, `{"stream":"STEP 1/1: RUN x\n"}{"stream":"`+id+`\n"}`)
					return
				}
				io.WriteString(w, `{"stream":"STEP 1/1: RUN x\n"}{"error":`+strconv.Quote(c.words+"\n")+`}`)
			})
			var log strings.Builder
			got, err := a.Build(t.Context(), strings.NewReader("the context"), runtime.BuildOptions{Dockerfile: "Dockerfile", Log: &log})
			switch {
			case c.killed == buildTries && !errors.Is(err, runtime.ErrBuildFailed):
				t.Errorf("got %v, want ErrBuildFailed", err)
			case c.killed < buildTries && (err != nil || got != "sha256:"+id):
				t.Errorf("got %q, %v", got, err)
			}
			if builds != c.builds || strings.Count(log.String(), "building again") != c.builds-1 {
				t.Errorf("%d builds, want %d; log: %s", builds, c.builds, log.String())
			}
		})
	}
}

func TestInspectImageAgainWherePodmanCrashed(t *testing.T) {
	id := strings.Repeat("0123456789abcdef", 4)
	for name, c := range map[string]struct{ crashes, requests int }{
		"once": {1, 2}, "as often as it is tried": {inspectTries - 1, inspectTries}, "each time": {inspectTries, inspectTries},
	} {
		t.Run(name, func(t *testing.T) {
			requests := 0
			a, _ := fakeService(t, func(w http.ResponseWriter, r *http.Request) {
				if requests++; requests <= c.crashes {
					w.WriteHeader(http.StatusInternalServerError)
					io.WriteString(w, `{"message":"runtime error: `+crashed+`"}`)
					return
				}
				io.WriteString(w, `{"Id":"`+id+`"}`)
			})
			found, err := a.inspectImage(t.Context(), id)
			if failed := c.crashes == inspectTries; failed != (err != nil) || !failed && found.ID != id {
				t.Errorf("got %q, %v", found.ID, err)
			}
			if requests != c.requests {
				t.Errorf("%d requests, want %d", requests, c.requests)
			}
		})
	}
}

func TestDeleteAgainWhereTheEndIsSlow(t *testing.T) {
	for message, c := range map[string]struct{ fails, requests int }{
		"cannot remove container 1 as it could not be stopped: given PID did not die within timeout": {1, 2},
		"cannot remove container 2 as it could not be stopped: given PID did not die within timeout": {9, deleteTries},
		"cannot remove container 3: no space left on device":                                         {9, 1},
	} {
		requests := 0
		a, _ := fakeService(t, func(w http.ResponseWriter, r *http.Request) {
			if requests++; requests <= c.fails {
				w.WriteHeader(http.StatusInternalServerError)
				json.NewEncoder(w).Encode(map[string]string{"message": message})
				return
			}
			io.WriteString(w, "[]")
		})
		err := a.Delete(t.Context(), "id")
		if failed := c.fails >= c.requests; failed != (err != nil) || requests != c.requests {
			t.Errorf("%s: %v after %d requests, want %d", message, err, requests, c.requests)
		}
	}
}

func TestCreateAgainWhereAnotherMadeTheVolume(t *testing.T) {
	id := strings.Repeat("0123456789abcdef", 4)
	mounts := []runtime.Mount{{Type: runtime.MountVolume, Source: "a", Target: "/a"}, {Type: runtime.MountVolume, Source: "b", Target: "/b"}}
	for name, c := range map[string]struct {
		message         string
		fails, requests int
	}{
		"once":        {"creating named volume \"a\": volume with name a already exists: volume already exists", 1, 2},
		"each of two": {"creating named volume \"a\": volume with name a already exists: volume already exists", 2, 3},
		"for ever":    {"creating named volume \"a\": volume with name a already exists: volume already exists", 9, 3},
		"another one": {"creating named volume \"a\": no space left on device", 9, 1},
	} {
		t.Run(name, func(t *testing.T) {
			requests := 0
			a, _ := fakeService(t, func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.Method != http.MethodPost:
					io.WriteString(w, `{"Id":"`+id+`"}`)
				default:
					if requests++; requests <= c.fails {
						w.WriteHeader(http.StatusInternalServerError)
						json.NewEncoder(w).Encode(map[string]string{"message": c.message})
						return
					}
					io.WriteString(w, `{"Id":"made"}`)
				}
			})
			made, _, err := a.Create(t.Context(), engine.Spec{Image: id, Mounts: mounts})
			if failed := c.fails >= c.requests; failed != (err != nil) || !failed && made != "made" {
				t.Errorf("got %q, %v", made, err)
			}
			if requests != c.requests {
				t.Errorf("%d requests, want %d", requests, c.requests)
			}
		})
	}
}

func TestPullAnswers(t *testing.T) {
	for message, kind := range map[string]error{
		"initializing source docker://docker.io/x/y:1: reading manifest 1 in docker.io/x/y: manifest unknown":                                       runtime.ErrImageNotFound,
		"initializing source docker://docker.io/x/y:1: reading manifest 1 in docker.io/x/y: requested access to the resource is denied":             runtime.ErrImageNotFound,
		"initializing source docker://r.io/x/y:1: unable to retrieve auth token: invalid username/password: unauthorized: incorrect":                runtime.ErrImageNotFound,
		"initializing source docker://r.invalid/x/y:1: pinging container registry r.invalid: dial tcp: lookup r.invalid on 127.0.0.1: no such host": runtime.ErrUnavailable,
		"writing blob: storing blob: no space left on device":                                                                                       nil,
	} {
		var header string
		a, _ := fakeService(t, func(w http.ResponseWriter, r *http.Request) {
			header = r.Header.Get("X-Registry-Auth")
			if got := r.URL.Query().Get("reference"); got != "docker.io/library/x:latest" {
				t.Errorf("the reference is %q", got)
			}
			json.NewEncoder(w).Encode(map[string]string{"stream": "Trying to pull\n"})
			json.NewEncoder(w).Encode(map[string]string{"error": message})
		})
		var progress strings.Builder
		_, err := a.Pull(t.Context(), "x", runtime.PullOptions{Username: "u", Password: "p", Progress: &progress})
		var e *runtime.Error
		if !errors.As(err, &e) || e.Kind != kind || e.Message != message {
			t.Errorf("%q is %v, want kind %v", message, err, kind)
		}
		if header == "" || progress.String() != "Trying to pull\n" {
			t.Errorf("credentials went as %q, progress as %q", header, progress.String())
		}
	}
}

func TestSeccompProfileOfARemoteEngine(t *testing.T) {
	a, _ := fakeService(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			t.Error("the container is created")
		}
		io.WriteString(w, `{"Id":"12"}`)
	})
	a.local = false
	_, _, err := a.Create(t.Context(), engine.Spec{Image: "localhost/x:1", Seccomp: "{}"})
	if !errors.Is(err, runtime.ErrUnsupported) {
		t.Errorf("got %v", err)
	}
}

func TestOpenErrors(t *testing.T) {
	closed, err := os.CreateTemp("", "sandlot-closed-")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	defer os.Remove(closed.Name())
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	for ref, kind := range map[string]error{
		"podman+unix:///no/such/socket":                             runtime.ErrUnavailable,
		"podman+unix://" + closed.Name():                            runtime.ErrUnavailable,
		"podman+tcp://" + strings.TrimPrefix(other.URL, "http://"):  runtime.ErrUnavailable,
		"podman+tcp://127.0.0.1:1":                                  runtime.ErrUnavailable,
		"podman+http://127.0.0.1:1":                                 runtime.ErrInvalid,
		"podman://127.0.0.1":                                        runtime.ErrInvalid,
		"podman+tcp://127.0.0.1:1?tlscert=/no/such/file&tlskey=/no": runtime.ErrUnavailable,
	} {
		_, err := runtime.Open(t.Context(), ref, Driver())
		var e *runtime.Error
		if !errors.As(err, &e) || !errors.Is(err, kind) || e.Op != "open" || e.Runtime != name || e.ID == "" {
			t.Errorf("%s: %v, want %v", ref, err, kind)
		}
	}
}
