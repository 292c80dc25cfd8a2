package differ

import (
	"errors"
	"fmt"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
)

// An Op is what a step does.
type Op string

// The operations.
const (
	OpRun          Op = "run"
	OpExec         Op = "exec"
	OpPut          Op = "put archive"
	OpGet          Op = "get archive"
	OpInspect      Op = "inspect"
	OpList         Op = "list"
	OpHostPort     Op = "host port"
	OpStop         Op = "stop"
	OpStart        Op = "start"
	OpRemove       Op = "remove"
	OpBuild        Op = "build"
	OpRemoveImage  Op = "remove image"
	OpRemoveVolume Op = "remove volume"
)

// Check says what is wrong with a sequence that somebody has written: no steps, an operation that there is not, or one without what it needs.
func Check(sequence []Step) error {
	if len(sequence) == 0 {
		return errors.New("it has no steps")
	}
	for i, step := range sequence {
		missing := false
		switch step.Op {
		case OpRun:
			missing = step.Run == nil
		case OpExec:
			missing = step.Exec == nil
		case OpPut:
			missing = step.Put == nil
		case OpGet:
			missing = step.Get == nil
		case OpBuild:
			missing = step.Build == nil
		case OpInspect, OpList, OpHostPort, OpStop, OpStart, OpRemove, OpRemoveImage, OpRemoveVolume:
		default:
			return fmt.Errorf("step %d: there is no operation %q", i+1, step.Op)
		}
		if missing {
			return fmt.Errorf("step %d: %q without its arguments", i+1, step.Op)
		}
	}
	return nil
}

// A Step is one operation. Names of sandboxes, volumes and images that begin with "$" are the sequence's own: each runtime has
// names for them that nothing else uses.
type Step struct {
	Op Op `json:"op"`
	// Sandbox is the letter of the sandbox that the step makes or works on. One that there is not is an id that names nothing.
	Sandbox string `json:"sandbox,omitempty"`
	// By is how the sandbox is named: by its id when empty, "name", "short" for the first of its id, or "raw": Sandbox is what is given.
	By string `json:"by,omitempty"`

	Run   *RunStep   `json:"run,omitempty"`
	Exec  *ExecStep  `json:"exec,omitempty"`
	Put   *PutStep   `json:"put,omitempty"`
	Get   *GetStep   `json:"get,omitempty"`
	Build *BuildStep `json:"build,omitempty"`

	GraceMillis int64             `json:"graceMillis,omitempty"` // of a stop
	Labels      map[string]string `json:"labels,omitempty"`      // of a list
	Port        string            `json:"port,omitempty"`        // of a host port
	Name        string            `json:"name,omitempty"`        // of the volume or image that is removed
}

// A RunStep is the arguments of a Run.
type RunStep struct {
	// Image is empty for the suite's, "$NAME" for one that the sequence built, or any reference.
	Image   string     `json:"image,omitempty"`
	Options RunOptions `json:"options,omitzero"`
}

// RunOptions are runtime.RunOptions with the names that JSON has for them; one converts to the other. The host's ports from 1 to 9
// stand for free ports of the host.
type RunOptions struct {
	Name         string            `json:"name,omitempty"`
	Replace      bool              `json:"replace,omitempty"`
	Env          []string          `json:"env,omitempty"`
	WorkingDir   string            `json:"workingDir,omitempty"`
	User         string            `json:"user,omitempty"`
	Hostname     string            `json:"hostname,omitempty"`
	Labels       map[string]string `json:"labels,omitempty"`
	Owner        string            `json:"owner,omitempty"`
	LeaseEnd     time.Time         `json:"leaseEnd,omitzero"`
	Lease        time.Duration     `json:"lease,omitempty"`
	Attached     bool              `json:"attached,omitempty"`
	Mounts       []runtime.Mount   `json:"mounts,omitempty"`
	Ports        []runtime.Port    `json:"ports,omitempty"`
	Network      string            `json:"network,omitempty"`
	ReadOnlyRoot bool              `json:"readOnlyRoot,omitempty"`
	CapAdd       []string          `json:"capAdd,omitempty"`
	CapDrop      []string          `json:"capDrop,omitempty"`
	SecurityOpt  []string          `json:"securityOpt,omitempty"`
	MemoryBytes  int64             `json:"memoryBytes,omitempty"`
	CPUs         float64           `json:"cpus,omitempty"`
	PidsLimit    int64             `json:"pidsLimit,omitempty"`
}

var _ = runtime.RunOptions(RunOptions{}) // an option that is new in the contract is missing here

// An ExecStep is the arguments of an Exec.
type ExecStep struct {
	Argv          []string `json:"argv,omitempty"`
	Env           []string `json:"env,omitempty"`
	Dir           string   `json:"dir,omitempty"`
	User          string   `json:"user,omitempty"`
	Stdin         string   `json:"stdin,omitempty"`
	StdinNoise    int64    `json:"stdinNoise,omitempty"` // bytes that compress badly, in place of Stdin
	TTY           bool     `json:"tty,omitempty"`
	Rows          uint16   `json:"rows,omitempty"`
	Cols          uint16   `json:"cols,omitempty"`
	TimeoutMillis int64    `json:"timeoutMillis,omitempty"`
	// CancelAt cancels the exec's context when the output holds this text.
	CancelAt string `json:"cancelAt,omitempty"`
}

// A PutStep is the arguments of a PutArchive.
type PutStep struct {
	Dir       string   `json:"dir,omitempty"`
	Entries   []Entry  `json:"entries,omitempty"`
	KeepOwner bool     `json:"keepOwner,omitempty"`
	CreateDir bool     `json:"createDir,omitempty"`
	Remove    []string `json:"remove,omitempty"`
	// Cut leaves out so many bytes of the archive's end.
	Cut int `json:"cut,omitempty"`
	// Text is put in place of an archive.
	Text string `json:"text,omitempty"`
}

// The types of entries, the words that JSON has for them.
const (
	TypeFile = "file"
	TypeDir  = "dir"
	TypeLink = "link"
	TypeHard = "hard link"
	TypeFifo = "fifo"
	TypeChar = "device"
)

// An Entry is one entry of an archive.
type Entry struct {
	Type    string `json:"type"`
	Name    string `json:"name"`
	Target  string `json:"target,omitempty"` // of links
	Content string `json:"content,omitempty"`
	Noise   int64  `json:"noise,omitempty"` // bytes that compress badly, in place of Content
	Mode    int64  `json:"mode,omitempty"`
	UID     int    `json:"uid,omitempty"`
	GID     int    `json:"gid,omitempty"`
	Time    int64  `json:"time,omitempty"` // of modification, in seconds
}

// A GetStep is the arguments of a GetArchive.
type GetStep struct {
	Path        string `json:"path,omitempty"`
	HeadersOnly bool   `json:"headersOnly,omitempty"`
	Depth       int    `json:"depth,omitempty"`
	Follow      bool   `json:"follow,omitempty"`
}

// A BuildStep is the arguments of a Build.
type BuildStep struct {
	Tag        string            `json:"tag,omitempty"`
	Dockerfile string            `json:"dockerfile,omitempty"` // the option
	Args       map[string]string `json:"args,omitempty"`
	Target     string            `json:"target,omitempty"`
	NoCache    bool              `json:"noCache,omitempty"`
	// Context is what the build's context holds. In contents, "$image" stands for the suite's image.
	Context []Entry `json:"context,omitempty"`
	Text    string  `json:"text,omitempty"` // in place of a context
}
