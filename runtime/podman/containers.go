package podman

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/containers/podman/v5/libpod/define"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/runtime/engine"
)

// Start says of a mistake that Create let pass that it is one: Podman looks at users, bind mounts and ports only now.
func (a *api) Start(ctx context.Context, id string) error {
	err := a.client.json(ctx, call{method: http.MethodPost, path: endpoint("containers", id, "start")}, nil, nil)
	return startFailure(err)
}

func startFailure(err error) error {
	return failure(err, runtime.ErrNotFound, "no such file or directory", "statfs", "not a directory", "invalid argument")
}

// Stop rounds grace up to whole seconds, which is what Podman counts in.
func (a *api) Stop(ctx context.Context, id string, grace time.Duration) error {
	seconds := int64((grace + time.Second - 1) / time.Second)
	err := a.client.json(ctx, call{
		method: http.MethodPost, path: endpoint("containers", id, "stop"),
		query: url.Values{"timeout": {strconv.FormatInt(seconds, 10)}, "ignore": {"true"}},
	}, nil, nil)
	return failure(err, runtime.ErrNotFound)
}

// slowEnd is what Podman says when what it has killed does not end within some seconds, as on a machine that is very busy. It has waited, and so may the next try.
const (
	slowEnd     = "could not be stopped"
	deleteTries = 4
)

// Delete gives Podman no time to wait for the processes: without a timeout it takes the container's, ten seconds. The name of
// the option for volumes differs between Podman's two APIs.
func (a *api) Delete(ctx context.Context, id string) error {
	var reports []struct {
		Err json.RawMessage
	}
	err := again(deleteTries, slowEnd, func() error {
		return a.client.json(ctx, call{
			method: http.MethodDelete, path: endpoint("containers", id),
			query: url.Values{"force": {"true"}, "timeout": {"0"}, "volumes": {"true"}, "v": {"true"}},
		}, nil, &reports)
	})
	return failure(err, runtime.ErrNotFound)
}

func (a *api) Inspect(ctx context.Context, id string) (runtime.Container, error) {
	var data define.InspectContainerData
	err := a.client.json(ctx, call{method: http.MethodGet, path: endpoint("containers", id, "json")}, nil, &data)
	if err != nil {
		return runtime.Container{}, failure(err, runtime.ErrNotFound)
	}
	return describe(data), nil
}

// anonymous are the names that Podman makes up for volumes.
var anonymous = regexp.MustCompile(`^[0-9a-f]{64}$`)

func describe(data define.InspectContainerData) runtime.Container {
	c := runtime.Container{
		ID: data.ID, Name: strings.TrimPrefix(data.Name, "/"), Image: data.ImageName,
		ImageID: image{ID: data.Image}.fullID(), Created: data.Created,
	}
	if s := data.State; s != nil {
		c.State, c.OOMKilled, c.Error = state(s.Status), s.OOMKilled, s.Error
	}
	if config := data.Config; config != nil {
		c.Labels, c.Hostname, c.User, c.WorkingDir, c.Env = config.Labels, config.Hostname, config.User, config.WorkingDir, config.Env
	}
	ownLabels(&c)
	if s := data.NetworkSettings; s != nil && live(c.State) {
		c.Ports = inspectPorts(s.Ports)
	}
	for _, m := range data.Mounts {
		switch m.Type {
		case "volume":
			source := m.Name
			if anonymous.MatchString(source) {
				source = ""
			}
			c.Mounts = append(c.Mounts, runtime.Mount{Type: runtime.MountVolume, Source: source, Target: m.Destination, ReadOnly: !m.RW})
		case "bind":
			c.Mounts = append(c.Mounts, runtime.Mount{Type: runtime.MountBind, Source: m.Source, Target: m.Destination, ReadOnly: !m.RW})
		}
	}
	if h := data.HostConfig; h != nil {
		if c.Network == "" {
			c.Network = h.NetworkMode
		}
		for target, options := range h.Tmpfs {
			if target != sharedMemory || !h.ReadonlyRootfs { // see keepSharedMemory
				c.Mounts = append(c.Mounts, engine.ParseTmpfs(target, options))
			}
		}
	}
	engine.SortMounts(c.Mounts)
	return c
}

// ownLabels puts back what Create kept in labels, and takes these away.
func ownLabels(c *runtime.Container) {
	if given := c.Labels[labelImage]; given != "" {
		c.Image = given
	}
	c.Network = c.Labels[labelNetwork]
	c.Expected = decodePorts(c.Labels[labelPorts])
	c.Env = withoutOthers(c.Env, c.Labels[labelEnv])
	if c.Labels[labelUser] == "none" {
		c.User = ""
	}
	for _, l := range []string{labelImage, labelNetwork, labelPorts, labelEnv, labelUser} {
		delete(c.Labels, l)
	}
}

func state(status string) runtime.State {
	switch status {
	case "created", "configured", "initialized":
		return runtime.StateCreated
	case "running":
		return runtime.StateRunning
	case "paused":
		return runtime.StatePaused
	}
	return runtime.StateExited // exited, stopped, stopping, removing
}

func live(s runtime.State) bool { return s == runtime.StateRunning || s == runtime.StatePaused }

// A listed container is one of Podman's answer to a list.
type listed struct {
	ID             string `json:"Id"`
	Image, ImageID string
	Names          []string
	Created        time.Time
	State          string
	Labels         map[string]string
	Ports          []portRange
}

// list asks for the containers that all the filters leave, in whatever state.
func (a *api) list(ctx context.Context, filters map[string][]string) ([]listed, error) {
	text, err := json.Marshal(filters)
	if err != nil {
		return nil, err
	}
	var found []listed
	err = a.client.json(ctx, call{
		method: http.MethodGet, path: endpoint("containers", "json"),
		query: url.Values{"all": {"true"}, "filters": {string(text)}},
	}, nil, &found)
	if err != nil {
		return nil, failure(err, runtime.ErrNotFound)
	}
	return found, nil
}

func (a *api) List(ctx context.Context, labels map[string]string) ([]runtime.Container, error) {
	wanted := []string{}
	for k, v := range labels {
		if v != "" {
			k += "=" + v
		}
		wanted = append(wanted, k)
	}
	found, err := a.list(ctx, map[string][]string{"label": wanted})
	if err != nil {
		return nil, err
	}
	out := make([]runtime.Container, 0, len(found))
	for _, f := range found {
		c := runtime.Container{
			ID: f.ID, Image: f.Image, ImageID: image{ID: f.ImageID}.fullID(),
			State: state(f.State), Created: f.Created, Labels: f.Labels,
		}
		if len(f.Names) > 0 {
			c.Name = f.Names[0]
		}
		ownLabels(&c)
		c.Network, c.Expected = "", nil // not in a list
		if live(c.State) {
			c.Ports = listedPorts(f.Ports)
		}
		out = append(out, c)
	}
	slices.SortStableFunc(out, func(a, b runtime.Container) int { return b.Created.Compare(a.Created) })
	return out, nil
}
