package podman

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-multierror"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/runtime/engine"
)

// api is engine.API over one connection.
type api struct {
	client *client
	local  bool // the engine is on this machine, as far as the URL tells
	// ended ends what was started for this runtime alone. It may be nil.
	ended func() error

	mu        sync.Mutex
	described *description // nil while nothing has needed it
}

var (
	_ engine.API          = (*api)(nil)
	_ engine.VolumeLister = (*api)(nil)
)

func (a *api) Close() error {
	a.client.close()
	if a.ended == nil {
		return nil
	}
	var errs *multierror.Error
	errs = multierror.Append(errs, a.ended())
	return errs.ErrorOrNil()
}

// Upload leaves owners as the archive has them: without copyUIDGID=false they become the container's user.
func (a *api) Upload(ctx context.Context, id, dir string, archive io.Reader) error {
	return failure(a.client.json(ctx, call{
		method: http.MethodPut, path: endpoint("containers", id, "archive"),
		query: url.Values{"path": {dir}, "copyUIDGID": {"false"}, "pause": {"false"}},
		body:  archive, header: http.Header{"Content-Type": {"application/x-tar"}},
	}, nil, nil), runtime.ErrNotFound)
}

// Exists asks twice where the answer is no: a missing path and a missing container look alike.
func (a *api) Exists(ctx context.Context, id, path string) (bool, error) {
	err := a.client.json(ctx, call{
		method: http.MethodHead, path: endpoint("containers", id, "archive"), query: url.Values{"path": {path}},
	}, nil, nil)
	if status := statusOf(err); status != http.StatusNotFound {
		return err == nil, failure(err, runtime.ErrFileNotFound)
	}
	err = a.client.json(ctx, call{method: http.MethodGet, path: endpoint("containers", id, "exists")}, nil, nil)
	return false, failure(err, runtime.ErrNotFound)
}

func (a *api) UnusedVolumes(ctx context.Context, prefix string) ([]engine.Volume, error) {
	var all []struct {
		Name      string
		CreatedAt time.Time
	}
	err := a.client.json(ctx, call{
		method: http.MethodGet, path: endpoint("volumes", "json"), query: url.Values{"filters": {`{"dangling":["true"]}`}},
	}, nil, &all)
	var unused []engine.Volume
	for _, v := range all {
		if strings.HasPrefix(v.Name, prefix) {
			unused = append(unused, engine.Volume{Name: v.Name, Created: v.CreatedAt})
		}
	}
	return unused, failure(err, runtime.ErrUnavailable)
}

func (a *api) VolumeExists(ctx context.Context, name string) (bool, error) {
	err := a.client.json(ctx, call{method: http.MethodGet, path: endpoint("volumes", name, "exists")}, nil, nil)
	if statusOf(err) == http.StatusNotFound {
		return false, nil
	}
	return err == nil, failure(err, runtime.ErrNotFound)
}

func (a *api) RemoveVolume(ctx context.Context, name string) error {
	return failure(a.client.json(ctx, call{method: http.MethodDelete, path: endpoint("volumes", name)}, nil, nil), runtime.ErrNotFound)
}
