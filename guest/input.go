package guest

import (
	"io"
	"sync"

	"github.com/sandlot-dev/sandlot/guest/wire"
)

// credit is how many bytes of data the guest takes.
type credit struct {
	mu   sync.Mutex
	n    int
	wake chan struct{} // holds a token when there is credit anew
}

// maxCredit bounds what adding up can come to, whatever the guest says.
const maxCredit = 1 << 30

func (c *credit) add(n int) {
	c.mu.Lock()
	c.n = min(c.n+n, maxCredit)
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// wait waits for credit and says how much there is. 0: stopped came first.
func (c *credit) wait(stopped <-chan struct{}) int {
	for {
		c.mu.Lock()
		n := c.n
		c.mu.Unlock()
		if isClosed(stopped) {
			return 0
		}
		if n > 0 {
			return n
		}
		select {
		case <-c.wake:
		case <-stopped:
		}
	}
}

// forwardInput sends the input to the guest, as it takes it.
func (c *call) forwardInput() {
	buf := make([]byte, wire.MaxData)
	for {
		allowed := c.credit.wait(c.stopped)
		if allowed == 0 {
			return
		}
		n, err := c.input.Read(buf[:min(allowed, len(buf))])
		if isClosed(c.stopped) {
			return
		}
		if n > 0 {
			c.credit.add(-n)
			if c.w.Write(wire.TypeData, buf[:n]) != nil {
				return // receive knows why
			}
		}
		if err == nil {
			continue
		}
		if err != io.EOF {
			c.inputErr <- err
			if c.inputMatters {
				return // the guest must not take what it has for all
			}
		}
		_ = c.w.Write(wire.TypeEOF, nil)
		return
	}
}

// forwardResize sends the terminal's new sizes to the guest.
func (c *call) forwardResize() {
	select {
	case <-c.started:
	case <-c.stopped:
		return
	}
	for c.resize != nil {
		select {
		case size, ok := <-c.resize:
			if !ok || c.w.WriteResize(wire.Size{Rows: size.Rows, Cols: size.Cols}) != nil {
				return
			}
		case <-c.stopped:
			return
		}
	}
}
