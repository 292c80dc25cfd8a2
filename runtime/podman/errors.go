package podman

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"strings"
	"syscall"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/runtime/engine"
)

// noKeyring is what crun says where a user has as many keyrings as the kernel allows: each container takes one.
const noKeyring = "create keyring"

// phrases tell what an error is by Podman's words, the first match counting. Podman answers 500 for most of what goes wrong, and
// the status of one mistake changes between versions; the words hardly do.
var phrases = []struct {
	text string
	kind error
}{
	{"address already in use", runtime.ErrPortInUse},
	{"port is already allocated", runtime.ErrPortInUse},
	{"no such container", runtime.ErrNotFound},
	{"no container with", runtime.ErrNotFound},
	{"no such volume", runtime.ErrNotFound},
	{"no such exec session", runtime.ErrNotFound},
	{"network not found", runtime.ErrNotFound},
	{"unable to find network", runtime.ErrNotFound},
	{"no such image", runtime.ErrImageNotFound},
	{"image not known", runtime.ErrImageNotFound},
	{"name is already in use", runtime.ErrAlreadyExists},
	{"is being used by", runtime.ErrInUse},
	{"image is in use", runtime.ErrInUse},
	{"image used by", runtime.ErrInUse},
	{"container state improper", runtime.ErrNotRunning},
	{"container is not running", runtime.ErrNotRunning},
	{"is not running", runtime.ErrNotRunning},
	{"is paused", runtime.ErrNotRunning},
	{"unable to find user", runtime.ErrInvalid},
	{"unable to find group", runtime.ErrInvalid},
	{"no matching entries in passwd file", runtime.ErrInvalid},
	{"no matching entries in group file", runtime.ErrInvalid},
	{"duplicate mount destination", runtime.ErrInvalid},
	{"unknown capability", runtime.ErrInvalid},
	{"cannot assign requested address", runtime.ErrInvalid},
	{"memory limit could be too low", runtime.ErrInvalid},
	{"memory limit too low", runtime.ErrInvalid},
	{noKeyring, runtime.ErrUnavailable},
	{"no space left on device", runtime.ErrNoSpace},
	{"read-only file system", runtime.ErrReadOnly},
	{"invalid argument", runtime.ErrInvalid},
}

// again makes a request up to so many times, as long as Podman's answer has words that say it was lost to what others did meanwhile.
func again(tries int, words string, request func() error) error {
	for ; ; tries-- {
		if err := request(); err == nil || tries <= 1 || !strings.Contains(err.Error(), words) {
			return err
		}
	}
}

// failure makes a *runtime.Error of what went wrong with a request. missing is the kind of a 404 that says no more; invalid lists
// words that make it ErrInvalid for this request.
func failure(err error, missing error, invalid ...string) error {
	if err == nil {
		return nil
	}
	var known *runtime.Error
	if errors.As(err, &known) {
		return err
	}
	var status *engine.StatusError
	if !errors.As(err, &status) {
		return connectionFailure(err)
	}
	e := &runtime.Error{Kind: kindOf(status, missing, invalid), Message: status.Message}
	if strings.Contains(status.Message, "opening seccomp profile failed") {
		e.Kind, e.Hint = runtime.ErrUnsupported, "use the default profile: the engine does not see the files of this host"
	}
	if e.Kind == runtime.ErrInvalid && (strings.Contains(status.Message, "unable to find") || strings.Contains(status.Message, "no matching entries in")) {
		e.Hint = engine.HintUser
	}
	if e.Kind == runtime.ErrNotRunning && strings.Contains(status.Message, "is paused") {
		e.Hint = engine.HintPaused
	}
	if e.Kind == runtime.ErrUnavailable && strings.Contains(status.Message, noKeyring) {
		e.Hint = "remove sandboxes, or raise kernel.keys.maxkeys, by default 200: the kernel lets a user have no more keyrings, and each sandbox takes one"
	}
	return e
}

func kindOf(status *engine.StatusError, missing error, invalid []string) error {
	words := strings.ToLower(status.Message)
	for _, p := range phrases {
		if strings.Contains(words, p.text) {
			return p.kind
		}
	}
	for _, text := range invalid {
		if strings.Contains(words, text) {
			return runtime.ErrInvalid
		}
	}
	switch status.Code {
	case http.StatusBadRequest:
		return runtime.ErrInvalid
	case http.StatusUnauthorized, http.StatusForbidden:
		return runtime.ErrPermission
	case http.StatusNotFound:
		return missing
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return runtime.ErrUnavailable
	}
	return nil
}

// connectionFailure makes a *runtime.Error of an error without an answer.
func connectionFailure(err error) error {
	e := &runtime.Error{Kind: runtime.ErrConnectionLost, Err: err}
	var op *net.OpError
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		e.Kind = nil
	case errors.Is(err, fs.ErrPermission):
		e.Kind = runtime.ErrPermission
		e.Hint = "run as the user that owns the socket, or as one who may write to it"
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		e.Kind = runtime.ErrUnavailable
	case errors.As(err, &op) && op.Op == "dial":
		e.Kind = runtime.ErrUnavailable
	}
	return e
}

// statusOf is the status of an answer that is no success, else 0.
func statusOf(err error) int {
	var status *engine.StatusError
	if errors.As(err, &status) {
		return status.Code
	}
	return 0
}
