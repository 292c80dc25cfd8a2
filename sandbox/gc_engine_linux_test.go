package sandbox_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/runtime/docker"
	"github.com/sandlot-dev/sandlot/runtime/podman"
	"github.com/sandlot-dev/sandlot/sandbox"
)

// ownerEnv makes this program an owner: it holds the engine's URL, an image and a label.
const ownerEnv = "SANDLOT_TEST_OWNER"

func TestMain(m *testing.M) {
	if what := os.Getenv(ownerEnv); what != "" {
		if err := own(strings.Fields(what)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// own makes a sandbox, says its name, and never closes it.
func own(what []string) error {
	rt, err := runtime.Open(ctx, what[0], docker.Driver(), podman.Driver())
	if err != nil {
		return err
	}
	box, err := sandbox.New(ctx, rt, sandbox.Options{Image: what[1], Lease: time.Hour, RunOptions: runtime.RunOptions{
		Labels: map[string]string{what[2]: ""},
	}})
	if err != nil {
		return err
	}
	fmt.Println(box.Name())
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// An ownerProcess has a sandbox.
type ownerProcess struct {
	*exec.Cmd
	box string
}

func startOwner(t *testing.T, what ...string) ownerProcess {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), ownerEnv+"="+strings.Join(what, " "))
	cmd.Stderr = t.Output()
	_, err = cmd.StdinPipe() // open for as long as this process lives
	must(t, err)
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	p := ownerProcess{Cmd: cmd}
	t.Cleanup(func() { p.kill(); _ = cmd.Wait() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	must(t, err)
	p.box = strings.TrimSpace(line)
	return p
}

func (p ownerProcess) kill() { _ = p.Process.Kill() }

// TestEngineGC kills a process that has a sandbox: GC removes that, and leaves those of processes that live, of nobody, and with a lease that
// is not over.
func TestEngineGC(t *testing.T) {
	onEngines(t, func(t *testing.T, rt runtime.Runtime) {
		ctx, label := t.Context(), "sandbox-test-"+strings.ToLower(rand8())
		only := map[string]string{label: ""}
		build := tools(t, rt)
		made := func(change func(o *sandbox.Options)) string {
			t.Helper()
			opts := sandbox.Options{Build: build, RunOptions: runtime.RunOptions{Labels: only}}
			change(&opts)
			box, err := sandbox.New(ctx, rt, opts)
			must(t, err)
			return box.Name()
		}
		t.Cleanup(func() {
			_, err := sandbox.RemoveAll(context.WithoutCancel(ctx), rt, runtime.ListOptions{Labels: only})
			must(t, err)
		})
		mine := made(func(*sandbox.Options) {})
		nobodys := made(func(o *sandbox.Options) { o.Detached = true })
		leased := made(func(o *sandbox.Options) { o.Detached, o.Lease = true, time.Hour })
		over := made(func(o *sandbox.Options) { o.Detached, o.LeaseEnd = true, time.Now().Add(-time.Second) })
		info, err := rt.Info(ctx)
		must(t, err)
		dead := startOwner(t, info.URL, build.Tag, label)
		lives := startOwner(t, info.URL, build.Tag, label)

		left := func() []string {
			t.Helper()
			all, err := rt.List(ctx, runtime.ListOptions{Labels: only})
			must(t, err)
			names := make([]string, len(all))
			for i, c := range all {
				names[i] = c.Name
			}
			return names
		}
		gc := func(opts sandbox.GCOptions, want ...string) {
			t.Helper()
			before := left()
			opts.Labels = only
			result, err := sandbox.GC(ctx, rt, opts)
			must(t, err)
			var names []string
			for _, s := range result.Sandboxes {
				names = append(names, s.Name)
			}
			same(t, "removed", names, want)
			if opts.DryRun {
				want = nil
			}
			same(t, "left", left(), slices.DeleteFunc(before, func(name string) bool { return slices.Contains(want, name) }))
		}
		gc(sandbox.GCOptions{OlderThan: time.Hour})
		gc(sandbox.GCOptions{}, over)
		dead.kill()
		_ = dead.Wait() // which says that it was killed
		gc(sandbox.GCOptions{OlderThan: time.Hour})
		gc(sandbox.GCOptions{DryRun: true}, dead.box)
		gc(sandbox.GCOptions{}, dead.box)
		gc(sandbox.GCOptions{})
		same(t, "left", left(), []string{mine, nobodys, leased, lives.box})
		lives.kill()
		_ = lives.Wait()
		gc(sandbox.GCOptions{}, lives.box)
	})
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		t.Errorf("%s %q, want %q", what, got, want)
	}
}
