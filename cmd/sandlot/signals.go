package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// signalError is why a context was cancelled: the user, or the system, wants the command to end.
type signalError struct{ os.Signal }

func (e *signalError) Error() string { return "ended by signal: " + e.Signal.String() }

func (e *signalError) number() int {
	if n, ok := e.Signal.(syscall.Signal); ok {
		return int(n)
	}
	return int(syscall.SIGINT)
}

// signalGap is how long after the first signal another one is a second wish: timeout(1), among others, sends one to the process and one to its group.
const signalGap = 500 * time.Millisecond

// withSignals gives a context that ends at the first SIGINT, SIGTERM or SIGHUP, so that the command can remove what it made. Another one, gap or more after
// that, calls abort, which does not return.
//
// SIGPIPE is taken too: it would end the process with its sandbox left behind, where a failed write removes it.
func withSignals(ctx context.Context, gap time.Duration, abort func(code int)) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 2)
	pipe := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	signal.Notify(pipe, syscall.SIGPIPE)
	done := make(chan struct{})
	go func() {
		var ended time.Time
		for {
			select {
			case <-done:
				return
			case <-pipe:
			case s := <-signals:
				err := &signalError{s}
				switch {
				case ended.IsZero():
					ended = time.Now()
					cancel(err)
				case time.Since(ended) >= gap:
					abort(128 + err.number())
				}
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		signal.Stop(pipe)
		close(done)
		cancel(nil)
	}
}
