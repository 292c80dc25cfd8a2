package main

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
)

// published is where a fake sandbox has a port.
func published(p runtime.Port) runtime.PublishedPort {
	return runtime.PublishedPort{
		Container: p.Container, Protocol: p.Protocol, Host: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), p.Host),
	}
}

// withBox is a fake with one running sandbox, "box", whose port 80 is 8080 on the host.
func withBox() *fake {
	return &fake{sandboxes: []runtime.Container{{
		ID: "id-box", Name: "box", Image: "image", State: runtime.StateRunning, Created: time.Now().Add(-2 * time.Hour),
		Labels: map[string]string{"a": "1"}, Ports: []runtime.PublishedPort{published(runtime.Port{Container: 80, Protocol: "tcp", Host: 8080})},
	}}}
}

func TestList(t *testing.T) {
	f := withBox()
	c := f.call(t, "ls")
	c.want(t, 0, "NAME   IMAGE   STATE     CREATED", "")
	c.want(t, 0, "box    image   running   2 hours ago   127.0.0.1:8080->80/tcp\n", "")
	f.call(t, "ls", "--label", "a").want(t, 0, "box", "")
	if c := f.call(t, "ls", "--label", "a=2"); strings.Contains(c.stdout, "box") {
		t.Errorf("a sandbox without the label is listed: %q", c.stdout)
	}
	var got []runtime.Container
	if err := json.Unmarshal([]byte(f.call(t, "ls", "--json").stdout), &got); err != nil || len(got) != 1 || got[0].Name != "box" {
		t.Errorf("ls --json: %v, %v", got, err)
	}
	if c := new(fake).call(t, "ls", "--json"); c.stdout != "[]\n" {
		t.Errorf("ls --json without a sandbox: %q, want []", c.stdout)
	}
}

func TestInspect(t *testing.T) {
	var got []runtime.Container
	c := withBox().call(t, "inspect", "box")
	if err := json.Unmarshal([]byte(c.stdout), &got); err != nil || len(got) != 1 || got[0].ID != "id-box" {
		t.Errorf("inspect: %q, %v", c.stdout, err)
	}
	c = withBox().call(t, "inspect", "box", "none")
	c.want(t, 125, "", "sandlot: find none: not found\nsandlot: sandlot ls lists what there is\n")
	if c.stdout != "" {
		t.Errorf("inspect of one that is not there printed %q", c.stdout)
	}
}

func TestPort(t *testing.T) {
	for _, c := range []struct {
		args           string
		status         int
		stdout, stderr string
	}{
		{"port box", 0, "80/tcp -> 127.0.0.1:8080\n", ""},
		{"port box 80", 0, "127.0.0.1:8080\n", ""},
		{"port box 80/tcp", 0, "127.0.0.1:8080\n", ""},
		{"port box --json", 0, `"host": "127.0.0.1:8080"`, ""},
		{"port box 80 --json", 0, `"container": 80`, ""},
		{"port box 80/udp", 125, "", "not published"},
		{"port box http", 125, "", `write "8080"`},
		{"port none", 125, "", "not found"},
		{"port", 125, "", "usage: sandlot port NAME"},
		{"port a b c", 125, "", "usage: sandlot port NAME"},
	} {
		t.Run(c.args, func(t *testing.T) {
			withBox().call(t, strings.Fields(c.args)...).want(t, c.status, c.stdout, c.stderr)
		})
	}
}

func TestRemove(t *testing.T) {
	two := func() *fake {
		f := withBox()
		f.sandboxes = append(f.sandboxes, runtime.Container{ID: "id-other", Name: "other"})
		return f
	}
	for _, c := range []struct {
		args   string
		status int
		stdout string
		stderr string
		left   int
	}{
		{"rm box", 0, "box\n", "", 1},
		{"rm box other", 0, "box\nother\n", "", 0},
		{"rm --all", 0, "box\nother\n", "", 0},
		{"rm none other", 125, "other\n", "not found", 1},
		{"rm", 125, "", "or --all", 2},
		{"rm --all box", 125, "", "or --all", 2},
	} {
		t.Run(c.args, func(t *testing.T) {
			f := two()
			f.call(t, strings.Fields(c.args)...).want(t, c.status, c.stdout, c.stderr)
			if len(f.sandboxes) != c.left {
				t.Errorf("%d sandboxes are left, want %d", len(f.sandboxes), c.left)
			}
		})
	}
}

func TestUsage(t *testing.T) {
	for _, c := range []struct{ args, stderr string }{
		{"frob", `unknown command "frob"`},
		{"lss", "ls"},
		{"ls --frob", "see sandlot ls --help"},
		{"ls box", "usage: sandlot ls"},
		{"ls --label a=1 --label a=2", "twice"},
		{"inspect", "usage: sandlot inspect NAME"},
	} {
		t.Run(c.args, func(t *testing.T) {
			withBox().call(t, strings.Fields(c.args)...).want(t, 125, "", c.stderr)
		})
	}
	new(fake).call(t).want(t, 0, "Usage:", "")
	new(fake).call(t, "--help").want(t, 0, "Exit status:", "")
	new(fake).call(t, "completion", "bash").want(t, 0, "__start_sandlot", "")
}

func TestCompletion(t *testing.T) {
	withBox().call(t, "__complete", "rm", "").want(t, 0, "box\n", "ShellCompDirectiveNoFileComp")
	withBox().call(t, "__complete", "ls", "--runtime", "").want(t, 0, "podman\n", "ShellCompDirectiveNoFileComp")
}
