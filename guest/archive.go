package guest

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/sandlot-dev/sandlot/guest/wire"
	"github.com/sandlot-dev/sandlot/runtime"
)

// PutArchive is runtime.Runtime.PutArchive over ch, which it closes. The guest must run as root with every capability.
func PutArchive(ctx context.Context, ch Channel, dir string, archive io.Reader, opts runtime.PutArchiveOptions) (runtime.PutArchiveResult, error) {
	request := &wire.PutRequest{Dir: []byte(dir), KeepOwner: opts.KeepOwner, CreateDir: opts.CreateDir}
	for _, name := range opts.Remove {
		request.Remove = append(request.Remove, []byte(name))
	}
	err := checkPaths(append([]string{dir}, opts.Remove...)...)
	if err == nil && archive == nil {
		err = invalid("there is no archive")
	}
	if err != nil {
		ch.Close()
		return runtime.PutArchiveResult{}, err
	}
	c := &call{ch: ch, request: wire.Request{Put: request}, input: archive, inputMatters: true}
	out := c.run(ctx)
	result := runtime.PutArchiveResult{Entries: out.result.Entries, Bytes: out.result.Bytes}
	return result, archiveError(ctx, out, out.inputErr, "reading the archive")
}

// GetArchive is runtime.Runtime.GetArchive over ch, which it closes. The guest must run as root with every capability.
func GetArchive(ctx context.Context, ch Channel, path string, w io.Writer, opts runtime.GetArchiveOptions) (runtime.GetArchiveResult, error) {
	err := checkPaths(path)
	if err == nil && opts.Depth < 0 {
		err = invalid("the depth %d is negative", opts.Depth)
	}
	if err == nil && w == nil {
		err = invalid("there is nothing to write the archive to")
	}
	if err != nil {
		ch.Close()
		return runtime.GetArchiveResult{}, err
	}
	c := &call{
		ch: ch,
		request: wire.Request{Get: &wire.GetRequest{
			Path: []byte(path), HeadersOnly: opts.HeadersOnly, Depth: opts.Depth, Follow: opts.Follow,
		}},
		output: func(_ wire.Type, data []byte) error { return write(w, data) },
	}
	out := c.run(ctx)
	result := runtime.GetArchiveResult{Entries: out.result.Entries, Bytes: out.result.Bytes}
	return result, archiveError(ctx, out, out.outputErr, "writing the archive")
}

// archiveError says why an archive failed: ours comes first, since what the guest then says only follows from it.
func archiveError(ctx context.Context, out outcome, ours error, doing string) error {
	failed := out.result.Failure
	switch {
	case ours != nil:
		return &runtime.Error{Message: doing, Err: ours}
	case out.err == nil && failed == nil:
		return nil
	case ctx.Err() != nil:
		return &runtime.Error{Message: "the transfer was ended", Err: ctx.Err()}
	case out.err != nil:
		return out.err
	case failed.Kind == wire.KindCancelled:
		return lost(errors.New("the guest gave up by itself"))
	}
	return failure(failed)
}

func checkPaths(paths ...string) error {
	for _, path := range paths {
		if path == "" || strings.ContainsRune(path, 0) {
			return invalid("%q is no path", path)
		}
	}
	return nil
}
