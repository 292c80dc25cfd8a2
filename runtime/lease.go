package runtime

import "context"

// A Leaser is a Runtime whose sandboxes end by themselves when nobody renews them: see [RunOptions].Lease.
type Leaser interface {
	// Renew begins a sandbox's lease anew. One that has no lease is no error. A sandbox that does not run, or is paused, is [ErrNotRunning]; one that ends
	// meanwhile may be [ErrConnectionLost].
	Renew(ctx context.Context, id string, opts RenewOptions) (RenewResult, error)
}

// RenewOptions are the options of [Leaser].Renew.
type RenewOptions struct{}

// RenewResult is the result of [Leaser].Renew.
type RenewResult struct{}
