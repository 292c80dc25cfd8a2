package docker

import (
	"context"
	"io"
	"io/fs"
	"math"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
)

// Start implements engine.API.
func (a *api) Start(ctx context.Context, id string) error {
	return startError(a.cli.ContainerStart(ctx, id, container.StartOptions{}))
}

// Stop implements engine.API. The daemon counts in whole seconds. Also without any it sends the stop signal first, which a process may be fast
// enough to act on; so what has no grace is killed before.
func (a *api) Stop(ctx context.Context, id string, grace time.Duration) error {
	if grace <= 0 {
		_ = a.cli.ContainerKill(ctx, id, "KILL") // what is wrong, the stop says as well
	}
	seconds := int(math.Ceil(grace.Seconds()))
	err := a.cli.ContainerStop(ctx, id, container.StopOptions{Timeout: &seconds})
	if cerrdefs.IsNotModified(err) {
		return nil // stopped already
	}
	return attachError(err)
}

// Delete implements engine.API.
func (a *api) Delete(ctx context.Context, id string) error {
	err := a.cli.ContainerRemove(ctx, id, container.RemoveOptions{Force: true, RemoveVolumes: true})
	if !cerrdefs.IsConflict(err) || !says(err, "already in progress") {
		return translate(err)
	}
	// Somebody else removes it. When that is done it is gone, which is what was asked for.
	removed, failed := a.cli.ContainerWait(ctx, id, container.WaitConditionRemoved)
	select {
	case <-removed:
		return nil
	case err := <-failed:
		if cerrdefs.IsNotFound(err) {
			return nil
		}
		return translate(err)
	}
}

// Upload implements engine.API.
func (a *api) Upload(ctx context.Context, id, dir string, archive io.Reader) error {
	return translate(a.cli.CopyToContainer(ctx, id, dir, archive, container.CopyToContainerOptions{}))
}

// Exists implements engine.API.
func (a *api) Exists(ctx context.Context, id, path string) (bool, error) {
	mode, err := a.mode(ctx, id, path)
	return mode != nil, err
}

// Covered implements engine.Coverer: runc gives a tmpfs the mode of the directory below it. The daemon sees that directory, and no tmpfs.
func (a *api) Covered(ctx context.Context, id, target string) (*fs.FileMode, error) {
	return a.mode(ctx, id, target)
}

// mode is nil where there is nothing. The daemon answers 404, without a word, both for the path and for the container, and 500 where a path leads through a
// file.
func (a *api) mode(ctx context.Context, id, path string) (*fs.FileMode, error) {
	stat, err := a.cli.ContainerStatPath(ctx, id, path)
	switch {
	case err == nil:
		return &stat.Mode, nil
	case cerrdefs.IsNotFound(err), cerrdefs.IsInternal(err):
		_, err = a.Inspect(ctx, id)
		return nil, err
	}
	return nil, translate(err)
}
