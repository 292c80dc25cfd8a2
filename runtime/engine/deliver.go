package engine

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"path"
	"strings"
	"time"

	"github.com/sandlot-dev/sandlot/guest"
	"github.com/sandlot-dev/sandlot/runtime"
)

const (
	// marker is the file, uploaded last, that says that a guest's volume is whole.
	marker = ".whole"
	// fillerLife is how old a filling container gets before it counts as left behind.
	fillerLife = 30 * time.Second
	// fillTime bounds the wait for others that fill the volume.
	fillTime = 2 * time.Minute
)

// A delivery brings the guest into one container.
type delivery struct {
	e             *engine
	arch, version string
	image         string // a container that fills the volume needs some image: the sandbox's own
	volumes       bool
}

func (d *delivery) volume() string { return guestVolumePrefix + d.version }

// mount adds the guest's volume to a sandbox.
func (d *delivery) mount(spec *Spec) {
	if d.volumes {
		spec.Mounts = append(spec.Mounts, runtime.Mount{
			Type: runtime.MountVolume, Source: d.volume(), Target: guest.Dir, ReadOnly: true,
		})
		spec.NoCopy = append(spec.NoCopy, guest.Dir)
	}
}

// deliver sees to it that the guest is in a created container. looked says that the engine was asked: after the first sandbox of a Runtime it
// is not any more.
func (d *delivery) deliver(ctx context.Context, id string) (looked bool, err error) {
	if !d.volumes {
		return true, d.upload(ctx, id, "/", path.Base(guest.Dir)+"/", path.Base(guest.Dir)+"/"+path.Base(guest.Path))
	}
	// One of many calls at the same time does the work. Where it fails or is cancelled the next one tries.
	if err := d.e.guestLock.take(ctx); err != nil {
		return false, err
	}
	defer d.e.guestLock.release()
	if d.e.guestHere {
		return false, nil
	}
	_, err = d.fillIfMissing(ctx, id)
	return true, err
}

// again looks once more after a start that failed with startErr. It is found when the guest was there, which startErr then was not about.
func (d *delivery) again(ctx context.Context, id string, startErr error) (found bool, _ error) {
	if !d.volumes {
		return true, startErr
	}
	if err := d.e.guestLock.take(ctx); err != nil {
		return true, startErr
	}
	defer d.e.guestLock.release()
	found, err := d.fillIfMissing(ctx, id)
	if found || err != nil {
		return true, startErr
	}
	return false, nil
}

func (d *delivery) fillIfMissing(ctx context.Context, id string) (found bool, err error) {
	d.e.guestHere = false
	found, err = d.whole(ctx, id)
	if err == nil && !found {
		err = d.fill(ctx, id)
	}
	d.e.guestHere = err == nil
	return found, err
}

func (d *delivery) whole(ctx context.Context, id string) (bool, error) {
	return d.e.api.Exists(ctx, id, guest.Dir+"/"+marker)
}

// fill fills the volume through a container that never starts. Its name is the lock between processes. sandbox is a container that has the volume.
func (d *delivery) fill(ctx context.Context, sandbox string) error {
	spec := Spec{
		Name: d.volume(), Image: d.image, Entrypoint: guest.InitArgv(guest.InitOptions{}), User: "0", Network: runtime.NetworkNone, NoNewPrivs: true,
		Labels: map[string]string{labelFiller: "1", runtime.LabelGuest: d.version},
		Mounts: []runtime.Mount{{Type: runtime.MountVolume, Source: d.volume(), Target: guest.Dir}}, NoCopy: []string{guest.Dir},
	}
	deadline := time.Now().Add(fillTime)
	for {
		id, _, err := d.e.createOnce(ctx, spec)
		if err == nil {
			err = d.e.discard(ctx, id, d.fillThrough(ctx, id))
			// A filler that took too long for others was removed by them.
			if errors.Is(err, runtime.ErrNotFound) && time.Now().Before(deadline) {
				continue
			}
			return err
		}
		if !errors.Is(err, runtime.ErrAlreadyExists) {
			return err
		}
		if err := d.unlock(ctx, spec.Name); err != nil {
			return err
		}
		if whole, err := d.whole(ctx, sandbox); err != nil || whole {
			return err
		}
		if time.Now().After(deadline) {
			return errorf(nil, "remove the container "+spec.Name, "the container %s, which fills the guest's volume, does not go away", spec.Name)
		}
		if err := sleep(ctx, retryInterval); err != nil {
			return err
		}
	}
}

// unlock removes a filling container that was left behind.
func (d *delivery) unlock(ctx context.Context, name string) error {
	c, err := d.e.api.Inspect(ctx, name)
	if errors.Is(err, runtime.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if c.Labels[labelFiller] != "1" {
		return errorf(runtime.ErrAlreadyExists, "rename or remove that container",
			"a container that is not Sandlot's has the name %s, which Sandlot needs to bring its guest into the engine", name)
	}
	if time.Since(c.Created) < fillerLife {
		return nil
	}
	if err := d.e.api.Delete(ctx, c.ID); err != nil && !errors.Is(err, runtime.ErrNotFound) {
		return err
	}
	return nil
}

func (d *delivery) fillThrough(ctx context.Context, id string) error {
	// Another process may have filled it before this one got the lock.
	if whole, err := d.whole(ctx, id); err != nil || whole {
		return err
	}
	if err := d.upload(ctx, id, guest.Dir, path.Base(guest.Path)); err != nil {
		return err
	}
	return d.e.api.Upload(ctx, id, guest.Dir, tarOf(entry{marker, 0o444, nil}))
}

// upload uploads the program under the last of names; those before are directories.
func (d *delivery) upload(ctx context.Context, id, dir string, names ...string) error {
	program, err := d.e.guest.program(d.arch)
	if err != nil {
		return err
	}
	var entries []entry
	for _, name := range names {
		if strings.HasSuffix(name, "/") {
			entries = append(entries, entry{name, 0o755, nil})
		} else {
			// Not readable: so it is not dumpable from its first instant.
			entries = append(entries, entry{name, 0o111, program})
		}
	}
	return d.e.api.Upload(ctx, id, dir, tarOf(entries...))
}

type entry struct {
	name    string
	mode    int64
	content []byte
}

// tarOf is an archive of root's files and directories.
func tarOf(entries ...entry) io.Reader {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, f := range entries {
		kind := byte(tar.TypeReg)
		if strings.HasSuffix(f.name, "/") {
			kind = tar.TypeDir
		}
		w.WriteHeader(&tar.Header{Typeflag: kind, Name: f.name, Mode: f.mode, Size: int64(len(f.content)), Format: tar.FormatPAX})
		w.Write(f.content) // to memory, which does not fail
	}
	w.Close()
	return &buf
}

func emptyTar() io.Reader { return tarOf() }
