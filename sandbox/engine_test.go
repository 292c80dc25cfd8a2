package sandbox_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sandlot-dev/sandlot/builtin"
	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/runtime/docker"
	"github.com/sandlot-dev/sandlot/runtime/podman"
	"github.com/sandlot-dev/sandlot/sandbox"
)

// onEngines runs a test on each engine of SANDLOT_TEST_ENGINES, which holds name=url pairs.
func onEngines(t *testing.T, test func(t *testing.T, rt runtime.Runtime)) {
	t.Helper()
	engines := strings.Fields(os.Getenv("SANDLOT_TEST_ENGINES"))
	if len(engines) == 0 {
		t.Fatal("set SANDLOT_TEST_ENGINES to name=url pairs of engines, such as docker=docker+unix:///var/run/docker.sock")
	}
	for _, pair := range engines {
		name, ref, _ := strings.Cut(pair, "=")
		t.Run(name, func(t *testing.T) {
			rt, err := runtime.Open(t.Context(), ref, docker.Driver(), podman.Driver())
			must(t, err)
			t.Cleanup(func() { must(t, rt.Close()) })
			test(t, rt)
		})
	}
}

// tools is an image with a shell and the usual tools, whose user is 1000:1000 and whose working directory is /work.
func tools(t *testing.T, rt runtime.Runtime) *sandbox.Build {
	t.Helper()
	info, err := rt.Info(t.Context())
	must(t, err)
	return &sandbox.Build{Tag: builtin.Tag(info.Arch), IfMissing: true, Context: func() (io.ReadCloser, error) {
		r, err := builtin.Context(info.Arch)
		return io.NopCloser(r), err
	}}
}

func rand8() string { return rand.Text()[:8] }

// engineBox makes a sandbox with a shell and the usual tools.
func engineBox(t *testing.T, rt runtime.Runtime, opts runtime.RunOptions) *sandbox.Sandbox {
	t.Helper()
	box, err := sandbox.New(t.Context(), rt, sandbox.Options{Build: tools(t, rt), Progress: t.Output(), RunOptions: opts})
	must(t, err)
	t.Cleanup(func() { must(t, box.Close()) })
	return box
}

func shell(t *testing.T, box *sandbox.Sandbox, line string) string {
	t.Helper()
	out, err := box.ShellOutput(t.Context(), line, runtime.ExecOptions{Timeout: time.Minute})
	if err != nil || out.ExitCode != 0 {
		t.Fatalf("%s: exit code %d, %v\n%s%s", line, out.ExitCode, err, out.Stdout, out.Stderr)
	}
	return string(out.Stdout)
}

func TestEngineExec(t *testing.T) {
	onEngines(t, func(t *testing.T, rt runtime.Runtime) {
		box := engineBox(t, rt, runtime.RunOptions{})
		if got := shell(t, box, "echo $((6*7)); pwd"); got != "42\n/work\n" {
			t.Errorf("the shell says %q", got)
		}
		out, err := box.ShellOutput(t.Context(), "cat; echo oops >&2; exit 3", runtime.ExecOptions{Stdin: strings.NewReader("in")})
		if err != nil || string(out.Stdout) != "in" || string(out.Stderr) != "oops\n" || out.ExitCode != 3 {
			t.Errorf("%+v, %v", out, err)
		}
		out, err = box.ShellOutput(t.Context(), "echo so far; sleep 1000", runtime.ExecOptions{Timeout: time.Second})
		if !errors.Is(err, runtime.ErrTimeout) || string(out.Stdout) != "so far\n" || out.ExitCode != runtime.ExitTimeout {
			t.Errorf("%+v, %v", out, err)
		}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if out, err := box.ShellOutput(t.Context(), "echo $0", runtime.ExecOptions{}); err != nil || len(out.Stdout) == 0 {
					t.Errorf("%q, %v", out.Stdout, err)
				}
			})
		}
		wg.Wait()
	})
}

func TestEngineFiles(t *testing.T) {
	onEngines(t, func(t *testing.T, rt runtime.Runtime) {
		box := engineBox(t, rt, runtime.RunOptions{})
		ctx := t.Context()
		must(t, box.WriteFile(ctx, "deep/er/f ü", []byte("one"), sandbox.FileOptions{Mode: 0o640}))
		must(t, box.WriteFile(ctx, "deep/er/f ü", []byte("other"), sandbox.FileOptions{Mode: 0o751 | fs.ModeSetuid}))
		if got := shell(t, box, "cat 'deep/er/f ü'; stat -c %a,%u:%g 'deep/er/f ü' deep"); got != "other4751,1000:1000\n755,1000:1000\n" {
			t.Errorf("the sandbox sees %q", got)
		}
		must(t, box.WriteFile(ctx, "/owned", nil, sandbox.FileOptions{Owner: "12:34"}))
		if info, err := box.Stat(ctx, "/owned"); err != nil || info.Size() != 0 || info.Name() != "owned" {
			t.Errorf("%+v, %v", info, err)
		} else if uid, gid := info.Owner(); uid != 12 || gid != 34 {
			t.Errorf("owner %d:%d", uid, gid)
		}
		must(t, box.MkdirAll(ctx, "dir/a/", sandbox.FileOptions{Mode: 0o700}))
		must(t, box.MkdirAll(ctx, "dir/a", sandbox.FileOptions{}))
		must(t, box.MkdirAll(ctx, ".", sandbox.FileOptions{}))
		must(t, box.MkdirAll(ctx, "/", sandbox.FileOptions{}))
		shell(t, box, "ln -s /etc dir/link; ln -s a dir/within; echo xyz > dir/file; mkfifo dir/pipe")
		list, err := box.ReadDir(ctx, "dir")
		must(t, err)
		var got []string
		for _, info := range list {
			got = append(got, info.Mode().String()+" "+info.Name()+" "+info.Link())
		}
		want := []string{"drwx------ a ", "-rw-r--r-- file ", "Lrwxrwxrwx link /etc", "prw-r--r-- pipe ", "Lrwxrwxrwx within a"}
		if !slices.Equal(got, want) {
			t.Errorf("listed %q, want %q", got, want)
		}
		for _, dir := range []string{"/", ".", "dir/within", "dir/.."} {
			if _, err := box.ReadDir(ctx, dir); err != nil {
				t.Errorf("list %q: %v", dir, err)
			}
			if info, err := box.Stat(ctx, dir); err != nil || !info.IsDir() {
				t.Errorf("stat %q: %+v, %v", dir, info, err)
			}
		}
		if info, err := box.Lstat(ctx, "dir/within"); err != nil || info.Link() != "a" {
			t.Errorf("%+v, %v", info, err)
		}
		if list, err := box.ReadDir(ctx, "dir/a"); err != nil || len(list) != 0 {
			t.Errorf("%v, %v", list, err)
		}
		_, err = box.ReadFile(ctx, "nothing")
		wantKind(t, err, runtime.ErrFileNotFound, fs.ErrNotExist)
		_, err = box.ReadFile(ctx, "dir")
		wantKind(t, err, runtime.ErrInvalid)
		_, err = box.ReadDir(ctx, "dir/file")
		wantKind(t, err, runtime.ErrInvalid)
		wantKind(t, box.WriteFile(ctx, "dir", nil, sandbox.FileOptions{}), runtime.ErrInvalid)
		wantKind(t, box.MkdirAll(ctx, "dir/file", sandbox.FileOptions{}), runtime.ErrInvalid)
		err = box.Upload(ctx, "cut", strings.NewReader("half"), 100, sandbox.FileOptions{})
		wantKind(t, err, io.ErrUnexpectedEOF)
		_, err = box.Stat(ctx, "cut")
		wantKind(t, err, fs.ErrNotExist)

		must(t, box.Delete(ctx, "dir/link"))
		must(t, box.Delete(ctx, "deep/"))
		must(t, box.Delete(ctx, "deep/er/gone"))
		if got := shell(t, box, "ls; ls -d /etc"); got != "dir\n/etc\n" {
			t.Errorf("left %q", got)
		}
	})
}

// TestEngineFS walks a tree of odd names, with links, by every method of package fs.
func TestEngineFS(t *testing.T) {
	onEngines(t, func(t *testing.T, rt runtime.Runtime) {
		box := engineBox(t, rt, runtime.RunOptions{})
		makeTree(t, box, "tree")
		must(t, box.Symlink(t.Context(), "a b", "tree/link"))
		shell(t, box, "touch -d @1 tree/top && chmod 4711 tree/top")
		fsys := box.FS(t.Context(), "tree")
		must(t, fstest.TestFS(fsys, append(expected(), "link")...))
		must(t, box.Symlink(t.Context(), "/work/tree/top", "tree/absolute"))
		if target, err := fs.ReadLink(fsys, "link"); err != nil || target != "a b" {
			t.Errorf("the link leads to %q, %v", target, err)
		}
		if data, err := fs.ReadFile(fsys, "absolute"); err != nil || !bytes.HasPrefix(data, []byte("toptop")) {
			t.Errorf("%q, %v", data, err)
		}
		if info, err := fs.Stat(fsys, "top"); err != nil || info.Mode() != 0o711|fs.ModeSetuid || info.ModTime().Unix() != 1 {
			t.Errorf("%v, %v", info, err)
		}
		if matches, err := fs.Glob(fsys, "l*/[.-e]*"); err != nil || !slices.Equal(matches, []string{"link/.hidden"}) {
			t.Errorf("the glob gives %q, %v", matches, err)
		}
		shell(t, box, "mkfifo tree/pipe")
		pipe, err := fsys.Open("pipe")
		must(t, err)
		if n, err := pipe.Read(make([]byte, 1)); n != 0 || err == nil || err == io.EOF {
			t.Errorf("reading a pipe gives %d, %v", n, err)
		}
		must(t, pipe.Close())
		_, err = fsys.Open("top/below")
		wantKind(t, err, fs.ErrNotExist)
		must(t, box.Symlink(t.Context(), "nowhere", "tree/link")) // in place of the other
		_, err = fsys.Open("link")
		wantKind(t, err, fs.ErrNotExist)
		wantKind(t, box.Symlink(t.Context(), "nowhere", "tree/none"), fs.ErrInvalid)
	})
}

func TestEngineUploadLarge(t *testing.T) {
	const size = 100 << 20
	onEngines(t, func(t *testing.T, rt runtime.Runtime) {
		box := engineBox(t, rt, runtime.RunOptions{})
		must(t, box.Upload(t.Context(), "big", io.LimitReader(zeros{}, size), size, sandbox.FileOptions{}))
		if info, err := box.Stat(t.Context(), "big"); err != nil || info.Size() != size {
			t.Errorf("%+v, %v", info, err)
		}
		if n, err := box.Download(t.Context(), "big", io.Discard); err != nil || n != size {
			t.Errorf("downloaded %d, %v", n, err)
		}
		_, err := box.ReadFile(t.Context(), "big")
		wantKind(t, err, runtime.ErrInvalid)
	})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestEngineDirs(t *testing.T) {
	dir := buildDir(t, map[string]string{"a/b/f": "1", "g": "22", "empty/": ""})
	must(t, os.Chmod(filepath.Join(dir, "g"), 0o705))
	must(t, os.Symlink("../g", filepath.Join(dir, "a", "link")))
	onEngines(t, func(t *testing.T, rt runtime.Runtime) {
		box := engineBox(t, rt, runtime.RunOptions{})
		must(t, box.PutDir(t.Context(), dir, "put/here", sandbox.PutDirOptions{Owner: "5:6"}))
		if got := shell(t, box, "cd put/here; cat a/link a/b/f; stat -c %a,%u:%g g a; ls"); got != "221705,5:6\n755,5:6\na\nempty\ng\n" {
			t.Errorf("the sandbox sees %q", got)
		}
		back := filepath.Join(t.TempDir(), "back")
		got, err := box.GetDir(t.Context(), "put/here", back, sandbox.GetDirOptions{})
		if err != nil || got.Entries != 6 || got.Bytes != 3 {
			t.Errorf("got %+v, %v", got, err)
		}
		if data, err := os.ReadFile(filepath.Join(back, "a", "link")); err != nil || string(data) != "22" {
			t.Errorf("%q, %v", data, err)
		}
		if info, err := os.Stat(filepath.Join(back, "g")); err != nil || info.Mode() != 0o705 {
			t.Errorf("%v, %v", info, err)
		}
		shell(t, box, "cd put/here; ln -s /etc/passwd out; mkfifo pipe; echo mine > f; ln f hard")
		_, err = box.GetDir(t.Context(), "put/here", back, sandbox.GetDirOptions{})
		wantKind(t, err, runtime.ErrInvalid)
		got, err = box.GetDir(t.Context(), "put/here", back, sandbox.GetDirOptions{SkipUnsafe: true})
		slices.Sort(got.Skipped)
		if err != nil || !slices.Equal(got.Skipped, []string{"out", "pipe"}) {
			t.Errorf("got %+v, %v", got, err)
		}
		if data, err := os.ReadFile(filepath.Join(back, "hard")); err != nil || string(data) != "mine\n" {
			t.Errorf("%q, %v", data, err)
		}
	})
}

func TestEngineLifecycle(t *testing.T) {
	onEngines(t, func(t *testing.T, rt runtime.Runtime) {
		ctx := t.Context()
		name := "sandbox-test-" + strings.ToLower(rand8())
		opts := runtime.RunOptions{
			Name: name, Network: runtime.NetworkDefault, Ports: []runtime.Port{{Container: 8080}}, Labels: map[string]string{name: "1"},
		}
		box := engineBox(t, rt, opts)
		if address, err := box.HostPort(ctx, "8080"); err != nil || address.Addr() != netip.MustParseAddr("127.0.0.1") || address.Port() == 0 {
			t.Errorf("%v, %v", address, err)
		}
		_, err := box.HostPort(ctx, "81")
		wantKind(t, err, runtime.ErrNotFound)
		must(t, box.WriteFile(ctx, "kept", []byte("x"), sandbox.FileOptions{}))
		must(t, box.Stop(ctx, runtime.StopOptions{}))
		_, err = box.Exec(ctx, []string{"true"}, runtime.ExecOptions{})
		wantKind(t, err, runtime.ErrNotRunning)
		_, err = box.HostPort(ctx, "8080")
		wantKind(t, err, runtime.ErrNotRunning)
		must(t, box.Start(ctx))
		if data, err := box.ReadFile(ctx, "kept"); err != nil || string(data) != "x" {
			t.Errorf("%q, %v", data, err)
		}

		_, err = sandbox.New(ctx, rt, sandbox.Options{Build: tools(t, rt), RunOptions: opts})
		wantKind(t, err, runtime.ErrAlreadyExists)
		opts.Replace, opts.Ports = true, nil
		second := engineBox(t, rt, opts)
		opened, err := sandbox.Open(ctx, rt, name, sandbox.OpenOptions{})
		if err != nil || opened.ID() != second.ID() || opened.ID() == box.ID() {
			t.Errorf("opened %v, %v", opened, err)
		}
		if err := opened.Close(); err != nil {
			t.Error(err)
		}
		removed, err := sandbox.RemoveAll(ctx, rt, runtime.ListOptions{Labels: map[string]string{name: ""}})
		if err != nil || !slices.Equal(removed, []string{name}) {
			t.Errorf("removed %q, %v", removed, err)
		}
		_, err = second.Inspect(ctx)
		wantKind(t, err, runtime.ErrNotFound)
		_, err = sandbox.New(ctx, rt, sandbox.Options{Image: "localhost/sandbox-test/none:1", Pull: sandbox.PullNever})
		wantKind(t, err, runtime.ErrImageNotFound)
	})
}

func TestEngineBuild(t *testing.T) {
	onEngines(t, func(t *testing.T, rt runtime.Runtime) {
		stamp := rand8()
		dir := buildDir(t, map[string]string{
			"docker/Dockerfile": "FROM scratch AS one\nARG WHAT\nLABEL what=$WHAT\nCOPY . /\n", "stamp": stamp,
			".dockerignore": "docker\n*.log\n!kept.log\n", "x.log": "", "kept.log": "", ".containerignore": "docker\n*.txt\n", "y.txt": "",
		})
		b := sandbox.Build{Dir: dir, Dockerfile: "docker/Dockerfile", Args: map[string]string{"WHAT": "w"}, Target: "one"}
		var log bytes.Buffer
		box, err := sandbox.New(t.Context(), rt, sandbox.Options{Build: &b, Progress: &log})
		must(t, err)
		defer func() {
			must(t, box.Close())
			tag, err := sandbox.BuildTag(t.Context(), b)
			must(t, err)
			_, err = rt.(runtime.ImageRemover).RemoveImage(context.Background(), tag, runtime.RemoveImageOptions{})
			must(t, err)
		}()
		if log.Len() == 0 {
			t.Error("no build log")
		}
		list, err := box.ReadDir(t.Context(), "/")
		must(t, err)
		var got []string
		for _, info := range list {
			if info.Mode().IsRegular() && !strings.HasPrefix(info.Name(), ".") {
				got = append(got, info.Name())
			}
		}
		if want := []string{"kept.log", "stamp", "x.log"}; !slices.Equal(got, want) {
			t.Errorf("the image holds %q, want %q", got, want)
		}
		for _, name := range []string{"docker", ".dockerignore"} {
			if _, err := box.Stat(t.Context(), "/"+name); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the image holds %s, which is ignored: %v", name, err)
			}
		}
		log.Reset()
		again, err := sandbox.New(t.Context(), rt, sandbox.Options{Build: &b, Progress: &log})
		must(t, err)
		must(t, again.Close())
		if log.Len() > 0 {
			t.Errorf("it was built again: %s", log.String())
		}
		_, err = sandbox.BuildImage(t.Context(), rt, sandbox.Build{Context: func() (io.ReadCloser, error) {
			dockerfile := tar.Header{Name: "FROM scratch"} // which holds its name
			return io.NopCloser(bytes.NewReader(archiveOf(t, dockerfile))), nil
		}}, nil)
		wantKind(t, err, runtime.ErrInvalid)
		broken := buildDir(t, map[string]string{"Dockerfile": "FROM scratch\nCOPY missing-" + stamp + " /\n"})
		_, err = sandbox.BuildImage(t.Context(), rt, sandbox.Build{Dir: broken}, nil)
		wantKind(t, err, runtime.ErrBuildFailed)
		if !strings.Contains(err.Error(), "missing-"+stamp) {
			t.Errorf("the error does not carry the log: %v", err)
		}
	})
}

func TestEngineCancelledNew(t *testing.T) {
	onEngines(t, func(t *testing.T, rt runtime.Runtime) {
		label := "sandbox-test-" + strings.ToLower(rand8())
		engineBox(t, rt, runtime.RunOptions{}) // so that the image is there
		for _, after := range []time.Duration{0, 20 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond} {
			ctx, cancel := context.WithTimeout(t.Context(), after)
			opts := runtime.RunOptions{Labels: map[string]string{label: ""}}
			box, err := sandbox.New(ctx, rt, sandbox.Options{Build: tools(t, rt), RunOptions: opts})
			cancel()
			if err == nil {
				must(t, box.Close())
			} else {
				wantKind(t, err, context.DeadlineExceeded)
			}
		}
		left, err := rt.List(t.Context(), runtime.ListOptions{Labels: map[string]string{label: ""}})
		if err != nil || len(left) > 0 {
			t.Errorf("left %v, %v", left, err)
		}
	})
}

// TestEnginePool takes fifty sandboxes, one of which has died: each runs and is handed out once, and nothing is left.
func TestEnginePool(t *testing.T) {
	onEngines(t, func(t *testing.T, rt runtime.Runtime) {
		const gets = 50
		label := "sandbox-test-" + strings.ToLower(rand8())
		pool, err := sandbox.NewPool(rt, sandbox.PoolOptions{Size: 4, Options: sandbox.Options{
			Build: tools(t, rt), RunOptions: runtime.RunOptions{Labels: map[string]string{label: ""}},
		}})
		must(t, err)
		first, err := pool.Get(t.Context())
		must(t, err)
		must(t, first.Close())
		waiting, err := rt.List(t.Context(), runtime.ListOptions{Labels: map[string]string{label: ""}})
		must(t, err)
		if len(waiting) > 0 {
			_, err = sandbox.Remove(t.Context(), rt, waiting[0].ID)
			must(t, err)
		}
		var mu sync.Mutex
		seen := map[string]bool{first.ID(): true}
		work := make(chan int)
		var workers sync.WaitGroup
		for range 4 {
			workers.Go(func() {
				for range work {
					box, err := pool.Get(t.Context())
					if err != nil {
						t.Error(err)
						continue
					}
					if result, err := box.Exec(t.Context(), []string{"true"}, runtime.ExecOptions{}); err != nil || result.ExitCode != 0 {
						t.Errorf("%+v, %v", result, err)
					}
					mu.Lock()
					if seen[box.ID()] {
						t.Errorf("%s is handed out twice", box.ID())
					}
					seen[box.ID()] = true
					mu.Unlock()
					if err := box.Close(); err != nil {
						t.Error(err)
					}
				}
			})
		}
		for i := range gets {
			work <- i
		}
		close(work)
		workers.Wait()
		must(t, pool.Close())
		if left, err := rt.List(t.Context(), runtime.ListOptions{Labels: map[string]string{label: ""}}); err != nil || len(left) > 0 {
			t.Errorf("left %v, %v", left, err)
		}
	})
}

func TestEngineExamples(t *testing.T) {
	onEngines(t, func(t *testing.T, engine runtime.Runtime) {
		stdout := os.Stdout
		quiet, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
		must(t, err)
		os.Stdout = quiet
		defer func() { os.Stdout = stdout; quiet.Close() }()
		rt = engine
		box = engineBox(t, rt, runtime.RunOptions{})
		image = tools(t, rt).Tag
		built, err := sandbox.BuildTag(ctx, sandbox.Build{Dir: buildDir(t, map[string]string{"Dockerfile": "FROM " + image + "\nENV ANSWER=42\n"})})
		must(t, err)
		t.Cleanup(func() {
			for _, tag := range []string{built, "localhost/example/empty:1"} {
				_, err := rt.(runtime.ImageRemover).RemoveImage(ctx, tag, runtime.RemoveImageOptions{})
				must(t, err)
			}
		})
		for _, example := range []func(){
			Example, ExampleNew_options, ExampleNew_build, ExampleBuildImage, ExampleBuildTag, ExampleOpen, ExampleSandbox_Exec,
			ExampleSandbox_Shell, ExampleSandbox_ShellArgv, ExampleSandbox_Output, ExampleSandbox_ShellOutput, ExampleSandbox_Exec_limit,
			ExampleSandbox_WriteFile, ExampleSandbox_Upload, ExampleSandbox_ReadFile, ExampleSandbox_Download,
			ExampleSandbox_MkdirAll, ExampleSandbox_Delete, ExampleSandbox_Stat, ExampleSandbox_Lstat, ExampleSandbox_ReadDir,
			ExampleSandbox_FS, ExampleSandbox_Symlink, ExampleSandbox_Rename, ExampleSandbox_Chmod, ExampleSandbox_Chown, ExampleSandbox_Lchown, ExampleSandbox_Watch,
			ExampleSandbox_PutDir, ExampleSandbox_GetDir, ExampleSandbox_PutArchive, ExampleSandbox_GetArchive,
			ExampleSandbox_HostPort, ExampleSandbox_Dial, ExampleSandbox_Forward, ExampleSandbox_Inspect, ExampleSandbox_Stop, ExampleSandbox_Start, ExampleSandbox_Remove,
			ExampleSandbox_StartProcess, ExampleSandbox_Processes, ExampleSandbox_Process, ExampleProcess_Wait, ExampleProcess_Signal, ExampleProcess_Remove,
			ExampleNewPool, ExamplePool_Get, ExamplePool_Stats, ExamplePool_Close,
			ExampleSandbox_Close, ExampleRemove, ExampleRemoveAll, ExampleGC, ExampleNew_lease,
		} {
			example() // which ends the process where it fails, saying why
		}
	})
}
