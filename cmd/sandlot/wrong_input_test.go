//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/runtime/auto"
)

// Each wrong input is exit status 125, a message that says what to do next, on a line of its own, and nothing left behind.
func (c call) refused(t *testing.T, stderr string) {
	t.Helper()
	c.want(t, 125, "", stderr)
	if lines := strings.Split(strings.TrimSpace(c.stderr), "\n"); len(lines) < 2 || !strings.HasPrefix(lines[len(lines)-1], "sandlot: ") {
		t.Errorf("%q does not say what to do next", c.stderr)
	}
}

func TestUnknownRuntime(t *testing.T) {
	h := host{label: "test=none"}
	for _, ref := range []string{"frob", "frob+unix:///run/frob.sock", "docker+frob:///x"} {
		c := h.call(t, "run", "--runtime", ref, "--", "true")
		c.refused(t, "sandlot: ")
		if ref != "docker+frob:///x" && !strings.Contains(c.stderr, "podman") {
			t.Errorf("--runtime %q: %q does not list the runtimes", ref, c.stderr)
		}
	}
}

func TestNoEngine(t *testing.T) {
	for _, ref := range []string{"docker+unix:///no/such.sock", "podman+unix:///no/such.sock", "docker+tcp://127.0.0.1:1"} {
		host{label: "test=none"}.call(t, "run", "--runtime", ref, "--", "true").refused(t, "unavailable")
	}
}

// TestNoEngineAtAll runs the command where no socket is, in a mount namespace with an empty /run, and no podman in the PATH.
func TestNoEngineAtAll(t *testing.T) {
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	script := `mount -t tmpfs none /run && if ! [ /var/run -ef /run ]; then mount -t tmpfs none /var/run; fi && PATH=/nowhere exec "$@"`
	args := []string{"--mount", "--", "sh", "-c", script, "sh", path, "run", "--", "true"}
	if os.Getuid() != 0 {
		args = slices.Insert(args, 0, "--user", "--map-root-user")
	}
	cmd := exec.Command("unshare", args...)
	cmd.Env = []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}
	c := finish(t, cmd)
	c.refused(t, "sandlot: ")
	for _, said := range []string{"docker.sock", "podman.sock", "SANDLOT_RUNTIME"} {
		if !strings.Contains(c.stderr, said) {
			t.Errorf("%q does not name %s", c.stderr, said)
		}
	}
}

// TestNoPermission runs the command as a user who may not open the engine's socket.
func TestNoPermission(t *testing.T) {
	onEngines(t, func(t *testing.T, h host) {
		cmd := h.command(t, "run", "--", "true")
		if os.Getuid() == 0 {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		} else { // a socket that nobody but root may open
			socket := filepath.Join(t.TempDir(), "engine.sock")
			l, err := net.Listen("unix", socket)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			if err := os.Chmod(socket, 0); err != nil {
				t.Fatal(err)
			}
			scheme, _, _ := strings.Cut(h.url, "://")
			cmd.Env = append(cmd.Env, "SANDLOT_RUNTIME="+scheme+"://"+socket)
		}
		cmd.Dir, cmd.Env = "/", append(cmd.Env, "HOME=/nonexistent")
		finish(t, cmd).refused(t, "permission denied")
	})
}

func TestMissingImage(t *testing.T) {
	onEngines(t, func(t *testing.T, h host) {
		h.call(t, "run", "--pull", "never", "--image", "localhost/sandlot-test/none:1", "--", "true").
			refused(t, "image not found")
		// Nothing answers as a registry there.
		c := h.call(t, "run", "--image", "127.0.0.1:1/sandlot-test/none:1", "--", "true")
		c.refused(t, "sandlot: ")
	})
}

// TestSameHints has mistakes that the engines tell of in words of their own, with what to do next in ours.
func TestSameHints(t *testing.T) {
	const pulled = "--build DIR builds an image, --image REF names another, and with --pull never no registry is asked"
	onEngines(t, func(t *testing.T, h host) {
		name := h.create(t)
		h.call(t, "stop", name).want(t, 0, name, "")
		for _, c := range []struct{ args, said, hint string }{
			{"create --name NAME", "the name NAME is taken", "choose another --name, or let --replace remove the sandbox that has it"},
			{"exec NAME true", "exec NAME on", "sandlot start NAME starts it"},
			{"cp NAME:/ -", "get archive NAME on", "sandlot start NAME starts it"},
			{"port NAME 80", "host port NAME: not running", "sandlot start NAME starts it"},
			{"inspect NAME-none", "not found", "sandlot ls shows what there is"},
			{"run --network none-NAME -- true", "not found", "name none, default, host or a network that the engine has"},
			{"run --network bridge -- true", "invalid: bridge is", "name default, which is the engine's own network"},
			{"run -u nobodyhere -- true", "invalid: unable to find user nobodyhere", "name a user that the image has, or a uid"},
			{"run -w /etc/passwd -- true", "invalid: chdir /etc/passwd", "name a directory that the sandbox has with --workdir, or make it first"},
			{"run -v /no/such:/x -- true", "invalid: ", makeSource},
			{"run --tmpfs /proc -- true", "invalid: nothing can be mounted at /proc", "choose another directory"},
			{"run --image localhost/sandlot-test/none:1 --pull never -- true", "image not found",
				"name another with --image, let it be pulled with --pull missing, or build one with --build DIR"},
			{"run --image 127.0.0.1:1/none:1 -- true", "image not found: the engine does not have the image, and it could not be pulled", pulled},
		} {
			given := func(text string) string { return strings.ReplaceAll(text, "NAME", name) }
			got := h.call(t, strings.Fields(given(c.args))...)
			got.refused(t, given(c.said))
			if !strings.HasSuffix(got.stderr, "\nsandlot: "+given(c.hint)+"\n") || longID.MatchString(got.stderr) {
				t.Errorf("%s: stderr %q, want it to end with %q, and no id of the engine's", c.args, got.stderr, c.hint)
			}
		}
	})
}

// longID is how engines name a container.
var longID = regexp.MustCompile(`[0-9a-f]{64}`)

func TestForeignName(t *testing.T) {
	onEngines(t, func(t *testing.T, h host) {
		h.call(t, "run", "-q", "--", "true").want(t, 0, "", "") // so that the built-in image is there
		name := unique()
		id := h.foreign(t, name)
		for _, args := range []string{"run --name NAME -- true", "run --name NAME --replace -- true", "create --name NAME"} {
			h.call(t, strings.Fields(strings.ReplaceAll(args, "NAME", name))...).refused(t, "already exists")
		}
		for _, args := range []string{"exec NAME true", "rm NAME", "inspect NAME", "port NAME", "stop NAME", "cp NAME:/ -"} {
			h.call(t, strings.Fields(strings.ReplaceAll(args, "NAME", name))...).refused(t, "not found")
		}
		if status, _ := h.api(t, "GET", "/containers/"+id+"/json", ""); status != 200 {
			t.Errorf("the container that is not Sandlot's is gone: %d", status)
		}
	})
}

func TestUnsupportedLimit(t *testing.T) {
	onEngines(t, func(t *testing.T, h host) {
		support := h.info(t).Capabilities[runtime.CapabilityMemoryLimit]
		c := h.call(t, "run", "-q", "--memory", "64m", "--", "true")
		if support.OK {
			c.want(t, 0, "", "")
			return
		}
		c.refused(t, "memory-limit")
		if support.Fix == "" || !strings.Contains(c.stderr, support.Fix) {
			t.Errorf("%q does not say what would mend it: %q", c.stderr, support.Fix)
		}
	})
}

func TestNoArchive(t *testing.T) {
	onEngines(t, func(t *testing.T, h host) {
		name := h.create(t)
		h.callWith(t, strings.NewReader(strings.Repeat("this is no archive ", 100)), "cp", "-", name+":/tmp").
			refused(t, "invalid")
		h.call(t, "exec", name, "ls", "-A", "/tmp").want(t, 0, "", "")
	})
}

func TestPortTaken(t *testing.T) {
	onEngines(t, func(t *testing.T, h host) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		_, port, _ := net.SplitHostPort(l.Addr().String())
		h.call(t, "run", "--network", "default", "-p", port+":80", "--", "true").refused(t, "port is in use")
	})
}

// TestKilled proves that what a SIGKILL leaves, rm removes.
func TestKilled(t *testing.T) {
	onEngines(t, func(t *testing.T, h host) {
		cmd := h.command(t, "run", "-q", "--", "sh", "-c", "echo ready; sleep 1000")
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(stdout, make([]byte, len("ready\n"))); err != nil {
			t.Errorf("reading: %v", err)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		left := h.sandboxes(t)
		if len(left) != 1 {
			t.Fatalf("left: %v, want the one that nobody could remove", left)
		}
		h.call(t, "rm", left[0].Name).want(t, 0, left[0].Name, "")
	})
}

func (h host) info(t *testing.T) runtime.Info {
	t.Helper()
	var info runtime.Info
	h.library(t, func(rt runtime.Runtime) (err error) {
		info, err = rt.Info(t.Context())
		return err
	})
	return info
}

func (h host) removeImage(t *testing.T, image string) {
	t.Helper()
	h.library(t, func(rt runtime.Runtime) error {
		_, err := rt.(runtime.ImageRemover).RemoveImage(t.Context(), image, runtime.RemoveImageOptions{})
		return err
	})
}

func (h host) library(t *testing.T, use func(runtime.Runtime) error) {
	t.Helper()
	rt, err := auto.Open(t.Context(), h.url, auto.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	if err := use(rt); err != nil {
		t.Fatal(err)
	}
}

// foreign makes a container as another program would, through the API that all engines have.
func (h host) foreign(t *testing.T, name string) (id string) {
	t.Helper()
	image := h.anyImage(t)
	status, body := h.api(t, "POST", "/containers/create?name="+name, fmt.Sprintf(`{"Image": %q, "Cmd": ["true"]}`, image))
	var created struct{ Id string }
	if err := json.Unmarshal(body, &created); err != nil || status != http.StatusCreated {
		t.Fatalf("creating a container: %d %s", status, body)
	}
	t.Cleanup(func() { h.api(t, "DELETE", "/containers/"+created.Id+"?force=1", "") })
	return created.Id
}

// anyImage is an image that the engine has.
func (h host) anyImage(t *testing.T) string {
	t.Helper()
	status, body := h.api(t, "GET", "/images/json", "")
	for try := 1; try < 5 && strings.Contains(string(body), "image not known"); try++ { // Podman fell over one that was just being removed
		status, body = h.api(t, "GET", "/images/json", "")
	}
	var images []struct{ Id string }
	if err := json.Unmarshal(body, &images); err != nil || status != http.StatusOK || len(images) == 0 {
		t.Fatalf("listing images: %d %s", status, body)
	}
	return images[0].Id
}

// api calls the engine's Docker API, which Podman has too.
func (h host) api(t *testing.T, method, path, body string) (status int, answer []byte) {
	t.Helper()
	u, err := url.Parse(h.url)
	if err != nil || !strings.HasSuffix(u.Scheme, "+unix") {
		t.Fatalf("%s: this test makes a foreign container through a unix socket only: %v", h.url, err)
	}
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", u.Path)
		},
	}}
	request, err := http.NewRequest(method, "http://engine/v1.41"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, answer
}
