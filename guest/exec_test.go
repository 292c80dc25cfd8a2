//go:build linux

package guest

import (
	"testing"

	"github.com/sandlot-dev/sandlot/runtime"
)

func TestExecSmoke(t *testing.T) {
	b := newBox(t, asUser, "/tmp")
	r := b.sh(runtime.ExecOptions{}, "echo out; echo err >&2; pwd; id -u; exit 3")
	mustExit(t, r, 3)
	t.Logf("%+v", r)
	b.mustBeEmpty()
}
