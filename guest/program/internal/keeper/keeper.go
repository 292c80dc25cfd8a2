//go:build linux

// Package keeper is the first process of a sandbox. It starts nothing and knows all sessions and supervisors: it keeps their deadlines,
// and ends what has lost its supervisor. Nothing in the sandbox can stop it.
package keeper

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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

// Run is the first process's whole life, until the stop signal from outside. dir is the working directory that commands start in; empty: our own.
func Run(dir string) error {
	if os.Getpid() != 1 {
		return errors.New("init is only for the first process of a sandbox")
	}
	if err := self.Block(stopSignal); err != nil {
		return err
	}
	if err := errors.Join(self.Harden(), self.IgnoreSignals(), self.KeepThreads(threads)); err != nil {
		return err
	}
	signals, err := self.OpenSignal(stopSignal)
	if err != nil {
		return err
	}
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

		sessions: make(map[int]proc.Process), conns: make(map[*os.File]bool),
	}
	if err := unix.Prlimit(0, unix.RLIMIT_NOFILE, nil, &k.files); err != nil {
		return err
	}
	go func() { k.fail(k.accept(listener)) }()
	go func() { k.fail(k.sweeper()) }()
	stop := make(chan error, 1)
	go func() { stop <- waitSignal(signals) }()
	select {
	case err := <-k.failed:
		return err
	case err := <-stop:
		if err != nil {
			return err
		}
		return k.shutdown()
	}
}

// sweeper ends orphans whenever a supervisor has ended. We start nothing, so whatever is our child is one. When it cannot even look, all that is left is to
// end the sandbox: that is what happens when we return.
func (k *keeper) sweeper() error {
	for range k.sweep {
		err := k.fs.KillBelow(context.Background(), os.Getpid(), hasChildren)
		if err != nil && !errors.Is(err, proc.ErrLeft) { // what is left is another user's: the host will end it
			return fmt.Errorf("looking for orphans: %w", err)
		}
	}
	return nil
}

// hasChildren asks the kernel, which reaps by itself since SIGCHLD is ignored.
func hasChildren() (bool, error) {
	for {
		_, err := unix.Wait4(-1, nil, unix.WNOHANG|unix.WALL, nil)
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
