package docker

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/client"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/runtime/engine"
)

// translate makes a *runtime.Error of what the client returned.
func translate(err error) error {
	if err == nil {
		return nil
	}
	out := &runtime.Error{Message: words(err)}
	var status *engine.StatusError
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.As(err, &status):
		out.Message = status.Message
		out.Kind = ofStatus(status.Code)
	case errors.Is(err, fs.ErrPermission):
		out.Kind = runtime.ErrPermission
	case client.IsErrConnectionFailed(err):
		out.Kind, out.Hint = runtime.ErrUnavailable, "see whether the daemon still runs"
	case cerrdefs.IsNotFound(err):
		out.Kind = runtime.ErrNotFound
	case cerrdefs.IsInvalidArgument(err):
		out.Kind = runtime.ErrInvalid
	case cerrdefs.IsPermissionDenied(err), cerrdefs.IsUnauthorized(err):
		out.Kind = runtime.ErrPermission
	case cerrdefs.IsUnavailable(err):
		out.Kind = runtime.ErrUnavailable
	case cerrdefs.IsConflict(err), cerrdefs.IsInternal(err):
	default:
		out.Err, out.Message = err, ""
	}
	return out
}

func ofStatus(code int) error {
	switch code {
	case http.StatusBadRequest:
		return runtime.ErrInvalid
	case http.StatusUnauthorized, http.StatusForbidden:
		return runtime.ErrPermission
	case http.StatusNotFound:
		return runtime.ErrNotFound
	case http.StatusServiceUnavailable:
		return runtime.ErrUnavailable
	}
	return nil
}

// words is the daemon's message.
func words(err error) string {
	var status *engine.StatusError
	if errors.As(err, &status) {
		return status.Message
	}
	return strings.TrimPrefix(err.Error(), "Error response from daemon: ")
}

// as gives an error a kind, where the daemon's status does not say enough.
func as(err error, kind error, hint string) error {
	return &runtime.Error{Kind: kind, Message: words(err), Hint: hint}
}

// says tells whether the daemon's message has one of the fragments in it.
func says(err error, fragments ...string) bool {
	message := words(err)
	for _, fragment := range fragments {
		if strings.Contains(message, fragment) {
			return true
		}
	}
	return false
}

// How the daemon, or the library that both it and Podman look users up with, says that there is no such user.
var unknownUser = []string{"unable to find user", "unable to find group", "no matching entries in passwd file", "no matching entries in group file",
	"no users found", "no groups found", "uids and gids must be in range", "Unable to find user", "Unable to find group"}

func createError(err error) error {
	switch {
	case err == nil:
		return nil
	case cerrdefs.IsConflict(err):
		return as(err, runtime.ErrAlreadyExists, "")
	case cerrdefs.IsNotFound(err) && says(err, "No such image", "no such image"):
		return as(err, runtime.ErrImageNotFound, "")
	case says(err, unknownUser...), says(err, "is not a directory"):
		return as(err, runtime.ErrInvalid, "")
	}
	return translate(err)
}

func startError(err error) error {
	switch {
	case err == nil:
		return nil
	case says(err, "port is already allocated", "address already in use"):
		return as(err, runtime.ErrPortInUse, "")
	case says(err, "cannot assign requested address"):
		return as(err, runtime.ErrInvalid, "bind to an address of the engine's host")
	case says(err, unknownUser...):
		return as(err, runtime.ErrInvalid, engine.HintUser)
	case says(err, "not a directory"):
		return as(err, runtime.ErrInvalid, "see whether a mount or the working directory is below a file of the image")
	case says(err, "cannot start a paused container"):
		return as(err, runtime.ErrNotRunning, engine.HintPaused)
	}
	return translate(err)
}

func attachError(err error) error {
	switch {
	case err == nil:
		return nil
	case says(err, unknownUser...):
		return as(err, runtime.ErrInvalid, engine.HintUser)
	case says(err, "is paused"):
		return as(err, runtime.ErrNotRunning, engine.HintPaused)
	case says(err, "is not running", "is restarting", "not running"):
		return as(err, runtime.ErrNotRunning, "")
	}
	return translate(err)
}

// LaunchError implements engine.API. The daemon writes the error of an exec that could not be launched into its stdout.
func (a *api) LaunchError(words string) error {
	err := errors.New(words)
	switch {
	case says(err, unknownUser...):
		return as(err, runtime.ErrInvalid, engine.HintUser)
	case says(err, "container not running", "is not running", "cannot exec in a stopped"):
		return as(err, runtime.ErrNotRunning, "")
	case says(err, "unable to apply caps"):
		return as(err, runtime.ErrUnsupported, "the daemon asks for capabilities that its host's root lacks: use Docker 23 or newer")
	case says(err, "OCI runtime exec failed", "exec failed"):
		return as(err, nil, "")
	}
	return nil
}
