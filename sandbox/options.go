package sandbox

import (
	"io"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
)

// Options are the options of [New]. One of Image and Build is required; the zero value of everything else is a sandbox for untrusted code.
type Options struct {
	// RunOptions are the container's: name, environment, mounts, ports, network, limits and so on. With Name and Replace a sandbox that
	// holds the name is removed first; a container that is not Sandlot's never is, and is runtime.ErrAlreadyExists.
	runtime.RunOptions

	// Image is a reference, best fully qualified ("docker.io/library/alpine:3.20"), or an image's id.
	Image string
	// Build builds the image instead, unless the engine has one of the same content already. Image and Build together are
	// runtime.ErrInvalid.
	Build *Build
	// Pull says when Image is fetched from its registry. Empty: PullMissing. Not used with Build.
	Pull PullPolicy
	// Username and Password are for the registry. Empty: anonymous.
	Username, Password string
	// Lease is how long the sandbox goes on without its owner: see RunOptions.Lease, in whose place it stands. As long as this process has the sandbox open
	// it renews the lease whenever a third of it has passed, and ceases to with Close; a Detached sandbox ends with its lease unless somebody calls
	// [Sandbox.Renew]. [GC] removes what has ended so. A runtime that is no runtime.Leaser cannot have sandboxes end: there the sandbox may be
	// there for so long from its start, and GC removes it then unless it knows that the owner lives. 0: for ever. Together with RunOptions.LeaseEnd or
	// RunOptions.Lease, or negative: runtime.ErrInvalid.
	Lease time.Duration
	// Detached makes a sandbox that is to outlive this process: it has no owner but the one that RunOptions.Owner may name. Together with
	// RunOptions.Attached, which is the contrary: runtime.ErrInvalid.
	Detached bool
	// Progress gets the log of a build and the progress of a pull, for people. Nil discards.
	Progress io.Writer
	// OutputLimit is how many bytes of each output [Sandbox.Output] keeps. 0: DefaultOutputLimit. Negative: runtime.ErrInvalid.
	OutputLimit int
}

// PullPolicy says when an image is fetched from its registry.
type PullPolicy string

// The pull policies.
const (
	// PullMissing pulls an image that the engine does not have. It is the default.
	PullMissing PullPolicy = "missing"
	// PullNever never pulls: an image that the engine does not have is runtime.ErrImageNotFound.
	PullNever PullPolicy = "never"
	// PullAlways pulls first. A runtime that cannot pull is errors.ErrUnsupported.
	PullAlways PullPolicy = "always"
)

// OpenOptions are the options of [Open].
type OpenOptions struct {
	// OutputLimit is as in [Options].
	OutputLimit int
}

func (o Options) check() error {
	invalid := func(message, hint string) error {
		return &runtime.Error{Op: "new sandbox", ID: o.Name, Kind: runtime.ErrInvalid, Message: message, Hint: hint}
	}
	switch o.Pull {
	case "", PullMissing, PullNever, PullAlways:
	default:
		return invalid("pull policy "+string(o.Pull), "use missing, never or always")
	}
	switch {
	case o.Image == "" && o.Build == nil:
		return invalid("neither an image nor a build directory is given",
			"set Image or Build; package builtin has an image that needs no registry")
	case o.Image != "" && o.Build != nil:
		return invalid("both an image and a build are given", "set one of Image and Build")
	case o.Lease < 0:
		return invalid("the lease is negative", "leave it 0 for none")
	case o.RunOptions.Lease != 0:
		return invalid("RunOptions.Lease is given", "set Options.Lease, which is in its place")
	case o.Lease > 0 && !o.LeaseEnd.IsZero():
		return invalid("both a lease and its end are given", "set one of Lease and LeaseEnd")
	case o.Attached && o.Detached:
		return invalid("the sandbox is to be attached and detached", "set one of Attached and Detached")
	case o.OutputLimit < 0:
		return invalid("the output limit is negative", "leave it 0 for the default")
	}
	return nil
}
