package engine

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"os"
	"path"
	"strings"

	"github.com/distribution/reference"

	"github.com/sandlot-dev/sandlot/runtime"
)

// Build implements runtime.Runtime.
func (e *engine) Build(ctx context.Context, buildContext io.Reader, opts runtime.BuildOptions) (runtime.BuildResult, error) {
	return call(ctx, e, "build", opts.Tag, func(ctx context.Context) (runtime.BuildResult, error) {
		if err := checkBuild(buildContext, &opts); err != nil {
			return runtime.BuildResult{}, err
		}
		if err := e.check(ctx, runtime.CapabilityBuild, "a build"); err != nil {
			return runtime.BuildResult{}, err
		}
		// The engines find out late, or never, that a context makes no sense. So it is read to its end first.
		spool, err := spoolContext(ctx, buildContext, &opts)
		if err != nil {
			return runtime.BuildResult{}, err
		}
		defer spool.remove()
		imageID, err := e.api.Build(ctx, spool.file, opts)
		return runtime.BuildResult{ImageID: imageID}, err
	})
}

func checkBuild(buildContext io.Reader, opts *runtime.BuildOptions) error {
	if buildContext == nil {
		return invalid("give a tar stream", "there is no build context")
	}
	if opts.Target != "" && strings.Trim(opts.Target, "0123456789") == "" { // Podman would count, Docker does not
		return invalid("give the stage a name, with AS, and use that", "the target %q is no name of a stage", opts.Target)
	}
	if opts.Tag != "" {
		if _, err := reference.ParseNamed(opts.Tag); err != nil || strings.Contains(opts.Tag, "@") {
			return invalid("name it fully, such as localhost/project/app:1", "%q is no tag", opts.Tag)
		}
	}
	if file := opts.Dockerfile; file != "" {
		if path.IsAbs(file) || path.Clean(file) == ".." || strings.HasPrefix(path.Clean(file), "../") {
			return invalid("give its path in the context", "the Dockerfile %q is outside the build context", file)
		}
		opts.Dockerfile = path.Clean(file)
	}
	for key := range opts.Args {
		if key == "" || strings.ContainsAny(key, "=\x00") {
			return invalid("", "%q is no build argument", key)
		}
	}
	return nil
}

type spool struct{ file *os.File }

func (s spool) remove() {
	s.file.Close()
	os.Remove(s.file.Name())
}

// spoolContext copies a build context to a temporary file, finds the Dockerfile in it and sets it in opts. A reader that blocks does not outlive
// ctx here.
func spoolContext(ctx context.Context, r io.Reader, opts *runtime.BuildOptions) (spool, error) {
	file, err := os.CreateTemp("", "sandlot-build-*.tar")
	if err != nil {
		return spool{}, &runtime.Error{Message: "no temporary file for the build context", Err: err}
	}
	s := spool{file}
	done := make(chan error, 1)
	dockerfile := opts.Dockerfile
	go func() {
		var err error
		dockerfile, err = copyContext(file, r, dockerfile)
		done <- err
	}()
	select {
	case err = <-done:
	case <-ctx.Done():
		go func() {
			<-done
			s.remove()
		}()
		return spool{}, ctx.Err()
	}
	if err == nil {
		opts.Dockerfile = dockerfile
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		s.remove()
		return spool{}, err
	}
	return s, nil
}

// copyContext copies a tar and says which Dockerfile is in it.
func copyContext(w io.Writer, r io.Reader, want string) (string, error) {
	copied := io.TeeReader(r, w)
	candidates := []string{"Dockerfile", "Containerfile"}
	if want != "" {
		candidates = []string{want}
	}
	there := make(map[string]bool)
	for archive := tar.NewReader(copied); ; {
		header, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err == nil {
			there[path.Clean(header.Name)] = header.Typeflag != tar.TypeDir
			_, err = io.Copy(io.Discard, archive)
		}
		switch {
		case errors.Is(err, tar.ErrHeader):
			return "", errorf(runtime.ErrInvalid, "give a tar stream, not compressed", "the build context is no tar archive")
		case errors.Is(err, io.ErrUnexpectedEOF):
			return "", &runtime.Error{Kind: runtime.ErrInvalid, Message: "the build context is no whole tar archive", Err: err}
		case err != nil:
			return "", &runtime.Error{Message: "reading the build context", Err: err}
		}
	}
	if _, err := io.Copy(io.Discard, copied); err != nil { // padding after the end
		return "", &runtime.Error{Message: "reading the build context", Err: err}
	}
	for _, name := range candidates {
		if there[name] {
			return name, nil
		}
	}
	return "", invalid("put it there, or name another", "the build context has no %s", strings.Join(candidates, " or "))
}

// Pull implements runtime.Puller.
func (e *engine) Pull(ctx context.Context, image string, opts runtime.PullOptions) (runtime.PullResult, error) {
	return call(ctx, e, "pull", image, func(ctx context.Context) (runtime.PullResult, error) {
		if _, err := reference.ParseNormalizedNamed(image); err != nil {
			return runtime.PullResult{}, invalid("name an image such as docker.io/library/alpine:3", "%q is no image: %v", image, err)
		}
		imageID, err := e.api.Pull(ctx, image, opts)
		switch {
		case errors.Is(err, runtime.ErrUnavailable):
			err = hinted(err, "see whether the engine's host reaches the registry")
		case errors.Is(err, runtime.ErrImageNotFound):
			err = hinted(err, "see whether the name is right, and whether the registry wants a user")
		}
		return runtime.PullResult{ImageID: imageID}, err
	})
}

// hinted is an error of the API with what to do next, where that is the same on each engine.
func hinted(err error, hint string) error {
	if own, ok := err.(*runtime.Error); ok && own.Hint == "" {
		own.Hint = hint
	}
	return err
}

// RemoveImage implements runtime.ImageRemover.
func (e *engine) RemoveImage(ctx context.Context, image string, _ runtime.RemoveImageOptions) (runtime.RemoveImageResult, error) {
	return call(ctx, e, "remove image", image, func(ctx context.Context) (runtime.RemoveImageResult, error) {
		if _, err := reference.ParseAnyReference(image); err != nil {
			return runtime.RemoveImageResult{}, invalid("", "%q is no image: %v", image, err)
		}
		return runtime.RemoveImageResult{}, e.api.RemoveImage(ctx, image)
	})
}

// RemoveVolume implements runtime.VolumeRemover.
func (e *engine) RemoveVolume(ctx context.Context, volume string, _ runtime.RemoveVolumeOptions) (runtime.RemoveVolumeResult, error) {
	return call(ctx, e, "remove volume", volume, func(ctx context.Context) (runtime.RemoveVolumeResult, error) {
		if !namePattern.MatchString(volume) {
			return runtime.RemoveVolumeResult{}, errorf(runtime.ErrNotFound, "", "%q is no name for a volume", volume)
		}
		return runtime.RemoveVolumeResult{}, e.api.RemoveVolume(ctx, volume)
	})
}
