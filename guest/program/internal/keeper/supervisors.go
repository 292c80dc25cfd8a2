//go:build linux

package keeper

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sandlot-dev/sandlot/guest/program/internal/link"
	"github.com/sandlot-dev/sandlot/guest/program/internal/proc"
)

func listen(fs *proc.FS) (*os.File, error) {
	name, err := link.Name(fs)
	if err != nil {
		return nil, err
	}
	return link.Listen(name)
}

// accept takes connections from supervisors and sessions. It never waits for one of them.
func (k *keeper) accept(listener *os.File) error {
	raw, err := listener.SyscallConn()
	if err != nil {
		return err
	}
	for {
		fd, failed, err := link.Accept(raw)
		if err != nil {
			return err
		}
		if failed != nil { // out of descriptors or memory, or gone again
			if err := k.deprived(); err != nil {
				return err
			}
			time.Sleep(10 * time.Millisecond)
			continue
		}
		peer, err := k.peer(fd)
		if err != nil {
			unix.Close(fd)
			if err := k.deprived(); err != nil {
				return err
			}
			continue
		}
		select {
		case k.slots <- struct{}{}:
			go k.serve(os.NewFile(uintptr(fd), "supervisor"), peer)
		default:
			unix.Close(fd)
		}
	}
}

// deprived says whether a command has taken our descriptors away, without which we know nobody and end nothing.
func (k *keeper) deprived() error {
	var now unix.Rlimit
	if err := unix.Prlimit(0, unix.RLIMIT_NOFILE, nil, &now); err != nil || now.Cur < k.files.Cur {
		return fmt.Errorf("the first process may open %d files, and not %d any more: %w", now.Cur, k.files.Cur, errors.Join(err, unix.EMFILE))
	}
	return nil
}

// lookTime is how long one may fail to look at a process: memory may be short for a moment.
const lookTime = time.Second

// lives says whether a process is there still. An error is one that stays.
func (k *keeper) lives(p proc.Process) (bool, error) {
	for until := time.Now().Add(lookTime); ; time.Sleep(10 * time.Millisecond) {
		same, err := k.fs.Same(p)
		if err == nil || time.Now().After(until) {
			return same, err
		}
	}
}

// fail ends the sandbox: we cannot do what we are there for.
func (k *keeper) fail(err error) {
	select {
	case k.failed <- err:
	default: // it ends already
	}
}

// peer tells who connected. Only the engine makes processes whose parent is outside of the sandbox, and only a session those whose parent is
// one: it adopts nothing, and what a command starts has its supervisor for a parent, or the first process.
func (k *keeper) peer(fd int) (proc.Process, error) {
	pid, err := link.PeerPID(fd)
	if err != nil {
		return proc.Process{}, err
	}
	peer, err := k.fs.Get(pid)
	if err != nil {
		return proc.Process{}, err
	}
	if pid <= 1 || !k.fromOutside(peer) && !k.isSession(peer.Parent) {
		return proc.Process{}, fmt.Errorf("process %d is no supervisor", pid)
	}
	return peer, nil
}

// fromOutside says whether a process was started by the engine, or is the session that we have started.
func (k *keeper) fromOutside(p proc.Process) bool { return p.Parent == 0 || k.isCarried(p) }

// isSession says whether a process is a session, and lives.
func (k *keeper) isSession(pid int) bool {
	k.mu.Lock()
	session, ok := k.sessions[pid]
	k.mu.Unlock()
	if !ok {
		return false
	}
	same, err := k.fs.Same(session)
	return err == nil && same
}

// registerTime is how long a supervisor has for its first message.
const registerTime = 10 * time.Second

// serve keeps a supervisor's deadlines, and waits for its end.
func (k *keeper) serve(conn *os.File, peer proc.Process) {
	defer func() { <-k.slots }()
	defer conn.Close()
	r := bufio.NewReaderSize(conn, 256)
	_ = conn.SetReadDeadline(time.Now().Add(registerTime))
	var register link.Register
	if err := link.Receive(r, &register); err != nil {
		return
	}
	_ = conn.SetReadDeadline(time.Time{})
	if register.Process != nil {
		k.serveProcess(conn, r, peer, register.Process)
		return
	}
	if register.Renew {
		// What comes from within the sandbox is a supervisor's, at best.
		if k.fromOutside(peer) {
			k.renew()
			_ = link.Send(conn, &k.welcome)
		}
		return
	}
	if register.Session && k.fromOutside(peer) {
		defer k.enterSession(peer)()
	}
	_ = link.Send(conn, &k.welcome)
	defer k.enter(conn)()
	k.keepDeadlines(r, peer)
	// What it left behind becomes ours a little after its descriptors are closed.
	for wait := time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		same, err := k.lives(peer)
		if err != nil {
			k.fail(fmt.Errorf("looking for a supervisor: %w", err))
			return
		}
		if !same {
			break
		}
		time.Sleep(wait)
	}
	select {
	case k.sweep <- struct{}{}:
	default:
	}
}

// keepDeadlines keeps the deadlines that a supervisor says, until its end.
func (k *keeper) keepDeadlines(r *bufio.Reader, peer proc.Process) {
	var timer *time.Timer
	for {
		var deadline link.Deadline
		if err := link.Receive(r, &deadline); err != nil {
			return // what is under way stays under way: only its end is what it waits for
		}
		if timer != nil {
			timer.Stop()
		}
		if deadline.Timeout > 0 {
			timer = time.AfterFunc(max(deadline.Timeout, deadline.Timeout+link.Grace), func() { k.kill(peer) })
		}
	}
}

// kill ends a supervisor that has outlived its deadline, and thereby makes orphans of what it supervised. Its session, if it has one, may have been
// stopped together with it, and is to tell the host. Where it cannot be looked for, the sandbox ends.
func (k *keeper) kill(peer proc.Process) {
	same, err := k.lives(peer)
	if err != nil {
		k.fail(fmt.Errorf("at a deadline: %w", err))
		return
	}
	if same {
		_ = unix.Kill(peer.PID, unix.SIGKILL) // another user's the host ends
		if k.isSession(peer.Parent) {
			_ = unix.Kill(peer.Parent, unix.SIGCONT)
		}
	}
}

// enterSession makes a session known until leave is called.
func (k *keeper) enterSession(session proc.Process) (leave func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.sessions[session.PID] = session
	return func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.sessions[session.PID] == session {
			delete(k.sessions, session.PID)
		}
	}
}

// enter keeps a connection at hand until leave is called, to tell who is at its end when the sandbox stops.
func (k *keeper) enter(conn *os.File) (leave func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.stopping {
		hangUp(conn)
	}
	k.conns[conn] = true
	return func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		delete(k.conns, conn)
	}
}

// tellAll tells supervisors and sessions that the sandbox stops: they then wait for no more commands.
func (k *keeper) tellAll() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.stopping = true
	for conn := range k.conns {
		hangUp(conn)
	}
}

// hangUp ends a connection towards its other end. What comes from there still comes.
func hangUp(conn *os.File) {
	if raw, err := conn.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { _ = unix.Shutdown(int(fd), unix.SHUT_WR) })
	}
}
