package conformance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/sandlot-dev/sandlot/conformance/internal/answer"
	"github.com/sandlot-dev/sandlot/runtime"
)

const (
	contractBuild        = "runtime.Runtime.Build"
	contractBuildOptions = "runtime.BuildOptions"
)

// spellingStep is a Dockerfile whose last step writes "words-of-the-step", which is not in it, and exits with a code. No other
// case's build shares its cache.
func (t *T) spellingStep(code string) string {
	return "FROM scratch\nENV CASE=" + t.token + "\nADD root.tar /\nRUN [\"" + probePath + "\", \"spell\", \"" + code + "\", \"words\", \"of\", \"the\", \"step\"]\n"
}

func buildCases() []Case {
	cases := []Case{
		{
			ID: "build/image", Contract: contractBuild,
			Rule: "Build makes an image of a Dockerfile and its context; the image runs by its id and by its tag.",
			Run: func(t *T) {
				tag := t.imageTag()
				id := t.Built(runtime.BuildOptions{Tag: tag}, t.dockerfile("FROM scratch\nADD root.tar /\nCOPY dir /copied\n"),
					t.rootEntry(), dirEntry("dir"), fileEntry("dir/file", "content"))
				t.True(strings.HasPrefix(id, "sha256:"), "ImageID", id, "sha256: and a hash")
				for _, image := range []string{id, tag} {
					res, err := t.TryRun(image, runtime.RunOptions{})
					t.NoError("run", err)
					t.Equal("a file of the context", t.Lstat(res.ID, "/copied/file").Content, "content")
				}
			},
		},
		{
			ID: "build/image-config", Contract: contractRun,
			Rule: "The image's environment, user and working directory apply unless the options override them.",
			Run: func(t *T) {
				image := t.Built(runtime.BuildOptions{}, t.dockerfile("FROM scratch\nADD root.tar /\nENV A=image B=image\nWORKDIR /home/worker\nUSER worker\n"), t.rootEntry())
				res, err := t.TryRun(image, runtime.RunOptions{Env: []string{"B=run"}})
				t.NoError("run", err)
				got := answerOf[answer.Self](t, res.ID, runtime.ExecOptions{}, "self")
				t.Equal("directory, uid, gid", []any{got.Dir, got.UID, got.GID}, []any{"/home/worker", workerID, workerID})
				t.Equal("A and B", append(valuesOf(got.Env, "A"), valuesOf(got.Env, "B")...), []string{"image", "run"})
				res, err = t.TryRun(image, runtime.RunOptions{WorkingDir: "/etc", User: "root"})
				t.NoError("run", err)
				got = answerOf[answer.Self](t, res.ID, runtime.ExecOptions{}, "self")
				t.Equal("directory and uid", []any{got.Dir, got.UID}, []any{"/etc", 0})
			},
		},
		{
			ID: "build/failing-step", Contract: contractBuild,
			Rule: "A build of which a step fails is ErrBuildFailed, with the end of its log in Error.Log.",
			Run: func(t *T) {
				var log lockedBuffer
				_, err := t.TryBuild(runtime.BuildOptions{Log: &log}, t.dockerfile(t.spellingStep("7")), t.rootEntry())
				t.ErrorIs("build", err, runtime.ErrBuildFailed)
				var e *runtime.Error
				if errors.As(err, &e) {
					t.True(strings.Contains(e.Log, "words-of-the-step"), "Error.Log, Message", []string{e.Log, e.Message}, "the output of the step in it")
					t.True(len(e.Log) <= 4096, "the length of Error.Log", len(e.Log), "4 KiB at most")
				}
			},
		},
		{
			ID: "build/missing-file", Contract: contractBuild,
			Rule: "A step that copies what is not in the context fails the build.",
			Run: func(t *T) {
				_, err := t.TryBuild(runtime.BuildOptions{}, t.dockerfile("FROM scratch\nCOPY missing /\n"))
				t.ErrorIs("build", err, runtime.ErrBuildFailed)
			},
		},
		{
			ID: "build/dockerfile/nonsense", Contract: contractBuild,
			Rule: "A build of a Dockerfile that cannot be understood, or is empty, is ErrBuildFailed.",
			Run: func(t *T) {
				for _, content := range []string{"FROM scratch\nNOSUCH instruction\n", "FROM scratch\nCOPY Dockerfile\n", "FROM scratch\nENV\n", ""} {
					_, err := t.TryBuild(runtime.BuildOptions{}, fileEntry("Dockerfile", content))
					t.ErrorIs(fmt.Sprintf("build of %q", content), err, runtime.ErrBuildFailed)
				}
			},
		},
		{
			ID: "build/log", Contract: contractBuildOptions + ".Log",
			Rule: "Log gets the build's log, with what its steps write.",
			Run: func(t *T) {
				var log lockedBuffer
				t.Built(runtime.BuildOptions{Log: &log, NoCache: true}, t.dockerfile(t.spellingStep("0")), t.rootEntry())
				t.True(strings.Contains(log.String(), "words-of-the-step"), "the log", log.String(), "the output of the step in it")
			},
		},
		{
			ID: "build/no-cache", Contract: contractBuildOptions + ".NoCache",
			Rule: "NoCache builds every step anew.",
			Run: func(t *T) {
				t.Built(runtime.BuildOptions{}, t.dockerfile(t.spellingStep("0")), t.rootEntry())
				var log lockedBuffer
				t.Built(runtime.BuildOptions{Log: &log, NoCache: true}, t.dockerfile(t.spellingStep("0")), t.rootEntry())
				t.True(strings.Contains(log.String(), "words-of-the-step"), "the log of the second build", log.String(), "the output of the step in it")
			},
		},
		{
			ID: "build/dockerfile/missing", Contract: contractBuild,
			Rule: "A context without the named Dockerfile is ErrInvalid.",
			Run: func(t *T) {
				_, err := t.TryBuild(runtime.BuildOptions{}, fileEntry("other", ""))
				t.ErrorIs("build without any", err, runtime.ErrInvalid)
				_, err = t.TryBuild(runtime.BuildOptions{Dockerfile: "sub/Dockerfile"}, t.dockerfile("FROM scratch\nCOPY Dockerfile /\n"))
				t.ErrorIs("build without the one that is named", err, runtime.ErrInvalid)
			},
		},
		{
			ID: "build/dockerfile/named", Contract: contractBuildOptions + ".Dockerfile",
			Rule: "Dockerfile is the path of the one to build, in the context.",
			Run: func(t *T) {
				image := t.Built(runtime.BuildOptions{Dockerfile: "sub/file"}, t.dockerfile("no Dockerfile at all"),
					dirEntry("sub"), fileEntry("sub/file", "FROM scratch\nADD root.tar /\nENV WHICH=named\n"), t.rootEntry())
				t.Equal("WHICH", t.envOfImage(image, "WHICH"), []string{"named"})
			},
		},
		{
			ID: "build/dockerfile/containerfile", Contract: contractBuildOptions + ".Dockerfile",
			Rule: "Without a name Dockerfile is built, else Containerfile.",
			Run: func(t *T) {
				containerfile := fileEntry("Containerfile", "FROM scratch\nADD root.tar /\nENV WHICH=containerfile\n")
				t.Equal("WHICH, alone", t.envOfImage(t.Built(runtime.BuildOptions{}, containerfile, t.rootEntry()), "WHICH"), []string{"containerfile"})
				image := t.Built(runtime.BuildOptions{}, containerfile, t.dockerfile("FROM scratch\nADD root.tar /\nENV WHICH=dockerfile\n"), t.rootEntry())
				t.Equal("WHICH, beside a Dockerfile", t.envOfImage(image, "WHICH"), []string{"dockerfile"})
			},
		},
		{
			ID: "build/args", Contract: contractBuildOptions + ".Args",
			Rule: "Args are values for the Dockerfile's ARG instructions, which keep their defaults without.",
			Run: func(t *T) {
				dockerfile := t.dockerfile("FROM scratch\nADD root.tar /\nARG ONE=default\nARG TWO=default\nENV ONE=$ONE TWO=$TWO\n")
				image := t.Built(runtime.BuildOptions{Args: map[string]string{"ONE": "given value"}}, dockerfile, t.rootEntry())
				t.Equal("ONE", t.envOfImage(image, "ONE"), []string{"given value"})
				t.Equal("TWO", t.envOfImage(image, "TWO"), []string{"default"})
			},
		},
		{
			ID: "build/target", Contract: contractBuildOptions + ".Target",
			Rule: "Target is the stage to build; without, it is the last.",
			Run: func(t *T) {
				stages := t.dockerfile("FROM scratch AS first\nADD root.tar /\nENV STAGE=first\nFROM scratch AS second\nADD root.tar /\nENV STAGE=second\n")
				t.Equal("STAGE", t.envOfImage(t.Built(runtime.BuildOptions{Target: "first"}, stages, t.rootEntry()), "STAGE"), []string{"first"})
				t.Equal("STAGE", t.envOfImage(t.Built(runtime.BuildOptions{}, stages, t.rootEntry()), "STAGE"), []string{"second"})
			},
		},
		{
			ID: "build/target-missing", Contract: contractBuildOptions + ".Target",
			Rule: "A stage that is not there is ErrInvalid.",
			Run: func(t *T) {
				for _, target := range []string{"none", "0"} {
					_, err := t.TryBuild(runtime.BuildOptions{Target: target}, t.dockerfile("FROM scratch AS first\nCOPY Dockerfile /\n"))
					t.ErrorIs("build of "+target, err, runtime.ErrInvalid)
				}
			},
		},
		{
			ID: "build/no-tar", Contract: contractBuild,
			Rule: "A context that is no tar is ErrInvalid.",
			Run: func(t *T) {
				for _, content := range []string{"this is no tar", strings.Repeat("neither is this. ", 1000)} {
					t.Input("build of %q…", content[:14])
					_, err := t.Runtime().Build(t.ctx, strings.NewReader(content), runtime.BuildOptions{})
					t.ErrorIs("build", err, runtime.ErrInvalid)
				}
			},
		},
		{
			ID: "build/read-error", Contract: contractBuild,
			Rule: "A context that cannot be read to its end fails the build with the reader's error.",
			Run: func(t *T) {
				whole, err := newTar(t.dockerfile("FROM scratch\nADD root.tar /\n"), t.rootEntry())
				t.NoError("making a tar", err)
				broken := errors.New("the disk is broken")
				t.Input("build of a context of which the second half cannot be read")
				part := io.MultiReader(io.LimitReader(whole, int64(whole.Len()/2)), failingReader{broken})
				_, err = t.Runtime().Build(t.ctx, part, runtime.BuildOptions{})
				t.ErrorIs("build", err, broken)
			},
		},
		{
			ID: "build/not-closed", Contract: contractBuild,
			Rule: "The runtime reads the context but does not close it.",
			Run: func(t *T) {
				content, err := newTar(t.dockerfile("FROM scratch\nADD root.tar /\n"), t.rootEntry())
				t.NoError("making a tar", err)
				r := &closeRecorder{Reader: content}
				t.Input("build")
				res, err := t.Runtime().Build(t.ctx, r, runtime.BuildOptions{})
				t.NoError("build", err)
				t.removeImageLater(res.ImageID)
				t.Equal("calls of Close", r.closed, 0)
			},
		},
		{
			ID: "build/tag-invalid", Contract: contractBuildOptions + ".Tag",
			Rule: "A tag that is not fully qualified is ErrInvalid.",
			Run: func(t *T) {
				for _, tag := range []string{"short", "short:1", "localhost/UPPER:1", "localhost/a b"} {
					_, err := t.TryBuild(runtime.BuildOptions{Tag: tag}, t.dockerfile("FROM scratch\nCOPY Dockerfile /\n"))
					t.ErrorIs("build with the tag "+tag, err, runtime.ErrInvalid)
				}
			},
		},
		{
			ID: "build/ctx-cancelled", Contract: contractRuntime,
			Rule: "A build whose ctx is cancelled returns an error that matches it.",
			Run: func(t *T) {
				ctx, cancel := context.WithCancel(t.ctx)
				log := newWatch()
				// Podman has a step run on whose build is cancelled, and nothing in its API ends it. This one does so by itself.
				content, err := newTar(t.dockerfile("FROM scratch\nENV CASE="+t.token+"\nADD root.tar /\nRUN [\""+probePath+"\", \"stay\", \"x\", \"minute\"]\n"), t.rootEntry())
				t.NoError("making a tar", err)
				t.Input("build with a step that goes on for a minute, cancelled when it says that it stands")
				go func() {
					select {
					case <-log.Seen("ready"):
					case <-t.ctx.Done():
					}
					cancel()
				}()
				_, err = t.Runtime().Build(ctx, content, runtime.BuildOptions{Log: log, NoCache: true})
				t.ErrorIs("build", err, context.Canceled)
			},
		},
	}
	for i := range cases {
		cases[i].Needs = append(cases[i].Needs, runtime.CapabilityBuild)
	}
	return append(cases, imageCases()...)
}

// imageCases are about images that are removed.
func imageCases() []Case {
	build := []runtime.Capability{runtime.CapabilityBuild}
	return []Case{
		{
			ID: "build/remove", Contract: "runtime.ImageRemover", Needs: build,
			Rule: "RemoveImage removes a tag, and the image with its last tag.",
			Run: func(t *T) {
				remover := t.imageRemover()
				one, two := t.imageTag(), t.imageTag()
				for _, tag := range []string{one, two} {
					t.Built(runtime.BuildOptions{Tag: tag}, t.dockerfile("FROM scratch\nADD root.tar /\nLABEL case="+t.token+"\n"), t.rootEntry())
				}
				_, err := remover.RemoveImage(t.ctx, one, runtime.RemoveImageOptions{})
				t.NoError("removing the first tag", err)
				_, err = t.TryRun(one, runtime.RunOptions{})
				t.ErrorIs("run of the first tag", err, runtime.ErrImageNotFound)
				_, err = t.TryRun(two, runtime.RunOptions{})
				t.NoError("run of the second tag", err)
			},
		},
		{
			ID: "build/remove-missing", Contract: "runtime.ImageRemover", Needs: build,
			Rule: "Removing an image that is not there is ErrImageNotFound.",
			Run: func(t *T) {
				_, err := t.imageRemover().RemoveImage(t.ctx, t.imageTag(), runtime.RemoveImageOptions{})
				t.ErrorIs("remove", err, runtime.ErrImageNotFound)
			},
		},
		{
			ID: "build/remove-used", Contract: "runtime.ImageRemover", Needs: build,
			Rule: "Removing an image that a container uses is ErrInUse.",
			Run: func(t *T) {
				remover, tag := t.imageRemover(), t.imageTag()
				t.Built(runtime.BuildOptions{Tag: tag}, t.dockerfile("FROM scratch\nADD root.tar /\nLABEL case="+t.token+"\n"), t.rootEntry())
				res, err := t.TryRun(tag, runtime.RunOptions{})
				t.NoError("run", err)
				_, err = remover.RemoveImage(t.ctx, tag, runtime.RemoveImageOptions{})
				t.ErrorIs("remove", err, runtime.ErrInUse)
				t.MustExec(res.ID, runtime.ExecOptions{}, "exit", "0")
			},
		},
	}
}

type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }

type closeRecorder struct {
	io.Reader
	closed int
}

func (r *closeRecorder) Close() error { r.closed++; return nil }
