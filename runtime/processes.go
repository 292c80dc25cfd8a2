package runtime

import (
	"context"
	"io"
	"time"
)

// Processes is a Runtime that starts commands for which nobody has to wait: they go on when the Runtime is closed and when its process dies, and any other
// that opens the engine finds them in their sandbox. They end with the sandbox, and when that is stopped.
//
// Of a process's outputs the first [ProcessOutputHead] bytes and the last [ProcessOutputTail] of each are kept, in the sandbox's own memory, and never hold
// it up. A process that has ended stays, with how it ended, until it is removed. A sandbox has at most [MaxProcesses], those that have ended
// included.
//
// A process that the sandbox does not have, or no longer, is [ErrProcessNotFound]. So is one whose supervisor a command has killed, which it can where it has the
// same user, and which ends all of the process. A sandbox that does not run is [ErrNotRunning].
type Processes interface {
	// StartProcess starts a command and returns when it runs. It sees an empty standard input. argv and options are looked at as those of Exec are; a command that
	// is not found or cannot be executed is a process that has ended with 127 or 126. One process more than MaxProcesses, or than the sandbox's limits
	// have room for, is [ErrUnavailable]. When StartProcess fails, also because ctx is done, nothing of the command is left.
	StartProcess(ctx context.Context, id string, argv []string, opts StartProcessOptions) (Process, error)

	// ListProcesses describes the processes of a sandbox, the oldest first, whoever started them and as whom.
	ListProcesses(ctx context.Context, id string, opts ListProcessesOptions) ([]Process, error)

	// WaitProcess waits until a process has ended, while its output is written, and describes it. Several may wait for one. A process that has ended in
	// any way, its deadline included, is no error. When ctx is done, only the waiting ends. A write error ends it, too, and is returned. When the
	// process is removed meanwhile, it has ended. A supervisor that is killed meanwhile, and a sandbox that ends, are [ErrConnectionLost].
	WaitProcess(ctx context.Context, id, process string, opts WaitProcessOptions) (Process, error)

	// SignalProcess sends a signal, by its number on Linux, to a process's leader. 9, which nothing survives, ends all that it started as well, as a
	// deadline does: then nothing of it is left when SignalProcess returns. A number that is none, 0 included, and a process that has ended are [ErrInvalid].
	SignalProcess(ctx context.Context, id, process string, signal int) error

	// RemoveProcess ends a process with all that it started, and forgets it.
	RemoveProcess(ctx context.Context, id, process string) error
}

const (
	// ProcessOutputHead and ProcessOutputTail are how many bytes of each of a process's outputs are kept, at its beginning and its end.
	ProcessOutputHead = 64 << 10
	ProcessOutputTail = 192 << 10
	// MaxProcesses is how many processes a sandbox has at most.
	MaxProcesses = 64
)

// StartProcessOptions are the options of [Processes].StartProcess. Each is as in [ExecOptions].
type StartProcessOptions struct {
	Env  []string
	Dir  string
	User string
	// Timeout is kept inside the sandbox, whoever waits: when it passes, all that the command started is killed.
	Timeout time.Duration
}

// ListProcessesOptions are the options of [Processes].ListProcesses.
type ListProcessesOptions struct{}

// WaitProcessOptions are the options of [Processes].WaitProcess.
type WaitProcessOptions struct {
	// Stdout and Stderr get the process's outputs, from the beginning. Nil discards. Each is written by one goroutine at a time. Where
	// something is not kept any more, there is a line in its place that says how much: "[... 5 bytes left out ...]".
	Stdout, Stderr io.Writer
	// StdoutFrom and StderrFrom are how many bytes at the beginning are not wanted, such as Process.StdoutBytes and StderrBytes of an earlier call. Negative:
	// ErrInvalid.
	StdoutFrom, StderrFrom int64
	// NoWait ends the call with what was written so far, and does not wait for more.
	NoWait bool
}

// A Process is one that was started in a sandbox.
type Process struct {
	// ID names it in its sandbox: letters and digits.
	ID string `json:"id"`
	// Argv is the command line, cut where it is longer than 4 KiB.
	Argv []string `json:"argv"`
	// PID is the leader's, as the sandbox sees it; 0 when the command could not be started.
	PID int `json:"pid,omitempty"`
	// Started and Ended are by the clock of the engine's host. Ended is zero while the leader runs.
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended,omitzero"`
	// Result is how it ended; nil while it runs. Its OutputHeld says that what it left in the background goes on, whose output is not kept.
	Result *ExecResult `json:"result,omitempty"`
	// StdoutBytes and StderrBytes are how much was written so far. In a result of WaitProcess, how far what it wrote goes.
	StdoutBytes int64 `json:"stdoutBytes"`
	StderrBytes int64 `json:"stderrBytes"`
}

// Running says whether the leader has not ended.
func (p Process) Running() bool { return p.Result == nil }
