//go:build unix

package sandbox_test

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/sandbox"
)

func TestPutDirRefusesPipes(t *testing.T) {
	dir := t.TempDir()
	must(t, syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600))
	f, box := newBox(t)
	wantKind(t, box.PutDir(t.Context(), dir, "d", sandbox.PutDirOptions{}), runtime.ErrInvalid)
	if len(f.files) > 0 {
		t.Errorf("put %v", f.files)
	}
}
