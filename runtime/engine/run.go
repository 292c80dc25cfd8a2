package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-multierror"

	"github.com/sandlot-dev/sandlot/guest"
	"github.com/sandlot-dev/sandlot/runtime"
)

const (
	cleanUpTime   = 30 * time.Second       // for removing what a failed Run made
	createGrace   = 5 * time.Second        // for a creation under way when the context ends
	replaceTime   = 10 * time.Second       // for a name to become free
	retryInterval = 100 * time.Millisecond // between looks at what others do
)

// Run implements runtime.Runtime.
func (e *engine) Run(ctx context.Context, image string, opts runtime.RunOptions) (runtime.RunResult, error) {
	return call(ctx, e, "run", image, func(ctx context.Context) (runtime.RunResult, error) {
		info, err := e.info(ctx)
		if err != nil {
			return runtime.RunResult{}, err
		}
		spec, warnings, err := buildSpec(image, opts, info.Capabilities)
		if err != nil {
			return runtime.RunResult{}, err
		}
		version, err := e.guest.version(info.Arch)
		if err != nil {
			return runtime.RunResult{}, err
		}
		if spec.Name == "" {
			spec.Name = "sandlot-" + strings.ToLower(rand.Text()[:12])
		}
		spec.Labels[runtime.LabelGuest] = version
		spec.Labels[labelRoom] = strconv.Itoa(roomOf(spec))
		if e.carries(spec, info.Capabilities) {
			init := initOptions(opts)
			init.Carrier = true
			spec.Entrypoint, spec.Stdin, spec.Labels[labelCarrier] = guest.InitArgv(init), true, "1"
		}
		missing, err := e.missingVolumes(ctx, &spec)
		if err != nil {
			return runtime.RunResult{}, err
		}
		delivery := &delivery{e: e, arch: info.Arch, version: version, image: image, volumes: info.Capabilities.Has(runtime.CapabilityVolumes)}
		delivery.mount(&spec)
		id, more, err := e.create(ctx, spec, opts.Replace)
		if err != nil {
			return runtime.RunResult{}, noNetwork(err, spec)
		}
		e.know(id, spec.Labels)
		c, err := e.startNew(ctx, id, spec, delivery)
		if err == nil {
			// Volumes without a name, the image's among them, are as new as the sandbox.
			err = e.furnish(ctx, c, spec.Mounts, func(m runtime.Mount) bool { return m.Source == "" || slices.Contains(missing, m.Source) })
		}
		if err == nil && opts.WorkingDir != "" {
			err = e.makeDir(ctx, id, path.Clean(opts.WorkingDir), spec.Mounts)
		}
		if err != nil {
			e.forget(id)
			return runtime.RunResult{}, e.discard(ctx, id, noNetwork(err, spec))
		}
		return runtime.RunResult{ID: id, Name: spec.Name, Warnings: append(warnings, more...)}, nil
	})
}

// noNetwork says what a network may be, where there is none of the name that was asked for. Docker looks for it only at the start.
func noNetwork(err error, spec Spec) error {
	switch spec.Network {
	case runtime.NetworkNone, runtime.NetworkDefault, runtime.NetworkHost:
		return err
	}
	if errors.Is(err, runtime.ErrNotFound) {
		return hinted(err, "name none, default, host or a network that the engine has")
	}
	return err
}

// startNew brings a created sandbox to where it takes execs.
func (e *engine) startNew(ctx context.Context, id string, spec Spec, d *delivery) (runtime.Container, error) {
	looked, err := d.deliver(ctx, id)
	if err != nil {
		return runtime.Container{}, err
	}
	stream, err := e.launch(ctx, id, spec.Stdin, len(spec.Ports) > 0)
	if err != nil && !looked && ctx.Err() == nil {
		// Someone may have removed the guest's volume since it was last looked at, and the engine made a new one.
		var found bool
		if found, err = d.again(ctx, id, err); !found {
			stream, err = e.launch(ctx, id, spec.Stdin, len(spec.Ports) > 0)
		}
	}
	if err != nil {
		return runtime.Container{}, err
	}
	return e.settle(ctx, id, stream, spec.Labels[labelCarrier] == "1")
}

// furnish gives what is mounted into a sandbox that has just been started the owners and modes of the contract.
func (e *engine) furnish(ctx context.Context, c runtime.Container, mounts []runtime.Mount, isNew func(runtime.Mount) bool) error {
	if err := e.uncover(ctx, c.ID, mounts); err != nil {
		return err
	}
	return e.ownVolumes(ctx, c, isNew)
}

// running sees to it that a sandbox that was started did not end at once.
func (e *engine) running(ctx context.Context, id string) (runtime.Container, error) {
	c, err := e.api.Inspect(ctx, id)
	if err != nil {
		return c, err
	}
	if c.State != runtime.StateRunning && c.State != runtime.StatePaused {
		message := "the guest ended as soon as it was started"
		if c.OOMKilled {
			message += ", out of memory"
		}
		if c.Error != "" {
			message += ": " + c.Error
		}
		return c, errorf(runtime.ErrNotRunning, "see whether its limits leave it enough, and what the engine's own log says", "%s", message)
	}
	return c, nil
}

// makeDir makes the working directory where it is missing. The look from outside saves an exec in most cases; it does not see into tmpfs.
func (e *engine) makeDir(ctx context.Context, id, dir string, mounts []runtime.Mount) error {
	mounted := false
	for _, m := range mounts {
		mounted = mounted || isOrBelow(dir, m.Target)
	}
	if !mounted {
		if there, err := e.api.Exists(ctx, id, dir); err != nil || there {
			return err
		}
	}
	_, err := e.putArchive(ctx, id, dir, emptyTar(), runtime.PutArchiveOptions{CreateDir: true})
	return err
}

// create creates a container, where replace is set in the place of the sandbox that holds its name.
func (e *engine) create(ctx context.Context, spec Spec, replace bool) (string, []string, error) {
	var failed error // the last try to remove what holds the name
	for deadline := time.Now().Add(replaceTime); ; {
		id, warnings, err := e.createOnce(ctx, spec)
		if !errors.Is(err, runtime.ErrAlreadyExists) {
			return id, warnings, err
		}
		holder, lookErr := e.api.Inspect(ctx, spec.Name)
		switch {
		case lookErr != nil && !errors.Is(lookErr, runtime.ErrNotFound):
			return "", nil, lookErr
		case lookErr == nil && holder.Labels[runtime.LabelSandbox] != "1":
			return "", nil, errorf(runtime.ErrAlreadyExists, "choose another name, or remove that container with the engine's own command",
				"the name %s is held by a container that is not Sandlot's", spec.Name)
		case !replace:
			return "", nil, errorf(runtime.ErrAlreadyExists, "", "the name %s is taken", spec.Name)
		case time.Now().After(deadline) && failed != nil:
			return "", nil, failed
		case time.Now().After(deadline):
			return "", nil, errorf(runtime.ErrAlreadyExists, "try again", "the name %s does not become free", spec.Name)
		case lookErr == nil:
			failed = e.api.Delete(ctx, holder.ID)
			e.forget(holder.ID)
			if failed == nil {
				continue
			}
			// Somebody else may be removing it, which engines refuse to do twice: that is as good.
		}
		if err := sleep(ctx, retryInterval); err != nil {
			return "", nil, err
		}
	}
}

// createOnce creates a container and knows of it even where ctx ends meanwhile: an engine goes on creating when its client has gone, so
// the call is left to end, and what it made is removed.
func (e *engine) createOnce(ctx context.Context, spec Spec) (string, []string, error) {
	type created struct {
		id       string
		warnings []string
		err      error
	}
	if err := ctx.Err(); err != nil {
		return "", nil, err
	}
	done := make(chan created, 1)
	_, end, err := e.begin(ctx)
	if err != nil {
		return "", nil, err
	}
	go func() {
		defer end()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
		defer cancel()
		id, warnings, err := e.api.Create(ctx, spec)
		done <- created{id, warnings, err}
	}()
	select {
	case c := <-done:
		return c.id, c.warnings, c.err
	case <-ctx.Done():
	}
	cleaned := make(chan error, 1)
	go func() {
		c := <-done
		if c.err != nil {
			cleaned <- ctx.Err()
			return
		}
		cleaned <- e.discard(ctx, c.id, ctx.Err())
	}()
	select {
	case err := <-cleaned:
		return "", nil, err
	case <-time.After(createGrace):
		return "", nil, &runtime.Error{
			Err: ctx.Err(), Message: "the engine is still creating the container; it is removed when that ends",
			Hint: "look for " + spec.Name + " if this process ends before",
		}
	}
}

// discard removes a container that a failed call made, and adds to the call's error where that fails.
func (e *engine) discard(ctx context.Context, id string, err error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
	defer cancel()
	failed := e.api.Delete(ctx, id)
	if failed == nil || errors.Is(failed, runtime.ErrNotFound) {
		return err
	}
	out := runtime.Error{}
	var own *runtime.Error
	if errors.As(err, &own) {
		out.Kind, out.Message = own.Kind, own.Message
	}
	out.Err = multierror.Append(err, failed)
	out.Hint = "remove the container " + id + " with the engine's own command"
	return &out
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
