package auto

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	goruntime "runtime"

	"github.com/sandlot-dev/sandlot/internal/try"
	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/runtime/docker"
	"github.com/sandlot-dev/sandlot/runtime/podman"
)

// places are where to look, in their order, each URL once.
func places(getenv func(string) string) []try.Place {
	var all []try.Place
	seen := map[string]bool{}
	add := func(p try.Place) {
		if p.URL == "" || !seen[p.URL] {
			all = append(all, p)
		}
		seen[p.URL] = true
	}
	if host := getenv("DOCKER_HOST"); host != "" {
		p := dockerAt("DOCKER_HOST", host)
		p.Variable = "DOCKER_HOST"
		add(p)
	} else if chosen, err := dockerContext(getenv); err != nil || (chosen != "" && chosen != "default") {
		variable := ""
		if getenv("DOCKER_CONTEXT") != "" {
			variable = "DOCKER_CONTEXT"
		}
		add(try.Place{Name: fmt.Sprintf("the docker context %q", chosen), Variable: variable, Open: func(ctx context.Context) (runtime.Runtime, error) {
			if err != nil {
				return nil, err
			}
			return docker.Driver().Open(ctx, nil)
		}})
	}
	for _, p := range podman.Places(getenv) {
		add(try.Place{Name: p.Name, URL: p.URL, Open: p.Open, Variable: p.Variable})
	}
	if goruntime.GOOS == "windows" {
		add(dockerAt("Docker's pipe", "npipe:////./pipe/docker_engine"))
	} else {
		add(dockerAt("Docker's socket", "unix:///var/run/docker.sock"))
		if dir := getenv("XDG_RUNTIME_DIR"); dir != "" {
			add(dockerAt("the rootless Docker socket", "unix://"+filepath.Join(dir, "docker.sock")))
		}
	}
	add(try.Place{Name: OwnService, Open: podman.StartService, Patience: try.Started})
	return all
}

// dockerAt is a host as in DOCKER_HOST. Where Podman answers there, it is opened as what it is.
func dockerAt(title, host string) try.Place {
	return try.Place{Name: title, URL: "docker+" + host, Open: func(ctx context.Context) (runtime.Runtime, error) {
		if isPodman(ctx, host) {
			return runtime.Open(ctx, "podman+"+host, podman.Driver())
		}
		return runtime.Open(ctx, "docker+"+host, docker.Driver())
	}}
}

// isPodman asks a local socket whether it is Podman that answers. Of a host elsewhere the driver says so in its error.
func isPodman(ctx context.Context, host string) bool {
	u, err := url.Parse(host)
	if err != nil || u.Scheme != "unix" {
		return false
	}
	return try.Ping(ctx, "unix", u.Path).Get("Libpod-Api-Version") != ""
}

// dockerContext is the name of the docker command's current context. Empty: none is chosen.
func dockerContext(getenv func(string) string) (string, error) {
	if context := getenv("DOCKER_CONTEXT"); context != "" {
		return context, nil
	}
	dir := cmp.Or(getenv("DOCKER_CONFIG"), filepath.Join(getenv("HOME"), ".docker"))
	file := filepath.Join(dir, "config.json")
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	var config struct{ CurrentContext string }
	if err == nil {
		err = json.Unmarshal(text, &config)
	}
	if err != nil {
		err = &runtime.Error{Op: "open", Kind: runtime.ErrInvalid, Message: "the docker command's configuration in " + file, Err: err}
	}
	return config.CurrentContext, err
}
