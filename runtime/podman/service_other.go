//go:build !linux

package podman

import (
	"context"

	"github.com/sandlot-dev/sandlot/runtime"
)

// StartService is for Linux alone: elsewhere Podman runs in a virtual machine, which `podman machine start` starts.
func StartService(context.Context) (runtime.Runtime, error) {
	return nil, &runtime.Error{
		Op: "start service", Runtime: name, Kind: runtime.ErrUnavailable, Message: "Podman runs in a virtual machine here",
		Hint: "run podman machine start",
	}
}
