package sandbox_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/sandbox"
)

// What the examples use. TestExamples runs each of them on a real engine.
var (
	ctx   = context.Background()
	rt    runtime.Runtime  // from runtime/auto, runtime/docker or runtime/podman
	box   *sandbox.Sandbox // from sandbox.New
	image = "docker.io/library/alpine:3.20"
)

func Example() {
	box, err := sandbox.New(ctx, rt, sandbox.Options{Image: image})
	if err != nil {
		log.Fatal(err)
	}
	defer box.Close()
	out, err := box.ShellOutput(ctx, "echo hello from $(uname -s)", runtime.ExecOptions{Timeout: 10 * time.Second})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s%d\n", out.Stdout, out.ExitCode)
}

func ExampleNew_options() {
	box, err := sandbox.New(ctx, rt, sandbox.Options{
		Image:    image,
		Progress: os.Stderr,
		RunOptions: runtime.RunOptions{
			Name: "example-new-options", Replace: true,
			Env:     []string{"LANG=C.UTF-8"},
			Network: runtime.NetworkDefault,
			Ports:   []runtime.Port{{Container: 8080}},
			Mounts:  []runtime.Mount{{Type: runtime.MountTmpfs, Target: "/scratch", SizeBytes: 64 << 20}},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer box.Close()
	for _, warning := range box.Warnings() {
		log.Print(warning)
	}
}

func ExampleNew_build() {
	dir, err := os.MkdirTemp("", "example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	dockerfile := "FROM " + image + "\nENV ANSWER=42\n"
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(dockerfile), 0o644); err != nil {
		log.Fatal(err)
	}
	// It is built once, and again when something in the directory changes.
	box, err := sandbox.New(ctx, rt, sandbox.Options{Build: &sandbox.Build{Dir: dir}, Progress: os.Stderr})
	if err != nil {
		log.Fatal(err)
	}
	defer box.Close()
}

func ExampleBuildImage() {
	dockerfile := []byte("FROM scratch\nCOPY . /\n")
	build := sandbox.Build{Tag: "localhost/example/empty:1", Context: func() (io.ReadCloser, error) {
		var context bytes.Buffer
		w := tar.NewWriter(&context)
		if err := w.WriteHeader(&tar.Header{Name: "Dockerfile", Mode: 0o644, Size: int64(len(dockerfile))}); err != nil {
			return nil, err
		}
		if _, err := w.Write(dockerfile); err != nil {
			return nil, err
		}
		return io.NopCloser(&context), w.Close()
	}}
	tag, err := sandbox.BuildImage(ctx, rt, build, os.Stderr)
	var failed *runtime.Error
	if errors.As(err, &failed) && errors.Is(err, runtime.ErrBuildFailed) {
		log.Fatalf("the end of the log: %s", failed.Log)
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(tag)
}

func ExampleBuildTag() {
	tag, err := sandbox.BuildTag(ctx, sandbox.Build{Dir: "testdata/example"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(strings.HasPrefix(tag, "localhost/sandlot/build:"))
	// Output: true
}

func ExampleOpen() {
	same, err := sandbox.Open(ctx, rt, box.Name(), sandbox.OpenOptions{})
	if errors.Is(err, runtime.ErrNotFound) {
		log.Fatal("there is no sandbox of this name")
	}
	if err != nil {
		log.Fatal(err)
	}
	defer same.Close() // which does not remove it
}

func ExampleSandbox_Exec() {
	result, err := box.Exec(ctx, []string{"wc", "-c"}, runtime.ExecOptions{
		Stdin: strings.NewReader("some input"), Stdout: os.Stdout, Stderr: os.Stderr,
		Env: []string{"LC_ALL=C"}, Dir: "/", Timeout: 10 * time.Second,
	})
	if errors.Is(err, runtime.ErrTimeout) {
		log.Fatal("it took too long, and was killed")
	}
	if err != nil {
		log.Fatal(err)
	}
	if result.ExitCode != 0 {
		log.Fatalf("exit status %d", result.ExitCode)
	}
}

func ExampleSandbox_Shell() {
	result, err := box.Shell(ctx, "echo $0 | tr a-z A-Z", runtime.ExecOptions{Stdout: os.Stdout})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.ExitCode)
}

func ExampleSandbox_ShellArgv() {
	argv, err := box.ShellArgv(ctx, "echo hello")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%q\n", argv)
}

func ExampleSandbox_Output() {
	out, err := box.Output(ctx, []string{"ls", "/"}, runtime.ExecOptions{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s%s%d\n", out.Stdout, out.Stderr, out.ExitCode)
}

func ExampleSandbox_ShellOutput() {
	out, err := box.ShellOutput(ctx, "echo far too much; exit 3", runtime.ExecOptions{})
	if err != nil {
		log.Fatal(err)
	}
	if out.StdoutCut > 0 {
		fmt.Printf("%d bytes were left out\n", out.StdoutCut)
	}
	fmt.Println(out.ExitCode)
}

func ExampleBuffer() {
	stderr := sandbox.Buffer{Limit: 16}
	fmt.Fprint(&stderr, "the beginning, what is between, and the end")
	fmt.Println(stderr.String(), stderr.Cut())
	// Output:
	// the begi
	// [... 27 bytes left out ...]
	//  the end 27
}

func ExampleSandbox_Exec_limit() {
	stdout, stderr := sandbox.Buffer{Limit: 4 << 10}, sandbox.Buffer{Limit: 4 << 10}
	_, err := box.Exec(ctx, []string{"seq", "100000"}, runtime.ExecOptions{Stdout: &stdout, Stderr: &stderr})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(stdout.String(), stdout.Cut(), stderr.String())
}

func ExampleSandbox_WriteFile() {
	err := box.WriteFile(ctx, "bin/task", []byte("#!/bin/sh\necho done\n"), sandbox.FileOptions{Mode: 0o755})
	if errors.Is(err, runtime.ErrReadOnly) {
		log.Fatal("write to a tmpfs or volume of the sandbox instead")
	}
	if err != nil {
		log.Fatal(err)
	}
}

func ExampleSandbox_Upload() {
	f, err := os.Open(os.Args[0])
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		log.Fatal(err)
	}
	if err := box.Upload(ctx, "/data/program", f, info.Size(), sandbox.FileOptions{Owner: "0:0"}); err != nil {
		log.Fatal(err)
	}
}

func ExampleSandbox_ReadFile() {
	data, err := box.ReadFile(ctx, "/etc/os-release")
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s", data)
}

func ExampleSandbox_Download() {
	if err := box.WriteFile(ctx, "result", []byte("42\n"), sandbox.FileOptions{}); err != nil {
		log.Fatal(err)
	}
	if _, err := box.Download(ctx, "result", os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func ExampleSandbox_MkdirAll() {
	if err := box.MkdirAll(ctx, "private/of/the/user", sandbox.FileOptions{Mode: 0o700}); err != nil {
		log.Fatal(err)
	}
}

func ExampleSandbox_Delete() {
	if err := box.Delete(ctx, "private"); err != nil {
		log.Fatal(err)
	}
}

func ExampleSandbox_Stat() {
	info, err := box.Stat(ctx, "/")
	if err != nil {
		log.Fatal(err)
	}
	uid, gid := info.Owner()
	fmt.Println(info.Name(), info.IsDir(), info.Mode(), uid, gid)
}

func ExampleSandbox_Lstat() {
	info, err := box.Lstat(ctx, "/proc/mounts")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(info.Mode(), info.Link())
}

func ExampleSandbox_ReadDir() {
	list, err := box.ReadDir(ctx, "/")
	if err != nil {
		log.Fatal(err)
	}
	for _, info := range list {
		fmt.Println(info.Mode(), info.Size(), info.Name())
	}
}

func ExampleSandbox_FS() {
	files := box.FS(ctx, "/etc")
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		fmt.Println(name)
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	logs, err := fs.Glob(box.FS(ctx, "."), "*.log")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(logs)
}

func ExampleSandbox_Symlink() {
	if err := box.Symlink(ctx, "releases/42", "current"); err != nil {
		log.Fatal(err)
	}
}

func ExampleNewPool() {
	pool, err := sandbox.NewPool(rt, sandbox.PoolOptions{Options: sandbox.Options{Image: image}, Size: 2})
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()
	box, err := pool.Get(ctx) // it runs already, unless this is the first
	if err != nil {
		log.Fatal(err)
	}
	defer box.Close()
	fmt.Println(pool.Stats().Ready)
}

func ExamplePool_Get() {
	pool, err := sandbox.NewPool(rt, sandbox.PoolOptions{Options: sandbox.Options{Image: image}, Size: 1})
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	box, err := pool.Get(ctx)
	if err != nil {
		log.Fatal(err) // what starts fail with, also where ctx is done first
	}
	if err := box.Close(); err != nil {
		log.Print(err)
	}
}

func ExamplePool_Stats() {
	pool, err := sandbox.NewPool(rt, sandbox.PoolOptions{Options: sandbox.Options{Image: image}, Size: 1})
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()
	if stats := pool.Stats(); stats.Failures > 0 {
		log.Printf("%d starts have failed: %v", stats.Failures, stats.Err)
	}
}

func ExamplePool_Close() {
	pool, err := sandbox.NewPool(rt, sandbox.PoolOptions{Options: sandbox.Options{Image: image}, Size: 1})
	if err != nil {
		log.Fatal(err)
	}
	defer func() {
		if err := pool.Close(); err != nil {
			log.Print(err)
		}
	}()
}

func ExampleSandbox_PutDir() {
	if err := box.PutDir(ctx, "testdata/example", "task", sandbox.PutDirOptions{}); err != nil {
		log.Fatal(err)
	}
}

func ExampleSandbox_GetDir() {
	dir, err := os.MkdirTemp("", "example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := box.WriteFile(ctx, "results/1", []byte("42"), sandbox.FileOptions{}); err != nil {
		log.Fatal(err)
	}
	got, err := box.GetDir(ctx, "results", dir, sandbox.GetDirOptions{MaxBytes: 1 << 30, SkipUnsafe: true})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(got.Entries, got.Bytes, got.Skipped)
}

func ExampleSandbox_PutArchive() {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	if err := w.WriteHeader(&tar.Header{Name: "empty/", Typeflag: tar.TypeDir, Mode: 0o755}); err != nil {
		log.Fatal(err)
	}
	if err := w.Close(); err != nil {
		log.Fatal(err)
	}
	result, err := box.PutArchive(ctx, ".", &archive, runtime.PutArchiveOptions{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Entries)
}

func ExampleSandbox_GetArchive() {
	var archive bytes.Buffer
	result, err := box.GetArchive(ctx, "/etc", &archive, runtime.GetArchiveOptions{HeadersOnly: true})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Entries)
}

func ExampleSandbox_HostPort() {
	address, err := box.HostPort(ctx, "8080/tcp")
	if errors.Is(err, runtime.ErrNotFound) {
		return // it was not published: see runtime.RunOptions.Ports
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("http://" + address.String())
}

func ExampleSandbox_Dial() {
	client := &http.Client{Transport: &http.Transport{DialContext: box.Dial}}
	answer, err := client.Get("http://localhost:8080/") // the sandbox's, not the host's
	if errors.Is(err, runtime.ErrRefused) {
		return // no server has started
	}
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Body.Close()
	fmt.Println(answer.Status)
}

func ExampleSandbox_Forward() {
	forwarder, err := box.Forward(ctx, "unix", "/run/database.sock", sandbox.ForwardOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer forwarder.Close()
	fmt.Println("the database is at", forwarder.Addr())
}

func ExampleSandbox_Inspect() {
	c, err := box.Inspect(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(c.Name, c.State, c.Image)
}

func ExampleSandbox_Stop() {
	err := box.Stop(ctx, runtime.StopOptions{Grace: time.Second})
	if errors.Is(err, errors.ErrUnsupported) {
		log.Fatal("this runtime cannot")
	}
	if err != nil {
		log.Fatal(err)
	}
}

func ExampleSandbox_Start() {
	if err := box.Start(ctx); err != nil {
		log.Fatal(err)
	}
}

func ExampleSandbox_Remove() {
	made, err := sandbox.New(ctx, rt, sandbox.Options{Image: image})
	if err != nil {
		log.Fatal(err)
	}
	deadline, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := made.Remove(deadline); err != nil {
		log.Fatal(err)
	}
}

func ExampleSandbox_Close() {
	made, err := sandbox.New(ctx, rt, sandbox.Options{Image: image})
	if err != nil {
		log.Fatal(err)
	}
	defer func() {
		if err := made.Close(); err != nil {
			log.Print(err)
		}
	}()
}

func ExampleRemove() {
	removed, err := sandbox.Remove(ctx, rt, "one", "two")
	fmt.Println(removed, err != nil)
}

func ExampleGC() {
	result, err := sandbox.GC(ctx, rt, sandbox.GCOptions{
		OlderThan: time.Minute, Labels: map[string]string{"job": "example"}, DryRun: true,
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, left := range result.Sandboxes {
		fmt.Println(left.Name, left.Reason)
	}
}

func ExampleNew_lease() {
	box, err := sandbox.New(ctx, rt, sandbox.Options{Image: image, Lease: time.Hour, Detached: true})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(box.Name()) // which Open finds after this process has ended, for an hour
	if err := box.Remove(ctx); err != nil {
		log.Fatal(err)
	}
}

func ExampleRemoveAll() {
	removed, err := sandbox.RemoveAll(ctx, rt, runtime.ListOptions{Labels: map[string]string{"job": "example"}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(removed))
}
