//go:build linux

package namespaces

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	goruntime "runtime"

	"github.com/moby/sys/userns"
	"golang.org/x/sys/unix"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/runtime/engine"
)

const (
	name       = "namespaces"
	defaultDir = "/var/lib/sandlot-namespaces"
)

// Driver opens this runtime as "namespaces", whose files are in /var/lib/sandlot-namespaces, or "namespaces:///another/dir". The program
// must call Init first.
func Driver() runtime.Driver {
	return runtime.Driver{Name: name, Open: func(_ context.Context, u *url.URL) (runtime.Runtime, error) {
		dir := defaultDir
		if u != nil {
			dir = u.Path
		}
		return Open(dir)
	}}
}

// Open opens the runtime whose files are in dir, which is made if missing.
func Open(dir string) (runtime.Runtime, error) {
	fail := runtime.Error{Op: "open", Runtime: name, ID: dir}
	if os.Geteuid() != 0 {
		fail.Kind, fail.Message, fail.Hint = runtime.ErrPermission, "namespaces and mounts need root",
			"run it as root, or in a user namespace: unshare --user --map-auto --map-root-user"
		return nil, &fail
	}
	if !filepath.IsAbs(dir) {
		fail.Kind, fail.Message = runtime.ErrInvalid, "the directory is not absolute"
		return nil, &fail
	}
	for _, sub := range []string{"images", "sandboxes", "volumes", "tmp"} {
		if fail.Err = os.MkdirAll(filepath.Join(dir, sub), 0o700); fail.Err != nil {
			return nil, &fail
		}
	}
	return engine.New(&api{dir: dir}, name, name+"://"+dir, engine.Options{}), nil
}

// Info implements engine.API. A capability that is missing here is refused by package engine before anything runs.
func (a *api) Info(context.Context) (runtime.Info, error) {
	var host unix.Utsname
	if err := unix.Uname(&host); err != nil {
		return runtime.Info{}, err
	}
	release := unix.ByteSliceToString(host.Release[:])
	capabilities := engine.BaseCapabilities()
	for reason, missing := range map[string][]runtime.Capability{
		"this runtime makes no control groups":    {runtime.CapabilityMemoryLimit, runtime.CapabilityCPULimit, runtime.CapabilityPidsLimit},
		"this runtime filters no system calls":    {runtime.CapabilitySeccomp},
		"this runtime sets no security labels":    {runtime.CapabilityAppArmor, runtime.CapabilitySELinux},
		"this runtime has only loopback networks": {runtime.CapabilityNetwork, runtime.CapabilityPublishTCP, runtime.CapabilityPublishUDP},
		"this runtime only imports images":        {runtime.CapabilityBuild},
	} {
		for _, c := range missing {
			capabilities[c] = runtime.Support{Reason: reason, Fix: "use Docker or Podman"}
		}
	}
	return runtime.Info{
		Version: release, APIVersion: "1", OS: "linux", Arch: goruntime.GOARCH, Kernel: release, Rootless: userns.RunningInUserNS(),
		Capabilities: capabilities,
	}, nil
}

// Build implements engine.API. Package engine does not call it without the capability.
func (a *api) Build(context.Context, io.ReadSeeker, runtime.BuildOptions) (string, error) {
	return "", unsupported("building images")
}

// Pull implements engine.API.
func (a *api) Pull(context.Context, string, runtime.PullOptions) (string, error) {
	return "", unsupported("pulling images")
}

// RemoveImage implements engine.API.
func (a *api) RemoveImage(context.Context, string) error { return unsupported("removing images") }

func unsupported(what string) error {
	return &runtime.Error{Kind: runtime.ErrUnsupported, Message: "this runtime does no " + what, Hint: "use Import, and remove the image's directory"}
}

// Close implements engine.API. Sandboxes are the kernel's, and go on.
func (a *api) Close() error { return nil }

// LaunchError implements engine.API. Attach says itself why a process cannot be launched, so no words on streams are ours.
func (a *api) LaunchError(string) error { return nil }

func errorf(kind error, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	return &runtime.Error{Kind: kind, Message: err.Error(), Err: errors.Unwrap(err)}
}
