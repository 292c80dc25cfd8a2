package runtime

import "time"

// RunOptions are the options of [Runtime].Run. The zero value is a sandbox for untrusted code: no network, no capabilities,
// no new privileges, the engine's seccomp profile, at most [DefaultPids] processes, no mounts of the host, nothing published.
type RunOptions struct {
	// Name of the sandbox: 2 to 200 letters, digits, '_', '.' and '-', the first a letter or digit, else ErrInvalid. Empty: the runtime
	// makes one up.
	Name string
	// Replace removes a sandbox that holds Name first. A container without Sandlot's labels is never replaced: ErrAlreadyExists.
	Replace bool
	// Env is KEY=VALUE entries, over the image's. The last of a key counts. An entry without '=' is ErrInvalid.
	Env []string
	// WorkingDir is where commands and relative paths start, absolute; it is made if missing. Empty: the image's, else "/".
	WorkingDir string
	// User is name, uid, name:group or uid:gid. Empty: the image's, else root. Unknown to the image: ErrInvalid.
	User string
	// Hostname of the sandbox. Empty: the engine's choice.
	Hostname string
	// Labels of the container besides Sandlot's own, which begin with [LabelPrefix]; such keys here are ErrInvalid.
	Labels map[string]string
	// Owner is a note of whose sandbox this is, at most [MaxOwner] bytes without control characters, else ErrInvalid. Container.Owner gives it
	// back as it is. Empty: nobody's. The sandbox sees nothing of it.
	Owner string
	// LeaseEnd is when the sandbox may be removed by whoever cleans up, to the second; Container.LeaseEnd gives it back. The zero value: never. A runtime ends
	// nothing by it.
	LeaseEnd time.Time
	// Lease is how long the sandbox runs from its start, or from when it was last renewed (see [Leaser]): then it ends, also when nothing is left that
	// could end it, with all that runs in it, within 5 seconds. It is stopped then, and starting it again begins the lease anew. At least [MinLease], else
	// ErrInvalid; Container.Lease gives it back. 0: for ever.
	//
	// The sandbox itself counts, in the time that its machine is awake. It does so also while it is paused, when it can neither end nor be renewed: when its
	// lease has passed meanwhile it ends as it goes on. Nothing that runs in the sandbox can renew it or put the end off.
	Lease time.Duration
	// Attached makes a sandbox that lives and dies with the Runtime that runs it: it ends at once, with all that runs in it, and is removed, when that is
	// closed, when its process has ended however, or when the connection to the engine breaks. It also is removed when it ends in any other way, and so
	// Stop removes it. Other Runtimes can use it like any other for as long as it is there.
	Attached bool
	// Mounts are volumes, directories of the host and tmpfs.
	Mounts []Mount
	// Ports are published on the host. They need a network: with Network none, ErrInvalid.
	Ports []Port
	// Network is "none" (also when empty), "default" (the engine's own default network), "host", or the name of a network.
	// A network that does not exist is ErrNotFound; "bridge", as Docker alone calls its default network, is ErrInvalid.
	Network string
	// ReadOnlyRoot makes the root file system read-only. Mounts are not. Without it the owner of the root directory may write in it, whatever
	// its mode.
	ReadOnlyRoot bool
	// CapAdd and CapDrop name Linux capabilities, "NET_BIND_SERVICE" or "CAP_NET_BIND_SERVICE" in any case, or "ALL". All
	// are dropped first, so CapDrop takes from what CapAdd gave. They are for commands that run as root in a
	// sandbox whose User is root: all others have none. An unknown one is ErrInvalid.
	CapAdd, CapDrop []string
	// SecurityOpt are KEY=VALUE: "no-new-privileges=false", "seccomp=unconfined" or a profile as JSON, "apparmor=PROFILE",
	// "label=disable" and other labels. Anything else is ErrInvalid.
	SecurityOpt []string
	// MemoryBytes limits memory and swap together. 0: no limit.
	MemoryBytes int64
	// CPUs limits processor time, in processors. 0: no limit.
	CPUs float64
	// PidsLimit limits processes and threads. 0: DefaultPids, as far as the engine can; -1: no limit.
	PidsLimit int64
}

// MinLease is the shortest RunOptions.Lease.
const MinLease = time.Second

// MaxOwner is how many bytes RunOptions.Owner may have.
const MaxOwner = 1024

// DefaultPids is the limit on processes and threads of a sandbox that names none.
const DefaultPids = 2048

// The networks that every runtime has.
const (
	NetworkNone    = "none"
	NetworkDefault = "default"
	NetworkHost    = "host"
)

// RunResult is the result of [Runtime].Run.
type RunResult struct {
	// ID is the engine's full id of the sandbox; Name its name.
	ID, Name string
	// Warnings name the defaults that the engine cannot enforce, one sentence each.
	Warnings []string
}

// MountType tells the kinds of [Mount] apart.
type MountType string

// The kinds of mounts.
const (
	// MountVolume is a named volume of the engine, made if missing and not removed with the sandbox. A volume that is made gets a copy of what the image has at
	// its target, if anything; one that is there gets nothing, were it empty. When a sandbox starts, the directory of a volume that is new, or empty, is its user's,
	// where it is mounted writable and the runtime has [CapabilityOwners]. One that is missing and that the sandbox mounts nowhere but read-only, so that it
	// would stay empty, is [ErrNotFound].
	MountVolume MountType = "volume"
	// MountBind is a file or directory of the engine's host, which must exist, else ErrInvalid.
	MountBind MountType = "bind"
	// MountTmpfs is memory. It ends with the sandbox.
	MountTmpfs MountType = "tmpfs"
)

// A Mount is something mounted into a sandbox.
type Mount struct {
	Type MountType `json:"type"`
	// Source is the volume's name, or an absolute path on the engine's host. Empty for tmpfs; an empty one of a volume is an anonymous
	// volume, removed with the sandbox, which cannot be read-only: ErrInvalid.
	Source string `json:"source,omitempty"`
	// Target is an absolute path in the sandbox, made if missing. Targets are distinct, and not below the guest's own directory, nor
	// at /dev, nor at or below /proc and /sys, which are the kernel's.
	Target string `json:"target"`
	// ReadOnly mounts it read-only.
	ReadOnly bool `json:"readOnly,omitempty"`
	// SizeBytes limits a tmpfs. 0: no limit but memory. For the other kinds it is ErrInvalid.
	SizeBytes int64 `json:"sizeBytes,omitempty"`
	// Mode of a tmpfs' root directory, permission bits with sticky as 01000. 0: 01777. For the other kinds it is ErrInvalid. A read-only tmpfs over a directory
	// of the image may have that directory's mode in place of it: nothing can be in it.
	Mode uint32 `json:"mode,omitempty"`
}

// StopOptions are the options of [Stopper].Stop.
type StopOptions struct {
	// Grace is how long processes get between SIGTERM and SIGKILL. 0: none, they are killed at once.
	Grace time.Duration
}

// StopResult is the result of [Stopper].Stop.
type StopResult struct{}

// StartOptions are the options of [Stopper].Start.
type StartOptions struct{}

// StartResult is the result of [Stopper].Start.
type StartResult struct{}

// RemoveOptions are the options of [Runtime].Remove.
type RemoveOptions struct{}

// RemoveResult is the result of [Runtime].Remove.
type RemoveResult struct{}
