package docker

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sandlot-dev/sandlot/runtime"
)

// fakeAPI is connected to a daemon that answers everything with handler.
func fakeAPI(t *testing.T, handler http.HandlerFunc) *api {
	t.Helper()
	a, err := connect(t.Context(), place{host: daemon(t, ping("1.41", handler))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

// streams answers with a stream of messages.
func streams(messages ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, strings.Join(messages, "\n"))
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

func TestBuildStream(t *testing.T) {
	const step = `{"stream":"Step 1/2 : FROM scratch\n"}`
	const imageID = "sha256:1f3870be274f6c49b3e31a0c6728957f1f3870be274f6c49b3e31a0c6728957f"
	diskFull := errors.New("disk full")
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		log    io.Writer
		want   error
		words  string
		kept   string // in Error.Log
	}{
		"built":         {streams(step, `{"aux":{"ID":"`+imageID+`"}}`, `{"stream":"Successfully built\n"}`), nil, nil, "", ""},
		"failed":        {streams(step, `{"errorDetail":{"code":7,"message":"returned a non-zero code: 7"},"error":"returned a non-zero code: 7"}`), nil, runtime.ErrBuildFailed, "non-zero code: 7", "Step 1/2 : FROM scratch\n"},
		"no image":      {streams(step), nil, nil, "without an image", ""},
		"cut off":       {streams(step, `{"stream":"Step 2`), nil, runtime.ErrConnectionLost, "", "Step 1/2 : FROM scratch\n"},
		"log not taken": {streams(step, step), failingWriter{diskFull}, diskFull, "", ""},
		"no sense":      {fail(400, "dockerfile parse error line 1: unknown instruction: X"), nil, runtime.ErrBuildFailed, "unknown instruction", "dockerfile parse error line 1: unknown instruction: X"},
		"no target":     {fail(400, "failed to reach build target two in Dockerfile"), nil, runtime.ErrInvalid, "two", ""},
		"daemon broken": {fail(503, "shutting down"), nil, runtime.ErrUnavailable, "shutting down", ""},
	} {
		t.Run(name, func(t *testing.T) {
			id, err := fakeAPI(t, test.answer).Build(t.Context(), strings.NewReader("x"), runtime.BuildOptions{Dockerfile: "Dockerfile", Target: "two", Log: test.log})
			if name == "built" {
				if err != nil || id != imageID {
					t.Errorf("%q, %v", id, err)
				}
				return
			}
			if err == nil || !errors.Is(err, test.want) && test.want != nil || !strings.Contains(err.Error(), test.words) {
				t.Errorf("%v, want %v and %q", err, test.want, test.words)
			}
			var e *runtime.Error
			if test.kept != "" && (!errors.As(err, &e) || e.Log != test.kept) {
				t.Errorf("the log kept is %q, want %q", e.Log, test.kept)
			}
		})
	}
}

func TestBuildKeepsTheEndOfItsLog(t *testing.T) {
	line := `{"stream":"` + strings.Repeat("x", 999) + `\n"}`
	_, err := fakeAPI(t, streams(line, line, line, line, line, `{"stream":"the end\n"}`, `{"error":"failed"}`)).Build(t.Context(), strings.NewReader(""), runtime.BuildOptions{})
	var e *runtime.Error
	if !errors.As(err, &e) || len(e.Log) != tailSize || !strings.HasSuffix(e.Log, "x\nthe end\n") {
		t.Errorf("%v", err)
	}
}

func TestPullErrors(t *testing.T) {
	const first = `{"status":"Pulling from library/x","id":"latest"}`
	inStream := func(message string) http.HandlerFunc { return streams(first, `{"error":"`+message+`"}`) }
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		want   error
	}{
		"unknown":             {fail(404, "pull access denied for x, repository does not exist or may require 'docker login': denied: requested access to the resource is denied"), runtime.ErrImageNotFound},
		"no tag":              {fail(404, "manifest for x:1 not found: manifest unknown: manifest unknown"), runtime.ErrImageNotFound},
		"private":             {fail(500, "Head \"https://r.example/v2/x/manifests/1\": unauthorized: authentication required"), runtime.ErrImageNotFound},
		"private, basic":      {fail(500, "Get \"https://r.example/v2/\": no basic auth credentials"), runtime.ErrImageNotFound},
		"no such host":        {fail(500, "Get \"https://r.example/v2/\": dial tcp: lookup r.example: no such host"), runtime.ErrUnavailable},
		"refused":             {fail(500, "Get \"https://r.example/v2/\": dial tcp 127.0.0.1:1: connect: connection refused"), runtime.ErrUnavailable},
		"timed out":           {fail(500, "Get \"https://r.example/v2/\": net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)"), runtime.ErrUnavailable},
		"no such host, later": {inStream("dial tcp: lookup r.example: no such host"), runtime.ErrUnavailable},
		"no platform":         {inStream("no matching manifest for linux/arm64 in the manifest list entries"), runtime.ErrImageNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := fakeAPI(t, test.answer).Pull(t.Context(), "r.example/x:1", runtime.PullOptions{})
			if !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
		})
	}
}

func TestPull(t *testing.T) {
	var auth, asked string
	a := fakeAPI(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/json") {
			asked = r.URL.Path
			io.WriteString(w, `{"Id":"sha256:abc"}`)
			return
		}
		auth = r.Header.Get("X-Registry-Auth")
		streams(`{"status":"Pulling from x","id":"1"}`, `{"status":"Downloading","progressDetail":{"current":1,"total":9},"id":"aa"}`,
			`{"status":"Pull complete","progressDetail":{},"id":"aa"}`, `{"status":"Status: done"}`)(w, r)
	})
	var progress strings.Builder
	id, err := a.Pull(t.Context(), "r.example/x:1", runtime.PullOptions{Progress: &progress, Username: "me", Password: "secret"})
	if err != nil || id != "sha256:abc" || asked != "/v1.41/images/r.example/x:1/json" {
		t.Errorf("%q, %v, asked for %s", id, err, asked)
	}
	if got, want := progress.String(), "1: Pulling from x\naa: Pull complete\nStatus: done\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if auth == "" {
		t.Error("the registry's user was not sent")
	}
}

func TestErrorKinds(t *testing.T) {
	for message, want := range map[string]error{
		"Bind for 127.0.0.1:80 failed: port is already allocated":                                       runtime.ErrPortInUse,
		"driver failed: listen tcp4 127.0.0.1:80: bind: address already in use":                         runtime.ErrPortInUse,
		"listen tcp4 203.0.113.9:80: bind: cannot assign requested address":                             runtime.ErrInvalid,
		"unable to find user nobody-here: no matching entries in passwd file":                           runtime.ErrInvalid,
		"network nothing not found":                                                                     runtime.ErrNotFound,
		"cannot start a paused container, try unpause instead":                                          runtime.ErrNotRunning,
		"failed to create shim: OCI runtime create failed: mkdir /etc/passwd: not a directory: unknown": runtime.ErrInvalid,
	} {
		status := 500
		if want == runtime.ErrNotFound {
			status = 404
		}
		if err := fakeAPI(t, fail(status, message)).Start(t.Context(), "x"); !errors.Is(err, want) || !strings.Contains(err.Error(), message) {
			t.Errorf("%q is %v, want %v", message, err, want)
		}
	}
	a := fakeAPI(t, nil)
	for words, want := range map[string]error{
		"OCI runtime exec failed: exec failed: unable to start container process: unable to apply caps: operation not permitted": runtime.ErrUnsupported,
		"unable to find user x: no matching entries in passwd file":                                                              runtime.ErrInvalid,
		"OCI runtime exec failed: exec failed: cannot exec in a stopped container":                                               runtime.ErrNotRunning,
	} {
		if err := a.LaunchError(words); !errors.Is(err, want) {
			t.Errorf("%q is %v, want %v", words, err, want)
		}
	}
	if err := a.LaunchError("hello"); err != nil {
		t.Errorf("words of a process are %v", err)
	}
}

// An exec whose end the daemon does not know yet has not succeeded.
func TestExecState(t *testing.T) {
	for answer, want := range map[string]struct {
		running bool
		code    int
	}{
		`{"Running":true,"ExitCode":null}`: {true, 0}, `{"Running":false,"ExitCode":null}`: {true, 0},
		`{"Running":false,"ExitCode":0}`: {false, 0}, `{"Running":false,"ExitCode":137}`: {false, 137},
	} {
		got, err := fakeAPI(t, streams(answer)).ExecState(t.Context(), "x")
		if err != nil || got.Running != want.running || got.ExitCode != want.code {
			t.Errorf("%s: %+v, %v", answer, got, err)
		}
	}
	_, err := fakeAPI(t, fail(404, "No such exec instance")).ExecState(t.Context(), "x")
	if !errors.Is(err, runtime.ErrNotFound) {
		t.Error(err)
	}
}
