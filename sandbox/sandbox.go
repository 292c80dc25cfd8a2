package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
)

// CloseTimeout bounds [Sandbox.Close], which has no context.
const CloseTimeout = time.Minute

// A Sandbox is a container in which commands run. Its methods may be called at the same time. After Close or Remove they return
// runtime.ErrClosed.
type Sandbox struct {
	rt       runtime.Runtime
	id, name string
	called   string // how the caller named it: what errors say
	warnings []string
	limit    int  // of each output
	owned    bool // Close removes it
	shell    shell

	removing chan struct{} // holds one during a removal, so that a second Close waits for the first
	closing  sync.Mutex    // guards closed
	closed   bool
	ended    chan struct{} // closed with closed
}

// New makes a sandbox and starts it. The image is built or pulled first where that is needed. When New fails, also because
// ctx is done, no container of it is left; an image that was built or pulled stays, as a cache.
//
// The sandbox lives until Close, not until ctx is done, and belongs to this process: when that ends without Close, [GC] removes it, unless
// opts say otherwise. It does not own rt, which must stay open for as long.
func New(ctx context.Context, rt runtime.Runtime, opts Options) (*Sandbox, error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	var ran runtime.RunResult
	var err error
	if opts.Build != nil {
		ran, err = runBuild(ctx, rt, opts)
	} else {
		ran, err = runImage(ctx, rt, opts)
	}
	if err != nil {
		return nil, err
	}
	s := newSandbox(rt, ran.ID, ran.Name, opts.OutputLimit)
	s.warnings, s.owned = ran.Warnings, true
	if !opts.Detached {
		s.keepLease(opts.Lease)
	}
	return s, nil
}

func newSandbox(rt runtime.Runtime, id, name string, limit int) *Sandbox {
	return &Sandbox{rt: rt, id: id, name: name, called: name, limit: limit, shell: newShell(), removing: make(chan struct{}, 1), ended: make(chan struct{})}
}

// runImage runs an image that the engine has, or can pull. Running tells whether it is there, so no call is spent on asking.
func runImage(ctx context.Context, rt runtime.Runtime, opts Options) (runtime.RunResult, error) {
	if opts.Pull != PullAlways {
		ran, err := opts.run(ctx, rt, opts.Image)
		if err == nil || opts.Pull == PullNever || !errors.Is(err, runtime.ErrImageNotFound) {
			return ran, err
		}
		if _, can := rt.(runtime.Puller); !can {
			return ran, err
		}
	}
	puller, can := rt.(runtime.Puller)
	if !can {
		return runtime.RunResult{}, &runtime.Error{
			Op: "pull", ID: opts.Image, Kind: runtime.ErrUnsupported, Message: "this runtime cannot pull images",
			Hint: "load the image into the engine yourself and use the pull policy missing",
		}
	}
	_, err := puller.Pull(ctx, opts.Image, runtime.PullOptions{
		Progress: opts.Progress, Username: opts.Username, Password: opts.Password,
	})
	if own, ok := err.(*runtime.Error); ok && opts.Pull != PullAlways {
		missing := *own
		missing.Message = "the engine does not have the image, and it could not be pulled"
		if own.Message != "" {
			missing.Message += ": " + own.Message
		}
		if own.Kind == runtime.ErrUnavailable { // no registry has answered, and the image is missing all the same
			missing.Kind, missing.Err = runtime.ErrImageNotFound, own.Kind
			if own.Err != nil {
				missing.Err = fmt.Errorf("%w: %w", own.Kind, own.Err)
			}
		}
		err = &missing
	}
	if err != nil {
		return runtime.RunResult{}, err
	}
	return opts.run(ctx, rt, opts.Image)
}

// Open holds a sandbox that is there already, running or not, by its name or id. Close of an opened sandbox does not remove it, only
// [Sandbox.Remove] does. One that does not exist is runtime.ErrNotFound.
func Open(ctx context.Context, rt runtime.Runtime, nameOrID string, opts OpenOptions) (*Sandbox, error) {
	if opts.OutputLimit < 0 {
		return nil, &runtime.Error{
			Op: "open sandbox", ID: nameOrID, Kind: runtime.ErrInvalid, Message: "the output limit is negative",
			Hint: "leave it 0 for the default",
		}
	}
	c, err := rt.Inspect(ctx, nameOrID, runtime.InspectOptions{})
	if err != nil {
		return nil, err
	}
	s := newSandbox(rt, c.ID, c.Name, opts.OutputLimit)
	s.called = nameOrID
	return s, nil
}

// ID is the engine's full id of the sandbox.
func (s *Sandbox) ID() string { return s.id }

// Name is the sandbox's name, by which [Open] finds it.
func (s *Sandbox) Name() string { return s.name }

// Warnings name the default restrictions that the engine cannot enforce, one sentence each. An opened sandbox has none.
func (s *Sandbox) Warnings() []string { return append([]string(nil), s.warnings...) }

// Runtime is what the sandbox runs on.
func (s *Sandbox) Runtime() runtime.Runtime { return s.rt }

// Inspect asks the engine about the sandbox.
func (s *Sandbox) Inspect(ctx context.Context) (runtime.Container, error) {
	if err := s.open("inspect"); err != nil {
		return runtime.Container{}, err
	}
	c, err := s.rt.Inspect(ctx, s.id, runtime.InspectOptions{})
	return c, s.named(err)
}

// HostPort says where a published port of the sandbox is reached on the engine's host. port is "8080", "8080/tcp" or "53/udp". A port that is
// not published is runtime.ErrNotFound, a sandbox that does not run runtime.ErrNotRunning.
func (s *Sandbox) HostPort(ctx context.Context, port string) (netip.AddrPort, error) {
	if _, _, err := runtime.ParsePort(port); err != nil {
		return netip.AddrPort{}, err
	}
	c, err := s.Inspect(ctx)
	if err != nil {
		return netip.AddrPort{}, err
	}
	return c.HostPort(port)
}

// Stop ends all processes of the sandbox and keeps its files. A runtime that cannot is errors.ErrUnsupported. Host ports that the engine chose
// may change with the next Start.
func (s *Sandbox) Stop(ctx context.Context, opts runtime.StopOptions) error {
	stopper, err := s.stopper("stop")
	if err != nil {
		return err
	}
	_, err = stopper.Stop(ctx, s.id, opts)
	return s.named(err)
}

// Start starts a stopped sandbox. One that runs is no error. A runtime that cannot is errors.ErrUnsupported.
func (s *Sandbox) Start(ctx context.Context) error {
	stopper, err := s.stopper("start")
	if err != nil {
		return err
	}
	_, err = stopper.Start(ctx, s.id, runtime.StartOptions{})
	return s.named(err)
}

func (s *Sandbox) stopper(op string) (runtime.Stopper, error) {
	if err := s.open(op); err != nil {
		return nil, err
	}
	stopper, can := s.rt.(runtime.Stopper)
	if !can {
		return nil, &runtime.Error{
			Op: op, ID: s.called, Kind: runtime.ErrUnsupported, Message: "this runtime cannot stop and start sandboxes",
			Hint: "remove the sandbox and make a new one",
		}
	}
	return stopper, nil
}
