package runtime

import (
	"context"
	"io"
)

// A Runtime runs sandboxes. Its methods are safe for concurrent use and hold to the package's rules on errors and restrictions.
//
// ctx bounds the call: once it is done, the method returns soon, with an error that matches ctx.Err(), leaving nothing
// half-made behind. A nil ctx is not allowed.
//
// An id is what [RunResult] gave, or a sandbox's name. For an id that names no container, and for one that names a
// container without Sandlot's labels, every method returns [ErrNotFound]: a runtime never touches what is not Sandlot's.
type Runtime interface {
	// Info describes the engine and what it can do. It asks the live engine and may keep the answer for as long as the
	// Runtime is open. An engine that does not answer is [ErrUnavailable].
	Info(ctx context.Context) (Info, error)

	// Build builds an image from a build context, a tar stream that the runtime reads but does not close. Reading may end
	// before EOF when the build fails. A failed build is [ErrBuildFailed], with the end of its log in [Error].Log, and
	// so is one of a Dockerfile that cannot be understood. A context without the named Dockerfile, or one that is no tar, is [ErrInvalid].
	// Where ctx is cancelled, a step under way may run on to its own end on the engine: Podman has nothing that ends it.
	Build(ctx context.Context, buildContext io.Reader, opts BuildOptions) (BuildResult, error)

	// Run creates a sandbox from an image that the engine has, and starts it. Its first process is Sandlot's guest, whatever
	// entry point and command the image names; the image's environment, user and working directory apply unless the
	// options override them. When Run returns, the sandbox takes execs. An image that the engine does not have is
	// [ErrImageNotFound]; Run never pulls. A name that is taken is [ErrAlreadyExists], see [RunOptions].Replace. A host
	// port that is taken is [ErrPortInUse]. When Run fails, nothing of it is left.
	Run(ctx context.Context, image string, opts RunOptions) (RunResult, error)

	// Exec runs a command in a sandbox and waits for it.
	//
	// It is complete when the command's first process, the leader, exits, even while a background child still holds its
	// output: that is drained for at most a second more. What the command left running goes on until the sandbox ends.
	//
	// When opts.Timeout passes or ctx is done before, the whole tree that the exec started is killed, and nothing else in
	// the sandbox: also children that called setsid, forked twice, ignore SIGTERM or are stopped. The output so far has been
	// written; the result's exit code is 124; the error matches [ErrTimeout], or ctx.Err(). The same happens when the
	// calling process dies.
	//
	// A command that is not found is a result with exit code 127, one that cannot be executed 126; its Stderr says why.
	// An argv that is empty, a working directory that is none, an unknown user and an environment entry without "="
	// are [ErrInvalid], and nothing has run. A sandbox that does not run is [ErrNotRunning]. A sandbox or supervisor that
	// ends during the exec is [ErrConnectionLost], with the output so far written.
	//
	// Exec never writes to a writer, and never reads from opts.Stdin, after it has returned, except that a Read that was
	// already blocked may still finish. A write error ends the exec like a cancelled ctx and is returned.
	Exec(ctx context.Context, id string, argv []string, opts ExecOptions) (ExecResult, error)

	// PutArchive unpacks a tar stream below dir, which is absolute or relative to the sandbox's working directory, and may itself
	// be reached through symbolic links. See [PutArchiveOptions] for what becomes of owners, modes and what is in the way.
	// Nothing is written outside dir, through whatever links. It needs no rights of the sandbox's user: it writes as the administrator of the sandbox.
	//
	// A file appears under its name when it is whole, and not before; a file there before is replaced in one step. A stream
	// that ends early, without the archive's end, is [io.ErrUnexpectedEOF] and one that is no tar [ErrInvalid]; files unpacked
	// before that stay.
	PutArchive(ctx context.Context, id, dir string, archive io.Reader, opts PutArchiveOptions) (PutArchiveResult, error)

	// GetArchive writes the file or directory at path, which is absolute or relative to the sandbox's working directory, to w
	// as a tar stream. It needs no rights of the sandbox's user. Entry names begin with the base name of path, a directory
	// before what is in it. Symbolic links are entries, path itself being one included; pipes and devices are entries without
	// content; sockets are left out. Owners, modes and modification times are the real ones. A file that changes meanwhile is
	// an error or a whole entry. A path that does not exist is [ErrFileNotFound]. After an error, what w got is no whole archive.
	GetArchive(ctx context.Context, id, path string, w io.Writer, opts GetArchiveOptions) (GetArchiveResult, error)

	// Inspect describes one sandbox, running or not.
	Inspect(ctx context.Context, id string, opts InspectOptions) (Container, error)

	// List describes all sandboxes of the engine, newest first, also those that other processes made and those that do not
	// run. Containers without Sandlot's labels are never in it.
	List(ctx context.Context, opts ListOptions) ([]Container, error)

	// Remove ends a sandbox and removes it with its anonymous volumes. It does not wait for the sandbox's processes to end
	// by themselves. A sandbox that is gone already is [ErrNotFound].
	Remove(ctx context.Context, id string, opts RemoveOptions) (RemoveResult, error)

	// Close frees what the Runtime holds on this side. Sandboxes go on running, but for those with [RunOptions].Attached. Calls under way end with an error.
	// Close may be called more than once.
	Close() error
}

// A Puller is a Runtime that can fetch images from a registry.
type Puller interface {
	// Pull fetches an image. A reference that no registry has, or may not be read, is [ErrImageNotFound]; a registry that does not answer is
	// [ErrUnavailable].
	Pull(ctx context.Context, image string, opts PullOptions) (PullResult, error)
}

// A Stopper is a Runtime whose sandboxes can be stopped and started again, keeping their files. Random host ports may change
// at each start.
type Stopper interface {
	// Stop ends all processes of a sandbox and keeps its files. A sandbox that is stopped already is no error.
	Stop(ctx context.Context, id string, opts StopOptions) (StopResult, error)
	// Start starts a stopped sandbox. When it returns, the sandbox takes execs. A sandbox that runs already is no error.
	Start(ctx context.Context, id string, opts StartOptions) (StartResult, error)
}

// An ImageRemover is a Runtime that can remove images.
type ImageRemover interface {
	// RemoveImage removes a tag, and the image with its last tag. An image that is not there is [ErrImageNotFound]; one that a
	// container uses is [ErrInUse].
	RemoveImage(ctx context.Context, image string, opts RemoveImageOptions) (RemoveImageResult, error)
}

// A VolumeRemover is a Runtime that can remove the named volumes that its sandboxes used.
type VolumeRemover interface {
	// RemoveVolume removes a volume. One that is not there is [ErrNotFound]; one that a container uses is [ErrInUse].
	RemoveVolume(ctx context.Context, volume string, opts RemoveVolumeOptions) (RemoveVolumeResult, error)
}

// A Sweeper is a Runtime that leaves things of its own in the engine besides sandboxes, such as the guest for the next one.
type Sweeper interface {
	// Sweep removes those of them that nothing uses and this version of the runtime does not need. What others make use of again meanwhile,
	// it leaves alone or they make anew.
	Sweep(ctx context.Context, opts SweepOptions) (SweepResult, error)
}
