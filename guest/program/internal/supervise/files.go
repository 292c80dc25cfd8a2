//go:build linux

package supervise

import (
	"github.com/sandlot-dev/sandlot/guest/program/internal/archive"
	"github.com/sandlot-dev/sandlot/guest/wire"
)

// file serves a request about files.
func (s *server) file(h *host, request wire.Request) wire.Result {
	if err := archive.KeepPrivilege(); err != nil {
		return failed(wire.KindOther, err)
	}
	switch {
	case request.Change != nil:
		return archive.Done{}.Result(archive.Change(s.link.Welcome, request.Change))
	case request.Watch != nil:
		return archive.Done{}.Result(s.watch(h, request.Watch))
	}
	return s.transfer(h, request)
}

// watch serves a watch until it cannot, or nobody wants it any more. A sandbox that is being stopped does not wait for it.
func (s *server) watch(h *host, request *wire.WatchRequest) error {
	if s.stop == nil {
		s.heedStop()
	}
	ended := make(chan struct{})
	defer close(ended)
	over := make(chan struct{})
	go func() {
		defer close(over)
		select {
		case <-h.cancelled:
		case <-h.gone:
		case <-s.stop:
		case <-ended:
		}
	}()
	started := false
	return archive.Watch(s.link.Welcome, request, func(events []wire.FileEvent) error {
		if !started {
			started = true
			if err := h.w.Write(wire.TypeStarted, nil); err != nil {
				return err
			}
		}
		payload, err := wire.Marshal((*wire.FileEvents)(&events))
		if err != nil {
			return err
		}
		return h.w.Write(wire.TypeStdout, payload)
	}, over)
}
