package docker

import (
	"context"
	"net/url"
	"testing"

	"github.com/sandlot-dev/sandlot/runtime/engine"
	"github.com/sandlot-dev/sandlot/runtime/engine/apitest"
)

func openAPI(ctx context.Context, ref string) (*api, error) {
	u, err := url.Parse(ref)
	if err != nil {
		return nil, err
	}
	place, err := locate(u)
	if err != nil {
		return nil, err
	}
	return connect(ctx, place)
}

func TestAPI(t *testing.T) {
	apitest.Run(t, apitest.Config{
		Scheme: "docker+",
		Open:   func(ctx context.Context, ref string) (engine.API, error) { return openAPI(ctx, ref) },
		VolumesOf: func(ctx context.Context, a engine.API, id string) ([]string, error) {
			c, err := a.(*api).cli.ContainerInspect(ctx, id)
			if err != nil {
				return nil, err
			}
			var names []string
			for _, m := range c.Mounts {
				if m.Name != "" {
					names = append(names, m.Name)
				}
			}
			return names, nil
		},
	})
}
