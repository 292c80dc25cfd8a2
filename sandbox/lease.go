package sandbox

import (
	"context"
	"errors"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
)

// Renew begins the sandbox's lease anew. A sandbox that [New] made for this process renews it by itself. A sandbox without a lease is no error; one
// that does not run is runtime.ErrNotRunning; a runtime that cannot is errors.ErrUnsupported.
func (s *Sandbox) Renew(ctx context.Context) error {
	if err := s.open("renew"); err != nil {
		return err
	}
	leaser, can := s.rt.(runtime.Leaser)
	if !can {
		return &runtime.Error{Op: "renew", ID: s.called, Kind: runtime.ErrUnsupported, Message: "this runtime's sandboxes cannot end by themselves"}
	}
	_, err := leaser.Renew(ctx, s.id, runtime.RenewOptions{})
	return s.named(err)
}

// keepLease renews the sandbox's lease, if it has one, until it is closed or gone.
func (s *Sandbox) keepLease(lease time.Duration) {
	if _, can := s.rt.(runtime.Leaser); lease == 0 || !can {
		return
	}
	go func() {
		tick := time.NewTicker(lease / 3)
		defer tick.Stop()
		for {
			select {
			case <-s.ended:
				return
			case <-tick.C:
			}
			ctx, cancel := context.WithTimeout(context.Background(), lease/3)
			err := s.Renew(ctx)
			cancel()
			if errors.Is(err, runtime.ErrNotFound) || errors.Is(err, runtime.ErrClosed) {
				return
			}
		}
	}()
}
