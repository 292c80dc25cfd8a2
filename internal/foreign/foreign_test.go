package foreign

import (
	"errors"
	"testing"

	"github.com/sandlot-dev/sandlot/runtime"
)

func TestElsewhere(t *testing.T) {
	for _, url := range []string{"", "podman", "docker+tcp://127.0.0.1:1", "podman+ssh://host/run/podman.sock", "docker+unix://", "%"} {
		if _, err := Make(t.Context(), url, "image", "name"); !errors.Is(err, runtime.ErrUnsupported) {
			t.Errorf("%q: got %v, want unsupported", url, err)
		}
	}
	if _, err := Make(t.Context(), "docker+unix:///no/such.sock", "image", "name"); err == nil || errors.Is(err, runtime.ErrUnsupported) {
		t.Errorf("no socket: got %v, want an error that is not unsupported", err)
	}
}
