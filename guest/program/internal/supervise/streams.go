//go:build linux

package supervise

import (
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sandlot-dev/sandlot/guest/wire"
)

// streams are the command's, on both ends.
type streams struct {
	host *host
	tty  bool
	// child are the leader's descriptors 0, 1 and 2, closed here once it has them.
	child [3]uintptr
	// input is where data from the host goes; nil: there is none. outputs are where the command's output comes from.
	input   *os.File
	outputs []*output
	copied  sync.WaitGroup
}

// openStreams makes pipes, or a terminal.
func openStreams(request *wire.ExecRequest, h *host) (*streams, error) {
	s := &streams{host: h, tty: request.TTY}
	if request.TTY {
		return s, s.openTerminal(request)
	}
	in, err := s.openInput(request.Stdin)
	if err != nil {
		return nil, err
	}
	s.child[0] = in
	for i, typ := range []wire.Type{wire.TypeStdout, wire.TypeStderr} {
		var p [2]int
		if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
			return nil, err
		}
		ours, err := pollable(p[0])
		if err != nil {
			return nil, err
		}
		s.child[i+1] = uintptr(p[1])
		s.outputs = append(s.outputs, &output{file: ours, typ: typ, host: h})
	}
	return s, nil
}

// openInput opens the leader's standard input: without data from the host an empty one.
func (s *streams) openInput(data bool) (child uintptr, err error) {
	if !data {
		if null, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0); err == nil {
			return uintptr(null), nil
		}
	}
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return 0, err
	}
	if !data {
		return uintptr(p[0]), unix.Close(p[1])
	}
	s.input, err = pollable(p[1])
	return uintptr(p[0]), err
}

// pollable makes a file of our end of a pipe, for which waiting takes no thread. The other end stays as programs expect it.
func pollable(fd int) (*os.File, error) {
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "pipe"), nil
}

// started closes what the leader has now, or never will.
func (s *streams) started(ok bool) {
	closed := map[uintptr]bool{}
	for _, fd := range s.child {
		if !closed[fd] {
			unix.Close(int(fd))
		}
		closed[fd] = true
	}
	if ok {
		return
	}
	for _, o := range s.outputs {
		o.file.Close()
	}
	if s.input != nil {
		s.input.Close()
	}
}

// run copies in both directions until drain.
func (s *streams) run() {
	for _, o := range s.outputs {
		s.copied.Add(1)
		go o.copy(&s.copied)
	}
	if s.input != nil {
		go s.copyInput()
	}
}

// copyInput passes data on to the command until it does not want any more, or the host has no more.
func (s *streams) copyInput() {
	buf := make([]byte, 32<<10)
	last := byte('\n')
	for err := s.host.data.open(inputWindow); err == nil; {
		var n int
		n, err = s.host.data.Read(buf)
		if n > 0 {
			if _, err := s.input.Write(buf[:n]); err != nil {
				break
			}
			last = buf[n-1]
		}
		if err == io.EOF && s.tty {
			_, _ = s.input.Write(s.endOfFile(last))
		}
	}
	if !s.tty { // the terminal's output comes over the same file
		s.input.Close()
	}
}

// drainTime is how long output is waited for when the leader has exited.
const drainTime = time.Second

// drain ends the copying and says whether something still holds the output. What does may go on writing: that is thrown away.
func (s *streams) drain() (held bool) {
	for _, o := range s.outputs {
		_ = o.file.SetReadDeadline(time.Now().Add(drainTime))
	}
	s.copied.Wait()
	for _, o := range s.outputs {
		held = held || o.held
	}
	return held
}

// An output is one stream of a command's output.
type output struct {
	file *os.File
	typ  wire.Type
	host *host
	held bool // valid after copying
}

// fewBytes is what most commands write at most. Memory for more is not made before it comes.
const fewBytes = 2 << 10

// copy sends output to the host until its end, or until it has been held too long. Then it throws away what comes.
func (o *output) copy(copied *sync.WaitGroup) {
	defer o.file.Close()
	buf := make([]byte, fewBytes)
	for {
		n, err := o.file.Read(buf)
		if n > 0 && !o.send(buf[:n]) {
			break
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			o.held = true
			o.sendRest(buf)
			break
		}
		if err != nil {
			break
		}
		if n == len(buf) && n == fewBytes {
			buf = make([]byte, wire.MaxData)
		}
	}
	held := o.held
	copied.Done()
	if held {
		_ = o.file.SetReadDeadline(time.Time{})
		for {
			if _, err := o.file.Read(buf); err != nil {
				return
			}
		}
	}
}

func (o *output) send(data []byte) bool {
	err := o.host.w.Write(o.typ, data)
	if err != nil {
		o.host.lost()
	}
	return err == nil
}

// sendRest sends what is in the pipe, which may be from before the leader's exit: a host that reads slowly must not miss that. It is never more than the pipe
// holds, however fast whoever is left writes.
func (o *output) sendRest(buf []byte) {
	raw, err := o.file.SyscallConn()
	if err != nil {
		return
	}
	rest := len(buf)
	_ = raw.Control(func(fd uintptr) {
		if size, err := unix.FcntlInt(fd, unix.F_GETPIPE_SZ, 0); err == nil {
			rest = size
		}
	})
	for rest > 0 {
		n := 0
		_ = raw.Control(func(fd uintptr) { n, _ = unix.Read(int(fd), buf[:min(rest, len(buf))]) })
		if n <= 0 || !o.send(buf[:n]) {
			return
		}
		rest -= n
	}
}
