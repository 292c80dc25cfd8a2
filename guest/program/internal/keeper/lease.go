//go:build linux

package keeper

import (
	"os"
	"time"
)

// startLease ends the sandbox when the time has come: with its first process all others are killed. Until then renew begins anew. The clock is one
// that nobody can set, that goes on while the sandbox is paused, and stands while the whole machine sleeps, since then an owner on it cannot renew anything.
func (k *keeper) startLease(d time.Duration) {
	timer := time.AfterFunc(d, func() { os.Exit(0) })
	k.renew = func() { timer.Reset(d) }
}
