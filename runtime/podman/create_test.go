package podman

import (
	"slices"
	"testing"
)

// TestEnvironmentWithoutPodmans has what Podman says of a container's environment, and what the image and the options gave it.
func TestEnvironmentWithoutPodmans(t *testing.T) {
	said := []string{"PATH=/bin", "container=podman", "A=1", "HOME=/root", "HOSTNAME=4e5f", "IMAGE=x=y"}
	for _, c := range []struct {
		label string
		want  []string
	}{
		{encodeNames([]string{"IMAGE=old"}, []string{"A=1"}), []string{"A=1", "IMAGE=x=y"}},
		{encodeNames([]string{"PATH=/bin"}, []string{"HOME=/root"}), []string{"PATH=/bin", "HOME=/root"}},
		{encodeNames(nil, nil), nil},
		{"", said},
	} {
		if got := withoutOthers(slices.Clone(said), c.label); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.label, got, c.want)
		}
	}
}
