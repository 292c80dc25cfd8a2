// Package engine makes a runtime.Runtime out of a container engine's API. All that the engines have in common is here, once: checks
// of options, restrictions, the guest's delivery, the order of calls, exec supervision, archives, clean-up after
// failures. A driver implements [API], which only translates: one method, one or two calls of the engine.
package engine

import (
	"context"
	"io"
	"io/fs"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
)

// API is what a driver translates to its engine. Methods return *runtime.Error with Kind and Message set (see the sentinels); Op,
// Runtime and ID are filled in by this package. ids are full ids or names. Methods are safe for concurrent use.
type API interface {
	// Info describes the engine and its capabilities. It is called once per Runtime and kept.
	Info(ctx context.Context) (runtime.Info, error)
	// Build is runtime.Build, options already checked, Dockerfile set. It may close buildContext, and read it more than once.
	Build(ctx context.Context, buildContext io.ReadSeeker, opts runtime.BuildOptions) (imageID string, err error)
	// Create creates a container from spec and nothing else: no defaults of its own. ErrImageNotFound, ErrAlreadyExists (the name),
	// ErrNotFound (the network), ErrInvalid.
	Create(ctx context.Context, spec Spec) (id string, warnings []string, err error)
	// Start starts a created or stopped container. ErrPortInUse, ErrInvalid where the engine could not make sense of the spec (an unknown user, say).
	Start(ctx context.Context, id string) error
	// Stop sends guest.StopSignal to the first process, after grace SIGKILL, and waits. Stopped already is no error.
	Stop(ctx context.Context, id string, grace time.Duration) error
	// Delete kills and removes a container at once, with its anonymous volumes. ErrNotFound.
	Delete(ctx context.Context, id string) error
	// Inspect describes a container, with all of its labels. ErrNotFound.
	Inspect(ctx context.Context, id string) (runtime.Container, error)
	// List describes all containers that have all the labels (an empty value: any), with all of theirs, newest first.
	List(ctx context.Context, labels map[string]string) ([]runtime.Container, error)
	// Attach starts a process in a running container, stdin, stdout and stderr attached, no TTY, in "/". ErrNotFound,
	// ErrNotRunning, ErrInvalid (unknown user). A process that cannot be launched may also show only in the stream's stderr and
	// ExecState.
	Attach(ctx context.Context, id string, p Process) (*Stream, error)
	// LaunchError says what an engine's words on a process's streams mean where it could not be launched: ErrInvalid for an unknown user,
	// ErrNotRunning, a nil Kind for what is not known. Nil when the words are not an engine's.
	LaunchError(words string) error
	// ExecState says what became of a process started by Attach.
	ExecState(ctx context.Context, execID string) (ExecState, error)
	// Upload unpacks a tar at dir of a container that need not run, by the engine's own archive call. Only for the guest's delivery.
	Upload(ctx context.Context, id, dir string, archive io.Reader) error
	// Exists says whether a path exists in a container that need not run.
	Exists(ctx context.Context, id, path string) (bool, error)
	// VolumeExists says whether there is a volume of a name.
	VolumeExists(ctx context.Context, name string) (bool, error)
	// RemoveVolume removes a named volume. ErrNotFound, ErrInUse.
	RemoveVolume(ctx context.Context, name string) error
	// RemoveImage is runtime.ImageRemover.
	RemoveImage(ctx context.Context, image string) error
	// Pull is runtime.Puller.
	Pull(ctx context.Context, image string, opts runtime.PullOptions) (imageID string, err error)
	// Close frees connections.
	Close() error
}

// Spec is a container to create. Everything is decided: a driver translates it, and drops nothing.
type Spec struct {
	Name       string
	Image      string
	Entrypoint []string // the guest; the image's entry point and command are replaced
	Env        []string
	WorkingDir string // empty: the image's
	User       string // empty: the image's
	Hostname   string
	Labels     map[string]string
	// Mounts have clean targets, a tmpfs its Mode. A tmpfs is mounted nosuid and nodev, and lets programs be executed. A volume that is made gets a copy
	// of what the image has at its target, owners and modes included, but for the targets in NoCopy.
	Mounts     []runtime.Mount
	NoCopy     []string
	Ports      []runtime.Port // HostIP and Protocol set
	Network    string         // none, default, host or a name
	ReadOnly   bool
	CapAdd     []string // full upper-case names, after ALL were dropped; "ALL", then alone, is every one
	CapDrop    []string // full upper-case names, only where CapAdd is ALL: every one but these
	NoNewPrivs bool
	Seccomp    string   // empty: the engine's default profile; "unconfined"; or a profile as JSON
	AppArmor   string   // empty: the engine's default
	LabelOpts  []string // SELinux: "disable", "type:…"
	Memory     int64    // bytes, memory and swap together; 0: no limit
	CPUs       float64  // 0: no limit
	Pids       int64    // 0: no limit
	// Stdin keeps the first process's standard input open until who has attached to it goes: see Attacher. Without it there is none.
	Stdin bool
	// AutoRemove has the engine remove the container, with its anonymous volumes, when it has ended.
	AutoRemove bool
}

// A Coverer is an API whose engine may give a tmpfs the mode of a directory of the image that it covers, in place of its own.
type Coverer interface {
	// Covered is the mode of what a running container's tmpfs covers. Nil: there is nothing.
	Covered(ctx context.Context, id, target string) (*fs.FileMode, error)
}

// An Attacher is an API that can connect to the standard streams of a container's first process. Without it there are no attached sandboxes.
type Attacher interface {
	// AttachFirst connects to the standard streams of the first process of a container that was made with Stdin, and has not been started yet. When the connection
	// ends, however, so does the process's standard input, for good. Errors are also those of Start.
	AttachFirst(ctx context.Context, id string) (*Stream, error)
}

// A PortChecker is an API whose engine does not find out by itself, or too late, that a port of the host is taken. It is asked before a container that publishes
// any is started.
type PortChecker interface {
	// PortsFree is ErrPortInUse where another container holds a port that this one publishes.
	PortsFree(ctx context.Context, id string) error
}

// A VolumeLister is an API whose volumes can be listed. Without it guests of other versions stay in the engine.
type VolumeLister interface {
	// UnusedVolumes describes the volumes whose names begin with prefix and that no container uses, running or not.
	UnusedVolumes(ctx context.Context, prefix string) ([]Volume, error)
}

// Volume is a named volume.
type Volume struct {
	Name    string
	Created time.Time // zero where the engine does not say
}

// Process is a process to start in a container.
type Process struct {
	Argv       []string
	Env        []string
	User       string // empty: the container's
	Privileged bool   // with every capability that the container's user namespace can have
}

// ExecState is what the engine knows of a process that Attach started.
type ExecState struct {
	Running  bool
	ExitCode int // valid when not running; -1: the engine does not know
}
