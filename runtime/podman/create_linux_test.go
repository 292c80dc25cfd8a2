package podman

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sandlot-dev/sandlot/guest"
)

func TestStopSignal(t *testing.T) {
	if want := unix.SignalNum(guest.StopSignal); stopSignal != int(want) {
		t.Errorf("got %d, want %s, which is %d", stopSignal, guest.StopSignal, want)
	}
}
