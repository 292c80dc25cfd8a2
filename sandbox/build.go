package sandbox

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/sandlot-dev/sandlot/runtime"
)

// A Build says how to build an image: one of Dir and Context is required.
type Build struct {
	// Dir is a directory of this machine that holds the build context. What its ignore file names is left out: the first that exists of
	// NAME.containerignore and NAME.dockerignore beside the Dockerfile NAME, .containerignore, .dockerignore. Ignore files are
	// never in the context themselves, and neither are sockets, pipes and devices.
	Dir string
	// Context opens a build context that is a tar. It is called once for a build, and once more before where Tag is empty, and must give
	// the same files each time. Read must end when Close is called. An ignore file in it is not looked at, and is left out.
	Context func() (io.ReadCloser, error)
	// Dockerfile is its path in the context. Empty: "Dockerfile", else "Containerfile".
	Dockerfile string
	// Args are values for the Dockerfile's ARG instructions.
	Args map[string]string
	// Target is the stage to build. Empty: the last.
	Target string
	// NoCache builds every step anew, even if the engine has the image.
	NoCache bool
	// Tag names the image, fully qualified ("localhost/project/app:1"). Empty: "localhost/sandlot/build:HASH" of the content (files,
	// modes, link targets, Dockerfile, Args and Target, but not times and owners), so that [New] builds only what has changed.
	Tag string
	// IfMissing lets New take an image that the engine has under Tag as it is, without reading the context. Without it an image with a Tag is
	// built for each New; the engine's cache of steps makes that fast, as long as nothing has changed. Not used without Tag.
	IfMissing bool
}

// BuildImage builds an image, whether or not the engine has it, and gives its tag. progress gets the log as it comes; nil discards. A failed
// build is runtime.ErrBuildFailed, with the end of its log in [runtime.Error].Log and message; a directory without the Dockerfile is
// runtime.ErrInvalid.
func BuildImage(ctx context.Context, rt runtime.Runtime, b Build, progress io.Writer) (tag string, err error) {
	source, err := newSource(ctx, b)
	if err != nil {
		return "", err
	}
	defer source.close()
	return source.tag, source.build(ctx, rt, progress)
}

// BuildTag is the tag that [BuildImage] gives the image, without building it.
func BuildTag(ctx context.Context, b Build) (string, error) {
	source, err := newSource(ctx, b)
	if err != nil {
		return "", err
	}
	defer source.close()
	return source.tag, nil
}

// runBuild runs the image of a build, which is built where the engine does not have it. Running tells whether it does.
func runBuild(ctx context.Context, rt runtime.Runtime, opts Options) (runtime.RunResult, error) {
	known := opts.Build.Tag
	if known != "" && opts.Build.IfMissing && !opts.Build.NoCache {
		ran, err := opts.run(ctx, rt, known)
		if !errors.Is(err, runtime.ErrImageNotFound) {
			return ran, err
		}
	}
	source, err := newSource(ctx, *opts.Build)
	if err != nil {
		return runtime.RunResult{}, err
	}
	defer source.close()
	if known == "" && !opts.Build.NoCache {
		ran, err := opts.run(ctx, rt, source.tag)
		if !errors.Is(err, runtime.ErrImageNotFound) {
			return ran, err
		}
	}
	if err := source.build(ctx, rt, opts.Progress); err != nil {
		return runtime.RunResult{}, err
	}
	return opts.run(ctx, rt, source.tag)
}

// A source is a build whose tag is known.
type source struct {
	Build
	tag    string
	sum    []byte   // of the content that the tag names; nil where it names none
	root   *os.Root // of Dir
	ignore *ignore  // of Dir
	// inContext is the Dockerfile's name in the context that is sent.
	inContext string
}

func newSource(ctx context.Context, b Build) (*source, error) {
	s := &source{Build: b, tag: b.Tag}
	err := s.prepare()
	if err == nil && s.tag == "" {
		s.sum, err = s.write(ctx, io.Discard, nil)
	}
	if err != nil {
		s.close()
		return nil, err
	}
	if s.tag == "" {
		s.tag = "localhost/sandlot/build:" + hex.EncodeToString(s.sum)[:12]
	}
	return s, nil
}

func (s *source) prepare() (err error) {
	if (s.Dir == "") == (s.Context == nil) {
		return invalid("build", s.Dir, "a build needs a directory or a tar, and not both", "set one of Dir and Context")
	}
	s.inContext = s.Dockerfile
	if s.Dir == "" {
		return nil
	}
	s.root, err = os.OpenRoot(s.Dir)
	if err != nil {
		return &runtime.Error{
			Op: "build", ID: s.Dir, Kind: runtime.ErrInvalid, Message: "the build directory cannot be read", Err: err,
			Hint: "name a directory that holds a Dockerfile or Containerfile",
		}
	}
	if s.Dockerfile, err = findDockerfile(s.root, s.Dockerfile); err != nil {
		return err
	}
	s.inContext = s.Dockerfile
	if s.ignore, err = readIgnore(s.root, s.Dockerfile); err != nil {
		return err
	}
	leave, _, err := s.ignore.leaves(s.Dockerfile)
	if leave {
		s.inContext = aside
	}
	return err
}

func (s *source) close() {
	if s.root != nil {
		s.root.Close() // opened to read: nothing is lost
	}
}

func (s *source) build(ctx context.Context, rt runtime.Runtime, progress io.Writer) error {
	return pipe(ctx, func(ctx context.Context, w io.Writer) error {
		_, err := s.write(ctx, w, s.sum)
		return err
	}, func(r io.Reader) error {
		_, err := rt.Build(ctx, r, runtime.BuildOptions{
			Tag: s.tag, Dockerfile: s.inContext, Args: s.Args, Target: s.Target, NoCache: s.NoCache, Log: progress,
		})
		return err
	})
}

// findDockerfile gives the Dockerfile's name with slashes.
func findDockerfile(root *os.Root, name string) (string, error) {
	names := []string{"Dockerfile", "Containerfile"}
	if name != "" {
		names = []string{path.Clean(filepath.ToSlash(name))}
	}
	for _, name := range names {
		info, err := root.Stat(filepath.FromSlash(name))
		if err == nil && info.Mode().IsRegular() {
			return name, nil
		}
	}
	return "", invalid("build", root.Name(), "it has no "+strings.Join(names, " or "),
		"name the directory that holds it, and a file of another name or place in there with Build.Dockerfile or -f")
}
