// Package guest is Sandlot's program inside the sandbox, and how to talk to it.
//
// The program is the first process of every sandbox and the supervisor of every exec. It is embedded here, compressed, for
// linux/amd64 and linux/arm64. A runtime puts it at [Path] in each sandbox, starts it with [InitArgv] as the container's first process,
// and starts it again with [SessionArgv], connecting its standard streams to a [Session], which has channels for [Exec], [PutArchive] and
// [GetArchive]; or with [ServeArgv] for each exec and archive, connecting its standard streams to those.
package guest

import (
	"context"
	"errors"
	"io"
	"strconv"
	"time"
)

// Where the guest is in every sandbox. The directory is mounted read-only and holds nothing else.
const (
	Dir  = "/.sandlot"
	Path = Dir + "/guest"
)

// InitOptions are what the first process of a sandbox is told.
type InitOptions struct {
	// WorkingDir is where commands start. Empty: the directory that the engine starts the first process in.
	WorkingDir string
	// Lease is how long the sandbox runs without being renewed. 0: for ever.
	Lease time.Duration
	// Carrier has a guest for many execs run over the first process's standard streams, as with SessionArgv, from the start on: as the sandbox's user. Where a
	// command kills that, or its streams end, there is another one to be started as ever.
	Carrier bool
	// Attached ends the sandbox, with all that runs in it, as soon as the first process's standard input ends; with Carrier, as soon as the guest that runs
	// over it does.
	Attached bool
}

// InitArgv is the command line of the container's first process.
func InitArgv(opts InitOptions) []string {
	argv := []string{Path, "init", opts.WorkingDir}
	if opts.Lease > 0 {
		argv = append(argv, "lease="+opts.Lease.String())
	}
	if opts.Carrier {
		argv = append(argv, "carrier")
	}
	if opts.Attached {
		argv = append(argv, "attached")
	}
	return argv
}

// RenewArgv is the command line that renews a sandbox's lease, for a sandbox that has no session: see [Session.Renew]. It exits with 0 when that is done.
func RenewArgv() []string { return []string{Path, "renew"} }

// StopSignal is the signal that stops a sandbox, to be named when its container is made: the guest passes SIGTERM on to all processes, and
// exits when nothing is left. All other signals it ignores, so that nothing inside can end it. Engines otherwise send SIGTERM.
const StopSignal = "SIGPWR"

// ServeArgv is the command line that serves one exec or archive over its standard streams.
func ServeArgv() []string { return []string{Path, "serve"} }

// KillArgv is the command line, to be run with every capability, that kills what supervisors started, and the supervisors. It exits
// with 0 when nothing of it is left. A pid is as [Rescue] gets it, or a session's. With 0 it kills only what has lost its supervisor. Each lets
// sessions go on that a command has stopped.
func KillArgv(pids ...int) []string {
	argv := []string{Path, "kill"}
	for _, pid := range pids {
		argv = append(argv, strconv.Itoa(pid))
	}
	return argv
}

// A Channel is connected to the standard input and output of a guest started with ServeArgv. Close unblocks Read and Write.
type Channel interface {
	io.ReadWriteCloser
	// CloseWrite ends the guest's standard input.
	CloseWrite() error
}

// A Rescue is called when a guest does not end a tree in time, says that something is left of one, or is gone without a result, which may leave all of
// it. It runs KillArgv(supervisor) in the sandbox, with every capability, or kills the sandbox where that fails, and says in the error
// what it had to do. A sandbox that does not run, or is gone, is no error: nothing is left of the tree. ctx is not the exec's own, which may
// be done. supervisor is 0 where the guest has not said its pid.
type Rescue func(ctx context.Context, supervisor int) error

// ErrNoGuest says that a stream ended before the guest had said anything: it was not started.
var ErrNoGuest = errors.New("the guest was not started")
