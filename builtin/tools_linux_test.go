//go:build amd64 || arm64

package builtin

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// The links in the image are the tools that the program has.
func TestTools(t *testing.T) {
	path := filepath.Join(t.TempDir(), "box")
	outer := untar(t, readAll(t, runtime.GOARCH))
	if err := os.WriteFile(path, untar(t, outer["rootfs.tar"].content)["bin/box"].content, 0o755); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(path).Output()
	if err != nil {
		t.Fatal(err)
	}
	if has := strings.Fields(string(out)); !slices.Equal(has, tools) {
		t.Errorf("the program (go generate ./builtin) has %q, tools.go says %q", has, tools)
	}
}
