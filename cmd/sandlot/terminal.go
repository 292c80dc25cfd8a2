package main

import (
	"context"
	"os"
	"sync"

	"golang.org/x/term"

	"github.com/sandlot-dev/sandlot/runtime"
)

// terminal is the user's terminal while a command has it. The zero value is none.
type terminal struct {
	mu      sync.Mutex
	restore func()
}

// isTerminal says whether a stream of the command is one.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// raw takes the terminal that stdin is: keys, Ctrl-C among them, go to the sandbox as they are.
func (t *terminal) raw(stdin any) error {
	if !isTerminal(stdin) {
		return nil
	}
	fd := int(stdin.(*os.File).Fd())
	state, err := term.MakeRaw(fd)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.restore = func() { _ = term.Restore(fd, state) }
	return nil
}

// release gives the terminal back as it was. It may be called more than once, from anywhere.
func (t *terminal) release() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.restore != nil {
		t.restore()
		t.restore = nil
	}
}

// windowSize is the size of the first stream that is a terminal, else zero.
func windowSize(streams ...any) runtime.WindowSize {
	for _, s := range streams {
		if !isTerminal(s) {
			continue
		}
		if cols, rows, err := term.GetSize(int(s.(*os.File).Fd())); err == nil {
			return runtime.WindowSize{Rows: uint16(rows), Cols: uint16(cols)}
		}
	}
	return runtime.WindowSize{}
}

// watchSize sends the terminal's size each time it changes, until ctx is done.
func watchSize(ctx context.Context, streams ...any) <-chan runtime.WindowSize {
	sizes := make(chan runtime.WindowSize)
	changed, stop := notifyResize()
	go func() {
		defer close(sizes)
		defer stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-changed:
			}
			select {
			case <-ctx.Done():
				return
			case sizes <- windowSize(streams...):
			}
		}
	}()
	return sizes
}
