package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
)

const volume = guestVolumePrefix + "v1"

var filler = map[string]string{labelFiller: "1"}

func run(t *testing.T, e *engine) error {
	t.Helper()
	_, err := e.Run(t.Context(), image, runtime.RunOptions{})
	return err
}

func TestDelivery(t *testing.T) {
	f := newFake()
	e := f.open(t)
	for range 3 {
		if err := run(t, e); err != nil {
			t.Fatal(err)
		}
	}
	// Readable by nobody; the marker last.
	if got, want := f.calls("wrote"), "wrote /.sandlot/guest 111, wrote /.sandlot/.whole 444"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := strings.Count(f.calls("exists"), marker); got != 2 {
		t.Errorf("the marker was looked for %d times, want twice: before filling, and with the lock held", got)
	}
	for _, name := range f.names() {
		if name == volume {
			t.Error("the filling container was left")
		}
	}
}

func TestDeliveryOnceForMany(t *testing.T) {
	f := newFake()
	e := f.open(t)
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			if err := run(t, e); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if got := strings.Count(f.calls("upload"), "upload"); got != 2 {
		t.Errorf("%d uploads, want the program and the marker", got)
	}
}

// Each process has a Runtime of its own.
func TestDeliveryByManyProcesses(t *testing.T) {
	f := newFake()
	var group sync.WaitGroup
	for range 8 {
		e := f.open(t)
		group.Go(func() {
			if err := run(t, e); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if got := strings.Count(f.calls("upload"), "upload"); got != 2 {
		t.Errorf("%d uploads, want the program and the marker", got)
	}
}

func TestDeliveryWaitsForTheLock(t *testing.T) {
	f := newFake()
	id := f.add(volume, filler, time.Now())
	done := make(chan error)
	e := f.open(t)
	go func() { done <- run(t, e) }()
	for !strings.Contains(f.calls("create"), "create "+volume) { // until it has met the lock
		select {
		case err := <-done:
			t.Fatalf("it did not wait: %v", err)
		default:
		}
	}
	f.mu.Lock()
	f.volumes[volume] = map[string][]byte{"guest": {1}, marker: {}}
	f.mu.Unlock()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := f.calls("upload"); got != "" {
		t.Errorf("%s, after another process had filled the volume", got)
	}
	if f.containers[id] == nil {
		t.Error("another's filling container was removed")
	}
}

func TestDeliveryBreaksAStaleLock(t *testing.T) {
	f := newFake()
	f.add(volume, filler, time.Now().Add(-fillerLife-time.Second))
	if err := run(t, f.open(t)); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(f.calls("upload"), "upload"); got != 2 {
		t.Errorf("%d uploads", got)
	}
}

func TestDeliveryLeavesForeignContainers(t *testing.T) {
	f := newFake()
	id := f.add(volume, foreign, time.Now().Add(-time.Hour))
	check(t, run(t, f.open(t)), runtime.ErrAlreadyExists, volume)
	if f.containers[id] == nil {
		t.Error("a container that is not Sandlot's was removed")
	}
}

func TestDeliveryAfterItsFillerWasRemoved(t *testing.T) {
	f := newFake()
	f.failUpload = func() error {
		f.failUpload = nil
		f.mu.Lock()
		defer f.mu.Unlock()
		c, _ := f.find(volume)
		delete(f.containers, c.ID)
		return nil
	}
	if err := run(t, f.open(t)); err != nil {
		t.Error(err)
	}
}

func TestDeliveryIsTriedAgain(t *testing.T) {
	f := newFake()
	e := f.open(t)
	boom := errors.New("boom")
	f.failUpload = func() error { return boom }
	check(t, run(t, e), boom)
	f.failUpload = nil
	if err := run(t, e); err != nil {
		t.Error(err)
	}
}

// Who waits for a delivery that is cancelled does not get the other's error.
func TestDeliveryIsNotSpoiltByACancelledOne(t *testing.T) {
	f := newFake()
	e := f.open(t)
	ctx, cancel := context.WithCancel(t.Context())
	uploading := make(chan struct{})
	f.duringUpload = func() { close(uploading); <-ctx.Done() }
	first := make(chan error)
	go func() {
		_, err := e.Run(ctx, image, runtime.RunOptions{})
		first <- err
	}()
	<-uploading
	f.duringUpload = nil
	second := make(chan error)
	go func() { second <- run(t, e) }()
	cancel()
	check(t, <-first, context.Canceled)
	if err := <-second; err != nil {
		t.Errorf("the second: %v", err)
	}
}

func TestDeliveryAgainAfterTheVolumeWasRemoved(t *testing.T) {
	f := newFake()
	e := f.open(t)
	if err := run(t, e); err != nil {
		t.Fatal(err)
	}
	delete(f.volumes, volume)
	if err := run(t, e); err != nil {
		t.Error(err)
	}
	// A start that fails for another reason is not tried again.
	f.failStart = fails(runtime.ErrPortInUse, "")
	before := strings.Count(f.calls("start"), "start")
	check(t, run(t, e), runtime.ErrPortInUse)
	if got := strings.Count(f.calls("start"), "start") - before; got != 1 {
		t.Errorf("started %d times", got)
	}
}

func TestDeliveryWithoutVolumes(t *testing.T) {
	f := newFake()
	delete(f.caps, runtime.CapabilityVolumes)
	e := f.open(t)
	for range 2 {
		if err := run(t, e); err != nil {
			t.Fatal(err)
		}
	}
	one := "wrote /.sandlot 755, wrote /.sandlot/guest 111"
	if got := f.calls("wrote"); got != fmt.Sprintf("%s, %s", one, one) {
		t.Errorf("%s, want into each container: %s", got, one)
	}
	if len(f.volumes) != 0 {
		t.Errorf("volumes %v", f.volumes)
	}
}
