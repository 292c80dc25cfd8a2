package main

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/go-connections/nat"
	"github.com/docker/go-units"

	"github.com/sandlot-dev/sandlot/runtime"
)

// list is a flag that may be given several times, each time with a value that parse reads.
type list[T any] struct {
	kind   string // what the help calls a value
	parse  func(string) ([]T, error)
	values []T
}

func (l *list[T]) Set(s string) error {
	values, err := l.parse(s)
	l.values = append(l.values, values...)
	return err
}

func (l *list[T]) String() string { return "" }
func (l *list[T]) Type() string   { return l.kind }

// scalar is a flag with one value that parse reads.
type scalar[T any] struct {
	kind  string
	parse func(string) (T, error)
	value T
}

func (s *scalar[T]) Set(text string) (err error) {
	s.value, err = s.parse(text)
	return err
}

func (s *scalar[T]) String() string { return "" }
func (s *scalar[T]) Type() string   { return s.kind }

// parseSize reads "64m" or "1g" in powers of 1024, as the engines do.
func parseSize(s string) (int64, error) {
	n, err := units.RAMInBytes(s)
	if err != nil || n <= 0 {
		return 0, fmt.Errorf("not a size; write 64m or 1g")
	}
	return n, nil
}

func parseCPUs(s string) (float64, error) {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || !(n > 0 && n < 1<<20) {
		return 0, fmt.Errorf("not a number of processors; write 2 or 0.5")
	}
	return n, nil
}

func parsePids(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < -1 || n == 0 {
		return 0, fmt.Errorf("not a limit on processes; write 1 or more, or -1 for none")
	}
	return n, nil
}

func parseParallel(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("not a number of cases; write 1 or more")
	}
	return n, nil
}

// parseVolume reads SRC:DST[:ro], or DST for an anonymous volume.
func parseVolume(s string) ([]runtime.Mount, error) {
	const want = "write /HOST/PATH:/PATH, VOLUME:/PATH or /PATH, and :ro after it to mount it read-only"
	parts := strings.Split(s, ":")
	m := runtime.Mount{Type: runtime.MountVolume}
	switch last := parts[len(parts)-1]; {
	case len(parts) > 1 && (last == "ro" || last == "rw"):
		m.ReadOnly = last == "ro"
		parts = parts[:len(parts)-1]
	case len(parts) == 3:
		return nil, fmt.Errorf("no option %q of a volume; %s", last, want)
	}
	switch len(parts) {
	case 1:
		m.Target = parts[0]
	case 2:
		m.Source, m.Target = parts[0], parts[1]
		if m.Source == "" {
			return nil, fmt.Errorf("no source; %s", want)
		}
	default:
		return nil, fmt.Errorf("too many colons; %s", want)
	}
	if strings.HasPrefix(m.Source, "/") {
		m.Type = runtime.MountBind
	} else if strings.ContainsAny(m.Source, `/\`) {
		return nil, fmt.Errorf("a directory of the host must be absolute; %s", want)
	}
	if !path.IsAbs(m.Target) {
		return nil, fmt.Errorf("no absolute path in the sandbox; %s", want)
	}
	return []runtime.Mount{m}, nil
}

// parseTmpfs reads DST[:size=64m,mode=1777,ro].
func parseTmpfs(s string) ([]runtime.Mount, error) {
	const want = "write /PATH or /PATH:size=64m,mode=1777"
	target, options, given := strings.Cut(s, ":")
	m := runtime.Mount{Type: runtime.MountTmpfs, Target: target}
	if !path.IsAbs(target) {
		return nil, fmt.Errorf("no absolute path in the sandbox; %s", want)
	}
	if !given {
		return []runtime.Mount{m}, nil
	}
	for option := range strings.SplitSeq(options, ",") {
		key, value, _ := strings.Cut(option, "=")
		switch key {
		case "size":
			n, err := parseSize(value)
			if err != nil {
				return nil, fmt.Errorf("size=%s: %w", value, err)
			}
			m.SizeBytes = n
		case "mode":
			n, err := strconv.ParseUint(value, 8, 32)
			if err != nil || n == 0 || n > 0o1777 {
				return nil, fmt.Errorf("mode=%s: no mode; write it in octal, 755 or 1777", value)
			}
			m.Mode = uint32(n)
		case "ro":
			m.ReadOnly = true
		default:
			return nil, fmt.Errorf("no option %q of a tmpfs; %s", option, want)
		}
	}
	return []runtime.Mount{m}, nil
}

// parsePublish reads [IP:][HOST:]CONTAINER[/udp]; ports may be ranges.
func parsePublish(s string) ([]runtime.Port, error) {
	const want = "write 8080, 80:8080, 127.0.0.1:80:8080 or 53:53/udp"
	mappings, err := nat.ParsePortSpec(s)
	if err != nil {
		return nil, fmt.Errorf("%w; %s", err, want)
	}
	var ports []runtime.Port
	for _, m := range mappings {
		p := runtime.Port{Container: uint16(m.Port.Int()), Protocol: m.Port.Proto()}
		if p.Container == 0 || (p.Protocol != "tcp" && p.Protocol != "udp") {
			return nil, fmt.Errorf("no port of tcp or udp; %s", want)
		}
		if m.Binding.HostIP != "" {
			if p.HostIP, err = netip.ParseAddr(m.Binding.HostIP); err != nil {
				return nil, fmt.Errorf("%w; %s", err, want)
			}
		}
		if m.Binding.HostPort != "" {
			n, err := strconv.ParseUint(m.Binding.HostPort, 10, 16)
			if err != nil {
				return nil, fmt.Errorf("no port of the host: %q; %s", m.Binding.HostPort, want)
			}
			p.Host = uint16(n)
		}
		ports = append(ports, p)
	}
	return ports, nil
}

// parseEnv reads KEY=VALUE, or KEY for the value that the command itself has.
func parseEnv(lookup func(string) (string, bool)) func(string) ([]string, error) {
	return func(s string) ([]string, error) {
		key, _, given := strings.Cut(s, "=")
		if key == "" {
			return nil, fmt.Errorf("no name; write KEY=VALUE, or KEY to pass on the value from here")
		}
		if given {
			return []string{s}, nil
		}
		value, ok := lookup(key)
		if !ok {
			return nil, fmt.Errorf("not set here; write %s=VALUE", key)
		}
		return []string{key + "=" + value}, nil
	}
}

// pair is a KEY=VALUE.
type pair struct{ key, value string }

func parsePair(s string) ([]pair, error) {
	key, value, _ := strings.Cut(s, "=")
	if key == "" {
		return nil, fmt.Errorf("no name; write KEY=VALUE")
	}
	return []pair{{key, value}}, nil
}

// pairs makes a map, in which no key may come twice.
func pairs(flag string, list []pair) (map[string]string, error) {
	if len(list) == 0 {
		return nil, nil
	}
	m := make(map[string]string, len(list))
	for _, p := range list {
		if _, twice := m[p.key]; twice {
			return nil, usage("--%s gives %q twice; give it once", flag, p.key)
		}
		m[p.key] = p.value
	}
	return m, nil
}

// checkMounts refuses two mounts at one place.
func checkMounts(mounts []runtime.Mount) error {
	for i, m := range mounts {
		same := func(other runtime.Mount) bool { return path.Clean(other.Target) == path.Clean(m.Target) }
		if slices.ContainsFunc(mounts[:i], same) {
			return usage("two mounts at %s; give each a place of its own", m.Target)
		}
	}
	return nil
}

// checkPorts refuses one port of the host for two ports of the sandbox.
func checkPorts(ports []runtime.Port) error {
	for i, p := range ports {
		same := func(o runtime.Port) bool {
			return p.Host != 0 && o.Host == p.Host && o.Protocol == p.Protocol && o.HostIP == p.HostIP
		}
		if slices.ContainsFunc(ports[:i], same) {
			return usage("--publish gives port %d of the host twice; give each a port of its own", p.Host)
		}
	}
	return nil
}

func parseTimeout(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if n, number := strconv.Atoi(s); number == nil && n > 0 {
		return 0, fmt.Errorf("not a time; write %ds", n)
	}
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("not a time; write 2s, 5m or 1h")
	}
	return d, nil
}

// oneOf takes one of a few words.
func oneOf(words ...string) func(string) (string, error) {
	return func(s string) (string, error) {
		if !slices.Contains(words, s) {
			return "", fmt.Errorf("not one of %s", strings.Join(words, ", "))
		}
		return s, nil
	}
}
