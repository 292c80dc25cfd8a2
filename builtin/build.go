package builtin

import (
	"context"
	"io"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/sandbox"
)

// Build is the image as [sandbox.Options].Build: an engine that has it already takes it as it is, any other builds it once. The error is
// errors.ErrUnsupported for an engine of an architecture that there is no image for.
func Build(ctx context.Context, rt runtime.Runtime) (*sandbox.Build, error) {
	info, err := rt.Info(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := program(info.Arch); err != nil {
		return nil, err
	}
	return &sandbox.Build{
		Tag: Tag(info.Arch), IfMissing: true,
		Context: func() (io.ReadCloser, error) {
			r, err := Context(info.Arch)
			return io.NopCloser(r), err
		},
	}, nil
}
