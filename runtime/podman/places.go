package podman

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
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/sandlot-dev/sandlot/runtime"
)

// A Place is where a Podman service may answer.
type Place struct {
	// Name says what names it, for people: "CONTAINER_HOST", "the rootless Podman socket".
	Name string
	// URL opens it. Empty where Err is not nil.
	URL string
	// Err is why the place is not known.
	Err error
	// Variable is the environment variable that names it, if one does: then no other is wanted.
	Variable string
}

// Open opens the service at the place. Where nothing answers it is ErrUnavailable, and ErrPermission where the socket may not be opened.
func (p Place) Open(ctx context.Context) (runtime.Runtime, error) {
	if p.Err != nil {
		return nil, p.Err
	}
	return runtime.Open(ctx, p.URL, Driver())
}

// Places are, in their order, CONTAINER_HOST, podman's default connection, the socket of this user and that of root. Where the
// first two are not set, they are not in it. getenv is os.Getenv, or stands for it; files are read at the paths that it
// gives.
func Places(getenv func(string) string) []Place {
	var out []Place
	if host := getenv("CONTAINER_HOST"); host != "" {
		p := place("CONTAINER_HOST", destination{URI: host, Identity: getenv("CONTAINER_SSHKEY")})
		p.Variable = "CONTAINER_HOST"
		out = append(out, p)
	}
	switch connection, d, err := defaultConnection(getenv); {
	case err != nil:
		out = append(out, Place{Name: "podman's default connection", Err: err})
	case connection != "":
		out = append(out, place(fmt.Sprintf("podman's connection %q", connection), d))
	}
	if dir := runtimeDir(getenv); dir != "" {
		out = append(out, place("the rootless Podman socket", destination{URI: "unix://" + filepath.Join(dir, "podman", "podman.sock")}))
	}
	return append(out, place("the rootful Podman socket", destination{URI: "unix:///run/podman/podman.sock"}))
}

// runtimeDir is the directory of this user's sockets; root has none by default.
func runtimeDir(getenv func(string) string) string {
	uid := os.Getuid()
	if dir := getenv("XDG_RUNTIME_DIR"); dir != "" || uid <= 0 {
		return dir
	}
	return filepath.Join("/run/user", strconv.Itoa(uid))
}

// A destination is a service in podman-connections.json and in containers.conf.
type destination struct {
	URI       string `toml:"uri"`
	Identity  string `toml:"identity"`
	TLSCert   string `toml:"tls_cert"`
	TLSKey    string `toml:"tls_key"`
	TLSCA     string `toml:"tls_ca"`
	IsMachine bool   `toml:"is_machine"`
}

// place makes one URL of all that a destination says.
func place(title string, d destination) Place {
	u, err := url.Parse(d.URI)
	if err == nil && u.Scheme == "" {
		shown := d.URI
		if u.User != nil {
			shown = u.Redacted()
		}
		err = fmt.Errorf("%q has no scheme, such as unix or ssh", shown)
	}
	if err != nil {
		if parse := new(url.Error); errors.As(err, &parse) {
			err = parse.Err // without the URL, which may hold a password
		}
		return Place{Name: title, Err: &runtime.Error{Op: "open", Runtime: name, Kind: runtime.ErrInvalid, Message: "what it says is no URL", Err: err}}
	}
	if u.Scheme == "unix" && u.Host != "" { // unix://run/podman.sock, which Podman takes
		u.Path, u.Host = "/"+u.Host+u.Path, ""
	}
	u.Scheme = name + "+" + u.Scheme
	query := url.Values{}
	for k, v := range map[string]string{"identity": d.Identity, "tlscert": d.TLSCert, "tlskey": d.TLSKey, "tlsca": d.TLSCA} {
		if v != "" {
			query.Set(k, v)
		}
	}
	if d.IsMachine {
		query.Set("machine", "true")
	}
	if u.Scheme == name+"+unix" {
		query = nil
	}
	u.RawQuery = query.Encode()
	return Place{Name: title, URL: u.String()}
}

// defaultConnection is the connection that podman --remote would take: of the name in CONTAINER_CONNECTION, else the default of
// podman-connections.json, else active_service of containers.conf. No name: there is none.
//
// Podman's own package for these files is not used, because loading it changes the process's environment.
func defaultConnection(getenv func(string) string) (string, destination, error) {
	var file struct {
		Connection struct {
			Default     string
			Connections map[string]destination
		}
	}
	configDir := cmp.Or(getenv("XDG_CONFIG_HOME"), filepath.Join(getenv("HOME"), ".config"))
	path := cmp.Or(getenv("PODMAN_CONNECTIONS_CONF"), filepath.Join(configDir, "containers", "podman-connections.json"))
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &file)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", destination{}, fmt.Errorf("%s: %w", path, err)
	}
	engine, err := engineConfig(getenv, configDir)
	if err != nil {
		return "", destination{}, err
	}
	connection := cmp.Or(getenv("CONTAINER_CONNECTION"), file.Connection.Default, engine.ActiveService)
	if connection == "" {
		return "", destination{}, nil
	}
	d, ok := file.Connection.Connections[connection]
	if !ok {
		d, ok = engine.Destinations[connection]
	}
	if !ok {
		return "", destination{}, fmt.Errorf("podman has no connection %q", connection)
	}
	return connection, d, nil
}

type engineSection struct {
	ActiveService string                 `toml:"active_service"`
	Destinations  map[string]destination `toml:"service_destinations"`
}

// engineConfig reads the [engine] tables of containers.conf, the later file over the earlier, in containers.conf(5)'s order.
func engineConfig(getenv func(string) string, configDir string) (engineSection, error) {
	var config struct {
		Engine engineSection `toml:"engine"`
	}
	for _, path := range configFiles(getenv, configDir) {
		if _, err := toml.DecodeFile(path, &config); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return engineSection{}, fmt.Errorf("%s: %w", path, err)
		}
	}
	return config.Engine, nil
}

func configFiles(getenv func(string) string, configDir string) []string {
	var files []string
	if only := getenv("CONTAINERS_CONF"); only != "" {
		files = []string{only}
	} else {
		files = []string{"/usr/share/containers/containers.conf"}
		for _, base := range []string{"/etc/containers/containers.conf", filepath.Join(configDir, "containers", "containers.conf")} {
			files = append(files, base)
			more, _ := os.ReadDir(base + ".d") // sorted; one that is not there has none
			for _, entry := range more {
				if !entry.IsDir() && strings.HasSuffix(entry.Name(), ".conf") {
					files = append(files, filepath.Join(base+".d", entry.Name()))
				}
			}
		}
	}
	if last := getenv("CONTAINERS_CONF_OVERRIDE"); last != "" {
		files = append(files, last)
	}
	return slices.Compact(files)
}
