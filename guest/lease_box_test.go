//go:build linux

package guest

import (
	"context"
	"fmt"
	"os/exec"
	"testing"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
)

// A sandbox whose lease has passed ends with all that runs in it, and not before.
func TestLease(t *testing.T) {
	const lease = 2 * time.Second
	for name, renew := range map[string]func(b *box) error{
		"by a session": func(b *box) error { return b.session(asUser).Renew(context.Background()) },
		"by an exec": func(b *box) error {
			out, err := b.engineExec(append([]string{program}, RenewArgv()[1:]...)...)
			if err != nil {
				return fmt.Errorf("%w: %s", err, out)
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBoxWith(t, asUser, nil, InitOptions{Lease: lease})
			b.sessions = &boxSessions{open: make(map[string]*boxSession)}
			begun := time.Now()
			mustExit(t, b.sh(runtime.ExecOptions{}, "setsid sleep 4321 >/dev/null 2>&1 & trap '' TERM"), 0)
			for time.Since(begun) < 2*lease {
				if err := renew(b); err != nil {
					t.Fatal(err)
				}
				time.Sleep(lease / 8) // what is renewed is in this time
			}
			b.mustLive()
			eventually(t, "the first process ends", func() bool { return !alive(b.pid) })
			if d := time.Since(begun); d < 3*lease-lease/8 {
				t.Errorf("it ended after %v, though it was renewed for %v", d, 2*lease)
			}
		})
	}
}

// What runs in a sandbox cannot renew its lease, whatever it tries: here it runs what the engine would.
func TestLeaseRenewedFromWithin(t *testing.T) {
	b := newSessionBox(t, asUser, "/")
	if r := b.exec(runtime.ExecOptions{}, program, "renew"); r.err != nil || r.ExitCode == 0 {
		t.Errorf("a command has renewed the lease: %+v", r)
	}
}

// A first process that is told what it does not know says so, rather than run without.
func TestLeaseMalformed(t *testing.T) {
	for _, arg := range []string{"lease=soon", "rent=1s"} {
		if out, err := exec.Command("unshare", "--fork", "--pid", "--mount-proc", "--", program, "init", "/", arg).CombinedOutput(); err == nil {
			t.Errorf("%s: it ran, and said %q", arg, out)
		}
	}
}
