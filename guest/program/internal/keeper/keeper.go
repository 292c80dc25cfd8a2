//go:build linux

// Package keeper is the first process of a sandbox. It starts nothing but, at most, a session, and knows all sessions and supervisors: it keeps their deadlines,
// and ends what has lost its supervisor. Nothing in the sandbox can stop it.
package keeper

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sandlot-dev/sandlot/guest/program/internal/link"
	"github.com/sandlot-dev/sandlot/guest/program/internal/proc"
	"github.com/sandlot-dev/sandlot/guest/program/internal/self"
)

type keeper struct {
	fs      *proc.FS
	welcome link.Welcome
	sweep   chan struct{} // a supervisor has ended: look for orphans
	slots   chan struct{} // one for each supervisor that is connected
	failed  chan error    // why the sandbox is to end
	files   unix.Rlimit   // that we may open, unless a command changes it
	renew   func()        // begins the lease anew
	carried proc.Process  // the session over our standard streams, if there is one

	processes processes

	mu       sync.Mutex
	sessions map[int]proc.Process // by their process id
	conns    map[*os.File]bool
	stopping bool
}

// maxSupervisors bounds what connections can cost. It is beyond what fits into a sandbox.
const maxSupervisors = 8192

// stopSignal is what stops a sandbox. Whoever makes one must name it as the container's stop signal. It is not SIGTERM because Go cannot tell who
// sent that, and commands may send it, too.
const stopSignal = unix.SIGPWR

// threads is how many threads, at least, can be blocked in the kernel at once.
const threads = 3

// Options are what the first process is told.
type Options struct {
	Dir   string        // that commands start in; empty: our own
	Lease time.Duration // how long we run unless we are renewed; 0: for ever
	// Carrier says that a session runs over our standard streams, and Attached that the sandbox ends with these.
	Carrier, Attached bool
}

func (o Options) threads() int {
	if o.Carrier || o.Attached { // for good: one is the session's parent, one waits for the end
		return threads + 2
	}
	return threads
}

// ParseOptions reads a command line.
func ParseOptions(args []string) (o Options, err error) {
	o.Dir = args[0]
	for _, arg := range args[1:] {
		switch key, value, _ := strings.Cut(arg, "="); key {
		case "lease":
			o.Lease, err = time.ParseDuration(value)
		case "carrier":
			o.Carrier = true
		case "attached":
			o.Attached = true
		default:
			err = fmt.Errorf("%q is no option", arg)
		}
		if err != nil {
			return o, err
		}
	}
	return o, nil
}

// Run is the first process's whole life, until the stop signal from outside, the end of its lease, or that of what it is attached to. It must be called by the main
// goroutine, which is locked to the first thread.
func Run(o Options) error {
	if os.Getpid() != 1 {
		return errors.New("init is only for the first process of a sandbox")
	}
	if err := self.Block(stopSignal); err != nil {
		return err
	}
	if err := errors.Join(self.Harden(), self.IgnoreSignals(), self.KeepThreads(o.threads())); err != nil {
		return err
	}
	signals, err := self.OpenSignal(stopSignal)
	if err != nil {
		return err
	}
	dir := o.Dir
	if dir == "" {
		wd, err := os.Getwd()
		if err != nil {
			return err
		}
		dir = wd
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	fs, err := proc.Open()
	if err != nil {
		return err
	}
	listener, err := listen(fs)
	if err != nil {
		return err
	}
	k := &keeper{
		fs:      fs,
		welcome: link.Welcome{Dir: []byte(filepath.Clean("/" + dir)), UID: os.Getuid(), GID: os.Getgid()},
		sweep:   make(chan struct{}, 1),
		slots:   make(chan struct{}, maxSupervisors),
		failed:  make(chan error, 3),
		renew:   func() {},

		sessions: make(map[int]proc.Process), conns: make(map[*os.File]bool),
	}
	if err := unix.Prlimit(0, unix.RLIMIT_NOFILE, nil, &k.files); err != nil {
		return err
	}
	if o.Lease > 0 {
		k.startLease(o.Lease)
	}
	if err := k.takeCarrier(o); err != nil {
		return err
	}
	go func() { k.fail(k.accept(listener)) }()
	go func() { k.fail(k.untilStopped(signals)) }()
	go func() {
		if err := <-k.failed; err != nil {
			fmt.Fprintln(os.Stderr, "sandlot guest:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}()
	return k.sweeper()
}

// untilStopped returns when the sandbox has been stopped, and nothing is left in it.
func (k *keeper) untilStopped(signals *os.File) error {
	if err := waitSignal(signals); err != nil {
		return err
	}
	return k.shutdown()
}

// sweeper ends orphans whenever a supervisor has ended. Whatever is a child of our first thread is one, since that starts nothing: so it is that thread which
// must run this. When it cannot even look, all that is left is to
// end the sandbox: that is what happens when we return.
func (k *keeper) sweeper() error {
	for range k.sweep {
		err := k.fs.KillBelow(context.Background(), os.Getpid(), k.isCarried, hasChildren)
		if err != nil && !errors.Is(err, proc.ErrLeft) { // what is left is another user's: the host will end it
			return fmt.Errorf("looking for orphans: %w", err)
		}
	}
	return nil
}

// hasChildren asks the kernel for those of this thread. It reaps by itself, since SIGCHLD is ignored.
func hasChildren() (bool, error) {
	for {
		_, err := unix.Wait4(-1, nil, unix.WNOHANG|unix.WALL|unix.WNOTHREAD, nil)
		if err != unix.EINTR {
			return err == nil, nil
		}
	}
}

// shutdown asks everything to end and returns when nothing is left. Whoever stops the sandbox kills it when that takes too long.
func (k *keeper) shutdown() error {
	k.tellAll()
	_ = unix.Kill(-1, unix.SIGTERM)
	_ = unix.Kill(-1, unix.SIGCONT) // what is stopped would not see it
	for {
		all, err := k.fs.All()
		if err != nil {
			return err
		}
		left := false
		for _, p := range all {
			left = left || p.Alive && p.PID != os.Getpid()
		}
		if !left {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
}
