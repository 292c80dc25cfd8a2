//go:build unix

package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"
)

func TestSignals(t *testing.T) {
	aborted := make(chan int, 1)
	ctx, stop := withSignals(t.Context(), 0, func(code int) { aborted <- code })
	defer stop()
	raise(t, syscall.SIGTERM)
	<-ctx.Done()
	var sig *signalError
	if !errors.As(context.Cause(ctx), &sig) || sig.number() != 15 {
		t.Errorf("the context ended with %v, want SIGTERM", context.Cause(ctx))
	}
	raise(t, syscall.SIGINT)
	select {
	case code := <-aborted:
		if code != 130 {
			t.Errorf("the second signal exits with %d, want 130", code)
		}
	case <-time.After(time.Minute):
		t.Error("the second signal did not abort")
	}
}

// TestSignalsAtOnce: signals that come with the first are no second wish.
func TestSignalsAtOnce(t *testing.T) {
	// Taken as long as this process lives: one of many may be delivered when nothing else takes it any more, and would end it.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGTERM)
	aborted := make(chan int, 1)
	ctx, stop := withSignals(t.Context(), time.Hour, func(code int) { aborted <- code })
	raise(t, syscall.SIGTERM)
	<-ctx.Done()
	for range 100 {
		raise(t, syscall.SIGTERM)
	}
	stop()
	select {
	case code := <-aborted:
		t.Errorf("signals that came with the first exit with %d", code)
	default:
	}
}

func raise(t *testing.T, sig syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(syscall.Getpid(), sig); err != nil {
		t.Fatal(err)
	}
}
