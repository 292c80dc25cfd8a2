package guest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sandlot-dev/sandlot/guest/wire"
	"github.com/sandlot-dev/sandlot/runtime"
)

const (
	// answerGrace is how long a guest has to end a tree and answer, once it should.
	answerGrace = 5 * time.Second
	// startGrace is what it has beyond that until the command runs.
	startGrace = 15 * time.Second
	// keeperGrace is how long the sandbox's first process leaves a supervisor beyond a deadline.
	keeperGrace = 2 * time.Second
	// quietTime is how long a session may say nothing of a request before it is asked whether it is there; the next time it is twice as
	// long, up to maxQuietTime.
	quietTime    = time.Second
	maxQuietTime = 30 * time.Second
	// rescueTime bounds a Rescue.
	rescueTime = 90 * time.Second
)

// A call is one request over a channel, from the guest's hello to its result.
type call struct {
	ch      Channel
	request wire.Request
	// input is sent to the guest; nil: there is none. With inputMatters the call is over when reading fails.
	input        io.Reader
	inputMatters bool
	// output gets what comes from the guest. After its first error nothing more is written.
	output func(typ wire.Type, data []byte) error
	resize <-chan runtime.WindowSize
	// timeout is the deadline that the guest keeps. 0: none.
	timeout time.Duration
	rescue  Rescue // nil: there is none

	w         *wire.Writer
	credit    credit
	requested chan struct{} // closed when the request has been sent
	started   chan struct{} // closed when the work has begun
	stopped   chan struct{} // closed when the call is over
	pid       atomic.Int64  // the guest's, when it has said hello
	writing   atomic.Bool   // an output is being written, for which the guest is not to blame
	inputErr  chan error    // why reading the input failed
	outputErr chan error    // why writing an output failed
	heard     atomic.Bool   // a frame has come since that was last asked
	silentErr chan error    // why the guest of a session does not speak
}

// An outcome is what came of a call.
type outcome struct {
	result wire.Result
	err    error // why there is no result
	// expired says that the deadline had passed by our own clock when there was no result.
	expired             bool
	inputErr, outputErr error
	rescueErr           error
}

// run makes the call, and closes the channel. When ctx is done it asks the guest to end the work, and waits for its answer.
func (c *call) run(ctx context.Context) (out outcome) {
	defer c.ch.Close()
	if out.err = ctx.Err(); out.err != nil {
		return out
	}
	c.w = wire.NewWriter(c.ch)
	c.credit.wake = make(chan struct{}, 1)
	c.requested, c.started, c.stopped = make(chan struct{}), make(chan struct{}), make(chan struct{})
	c.inputErr, c.outputErr, c.silentErr = make(chan error, 1), make(chan error, 1), make(chan error, 1)

	var helpers sync.WaitGroup
	defer helpers.Wait()
	probing, stopProbing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopProbing()
	defer c.ch.Close()
	defer close(c.stopped)
	received := make(chan received, 1)
	go func() { received <- c.receive() }()
	helpers.Go(c.forwardResize)
	if c.input != nil {
		go c.forwardInput() // a Read that does not return cannot be waited for
	}

	turn, _ := c.ch.(*turn)
	quiet := quietTime
	var probe <-chan time.Time
	if turn != nil {
		timer := time.NewTimer(quiet)
		defer timer.Stop()
		probe = timer.C
	}
	var silent error
	var overdue <-chan time.Time
	if c.timeout > 0 {
		overdue = time.After(later(c.timeout, startGrace))
	}
	done, requested, started := ctx.Done(), c.requested, c.started
	var asked time.Time // the command has begun since, if it has
	ending := false
	cancel := func() {
		done, ending = nil, true
		overdue = time.After(answerGrace)
		select {
		case <-c.requested:
			helpers.Go(func() { _ = c.w.Write(wire.TypeCancel, nil) })
		default:
			c.ch.Close() // nothing has begun
		}
	}
	for {
		select {
		case got := <-received:
			out.result, out.err = got.result, got.err
			out.expired = got.err != nil && c.timeout > 0 && !asked.IsZero() && time.Since(asked) >= c.timeout
			if got.err != nil && silent != nil {
				out.err = silent
			} else if got.err != nil && isClosed(c.requested) || got.result.Left {
				out.rescueErr = c.callRescue(ctx)
			}
			c.collect(&out)
			return out
		case <-requested:
			asked, requested = time.Now(), nil
		case <-started:
			started = nil
			if c.timeout > 0 && !ending {
				overdue = time.After(later(c.timeout, keeperGrace+answerGrace))
			}
		case <-probe:
			if !c.heard.Swap(false) {
				helpers.Go(func() {
					_, err := turn.session.Probe(probing)
					c.silentErr <- err
				})
				probe = nil
				continue
			}
			quiet = min(2*quiet, maxQuietTime)
			probe = time.After(quiet)
		case silent = <-c.silentErr:
			if silent != nil && !isClosed(c.started) {
				c.ch.Close() // receive ends
				continue
			}
			silent, quiet = nil, min(2*quiet, maxQuietTime)
			probe = time.After(quiet)
		case <-done:
			cancel()
		case out.outputErr = <-c.outputErr:
			cancel()
		case out.inputErr = <-c.inputErr:
			if c.inputMatters {
				cancel()
			}
		case <-overdue:
			if c.writing.Load() {
				overdue = time.After(answerGrace)
				continue
			}
			c.ch.Close() // receive ends
			overdue = nil
		}
	}
}

// later adds a grace to a timeout, which may be as long as there is.
func later(timeout, grace time.Duration) time.Duration { return max(timeout, timeout+grace) }

// collect takes the errors that came at the last moment.
func (c *call) collect(out *outcome) {
	select {
	case out.outputErr = <-c.outputErr:
	default:
	}
	select {
	case out.inputErr = <-c.inputErr:
	default:
	}
}

func (c *call) callRescue(ctx context.Context) error {
	if c.rescue == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rescueTime)
	defer cancel()
	return c.rescue(ctx, int(c.pid.Load()))
}

type received struct {
	result wire.Result
	err    error
}

// receive sends the request when the guest has said hello, and takes its frames until there is a result. Nothing that comes is trusted.
func (c *call) receive() received {
	t, _ := c.ch.(*turn)
	r, hello, err := c.hear(t)
	if err != nil {
		return received{err: err}
	}
	c.pid.Store(int64(hello.PID))
	if hello.Sandlot != wire.Version {
		return received{err: otherVersion(hello.Sandlot, wire.Version)}
	}
	if err := c.w.WriteRequest(c.request); err != nil {
		if errors.Is(err, wire.ErrTooLarge) {
			return received{err: invalid("the command line and the environment have more than %d bytes", wire.MaxRequest)}
		}
		return received{err: lost(err)}
	}
	close(c.requested)
	for {
		typ, payload, err := r.Next()
		if err != nil {
			return received{err: lost(err)}
		}
		c.heard.Store(true)
		result, err := c.take(typ, payload)
		if err != nil {
			return received{err: lost(err)}
		}
		if result != nil {
			if t != nil && result.Again {
				t.ready()
			}
			return received{result: *result}
		}
	}
}

// hear waits for the guest's hello. A session has heard it already.
func (c *call) hear(t *turn) (*wire.Reader, wire.Hello, error) {
	if t != nil {
		return t.r, t.hello, nil
	}
	buffered := bufio.NewReaderSize(c.ch, wire.MaxPayload)
	if err := c.greet(buffered); err != nil {
		return nil, wire.Hello{}, err
	}
	r := wire.NewReader(buffered)
	typ, payload, err := r.Next()
	if err != nil {
		return nil, wire.Hello{}, noGuest(err.Error())
	}
	hello, err := parseHello(typ, payload)
	return r, hello, err
}

func parseHello(typ wire.Type, payload []byte) (hello wire.Hello, err error) {
	if hello, err = wire.ParseHello(payload); err != nil || typ != wire.TypeHello {
		return hello, noGuest("what was started is no guest")
	}
	return hello, nil
}

// greet looks at the first bytes. A guest that could not be started leaves nothing there, or the engine's own words.
func (c *call) greet(r *bufio.Reader) error {
	first, err := r.Peek(1)
	if err != nil {
		return noGuest("")
	}
	if wire.Type(first[0]) == wire.TypeHello {
		return nil
	}
	timer := time.AfterFunc(time.Second, func() { c.ch.Close() })
	defer timer.Stop()
	said, _ := io.ReadAll(io.LimitReader(r, 4<<10))
	return noGuest(string(said))
}

// take handles a frame of the guest's while the request is worked on.
func (c *call) take(typ wire.Type, payload []byte) (*wire.Result, error) {
	switch typ {
	case wire.TypeStarted:
		if isClosed(c.started) {
			return nil, fmt.Errorf("%w: started twice", wire.ErrFrame)
		}
		close(c.started)
	case wire.TypeCredit:
		n, err := wire.ParseCredit(payload)
		if err != nil {
			return nil, err
		}
		c.credit.add(n)
	case wire.TypeStdout, wire.TypeStderr:
		c.write(typ, payload)
	case wire.TypeProcess, wire.TypeSkipped:
		if c.request.Process == nil && c.request.Start == nil {
			return nil, fmt.Errorf("%w: type %d, and nobody asked for processes", wire.ErrFrame, typ)
		}
		c.write(typ, payload)
	case wire.TypeResult:
		var result wire.Result
		if err := wire.Unmarshal(payload, &result); err != nil {
			return nil, err
		}
		if result.Exit < 0 || result.Exit > 255 || result.Signal < 0 || result.Signal > 127 || result.Entries < 0 || result.Bytes < 0 {
			return nil, fmt.Errorf("%w: a result out of bounds", wire.ErrFrame)
		}
		return &result, nil
	default:
		return nil, fmt.Errorf("%w: type %d is not the guest's to send", wire.ErrFrame, typ)
	}
	return nil, nil
}

// write gives data to the caller's writer.
func (c *call) write(typ wire.Type, data []byte) {
	if c.output == nil {
		return
	}
	c.writing.Store(true)
	defer c.writing.Store(false)
	if err := c.output(typ, data); err != nil {
		c.output = nil
		c.outputErr <- err
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
