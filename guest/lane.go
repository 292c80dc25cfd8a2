package guest

import (
	"errors"
	"io"
	"sync"
	"time"

	"github.com/sandlot-dev/sandlot/guest/mux"
	"github.com/sandlot-dev/sandlot/guest/wire"
)

// laneBuffer is what a lane reads ahead. Output is not copied through it when much comes.
const laneBuffer = 4 << 10

// A lane is a stream to a supervisor, on which requests follow each other.
type lane struct {
	session *Session
	stream  *mux.Stream
	r       *wire.Reader
	hello   wire.Hello
	since   time.Time // it is idle
}

// greet reads the supervisor's hello.
func (l *lane) greet() error {
	typ, payload, err := l.r.Next()
	if err != nil {
		return noGuest(err.Error())
	}
	if l.hello, err = parseHello(typ, payload); err != nil {
		return err
	}
	l.session.mu.Lock()
	defer l.session.mu.Unlock()
	if l.hello.Session > 0 {
		l.session.pid = l.hello.Session
	}
	return nil
}

// A turn is a lane for one request: what comes too late from it does not get into the next one's.
type turn struct {
	*lane

	writing sync.Mutex
	mu      sync.Mutex
	over    bool
	again   bool // the supervisor waits for another request
}

func (t *turn) Read([]byte) (int, error) { return 0, errors.ErrUnsupported } // frames are read, with lane.r

func (t *turn) Write(p []byte) (int, error) {
	t.writing.Lock()
	defer t.writing.Unlock()
	t.mu.Lock()
	over := t.over
	t.mu.Unlock()
	if over {
		return 0, io.ErrClosedPipe
	}
	return t.stream.Write(p)
}

func (t *turn) CloseWrite() error { return t.stream.CloseWrite() }

// ready notes that the supervisor waits for another request.
func (t *turn) ready() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.again = true
}

// Close gives the lane back where it can be used again, and else ends it.
func (t *turn) Close() error {
	t.mu.Lock()
	over := t.over
	t.over = true
	t.mu.Unlock()
	if over {
		return nil
	}
	if t.again && t.written() {
		t.session.putBack(t.lane)
		return nil
	}
	if !t.again {
		t.session.mu.Lock()
		t.session.doubt = true
		t.session.mu.Unlock()
	}
	return t.stream.Close()
}

// writtenTime is what a supervisor has for taking the rest of a frame that is on its way when it has answered.
const writtenTime = time.Second

// written waits until no half frame is on its way, and says whether the stream can be used after that.
func (t *turn) written() bool {
	late := time.AfterFunc(writtenTime, t.stream.Reset)
	t.writing.Lock()
	defer t.writing.Unlock()
	return late.Stop()
}
