//go:build linux

package supervise

import (
	"bufio"
	"errors"
	"time"

	"github.com/sandlot-dev/sandlot/guest/program/internal/link"
	"github.com/sandlot-dev/sandlot/guest/wire"
)

// askTime is how long a supervisor may say nothing that has something to say.
const askTime = 20 * time.Second

// ask passes a request on to the supervisor of a process, or to those of all, and their answers to the host.
func (s *server) ask(h *host, about *wire.ProcessRequest) wire.Result {
	if about.Op != wire.OpList {
		return s.askOne(h, about)
	}
	ids, err := link.Processes(s.fs)
	if err != nil {
		return failed(wire.KindUnavailable, err)
	}
	for _, id := range ids {
		result := s.askOne(h, &wire.ProcessRequest{Op: wire.OpLook, ID: id, Quiet: [2]bool{true, true}})
		if f := result.Failure; f != nil && f.Kind != wire.KindNoProcess && f.Kind != wire.KindLost { // those are gone meanwhile
			return result
		}
	}
	return wire.Result{}
}

func (s *server) askOne(h *host, about *wire.ProcessRequest) wire.Result {
	file, err := link.Ask(s.fs, about.ID)
	switch {
	case err == link.ErrNoProcess:
		return failed(wire.KindNoProcess, err)
	case err != nil:
		return failed(wire.KindUnavailable, err)
	}
	defer file.Close()
	over := make(chan struct{})
	defer close(over)
	go func() {
		select {
		case <-h.cancelled:
		case <-h.gone:
		case <-over:
		}
		file.Close()
	}()
	r := wire.NewReader(bufio.NewReaderSize(file, 4<<10))
	if about.Op == wire.OpWait { // it takes as long as it takes
		_ = h.w.Write(wire.TypeStarted, nil)
	}
	err = wire.NewWriter(file).WriteRequest(wire.Request{Process: about})
	for err == nil {
		if about.Op != wire.OpWait {
			_ = file.SetReadDeadline(time.Now().Add(askTime))
		}
		var typ wire.Type
		var payload []byte
		if typ, payload, err = r.Next(); err != nil {
			break
		}
		switch typ {
		case wire.TypeResult:
			var result wire.Result
			if err := wire.Unmarshal(payload, &result); err != nil {
				return failed(wire.KindOther, err)
			}
			return result
		case wire.TypeStdout, wire.TypeStderr, wire.TypeSkipped, wire.TypeProcess:
			err = h.w.Write(typ, payload)
		}
	}
	if isOver(h.cancelled) || isOver(h.gone) {
		return failed(wire.KindCancelled, errors.New("nobody waits any more"))
	}
	return failed(wire.KindLost, err)
}
