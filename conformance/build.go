package conformance

import (
	"context"
	"errors"

	"github.com/sandlot-dev/sandlot/conformance/internal/answer"
	"github.com/sandlot-dev/sandlot/runtime"
)

// Built builds an image that is removed after the case, and returns its id. Failing to ends the case.
func (t *T) Built(opts runtime.BuildOptions, entries ...entry) string {
	log := &tail{limit: 2048}
	if opts.Log == nil {
		opts.Log = log
	}
	id, err := t.TryBuild(opts, entries...)
	if err != nil {
		t.Fatalf("build\n  got:   %v\n  log:   %s\n  want:  no error", err, log)
	}
	return id
}

// TryBuild calls Runtime.Build. The image is removed after the case.
func (t *T) TryBuild(opts runtime.BuildOptions, entries ...entry) (string, error) {
	var names []string
	for _, e := range entries {
		names = append(names, e.Name)
	}
	t.Input("build of %q %s", names, given(opts))
	content, err := newTar(entries...)
	t.NoError("making a tar", err)
	res, err := t.Runtime().Build(t.ctx, content, opts)
	if err == nil {
		image := res.ImageID
		if opts.Tag != "" {
			image = opts.Tag
		}
		t.removeImageLater(image)
	}
	return res.ImageID, err
}

// removeImageLater removes an image after the case. Another case may have built the same one, and use it or have removed it.
func (t *T) removeImageLater(image string) {
	t.Cleanup(func(ctx context.Context) error {
		remover, ok := t.Runtime().(runtime.ImageRemover)
		if !ok {
			return nil
		}
		_, err := remover.RemoveImage(ctx, image, runtime.RemoveImageOptions{})
		if errors.Is(err, runtime.ErrImageNotFound) {
			return nil
		}
		return err
	})
}

// imageTag is a tag of the case's own.
func (t *T) imageTag() string { return "localhost/sandlot-conformance/" + t.token + ":" + token() }

// imageRemover is the runtime as one that removes images. Where its type does not declare that, the case ends.
func (t *T) imageRemover() runtime.ImageRemover {
	r, ok := t.Runtime().(runtime.ImageRemover)
	if !ok {
		t.undeclared("runtime.ImageRemover", noInterface)
	}
	return r
}

// dockerfile is a Dockerfile of the case's own: no other case's image has the same id.
func (t *T) dockerfile(content string) entry {
	return fileEntry("Dockerfile", content+"LABEL sandlot-conformance-build="+t.token+"\n")
}

// rootEntry is the suite's root file system, to be added to an image.
func (t *T) rootEntry() entry {
	root, err := imageRoot(t.Info().Arch)
	t.NoError("the suite's image", err)
	return fileEntry("root.tar", string(root))
}

// envOfImage are the values of a key in a sandbox of an image.
func (t *T) envOfImage(image, key string) []string {
	res, err := t.TryRun(image, runtime.RunOptions{})
	t.NoError("run", err)
	return valuesOf(answerOf[answer.Self](t, res.ID, runtime.ExecOptions{}, "self").Env, key)
}
