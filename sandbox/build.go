package sandbox

import (
	"context"
	"io"

	"github.com/sandlot-dev/sandlot/runtime"
)

// A Build says how to build an image: one of Dir and Context is required.
type Build struct {
	// Dir is a directory of this machine that holds the build context. What its ignore file names is left out: the first that exists of
	// NAME.containerignore and NAME.dockerignore beside the Dockerfile NAME, .containerignore, .dockerignore. Ignore files are
	// never in the context themselves, and neither are sockets, pipes and devices.
	Dir string
	// Context opens a build context that is a tar. It is called once for the tag and once for each build, and must give the same files
	// each time. An ignore file is not looked at, and is left out.
	Context func() (io.ReadCloser, error)
	// Dockerfile is its path in the context. Empty: "Dockerfile", else "Containerfile".
	Dockerfile string
	// Args are values for the Dockerfile's ARG instructions.
	Args map[string]string
	// Target is the stage to build. Empty: the last.
	Target string
	// NoCache builds every step anew, even if the engine has the image.
	NoCache bool
	// Tag names the image, fully qualified ("localhost/project/app:1"). It is built whenever asked for, the engine's cache of steps aside. Empty:
	// "localhost/sandlot/build:HASH" of the content (files, modes, link targets, Dockerfile, Args and Target, but not times
	// and owners), and an image that the engine has under it is used as it is.
	Tag string
}

// BuildImage builds an image, whether or not the engine has it, and gives its tag. progress gets the log as it comes; nil discards. A failed
// build is runtime.ErrBuildFailed, with the end of its log in [runtime.Error].Log and message; a directory without the Dockerfile is
// runtime.ErrInvalid.
func BuildImage(ctx context.Context, rt runtime.Runtime, b Build, progress io.Writer) (tag string, err error) {
	return "", errBeingBuilt
}

// BuildTag is the tag that [BuildImage] gives the image, without building it.
func BuildTag(b Build) (string, error) {
	return "", errBeingBuilt
}

func runBuild(ctx context.Context, rt runtime.Runtime, b Build, opts Options) (runtime.RunResult, error) {
	return runtime.RunResult{}, errBeingBuilt
}
