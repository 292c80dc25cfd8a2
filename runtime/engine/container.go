package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sandlot-dev/sandlot/guest"
	"github.com/sandlot-dev/sandlot/runtime"
)

// Labels that only this package reads.
const (
	labelImage    = runtime.LabelPrefix + "image"    // the image as given to Run
	labelWorkdir  = runtime.LabelPrefix + "workdir"  // RunOptions.WorkingDir
	labelRoom     = runtime.LabelPrefix + "room"     // for how many idle supervisors it has room; "0": for no sessions
	labelCarrier  = runtime.LabelPrefix + "carrier"  // "1": its first process has a standard input, and gives it to a session
	labelAttached = runtime.LabelPrefix + "attached" // "1": RunOptions.Attached
	labelFiller   = runtime.LabelPrefix + "filler"   // "1": not a sandbox, but what fills the guest's volume
)

// namePattern is what both engines take for the name of a container, a network or a volume.
var namePattern = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]+$`)

// HintPaused says what to do about a paused container, which Sandlot never makes one.
const HintPaused = "unpause it with the engine's own command"

// HintUser says what to do about a user or group that the image does not have.
const HintUser = "name a user that the image has, or a uid"

// idLength is what an id may be abbreviated to.
const idLength = 12

func errorf(kind error, hint, format string, args ...any) error {
	return &runtime.Error{Kind: kind, Message: fmt.Sprintf(format, args...), Hint: hint}
}

// find inspects a sandbox. What is not Sandlot's is ErrNotFound.
func (e *engine) find(ctx context.Context, id string) (runtime.Container, error) {
	if !namePattern.MatchString(id) {
		return runtime.Container{}, errorf(runtime.ErrNotFound, "", "%q is neither an id nor a name", id)
	}
	c, err := e.api.Inspect(ctx, id)
	if err != nil {
		e.note(err, id)
		return runtime.Container{}, err
	}
	if c.Name != id && (len(id) < idLength || !strings.HasPrefix(c.ID, id)) {
		return runtime.Container{}, errorf(runtime.ErrNotFound, "", "no sandbox has that id or name")
	}
	if c.Labels[runtime.LabelSandbox] != "1" {
		return runtime.Container{}, errorf(runtime.ErrNotFound, "Sandlot leaves other containers alone", "a container holds that name, but it is not Sandlot's")
	}
	e.know(c.ID, c.Labels)
	return c, nil
}

// know notes that an id is Sandlot's.
func (e *engine) know(id string, labels map[string]string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.known[id] = true
	if n, err := strconv.Atoi(labels[labelRoom]); err == nil {
		e.room[id] = n
	}
	if labels[labelAttached] == "1" {
		e.attached[id] = true
	}
}

// resolve gives the full id of a sandbox, without a question to the engine where the id is known to be Sandlot's.
func (e *engine) resolve(ctx context.Context, id string) (string, error) {
	e.mu.Lock()
	known := e.known[id]
	e.mu.Unlock()
	if known {
		return id, nil
	}
	c, err := e.find(ctx, id)
	return c.ID, err
}

// note forgets an id where the engine's answer says that it is gone.
func (e *engine) note(err error, id string) {
	if errors.Is(err, runtime.ErrNotFound) {
		e.forget(id)
	}
}

func (e *engine) forget(id string) {
	e.mu.Lock()
	delete(e.known, id)
	delete(e.room, id)
	delete(e.attached, id)
	held := e.held[id]
	delete(e.held, id)
	e.mu.Unlock()
	if held != nil {
		held.Close()
	}
	e.sessions.end(id)
}

// present describes a container as users see it.
func present(c runtime.Container) runtime.Container {
	if image := c.Labels[labelImage]; image != "" {
		c.Image = image
	}
	if dir := c.Labels[labelWorkdir]; dir != "" {
		c.WorkingDir = dir
	}
	c.Owner = c.Labels[runtime.LabelOwner]
	c.LeaseEnd, _ = time.Parse(time.RFC3339, c.Labels[runtime.LabelLease]) // zero where there is none
	c.Lease, _ = time.ParseDuration(c.Labels[runtime.LabelKept])
	c.Labels = maps.Clone(c.Labels)
	maps.DeleteFunc(c.Labels, func(key, _ string) bool { return strings.HasPrefix(key, runtime.LabelPrefix) })
	c.Env = slices.Sorted(slices.Values(c.Env))
	c.Mounts = slices.DeleteFunc(slices.Clone(c.Mounts), func(m runtime.Mount) bool { return m.Target == guest.Dir })
	if c.State != runtime.StateRunning && c.State != runtime.StatePaused {
		c.Ports = nil
	}
	return c
}

// Inspect implements runtime.Runtime.
func (e *engine) Inspect(ctx context.Context, id string, _ runtime.InspectOptions) (runtime.Container, error) {
	return call(ctx, e, "inspect", id, func(ctx context.Context) (runtime.Container, error) {
		c, err := e.find(ctx, id)
		if err != nil {
			return runtime.Container{}, err
		}
		c = present(c)
		if c.WorkingDir == "" {
			c.WorkingDir = "/"
		}
		return c, nil
	})
}

// List implements runtime.Runtime.
func (e *engine) List(ctx context.Context, opts runtime.ListOptions) ([]runtime.Container, error) {
	return call(ctx, e, "list", "", func(ctx context.Context) ([]runtime.Container, error) {
		labels := maps.Clone(opts.Labels)
		if labels == nil {
			labels = make(map[string]string)
		}
		labels[runtime.LabelSandbox] = "1"
		all, err := e.api.List(ctx, labels)
		for i := range all {
			all[i] = present(all[i])
		}
		return all, err
	})
}

// Remove implements runtime.Runtime.
func (e *engine) Remove(ctx context.Context, id string, _ runtime.RemoveOptions) (runtime.RemoveResult, error) {
	return call(ctx, e, "remove", id, func(ctx context.Context) (runtime.RemoveResult, error) {
		full, err := e.resolve(ctx, id)
		if err != nil {
			return runtime.RemoveResult{}, err
		}
		if err = e.remove(ctx, full); err == nil {
			e.forget(full)
		} else {
			e.note(err, full)
		}
		return runtime.RemoveResult{}, err
	})
}

// Stop implements runtime.Stopper.
func (e *engine) Stop(ctx context.Context, id string, opts runtime.StopOptions) (runtime.StopResult, error) {
	return call(ctx, e, "stop", id, func(ctx context.Context) (runtime.StopResult, error) {
		if opts.Grace < 0 {
			return runtime.StopResult{}, invalid("give 0 to kill at once", "the grace is negative: %s", opts.Grace)
		}
		full, err := e.resolve(ctx, id)
		if err == nil {
			attached := e.isAttached(full)
			err = e.api.Stop(ctx, full, opts.Grace)
			e.note(err, full)
			if err == nil {
				e.sessions.end(full)
			}
			if attached && (errors.Is(err, runtime.ErrNotFound) || errors.Is(err, runtime.ErrNotRunning)) {
				err = nil // the engine removes it as soon as it has ended
			}
		}
		return runtime.StopResult{}, err
	})
}

// Start implements runtime.Stopper.
func (e *engine) Start(ctx context.Context, id string, _ runtime.StartOptions) (runtime.StartResult, error) {
	return call(ctx, e, "start", id, func(ctx context.Context) (runtime.StartResult, error) {
		c, err := e.find(ctx, id)
		if err == nil && c.State == runtime.StatePaused {
			err = errorf(runtime.ErrNotRunning, HintPaused, "the sandbox is paused")
		}
		if err == nil && c.State != runtime.StateRunning {
			err = e.launchAgain(ctx, c)
		}
		return runtime.StartResult{}, err
	})
}
