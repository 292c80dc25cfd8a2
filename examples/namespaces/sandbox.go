//go:build linux

package namespaces

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/runtime/engine"
)

// api implements engine.API. What it knows is in files; only the ends of execs, which only it can be asked for, are in memory.
type api struct {
	dir   string
	execs sync.Map // id to engine.ExecState
}

var _ engine.API = (*api)(nil)

func (a *api) path(elem ...string) string { return filepath.Join(append([]string{a.dir}, elem...)...) }

// A sandbox is a container as its file describes it.
type sandbox struct {
	ID      string
	Created time.Time
	Image   image
	Spec    engine.Spec

	dir string
}

// Create implements engine.API. The sandbox appears under its name in one step, when it is whole; a directory that is not empty is not
// replaced by that, so the name can have one holder only.
func (a *api) Create(ctx context.Context, spec engine.Spec) (id string, warnings []string, err error) {
	img, err := a.image(spec.Image)
	if err != nil {
		return "", nil, err
	}
	tmp, err := os.MkdirTemp(a.path("tmp"), "sandbox-")
	if err != nil {
		return "", nil, err
	}
	defer os.RemoveAll(tmp)
	random := make([]byte, 32)
	rand.Read(random) // never fails
	s := sandbox{ID: hex.EncodeToString(random), Created: time.Now(), Image: img, Spec: spec, dir: tmp}
	if s.Spec.Hostname == "" {
		s.Spec.Hostname = s.ID[:12]
	}
	if err := a.unpackImage(ctx, img, s.root()); err != nil {
		return "", nil, err
	}
	for i, m := range spec.Mounts {
		switch m.Type {
		case runtime.MountVolume:
			dir := a.source(&s, i)
			made, err := makeDir(dir)
			if err == nil && made && !slices.Contains(spec.NoCopy, m.Target) {
				err = s.copyOut(ctx, m.Target, dir)
			}
			if err != nil {
				return "", nil, err
			}
		case runtime.MountBind:
			if _, err := os.Stat(m.Source); err != nil {
				return "", nil, errorf(runtime.ErrInvalid, "a bind mount: %w", err)
			}
		}
	}
	if err := writeJSON(filepath.Join(tmp, "sandbox.json"), s); err != nil {
		return "", nil, err
	}
	if err := os.Rename(tmp, a.path("sandboxes", spec.Name)); err != nil {
		if errors.Is(err, fs.ErrExist) {
			err = errorf(runtime.ErrAlreadyExists, "the name %s is taken", spec.Name)
		}
		return "", nil, err
	}
	return s.ID, nil, nil
}

// makeDir makes a directory that a sandbox sees, for all of its users whatever the umask here is, where it is missing.
func makeDir(dir string) (made bool, err error) {
	err = os.MkdirAll(filepath.Dir(dir), 0o700)
	if err == nil {
		err = os.Mkdir(dir, 0o755)
	}
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, os.Chmod(dir, 0o755)
}

// copyOut copies what the image has at a path, if it is a directory, into one outside.
func (s *sandbox) copyOut(ctx context.Context, path, dir string) error {
	root, err := os.OpenRoot(s.root())
	if err != nil {
		return err
	}
	defer root.Close()
	from, err := root.Open(filepath.Join(".", path))
	if err != nil {
		return nil // nothing is there, or an absolute link
	}
	defer from.Close()
	if info, err := from.Stat(); err != nil || !info.IsDir() {
		return err
	}
	cmd := exec.CommandContext(ctx, "cp", "-a", "/proc/self/fd/3/.", dir)
	cmd.ExtraFiles = []*os.File{from}
	if words, err := cmd.CombinedOutput(); err != nil {
		return errorf(nil, "copying %s: %s: %w", path, words, err)
	}
	return nil
}

func (s *sandbox) root() string { return filepath.Join(s.dir, "root") }

// source is where on the host a mount comes from.
func (a *api) source(s *sandbox, i int) string {
	switch m := s.Spec.Mounts[i]; {
	case m.Type == runtime.MountBind:
		return m.Source
	case m.Source != "":
		return a.path("volumes", m.Source)
	default:
		return filepath.Join(s.dir, "volumes", fmt.Sprint(i))
	}
}

// sandboxes are all, the newest first.
func (a *api) sandboxes() ([]*sandbox, error) {
	found, err := records[*sandbox](a.path("sandboxes"), "sandbox.json")
	var all []*sandbox
	for dir, s := range found {
		s.dir = dir
		all = append(all, s)
	}
	slices.SortFunc(all, func(x, y *sandbox) int { return cmp.Compare(y.Created.UnixNano(), x.Created.UnixNano()) })
	return all, err
}

func (a *api) find(id string) (*sandbox, error) {
	all, err := a.sandboxes()
	for _, s := range all {
		if s.ID == id || s.Spec.Name == id {
			return s, nil
		}
	}
	if err == nil {
		err = errorf(runtime.ErrNotFound, "there is no sandbox %s", id)
	}
	return nil, err
}

// Inspect implements engine.API.
func (a *api) Inspect(_ context.Context, id string) (runtime.Container, error) {
	s, err := a.find(id)
	if err != nil {
		return runtime.Container{}, err
	}
	c := s.container()
	c.Hostname, c.Network, c.Mounts = s.Spec.Hostname, s.Spec.Network, s.Spec.Mounts
	c.User, c.WorkingDir, c.Env = cmp.Or(s.Spec.User, s.Image.Config.User), s.workingDir(), s.env("")
	return c, nil
}

// List implements engine.API.
func (a *api) List(_ context.Context, labels map[string]string) ([]runtime.Container, error) {
	all, err := a.sandboxes()
	var out []runtime.Container
next:
	for _, s := range all {
		for key, want := range labels {
			if value, ok := s.Spec.Labels[key]; !ok || want != "" && value != want {
				continue next
			}
		}
		out = append(out, s.container())
	}
	return out, err
}

// container is what a List tells.
func (s *sandbox) container() runtime.Container {
	return runtime.Container{
		ID: s.ID, Name: s.Spec.Name, Image: s.Spec.Image, ImageID: s.Image.ID,
		State: s.state(), Created: s.Created, Labels: s.Spec.Labels,
	}
}

func (s *sandbox) workingDir() string {
	return cmp.Or(s.Spec.WorkingDir, s.Image.Config.WorkingDir, "/")
}

// Exists implements engine.API. An absolute link that leads out of where it is looked for is taken for nothing.
func (a *api) Exists(_ context.Context, id, path string) (bool, error) {
	root, rel, err := a.openRoot(id, path)
	if err != nil {
		return false, err
	}
	defer root.Close()
	_, err = root.Stat(rel)
	return err == nil, nil
}

// Upload implements engine.API.
func (a *api) Upload(ctx context.Context, id, dir string, archive io.Reader) error {
	root, rel, err := a.openRoot(id, dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return unpack(ctx, root, rel, archive)
}

// openRoot opens what a sandbox has at a path: its root, or the volume that is mounted there. The path is given relative to it.
func (a *api) openRoot(id, path string) (root *os.Root, rel string, err error) {
	s, err := a.find(id)
	if err != nil {
		return nil, "", err
	}
	dir, target := s.root(), ""
	for i, m := range s.Spec.Mounts {
		if len(m.Target) > len(target) && strings.HasPrefix(path+"/", m.Target+"/") {
			dir, target = a.source(s, i), m.Target
		}
	}
	if root, err = os.OpenRoot(dir); err != nil {
		return nil, "", err
	}
	return root, filepath.Join(".", strings.TrimPrefix(path, target)), nil
}

// VolumeExists implements engine.API.
func (a *api) VolumeExists(_ context.Context, name string) (bool, error) {
	_, err := os.Stat(a.path("volumes", name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// RemoveVolume implements engine.API.
func (a *api) RemoveVolume(_ context.Context, volume string) error {
	all, err := a.sandboxes()
	if err != nil {
		return err
	}
	for _, s := range all {
		if slices.ContainsFunc(s.Spec.Mounts, func(m runtime.Mount) bool { return m.Type == runtime.MountVolume && m.Source == volume }) {
			return errorf(runtime.ErrInUse, "the sandbox %s uses it", s.Spec.Name)
		}
	}
	if _, err := os.Stat(a.path("volumes", volume)); err != nil {
		return errorf(runtime.ErrNotFound, "no such volume: %w", err)
	}
	return os.RemoveAll(a.path("volumes", volume))
}
