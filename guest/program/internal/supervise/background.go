//go:build linux

package supervise

import (
	"bufio"
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sandlot-dev/sandlot/guest/program/internal/link"
	"github.com/sandlot-dev/sandlot/guest/wire"
)

// A background is a command that goes on when its host is gone, what is kept of it, and whoever asks for that.
type background struct {
	tree    *supervisor
	kept    *link.Kept
	outputs *outputs
	asked   sync.WaitGroup
	ended   chan struct{} // closed when the leader has ended, or could not be started
	// removing is closed before the process is taken off the list because somebody wants it.
	removing chan struct{}
	remove   sync.Once

	mu     sync.Mutex
	info   wire.ProcessInfo
	killed bool
	left   bool // something of the tree could not be ended
}

// background starts a command, and stays until it is removed or the sandbox is stopped. When it could not be started, we may be as new.
func (s *server) background(next request) (again bool) {
	kept, err := link.Keep(s.fs, next.Start.ID)
	if err != nil {
		kind := wire.KindUnavailable
		if err == link.ErrTaken {
			kind = wire.KindInvalid
		}
		return s.notBegun(failed(kind, err), true)
	}
	own := newHost(nil)
	b := &background{
		kept: kept, outputs: newOutputs(), ended: make(chan struct{}), removing: make(chan struct{}),
		info: wire.ProcessInfo{ID: next.Start.ID, Argv: shortened(next.Start.Argv), Started: time.Now().UnixNano()},
	}
	own.w = b.outputs
	b.tree = &supervisor{server: s, host: own}
	b.tree.leader.started = make(chan struct{})
	go b.run(&next.Start.ExecRequest)
	select {
	case <-b.tree.leader.started:
	case <-b.ended:
	case <-next.host.cancelled:
	case <-next.host.gone:
	}
	if isOver(b.ended) && b.info.Result.Failure != nil {
		kept.Forget()
		return s.notBegun(b.info.Result, b.tree.clean(b.info.Result))
	}
	if isOver(next.host.cancelled) || isOver(next.host.gone) {
		_ = b.kill()
		kept.Forget()
		return s.notBegun(failed(wire.KindCancelled, errors.New("the start was given up")), false)
	}
	_ = next.host.w.Write(wire.TypeProcess, b.described(b.outputs.written()))
	s.answer(wire.Result{})
	go s.channel.hangUp()
	go kept.Accept(b.attend)
	b.stay()
	return false
}

// notBegun answers that there is no process.
func (s *server) notBegun(result wire.Result, clean bool) (again bool) {
	result.Again = s.reusable(clean)
	s.answer(result)
	if !result.Again {
		s.channel.hangUp()
	}
	return result.Again
}

// run runs the command.
func (b *background) run(request *wire.ExecRequest) {
	result := b.tree.exec(request)
	b.mu.Lock()
	if b.left = b.left || result.Left; b.killed && result.Cancelled {
		result = wire.Result{Exit: exitSignal + int(unix.SIGKILL), Signal: int(unix.SIGKILL), Held: result.Held}
	}
	b.info.Result, b.info.Ended = result, time.Now().UnixNano()
	b.mu.Unlock()
	close(b.ended)
	b.outputs.end()
}

// leaveTime is how long those who ask have for their answers when the process is removed.
const leaveTime = 2 * time.Second

// stay waits until the process is removed, or the sandbox is stopped and nothing of it is left.
func (b *background) stay() {
	unlisted := make(chan struct{})
	go func() {
		b.kept.Stopping()
		close(unlisted)
	}()
	select {
	case <-b.ended:
		shrink()
		<-unlisted
	case <-unlisted:
	}
	if !isOver(b.removing) { // all have got SIGTERM
		<-b.ended
		b.tree.stay()
		return
	}
	answered := make(chan struct{})
	go func() {
		b.asked.Wait()
		close(answered)
	}()
	select {
	case <-answered:
	case <-time.After(leaveTime):
	}
}

// kill ends all of the tree. What the leader had left in the background when it ended is of it.
func (b *background) kill() error {
	b.mu.Lock()
	b.killed = true
	b.mu.Unlock()
	b.tree.host.cancelledOnce.Do(func() { close(b.tree.host.cancelled) })
	<-b.ended
	if b.tree.empty != nil && b.tree.killTree() != nil {
		return errors.New("something of the process could not be ended")
	}
	return nil
}

// attend answers one request of another supervisor.
func (b *background) attend(asker *os.File) {
	b.asked.Add(1)
	defer b.asked.Done()
	in := bufio.NewReaderSize(asker, 1<<10)
	request, err := wire.NewReader(in).ReadRequest()
	if err != nil || request.Process == nil {
		return
	}
	over := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, in) // nothing more comes but the end
		close(over)
		b.outputs.wake()
	}()
	w := wire.NewWriter(asker)
	about, result := request.Process, wire.Result{}
	written := b.outputs.written()
	switch about.Op {
	case wire.OpLook, wire.OpWait:
		written = b.outputs.send(w, about, over)
	case wire.OpSignal:
		result = b.signal(unix.Signal(about.Signal))
	case wire.OpRemove:
		if err := b.kill(); err != nil {
			result = failed(wire.KindOther, err)
		}
		b.remove.Do(func() { close(b.removing) })
		b.kept.Forget()
	}
	_ = w.Write(wire.TypeProcess, b.described(written))
	_ = w.WriteResult(result)
}

// described is a description of the process.
func (b *background) described(written [2]int64) []byte {
	b.mu.Lock()
	info := b.info
	b.mu.Unlock()
	info.PID, info.Written = b.tree.leader.id(), written
	payload, _ := wire.Marshal(&info) // its list is short
	return payload
}

// signal signals the leader, or with SIGKILL ends all of the tree, also when the leader has ended.
func (b *background) signal(s unix.Signal) wire.Result {
	over := failed(wire.KindInvalid, errors.New("the process has ended"))
	if s == unix.SIGKILL {
		if isOver(b.ended) && (b.tree.empty == nil || isOver(b.tree.empty)) {
			return over
		}
		if err := b.kill(); err != nil {
			return failed(wire.KindOther, err)
		}
		return wire.Result{}
	}
	there, err := b.tree.leader.signal(s)
	if err != nil {
		return failed(wire.KindPermission, err)
	}
	if !there {
		return over
	}
	return wire.Result{}
}

// argvKept is how much of a command line is told to whoever asks.
const argvKept = 4 << 10

func shortened(argv [][]byte) [][]byte {
	room := argvKept
	for i, arg := range argv {
		if len(arg) > room {
			return append(argv[:i:i], arg[:room])
		}
		room -= len(arg) + 1
		if room <= 0 {
			return argv[: i+1 : i+1]
		}
	}
	return argv
}
