//go:build linux

package supervise

import (
	"sync"
	"time"

	"github.com/sandlot-dev/sandlot/guest/wire"
)

// A host is what comes from the other end while a request is served.
type host struct {
	w *wire.Writer
	// data is what was sent as data. It is read by whoever needs it.
	data *inbox
	// resize holds the newest size.
	resize chan wire.Size
	// cancelled is closed when the host wants the end and a result, gone when there is no host any more. What breaks the
	// protocol is no host.
	cancelled, gone chan struct{}
	goneOnce        sync.Once
}

func newHost(r *wire.Reader, w *wire.Writer) *host {
	h := &host{w: w, resize: make(chan wire.Size, 1), cancelled: make(chan struct{}), gone: make(chan struct{})}
	h.data = newInbox(w)
	go h.listen(r)
	return h
}

func (h *host) listen(r *wire.Reader) {
	defer h.lost()
	isCancelled := false
	for {
		typ, payload, err := r.Next()
		if err != nil {
			return
		}
		switch typ {
		case wire.TypeData:
			if !h.data.put(payload) {
				return
			}
		case wire.TypeEOF:
			h.data.end()
		case wire.TypeResize:
			size, err := wire.ParseResize(payload)
			if err != nil {
				return
			}
			select {
			case <-h.resize:
			default:
			}
			h.resize <- size
		case wire.TypeCancel:
			if !isCancelled {
				close(h.cancelled)
			}
			isCancelled = true
		default:
			return
		}
	}
}

// leaving is how long the host has to hang up.
const leaving = 5 * time.Second

// leave waits for the host to hang up after the result. An engine that finds its end of our input broken while the host still sends
// resets the whole connection, and with it the result that the host has not read yet: Podman does.
func (h *host) leave() {
	select {
	case <-h.gone:
	case <-time.After(leaving):
	}
}

// lost says that the host is gone.
func (h *host) lost() {
	h.goneOnce.Do(func() {
		close(h.gone)
		h.data.abort()
	})
}
