package engine

import (
	"errors"
	"maps"
	"math"
	"net/netip"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/distribution/reference"

	"github.com/sandlot-dev/sandlot/guest"
	"github.com/sandlot-dev/sandlot/runtime"
)

// The least that a container, and the guest in it, starts with.
const (
	minMemory = 6 << 20
	minCPUs   = 0.01
	minPids   = 32
)

const maxName = 200 // of a container; engines make file names of it

var (
	userPattern     = regexp.MustCompile(`^[^-:\s\x00][^:\s\x00]*(:[^-:\s\x00][^:\s\x00]*)?$`)
	hostnamePattern = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?)*$`)
)

// buildSpec checks options against the contract and the engine's capabilities, and decides everything that the engine is told. Nothing has
// run when it fails.
func buildSpec(image string, opts runtime.RunOptions, caps runtime.Capabilities) (Spec, []string, error) {
	b := &specBuilder{opts: opts, caps: caps, spec: Spec{
		Name: opts.Name, Image: image, Hostname: opts.Hostname, User: opts.User, ReadOnly: opts.ReadOnlyRoot,
		Entrypoint: guest.InitArgv(initOptions(opts)),
		Memory:     opts.MemoryBytes, CPUs: opts.CPUs, Pids: opts.PidsLimit,
	}}
	for _, step := range []func() error{b.names, b.process, b.labels, b.lease, b.attached, b.network, b.ports, b.mounts, b.security, b.limits} {
		if err := step(); err != nil {
			return Spec{}, nil, err
		}
	}
	return b.spec, b.warnings, nil
}

func initOptions(opts runtime.RunOptions) guest.InitOptions {
	return guest.InitOptions{WorkingDir: opts.WorkingDir, Lease: opts.Lease, Attached: opts.Attached}
}

type specBuilder struct {
	opts     runtime.RunOptions
	caps     runtime.Capabilities
	spec     Spec
	warnings []string
}

// need is for what was asked for.
func (b *specBuilder) need(c runtime.Capability, what string) error { return b.caps.Check(c, "", what) }

// want is for defaults: without the capability there is a warning.
func (b *specBuilder) want(c runtime.Capability, lacking string) bool {
	support := b.caps[c]
	if !support.OK {
		if support.Reason != "" {
			lacking += " (" + support.Reason + ")"
		}
		b.warnings = append(b.warnings, lacking)
	}
	return support.OK
}

func (b *specBuilder) names() error {
	if _, err := reference.ParseAnyReference(b.spec.Image); err != nil {
		return invalid("name an image such as docker.io/library/alpine:3, or give an image's id", "%q is no image: %v", b.spec.Image, err)
	}
	if name := b.opts.Name; name != "" && (!namePattern.MatchString(name) || len(name) > maxName) {
		return invalid("use 2 to 200 letters, digits, '_', '.' and '-', the first a letter or digit", "%q is no name for a sandbox", name)
	}
	if host := b.opts.Hostname; host != "" && (!hostnamePattern.MatchString(host) || len(host) > 63) {
		return invalid("use letters, digits, '-' and '.', at most 63", "%q is no hostname", host)
	}
	return nil
}

func (b *specBuilder) process() error {
	env, err := mergeEnv(b.opts.Env)
	if err != nil {
		return err
	}
	b.spec.Env = env
	if dir := b.opts.WorkingDir; dir != "" {
		if !path.IsAbs(dir) || strings.ContainsRune(dir, 0) {
			return invalid("give an absolute path", "the working directory %q is not absolute", dir)
		}
		// The guest goes there. The engines differ in what they do when it is missing.
		b.spec.WorkingDir = "/"
	}
	if user := b.opts.User; user != "" {
		if err := checkUser(user); err != nil {
			return err
		}
		return b.need(runtime.CapabilityUser, "a user")
	}
	return nil
}

// maxID is the highest uid and gid that the engines take.
const maxID = math.MaxInt32

func checkUser(user string) error {
	if !userPattern.MatchString(user) {
		return invalid("write name, uid, name:group or uid:gid", "%q is no user", user)
	}
	for part := range strings.SplitSeq(user, ":") {
		if n, err := strconv.ParseUint(part, 10, 64); errors.Is(err, strconv.ErrRange) || err == nil && n > maxID {
			return invalid("use numbers up to 2147483647", "%q has a number that no user or group has", user)
		}
	}
	return nil
}

// mergeEnv checks KEY=VALUE entries and keeps the last of each key.
func mergeEnv(env []string) ([]string, error) {
	at := make(map[string]int)
	var out []string
	for _, entry := range env {
		key, _, found := strings.Cut(entry, "=")
		if !found || key == "" || strings.ContainsRune(entry, 0) {
			return nil, invalid("write KEY=VALUE", "the environment entry %q is not KEY=VALUE", entry)
		}
		if i, again := at[key]; again {
			out[i] = entry
			continue
		}
		at[key] = len(out)
		out = append(out, entry)
	}
	return out, nil
}

func (b *specBuilder) labels() error {
	b.spec.Labels = maps.Clone(b.opts.Labels)
	if b.spec.Labels == nil {
		b.spec.Labels = make(map[string]string)
	}
	for key := range b.opts.Labels {
		if key == "" || strings.ContainsAny(key, "=\x00") {
			return invalid("", "%q is no label", key)
		}
		if strings.HasPrefix(key, runtime.LabelPrefix) {
			return invalid("choose another prefix", "the label %q is one of Sandlot's own", key)
		}
	}
	if owner := b.opts.Owner; owner != "" {
		if len(owner) > runtime.MaxOwner || strings.ContainsFunc(owner, unicode.IsControl) {
			return invalid("", "an owner of %d bytes, or with control characters", len(owner))
		}
		b.spec.Labels[runtime.LabelOwner] = owner
	}
	if end := b.opts.LeaseEnd; !end.IsZero() {
		b.spec.Labels[runtime.LabelLease] = end.UTC().Format(time.RFC3339)
	}
	b.spec.Labels[runtime.LabelSandbox] = "1"
	b.spec.Labels[labelImage] = b.spec.Image
	if b.opts.WorkingDir != "" {
		b.spec.Labels[labelWorkdir] = path.Clean(b.opts.WorkingDir)
	}
	return nil
}

func (b *specBuilder) lease() error {
	lease := b.opts.Lease
	switch {
	case lease == 0:
		return nil
	case lease < runtime.MinLease:
		return invalid("give at least a second, or 0 for none", "a lease of %s is too short", lease)
	}
	b.spec.Labels[runtime.LabelKept] = lease.String()
	return b.need(runtime.CapabilityLease, "a lease")
}

func (b *specBuilder) attached() error {
	if !b.opts.Attached {
		return nil
	}
	b.spec.Stdin, b.spec.AutoRemove, b.spec.Labels[labelAttached] = true, true, "1"
	return b.need(runtime.CapabilityAttached, "an attached sandbox")
}

func (b *specBuilder) network() error {
	b.spec.Network = b.opts.Network
	switch {
	case b.opts.Network == "":
		b.spec.Network = runtime.NetworkNone
		if !b.want(runtime.CapabilityNoNetwork, "the sandbox has a network, as the engine cannot do without") {
			b.spec.Network = runtime.NetworkDefault
		}
		return nil
	case b.opts.Network == runtime.NetworkNone:
		return b.need(runtime.CapabilityNoNetwork, "network none")
	case b.opts.Network == "bridge":
		return invalid("name default, which is the engine's own network", "bridge is what Docker alone calls its default network")
	case !namePattern.MatchString(b.opts.Network):
		return invalid("name none, default, host or a network of the engine", "%q is no network", b.opts.Network)
	}
	return b.need(runtime.CapabilityNetwork, "a network")
}

func (b *specBuilder) ports() error {
	if len(b.opts.Ports) > 0 && (b.spec.Network == runtime.NetworkNone || b.spec.Network == runtime.NetworkHost) {
		return invalid("choose the network default, or another by name", "ports cannot be published with the network %q", b.spec.Network)
	}
	seen := make(map[runtime.Port]bool)
	for _, p := range b.opts.Ports {
		capability := runtime.CapabilityPublishTCP
		switch p.Protocol {
		case "", "tcp":
			p.Protocol = "tcp"
		case "udp":
			capability = runtime.CapabilityPublishUDP
		default:
			return invalid("use tcp or udp", "%q is no protocol of a port", p.Protocol)
		}
		if p.Container == 0 {
			return invalid("give a port from 1 to 65535", "a published port has the number 0")
		}
		if !p.HostIP.IsValid() {
			p.HostIP = netip.AddrFrom4([4]byte{127, 0, 0, 1})
		}
		if p.HostIP.Zone() != "" {
			return invalid("leave out what follows '%'", "ports cannot be bound to %s", p.HostIP)
		}
		if seen[p] {
			return invalid("name each port once", "port %d/%s is published twice in the same place", p.Container, p.Protocol)
		}
		seen[p] = true
		if err := b.need(capability, "a published "+p.Protocol+" port"); err != nil {
			return err
		}
		b.spec.Ports = append(b.spec.Ports, p)
	}
	return nil
}

func (b *specBuilder) limits() error {
	o := b.opts
	switch {
	case o.MemoryBytes < 0 || o.MemoryBytes > 0 && o.MemoryBytes < minMemory:
		return invalid("give at least 6 MiB, or 0 for no limit", "a memory limit of %d bytes is too small", o.MemoryBytes)
	case math.IsNaN(o.CPUs) || math.IsInf(o.CPUs, 0) || o.CPUs < 0 || o.CPUs > 0 && o.CPUs < minCPUs:
		return invalid("give at least 0.01, or 0 for no limit", "%v is no number of processors", o.CPUs)
	case o.PidsLimit < -1 || o.PidsLimit > 0 && o.PidsLimit < minPids:
		return invalid("give at least 32, which the guest's own threads count in, or -1 for no limit", "a limit of %d processes is too small", o.PidsLimit)
	}
	if o.MemoryBytes > 0 {
		if err := b.need(runtime.CapabilityMemoryLimit, "a memory limit"); err != nil {
			return err
		}
	}
	if o.CPUs > 0 {
		if err := b.need(runtime.CapabilityCPULimit, "a limit of processor time"); err != nil {
			return err
		}
	}
	switch {
	case o.PidsLimit > 0:
		return b.need(runtime.CapabilityPidsLimit, "a limit of processes")
	case o.PidsLimit < 0:
		b.spec.Pids = 0
	case b.want(runtime.CapabilityPidsLimit, "the number of processes is not limited, as the engine cannot"):
		b.spec.Pids = runtime.DefaultPids
	}
	return nil
}
