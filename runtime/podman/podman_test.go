package podman

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/containers/podman/v5/libpod/define"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/runtime/engine"
	"github.com/sandlot-dev/sandlot/runtime/engine/apitest"
)

func openRef(ctx context.Context, ref string) (*api, error) {
	u, err := url.Parse(ref)
	if err != nil {
		return nil, err
	}
	return openAt(ctx, u, nil)
}

func TestAPI(t *testing.T) {
	apitest.Run(t, apitest.Config{
		Scheme: "podman+",
		Open:   func(ctx context.Context, ref string) (engine.API, error) { return openRef(ctx, ref) },
		VolumesOf: func(ctx context.Context, a engine.API, id string) ([]string, error) {
			var data define.InspectContainerData
			err := a.(*api).client.json(ctx, call{method: http.MethodGet, path: endpoint("containers", id, "json")}, nil, &data)
			var names []string
			for _, m := range data.Mounts {
				if m.Name != "" {
					names = append(names, m.Name)
				}
			}
			return names, err
		},
	})
}

// TestImageNames finds one image by each of its names on each Podman of SANDLOT_TEST_ENGINES.
func TestImageNames(t *testing.T) {
	engines := 0
	for _, pair := range strings.Fields(os.Getenv("SANDLOT_TEST_ENGINES")) {
		title, ref, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(ref, "podman+") {
			continue
		}
		engines++
		t.Run(title, func(t *testing.T) {
			a, err := openRef(t.Context(), ref)
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			const tag = "sandlot-podman-test/names:1"
			id, err := a.Build(t.Context(), dockerfile(t, "FROM scratch\nLABEL a="+t.Name()+"\n"), runtime.BuildOptions{
				Tag: "localhost/" + tag, Dockerfile: "Dockerfile",
			})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := a.RemoveImage(context.Background(), tag); err != nil {
					t.Error(err)
				}
			}()
			hex := strings.TrimPrefix(id, "sha256:")
			for _, name := range []string{tag, "localhost/" + tag, id, hex, hex[:12]} {
				if got, err := a.findImage(t.Context(), name); err != nil || got.fullID() != id {
					t.Errorf("%s is %q, %v; want %q", name, got.ID, err, id)
				}
			}
			for _, name := range []string{"docker.io/" + tag, "localhost/sandlot-podman-test/names:2", hex[:11] + "x", strings.Repeat("0", 64)} {
				if got, err := a.findImage(t.Context(), name); !errors.Is(err, runtime.ErrImageNotFound) {
					t.Errorf("%s is %q, %v", name, got.ID, err)
				}
			}
		})
	}
	if engines == 0 {
		t.Fatal("SANDLOT_TEST_ENGINES names no Podman")
	}
}

func dockerfile(t *testing.T, text string) io.ReadSeeker {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: "Dockerfile", Mode: 0o644, Size: int64(len(text))}); err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, text) // to memory
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(b.Bytes())
}

// TestNamesThatAreAsked lists the names under which an image is looked for, none of which leaves anything to registries.conf.
func TestNamesThatAreAsked(t *testing.T) {
	id := strings.Repeat("0123456789abcdef", 4)
	for name, want := range map[string][]string{
		"alpine":                   {"localhost/alpine:latest", "docker.io/library/alpine:latest"},
		"me/app:2":                 {"localhost/me/app:2", "docker.io/me/app:2"},
		"localhost/app":            {"localhost/app:latest"},
		"quay.io/x/y@sha256:" + id: {"quay.io/x/y@sha256:" + id},
		"host:5000/x":              {"host:5000/x:latest"},
		"docker.io/alpine":         {"docker.io/library/alpine:latest"},
		"sha256:" + id:             {id},
		id:                         {id},
		id[:12]:                    {"localhost/" + id[:12] + ":latest", "docker.io/library/" + id[:12] + ":latest", id[:12]},
	} {
		a, f := fakeService(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			io.WriteString(w, `{"message":"image not known"}`)
		})
		if _, err := a.findImage(t.Context(), name); !errors.Is(err, runtime.ErrImageNotFound) {
			t.Errorf("%s: %v", name, err)
		}
		for i := range want {
			want[i] = "GET /images/" + want[i] + "/json"
		}
		if got := f.seen(); !slices.Equal(got, want) {
			t.Errorf("%s: asked %q, want %q", name, got, want)
		}
	}
}
