//go:build linux

package supervise

import (
	"sync"
	"time"

	"github.com/sandlot-dev/sandlot/guest/wire"
)

// A host is what comes from the other end while a request is served.
type host struct {
	w sink
	// data is what was sent as data. It is read by whoever needs it.
	data *inbox
	// resize holds the newest size.
	resize chan wire.Size
	// cancelled is closed when the host wants the end and a result, gone when there is no host any more. What breaks the
	// protocol is no host.
	cancelled, gone         chan struct{}
	cancelledOnce, goneOnce sync.Once
}

// A sink takes the frames of a command: what it writes, and that it was started.
type sink interface {
	Write(wire.Type, []byte) error
	Defer(wire.Type, time.Duration)
}

func newHost(w *wire.Writer) *host {
	h := &host{w: w, resize: make(chan wire.Size, 1), cancelled: make(chan struct{}), gone: make(chan struct{})}
	h.data = newInbox(w)
	return h
}

// take takes a frame. False: it does not belong there.
func (h *host) take(typ wire.Type, payload []byte) bool {
	switch typ {
	case wire.TypeData:
		return h.data.put(payload)
	case wire.TypeEOF:
		h.data.end()
	case wire.TypeResize:
		size, err := wire.ParseResize(payload)
		if err != nil {
			return false
		}
		select {
		case <-h.resize:
		default:
		}
		h.resize <- size
	case wire.TypeCancel:
		h.cancelledOnce.Do(func() { close(h.cancelled) })
	default:
		return false
	}
	return true
}

// lost says that the host is gone.
func (h *host) lost() {
	h.goneOnce.Do(func() {
		close(h.gone)
		h.data.abort()
	})
}
