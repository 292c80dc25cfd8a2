package podman

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/runtime/engine"
)

// Labels that keep what Podman does not: the image's name as it was given, which network and ports were asked for, and which names the
// environment had before Podman added its own.
const (
	labelImage   = runtime.LabelPrefix + "podman.image"
	labelNetwork = runtime.LabelPrefix + "podman.network"
	labelPorts   = runtime.LabelPrefix + "podman.ports"
	labelEnv     = runtime.LabelPrefix + "podman.env"
	labelUser    = runtime.LabelPrefix + "podman.user" // "none": neither the image nor the options name one
)

// stopSignal is guest.StopSignal by its number on Linux, which is how libpod wants it.
const stopSignal = 30

// volumeExists is what Podman says where it found a volume missing and another request made it before this one could. Each volume can be
// lost that way once.
const volumeExists = "volume already exists"

// several is held while a container with more than one named volume is made. Podman locks them in no order: two that have two in common
// wait for each other for good, and with them all that needs one of the two, such as the guest's, which every sandbox has. Seen on 4.3.
var several = make(chan struct{}, 1)

// Create names the image by its id, so that registries.conf has no say in what a short name means.
func (a *api) Create(ctx context.Context, spec engine.Spec) (string, []string, error) {
	image, err := a.findImage(ctx, spec.Image)
	if err != nil {
		return "", nil, err
	}
	on, err := a.describe(ctx)
	if err != nil {
		return "", nil, err
	}
	body := translate(spec, image, on)
	if spec.Seccomp != "" && spec.Seccomp != "unconfined" {
		remove, err := a.seccompFile(spec.Seccomp, &body)
		if err != nil {
			return "", nil, err
		}
		defer remove()
	}
	if len(body.Volumes) > 1 {
		select {
		case several <- struct{}{}:
			defer func() { <-several }()
		case <-ctx.Done():
			return "", nil, ctx.Err()
		}
	}
	var answer struct {
		ID       string `json:"Id"`
		Warnings []string
	}
	err = again(len(body.Volumes)+1, volumeExists, func() error {
		return a.client.json(ctx, call{method: http.MethodPost, path: endpoint("containers", "create")}, body, &answer)
	})
	if err != nil {
		return "", nil, failure(err, runtime.ErrImageNotFound,
			"no such file or directory", "invalid", "must be", "not a valid", "seccomp", "apparmor", "conflict")
	}
	return answer.ID, answer.Warnings, nil
}

func translate(spec engine.Spec, image image, on description) containerSpec {
	body := containerSpec{
		Name: spec.Name, Image: image.hex(), ImageVolumeMode: "anonymous",
		Entrypoint: spec.Entrypoint, Command: []string{},
		Env: environment(image.Config.Env, spec.Env), UnsetEnvAll: true,
		WorkDir: spec.WorkingDir, CreateWorkDir: true,
		User: spec.User, Hostname: spec.Hostname, Labels: map[string]string{
			labelImage: spec.Image, labelNetwork: spec.Network, labelPorts: encodePorts(spec.Ports),
			labelEnv: encodeNames(image.Config.Env, spec.Env),
		},
		Stdin: spec.Stdin, Remove: spec.AutoRemove,
		StopSignal: stopSignal, Systemd: "false",
		LogConfig:    logConfig{Driver: "none"},
		HealthConfig: healthConfig{Test: []string{"NONE"}},
		PidNS:        namespace{"private"}, IpcNS: namespace{"private"}, UtsNS: namespace{"private"},
		ReadOnly: spec.ReadOnly,
		CapAdd:   spec.CapAdd, CapDrop: []string{"ALL"}, NoNewPrivs: spec.NoNewPrivs,
		SeccompPolicy: "default", AppArmor: spec.AppArmor, SELinux: spec.LabelOpts,
		Resources: resourcesOf(spec, on.info.Capabilities.Has(runtime.CapabilityPidsLimit)),
	}
	maps.Copy(body.Labels, spec.Labels)
	if spec.WorkingDir == "" {
		body.WorkDir = image.Config.WorkingDir
	}
	if spec.User == "" && image.Config.User == "" {
		// Podman 4.3 gives a user that is not named none of the groups that list it.
		body.User, body.Labels[labelUser] = "0", "none"
	}
	if spec.Seccomp == "unconfined" {
		body.SeccompProfile = "unconfined"
	}
	if slices.Contains(spec.CapAdd, "ALL") { // Podman refuses the same name in both lists
		body.CapDrop = spec.CapDrop
	}
	switch spec.Network {
	case runtime.NetworkNone, runtime.NetworkHost:
		body.NetNS.Mode = spec.Network
	case runtime.NetworkDefault:
		body.NetNS.Mode = on.network
	default:
		body.NetNS.Mode = "bridge"
		body.Networks = map[string]struct{}{spec.Network: {}}
	}
	for _, p := range spec.Ports {
		body.PortMappings = append(body.PortMappings, portMapping{
			HostIP: p.HostIP.String(), HostPort: p.Host, ContainerPort: p.Container, Protocol: p.Protocol,
		})
	}
	for _, m := range spec.Mounts {
		body.addMount(m, slices.Contains(spec.NoCopy, m.Target))
	}
	if spec.ReadOnly {
		body.keepSharedMemory()
	}
	return body
}

// environment is the image's with overrides over it, and a PATH where neither has one. Podman's own additions are unset.
func environment(image, overrides []string) map[string]string {
	env := map[string]string{"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	for _, list := range [][]string{image, overrides} {
		for _, entry := range list {
			if k, v, ok := strings.Cut(entry, "="); ok {
				env[k] = v
			}
		}
	}
	return env
}

// encodeNames keeps which entries an environment has.
func encodeNames(env ...[]string) string {
	var names []string
	for _, entry := range slices.Concat(env...) {
		name, _, _ := strings.Cut(entry, "=")
		names = append(names, name)
	}
	text, _ := json.Marshal(names) // strings: never fails
	return string(text)
}

// withoutOthers leaves out entries that encodeNames did not keep.
func withoutOthers(env []string, text string) []string {
	var names []string
	if json.Unmarshal([]byte(text), &names) != nil {
		return env // made by an older Sandlot, which did not say
	}
	return slices.DeleteFunc(env, func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return !slices.Contains(names, name)
	})
}

// resourcesOf always names a limit on processes, 0 being none, because Podman has a default of its own. Where it has no limits at all, naming
// one only makes it warn.
func resourcesOf(spec engine.Spec, able bool) *resources {
	if spec.Memory == 0 && spec.CPUs == 0 && spec.Pids == 0 && !able {
		return nil
	}
	r := &resources{Pids: &pidsLimit{}}
	if spec.Pids > 0 {
		r.Pids.Limit = spec.Pids
	}
	if spec.Memory > 0 {
		r.Memory = &memoryLimit{Limit: spec.Memory, Swap: spec.Memory}
	}
	if spec.CPUs > 0 {
		const period = 100 * time.Millisecond
		r.CPU = &cpuLimit{
			Quota:  int64(spec.CPUs * float64(period.Microseconds())),
			Period: uint64(period.Microseconds()),
		}
	}
	return r
}

func (s *containerSpec) addMount(m runtime.Mount, noCopy bool) {
	access := "rw"
	if m.ReadOnly {
		access = "ro"
	}
	switch m.Type {
	case runtime.MountVolume:
		options := []string{access}
		if noCopy {
			options = append(options, "nocopy")
		}
		s.Volumes = append(s.Volumes, namedVolume{Name: m.Source, Dest: m.Target, Options: options})
	case runtime.MountBind:
		s.Mounts = append(s.Mounts, mount{
			Type: "bind", Source: m.Source, Destination: m.Target, Options: []string{"rbind", "rprivate", access},
		})
	case runtime.MountTmpfs:
		options := []string{access, "exec", "nosuid", "nodev", "rprivate", "notmpcopyup", "mode=" + strconv.FormatUint(uint64(m.Mode), 8)}
		if m.SizeBytes > 0 {
			options = append(options, "size="+strconv.FormatInt(m.SizeBytes, 10))
		}
		s.Mounts = append(s.Mounts, mount{Type: "tmpfs", Source: "tmpfs", Destination: m.Target, Options: options})
	}
}

const sharedMemory = "/dev/shm"

// keepSharedMemory makes /dev/shm writable on a read-only root, which is so on Docker and on Podman 4, and not on 5.
func (s *containerSpec) keepSharedMemory() {
	if slices.ContainsFunc(s.Mounts, func(m mount) bool { return m.Destination == sharedMemory }) ||
		slices.ContainsFunc(s.Volumes, func(v namedVolume) bool { return v.Dest == sharedMemory }) {
		return
	}
	s.Mounts = append(s.Mounts, mount{
		Type: "tmpfs", Source: "tmpfs", Destination: sharedMemory,
		Options: []string{"rw", "noexec", "nosuid", "nodev", "rprivate", "notmpcopyup", "mode=1777", "size=" + strconv.Itoa(64<<20)},
	})
}

// seccompFile puts a profile where the engine reads it while it creates the container: libpod takes no profile, but a path on its
// own host.
func (a *api) seccompFile(profile string, body *containerSpec) (remove func(), err error) {
	if !a.local {
		return nil, &runtime.Error{
			Kind:    runtime.ErrUnsupported,
			Message: "Podman reads seccomp profiles from a file on its own host, and this one is remote",
			Hint:    "use the default profile, or run on the engine's host",
		}
	}
	dir, err := os.MkdirTemp("", "sandlot-seccomp-")
	if err != nil {
		return nil, err
	}
	remove = func() { os.RemoveAll(dir) }
	// The engine may run as another user.
	file := filepath.Join(dir, "profile.json")
	if err = os.Chmod(dir, 0o755); err == nil {
		if err = os.WriteFile(file, []byte(profile), 0o644); err == nil {
			err = os.Chmod(file, 0o644)
		}
	}
	if err != nil {
		remove()
		return nil, err
	}
	body.SeccompProfile = file
	return remove, nil
}
