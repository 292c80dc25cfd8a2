// Package apitest tests what every implementation of engine.API owes to package engine, on real engines.
package apitest

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/runtime/engine"
)

// Config says what to test.
type Config struct {
	// Scheme begins the URLs of the driver's engines, "docker+".
	Scheme string
	// Open opens the engine at a URL. It is closed after the test.
	Open func(ctx context.Context, ref string) (engine.API, error)
	// VolumesOf gives the names of all volumes of a container, the anonymous ones included.
	VolumesOf func(ctx context.Context, api engine.API, id string) ([]string, error)
}

type driver struct {
	engine.API
	config Config
	ref    string
}

// Run tests a driver on each of its engines in SANDLOT_TEST_ENGINES, which holds name=url pairs. It fails where there is none.
func Run(t *testing.T, config Config) {
	engines := 0
	for _, pair := range strings.Fields(os.Getenv("SANDLOT_TEST_ENGINES")) {
		title, ref, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(ref, config.Scheme) {
			continue
		}
		engines++
		t.Run(title, func(t *testing.T) {
			api, err := config.Open(t.Context(), ref)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := api.Close(); err != nil {
					t.Error(err)
				}
			})
			a := &driver{api, config, ref}
			image := buildBox(t, a)
			for name, test := range map[string]func(*testing.T, *driver, string){
				"what a process gets": testWhatAProcessGets, "users": testUsers, "read-only root": testReadOnlyRoot,
				"capabilities added": testCapabilitiesAdded, "life of a container": testLife, "limits": testLimits,
				"ports": testPorts, "volumes": testVolumes, "mistakes": testMistakes, "missing": testMissing,
				"streams": testStreams, "launch errors": testLaunchErrors, "build": testBuild, "pull": testPull, "runtime": testRuntime,
			} {
				t.Run(name, func(t *testing.T) { test(t, a, image) })
			}
		})
	}
	if engines == 0 {
		t.Fatalf("SANDLOT_TEST_ENGINES names none: set it to name=url pairs with URLs that begin with %s", config.Scheme)
	}
}

var boxProgram = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "sandlot-box-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(dir, "box"), "github.com/sandlot-dev/sandlot/runtime/engine/apitest/box")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if out, err := cmd.CombinedOutput(); err != nil {
		return out, err
	}
	return os.ReadFile(filepath.Join(dir, "box"))
})

// archive makes a tar of name, content pairs. Names that end in "/" are directories.
func archive(t *testing.T, pairs ...string) io.ReadSeeker {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := 0; i < len(pairs); i += 2 {
		h := &tar.Header{Name: pairs[i], Mode: 0o755, Size: int64(len(pairs[i+1])), Typeflag: tar.TypeReg}
		if strings.HasSuffix(pairs[i], "/") {
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, pairs[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(b.Bytes())
}

var imageID = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

const boxDockerfile = `FROM scratch
COPY box /box
COPY etc /etc
COPY tmp /tmp
ENV FROM_IMAGE=yes EMPTY=
WORKDIR /image/dir
ENTRYPOINT ["/nothing"]
CMD ["at all"]
HEALTHCHECK CMD ["/box", "exit", "1"]
STOPSIGNAL SIGKILL
VOLUME /image/volume
LABEL from=image
`

func boxContext(t *testing.T, dockerfile string) io.ReadSeeker {
	t.Helper()
	box, err := boxProgram()
	if err != nil {
		t.Fatalf("%v: %s", err, box)
	}
	return archive(t, "Dockerfile", dockerfile, "box", string(box), "tmp/", "", "etc/", "",
		"etc/passwd", "root:x:0:0::/root:/\nalice:x:1234:1234::/home/alice:/\n", "etc/group", "root:x:0:\nalice:x:1234:\n")
}

func buildBox(t *testing.T, a *driver) string {
	t.Helper()
	tag := "localhost/sandlot-api-test/" + strings.ToLower(strings.NewReplacer("/", ".", "_", ".").Replace(t.Name())) + ":box"
	id, err := a.Build(t.Context(), boxContext(t, boxDockerfile), runtime.BuildOptions{Tag: tag, Dockerfile: "Dockerfile"})
	if err != nil {
		t.Fatalf("build: %v", err)
	}
	if !imageID.MatchString(id) {
		t.Errorf("the build's id is %q", id)
	}
	t.Cleanup(func() {
		if err := a.RemoveImage(context.Background(), tag); err != nil {
			t.Error(err)
		}
	})
	return tag
}

// create makes a container that is removed with the test.
func create(t *testing.T, a *driver, spec engine.Spec) string {
	t.Helper()
	if spec.Entrypoint == nil {
		spec.Entrypoint = []string{"/box", "init"}
	}
	if spec.Network == "" {
		spec.Network = runtime.NetworkNone
	}
	id, warnings, err := a.Create(t.Context(), spec)
	if err != nil {
		t.Fatalf("create: %v", err)
	}
	if len(warnings) > 0 {
		t.Errorf("create warns: %q", warnings)
	}
	t.Cleanup(func() {
		if err := a.Delete(context.Background(), id); err != nil && !isKind(err, runtime.ErrNotFound) {
			t.Error(err)
		}
	})
	return id
}

func start(t *testing.T, a *driver, spec engine.Spec) string {
	t.Helper()
	id := create(t, a, spec)
	if err := a.Start(t.Context(), id); err != nil {
		t.Fatalf("start: %v", err)
	}
	return id
}

// run runs a process and gives what it wrote and its exit code.
func run(t *testing.T, a *driver, id string, p engine.Process, stdin string) (stdout, stderr string, state engine.ExecState) {
	t.Helper()
	s, err := a.Attach(t.Context(), id, p)
	if err != nil {
		t.Fatalf("attach: %v", err)
	}
	defer s.Close()
	// Podman may have closed its end, where the process does not read.
	io.WriteString(s, stdin)
	s.CloseWrite()
	out, err := io.ReadAll(s)
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	state, err = a.ExecState(t.Context(), s.ExecID)
	if err != nil {
		t.Fatalf("exec state: %v", err)
	}
	return string(out), s.Stderr(), state
}
