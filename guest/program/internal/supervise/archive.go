//go:build linux

package supervise

import (
	"bufio"

	"github.com/sandlot-dev/sandlot/guest/program/internal/archive"
	"github.com/sandlot-dev/sandlot/guest/wire"
)

// transfer serves a put or a get.
func (s *server) transfer(h *host, request wire.Request) wire.Result {
	over := make(chan struct{})
	defer close(over)
	go func() { // whoever waits for data shall not, once nobody wants the result
		select {
		case <-h.cancelled:
			h.data.abort()
		case <-over:
		}
	}()
	var err error
	var done archive.Done
	if request.Put != nil {
		if err = h.data.open(archiveWindow); err == nil {
			done, err = archive.Put(s.link.Welcome, request.Put, h.data)
		}
	} else {
		out := bufio.NewWriterSize(&sender{h}, wire.MaxData)
		if done, err = archive.Get(s.link.Welcome, request.Get, out); err == nil {
			err = out.Flush()
		}
	}
	select {
	case <-h.cancelled:
		if err != nil {
			err = archive.ErrCancelled
		}
	default:
	}
	return done.Result(err)
}

// A sender sends an archive to the host.
type sender struct{ host *host }

func (s *sender) Write(p []byte) (n int, err error) {
	for n < len(p) {
		select {
		case <-s.host.cancelled:
			return n, archive.ErrCancelled
		default:
		}
		part := p[n:min(len(p), n+wire.MaxData)]
		if err := s.host.w.Write(wire.TypeStdout, part); err != nil {
			return n, err
		}
		n += len(part)
	}
	return n, nil
}
