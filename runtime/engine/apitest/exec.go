package apitest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/runtime/engine"
)

func testStreams(t *testing.T, a *driver, image string) {
	id := start(t, a, engine.Spec{Image: image})
	data := make([]byte, 5<<20)
	rand.Read(data)
	copy(data, "\x10\x11") // Podman's keys for detaching
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			s, err := a.Attach(t.Context(), id, engine.Process{Argv: []string{"/box", "cat"}})
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			go func() {
				// The keys one at a time is how they count.
				for i := range 2 {
					s.Write(data[i : i+1])
				}
				s.Write(data[2:])
				s.CloseWrite()
			}()
			got, err := io.ReadAll(s)
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("%d of %d bytes came back, as they were: %v, %v", len(got), len(data), bytes.Equal(got, data), err)
			}
			if s.Stderr() != "said on stderr" {
				t.Errorf("stderr is %q", s.Stderr())
			}
		})
	}
	wg.Wait()
	if _, _, state := run(t, a, id, engine.Process{Argv: []string{"/box", "exit", "7"}}, ""); state.Running || state.ExitCode != 7 {
		t.Errorf("a process that exits with 7 is %+v", state)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.Attach(ctx, id, engine.Process{Argv: []string{"/box", "cat"}}); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that is done: %v", err)
	}

	s, err := a.Attach(t.Context(), id, engine.Process{Argv: []string{"/box", "cat"}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	state, err := a.ExecState(t.Context(), s.ExecID)
	if err != nil || !state.Running {
		t.Errorf("a process that waits for its input is %+v, %v", state, err)
	}
}

func testLaunchErrors(t *testing.T, a *driver, image string) {
	id := start(t, a, engine.Spec{Image: image})
	out, stderr, state := run(t, a, id, engine.Process{Argv: []string{"/nothing"}}, "")
	if state.Running || state.ExitCode == 0 {
		t.Errorf("a program that is not there is %+v", state)
	}
	words := stderr + out // engines put them into either
	err := a.LaunchError(words)
	var e *runtime.Error
	if !errors.As(err, &e) || !strings.Contains(e.Message, "/nothing") || strings.Contains(e.Message, "Error:") {
		t.Errorf("%q means %v", words, err)
	}
}
