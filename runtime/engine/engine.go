package engine

import (
	"context"
	"errors"
	"io"
	"maps"
	"sync"

	"github.com/sandlot-dev/sandlot/guest"
	"github.com/sandlot-dev/sandlot/runtime"
)

// New makes a Runtime out of an engine's API. It is also a runtime.Puller, Stopper, ImageRemover, VolumeRemover, Sweeper, Dialer, FileChanger,
// FileWatcher, Leaser and Processes. name is the driver's, url what opens it again.
func New(api API, name, url string, options Options) runtime.Runtime {
	return &engine{
		api: api, name: name, url: options.again(url), options: options,
		guest: guestSide{guest.Version, guest.Program, guest.Exec, guest.PutArchive, guest.GetArchive, guest.ChangeFile, guest.Own, guest.WatchFiles, guest.OpenSession},
		calls: make(map[int]context.CancelCauseFunc), known: make(map[string]bool), held: make(map[string]*Stream), attached: make(map[string]bool), room: make(map[string]int), sessions: sessions{all: make(map[sessionKey]*session)},
		kills:    kills{running: make(map[rescueKey]bool), next: make(map[rescueKey]*killing)},
		infoLock: newLock(), guestLock: newLock(),
	}
}

var (
	_ runtime.Runtime       = (*engine)(nil)
	_ runtime.Puller        = (*engine)(nil)
	_ runtime.Stopper       = (*engine)(nil)
	_ runtime.ImageRemover  = (*engine)(nil)
	_ runtime.VolumeRemover = (*engine)(nil)
	_ runtime.Dialer        = (*engine)(nil)
	_ runtime.Processes     = (*engine)(nil)
	_ runtime.Sweeper       = (*engine)(nil)
	_ runtime.FileChanger   = (*engine)(nil)
	_ runtime.FileWatcher   = (*engine)(nil)
	_ runtime.Leaser        = (*engine)(nil)
)

type engine struct {
	api       API
	name, url string
	options   Options
	guest     guestSide
	sessions  sessions
	kills     kills

	mu       sync.Mutex
	calls    map[int]context.CancelCauseFunc // under way
	next     int                             // key in calls
	closed   bool
	known    map[string]bool    // full ids that carry Sandlot's label
	held     map[string]*Stream // to first processes that have no session over their standard streams, and end with these
	attached map[string]bool    // those of the known that the engine removes when they end
	room     map[string]int     // for how many idle supervisors they have room; 0: for no sessions either

	infoLock  lock
	infoKept  *runtime.Info
	guestLock lock
	guestHere bool // the guest's volume was whole when last looked at
}

// guestSide is package guest, where tests put something else.
type guestSide struct {
	version func(arch string) (string, error)
	program func(arch string) ([]byte, error)
	exec    func(context.Context, guest.Channel, []string, runtime.ExecOptions, guest.Rescue) (runtime.ExecResult, error)
	put     func(context.Context, guest.Channel, string, io.Reader, runtime.PutArchiveOptions) (runtime.PutArchiveResult, error)
	get     func(context.Context, guest.Channel, string, io.Writer, runtime.GetArchiveOptions) (runtime.GetArchiveResult, error)
	change  func(context.Context, guest.Channel, string, runtime.FileChange, runtime.ChangeFileOptions) (runtime.ChangeFileResult, error)
	own     func(ctx context.Context, ch guest.Channel, path string, ifEmpty bool) error
	watch   func(context.Context, guest.Channel, string, func(runtime.FileEvent) error, runtime.WatchFilesOptions) (runtime.WatchFilesResult, error)
	session func(ctx context.Context, ch guest.Channel, room int, silent func(context.Context) error) (*guest.Session, error)
}

// errClosing is the cause of the end of calls that are under way when the Runtime is closed.
var errClosing = errors.New("the runtime was closed during the call")

// begin starts a call. Its context ends with the Runtime; end must be called.
func (e *engine) begin(ctx context.Context) (_ context.Context, end func(), _ error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return ctx, nil, &runtime.Error{Kind: runtime.ErrClosed, Hint: "open the runtime again"}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	key := e.next
	e.next++
	e.calls[key] = cancel
	return ctx, func() {
		cancel(nil)
		e.mu.Lock()
		delete(e.calls, key)
		last := e.closed && len(e.calls) == 0
		e.mu.Unlock()
		if last {
			e.letGo()
			e.api.Close()
		}
	}, nil
}

// Close ends the calls under way. The last of them ends the sessions and closes the API.
func (e *engine) Close() error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil
	}
	e.closed = true
	for _, cancel := range e.calls {
		cancel(errClosing)
	}
	last := len(e.calls) == 0
	e.mu.Unlock()
	if !last {
		return nil
	}
	e.letGo()
	return e.api.Close()
}

// letGo ends all that holds on to sandboxes.
func (e *engine) letGo() {
	e.sessions.end("")
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, stream := range e.held {
		stream.Close()
	}
}

// call is how each method of the contract runs.
func call[R any](ctx context.Context, e *engine, op, id string, f func(context.Context) (R, error)) (R, error) {
	ctx, end, err := e.begin(ctx)
	if err != nil {
		var none R
		return none, e.fail(ctx, op, id, err)
	}
	defer end()
	result, err := f(ctx)
	return result, e.fail(ctx, op, id, err)
}

// fail makes the contract's error out of whatever went wrong in a call.
func (e *engine) fail(ctx context.Context, op, id string, err error) error {
	if err == nil {
		return nil
	}
	out := runtime.Error{Err: err}
	if own, ok := err.(*runtime.Error); ok {
		out = *own
	}
	out.Op, out.Runtime = op, e.name
	if out.ID == "" {
		out.ID = id
	}
	if done := ctx.Err(); done != nil && !errors.Is(err, done) && (out.Kind == nil || out.Kind == runtime.ErrUnavailable) {
		out.Kind, out.Err = nil, done // how the engine's client said it does not matter
	}
	if ctx.Err() != nil && context.Cause(ctx) == errClosing {
		out.Kind, out.Hint = runtime.ErrClosed, errClosing.Error()
	}
	return &out
}

// Info implements runtime.Runtime.
func (e *engine) Info(ctx context.Context) (runtime.Info, error) {
	return call(ctx, e, "info", "", e.info)
}

// info asks the engine once. A failure is not kept.
func (e *engine) info(ctx context.Context) (runtime.Info, error) {
	if err := e.infoLock.take(ctx); err != nil {
		return runtime.Info{}, err
	}
	defer e.infoLock.release()
	if e.infoKept == nil {
		info, err := e.api.Info(ctx)
		if err != nil {
			return runtime.Info{}, err
		}
		info.Runtime, info.URL = e.name, e.url
		info.Capabilities = maps.Clone(info.Capabilities)
		if info.Capabilities == nil {
			info.Capabilities = make(runtime.Capabilities)
		}
		if _, can := e.api.(Attacher); can {
			info.Capabilities[runtime.CapabilityAttached] = runtime.Support{OK: true}
		} else {
			info.Capabilities[runtime.CapabilityAttached] = runtime.Support{Reason: "nothing holds a connection to a sandbox's first process"}
		}
		e.infoKept = &info
	}
	info := *e.infoKept
	info.Capabilities = make(runtime.Capabilities)
	for c, support := range e.infoKept.Capabilities {
		info.Capabilities[c] = support
	}
	return info, nil
}

// check asks for a capability.
func (e *engine) check(ctx context.Context, c runtime.Capability, what string) error {
	info, err := e.info(ctx)
	if err != nil {
		return err
	}
	return info.Capabilities.Check(c, "", what)
}

// BaseCapabilities are those that every engine has whose containers have a network, mounts and users. Drivers add what they find in the live
// engine: limits, seccomp, AppArmor, SELinux.
func BaseCapabilities() runtime.Capabilities {
	cs := make(runtime.Capabilities)
	for _, c := range []runtime.Capability{
		runtime.CapabilityReadOnlyRoot, runtime.CapabilityNoNewPrivileges, runtime.CapabilityDropCaps,
		runtime.CapabilityNoNetwork, runtime.CapabilityNetwork, runtime.CapabilityPublishTCP, runtime.CapabilityPublishUDP,
		runtime.CapabilityVolumes, runtime.CapabilityBinds, runtime.CapabilityTmpfs, runtime.CapabilityUser,
		runtime.CapabilityTTY, runtime.CapabilityOwners, runtime.CapabilityBuild, runtime.CapabilityDial,
		runtime.CapabilityChangeFiles, runtime.CapabilityWatchFiles,
		runtime.CapabilityProcesses, runtime.CapabilityLease,
	} {
		cs[c] = runtime.Support{OK: true}
	}
	return cs
}

// A lock is a mutex whose waiters heed their context.
type lock chan struct{}

func newLock() lock { return make(lock, 1) }

func (l lock) take(ctx context.Context) error {
	select {
	case l <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l lock) release() { <-l }

func invalid(hint, format string, args ...any) error {
	return errorf(runtime.ErrInvalid, hint, format, args...)
}
