package main

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
)

// A good value gives want, a bad one an error that says what to write.
type valueCase[T any] struct {
	in   string
	want T
	bad  string
}

func checkValues[T any](t *testing.T, parse func(string) (T, error), cases []valueCase[T]) {
	t.Helper()
	for _, c := range cases {
		got, err := parse(c.in)
		switch {
		case c.bad != "" && err == nil:
			t.Errorf("%q: got %v, want an error with %q", c.in, got, c.bad)
		case c.bad != "" && !strings.Contains(err.Error(), c.bad):
			t.Errorf("%q: got the error %q, want one with %q", c.in, err, c.bad)
		case c.bad == "" && err != nil:
			t.Errorf("%q: %v", c.in, err)
		case c.bad == "" && !reflect.DeepEqual(got, c.want):
			t.Errorf("%q: got %#v, want %#v", c.in, got, c.want)
		}
	}
}

func TestParseSize(t *testing.T) {
	checkValues(t, parseSize, []valueCase[int64]{
		{in: "64m", want: 64 << 20},
		{in: "1g", want: 1 << 30},
		{in: "1GiB", want: 1 << 30},
		{in: "4096", want: 4096},
		{in: "1.5k", want: 1536},
		{in: "0", bad: "write 64m"},
		{in: "-1", bad: "write 64m"},
		{in: "64q", bad: "write 64m"},
		{in: "", bad: "write 64m"},
	})
}

func TestParseNumbers(t *testing.T) {
	checkValues(t, parseCPUs, []valueCase[float64]{
		{in: "2", want: 2},
		{in: "0.5", want: 0.5},
		{in: "0", bad: "write 2"},
		{in: "-1", bad: "write 2"},
		{in: "NaN", bad: "write 2"},
		{in: "Inf", bad: "write 2"},
		{in: "two", bad: "write 2"},
	})
	checkValues(t, parsePids, []valueCase[int64]{
		{in: "100", want: 100},
		{in: "-1", want: -1},
		{in: "0", bad: "-1 for none"},
		{in: "-2", bad: "-1 for none"},
		{in: "many", bad: "-1 for none"},
	})
	checkValues(t, parseTimeout, []valueCase[time.Duration]{
		{in: "2s", want: 2 * time.Second},
		{in: "1m30s", want: 90 * time.Second},
		{in: "2", bad: "write 2s"},
		{in: "0s", bad: "write 2s"},
		{in: "-1s", bad: "write 2s"},
	})
}

func TestParseVolume(t *testing.T) {
	bind := func(source, target string, ro bool) []runtime.Mount {
		return []runtime.Mount{{Type: runtime.MountBind, Source: source, Target: target, ReadOnly: ro}}
	}
	volume := func(source, target string, ro bool) []runtime.Mount {
		return []runtime.Mount{{Type: runtime.MountVolume, Source: source, Target: target, ReadOnly: ro}}
	}
	checkValues(t, parseVolume, []valueCase[[]runtime.Mount]{
		{in: "/a:/b", want: bind("/a", "/b", false)},
		{in: "/a:/b:ro", want: bind("/a", "/b", true)},
		{in: "/a:/b:rw", want: bind("/a", "/b", false)},
		{in: "data:/b", want: volume("data", "/b", false)},
		{in: "data:/b:ro", want: volume("data", "/b", true)},
		{in: "/b", want: volume("", "/b", false)},
		{in: "/b:ro", want: volume("", "/b", true)},
		{in: "/a:/b:z", bad: `no option "z"`},
		{in: "/a:/b:ro:ro", bad: "too many colons"},
		{in: "./a:/b", bad: "absolute"},
		{in: "../a:/b", bad: "absolute"},
		{in: "a/b:/b", bad: "absolute"},
		{in: `a\b:/b`, bad: "absolute"},
		{in: ":/b", bad: "no source"},
		{in: "/a:b", bad: "no absolute path in the sandbox"},
		{in: "/a:", bad: "no absolute path in the sandbox"},
		{in: "", bad: "no absolute path in the sandbox"},
	})
}

func TestParseTmpfs(t *testing.T) {
	tmpfs := func(m runtime.Mount) []runtime.Mount {
		m.Type = runtime.MountTmpfs
		return []runtime.Mount{m}
	}
	checkValues(t, parseTmpfs, []valueCase[[]runtime.Mount]{
		{in: "/t", want: tmpfs(runtime.Mount{Target: "/t"})},
		{in: "/t:size=64m", want: tmpfs(runtime.Mount{Target: "/t", SizeBytes: 64 << 20})},
		{in: "/t:size=64m,mode=1777", want: tmpfs(runtime.Mount{Target: "/t", SizeBytes: 64 << 20, Mode: 0o1777})},
		{in: "/t:mode=755,ro", want: tmpfs(runtime.Mount{Target: "/t", Mode: 0o755, ReadOnly: true})},
		{in: "t", bad: "no absolute path"},
		{in: "/t:", bad: `no option ""`},
		{in: "/t:exec", bad: `no option "exec"`},
		{in: "/t:size=lots", bad: "write 64m"},
		{in: "/t:mode=9", bad: "octal"},
		{in: "/t:mode=4755", bad: "octal"},
	})
}

func TestParsePublish(t *testing.T) {
	one := func(ip string, host, container uint16, protocol string) []runtime.Port {
		p := runtime.Port{Container: container, Protocol: protocol, Host: host}
		if ip != "" {
			p.HostIP = netip.MustParseAddr(ip)
		}
		return []runtime.Port{p}
	}
	checkValues(t, parsePublish, []valueCase[[]runtime.Port]{
		{in: "8080", want: one("", 0, 8080, "tcp")},
		{in: "80:8080", want: one("", 80, 8080, "tcp")},
		{in: "53/udp", want: one("", 0, 53, "udp")},
		{in: "0.0.0.0:80:8080", want: one("0.0.0.0", 80, 8080, "tcp")},
		{in: "127.0.0.2::8080", want: one("127.0.0.2", 0, 8080, "tcp")},
		{in: "[::1]:80:8080/tcp", want: one("::1", 80, 8080, "tcp")},
		{in: "80-81:8080-8081", want: append(one("", 80, 8080, "tcp"), one("", 81, 8081, "tcp")...)},
		{in: "0", bad: "write 8080"},
		{in: "", bad: "write 8080"},
		{in: "70000", bad: "write 8080"},
		{in: "80:80:80:80", bad: "write 8080"},
		{in: "80/sctp", bad: "write 8080"},
		{in: "80/icmp", bad: "write 8080"},
		{in: "80-90:8080", bad: "write 8080"},
		{in: "localhost:80:80", bad: "write 8080"},
	})
}

func TestParseEnv(t *testing.T) {
	lookup := func(key string) (string, bool) { return "from here", key == "SET" }
	checkValues(t, parseEnv(lookup), []valueCase[[]string]{
		{in: "A=1", want: []string{"A=1"}},
		{in: "A=", want: []string{"A="}},
		{in: "A=b=c", want: []string{"A=b=c"}},
		{in: "SET", want: []string{"SET=from here"}},
		{in: "UNSET", bad: "write UNSET=VALUE"},
		{in: "=1", bad: "write KEY=VALUE"},
		{in: "", bad: "write KEY=VALUE"},
	})
}
