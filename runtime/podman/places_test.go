package podman

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sandlot-dev/sandlot/runtime"
)

// lookup is a getenv over pairs, with a home of its own and no configuration of this machine.
func lookup(t *testing.T, pairs ...string) (getenv func(string) string, config string) {
	t.Helper()
	home := t.TempDir()
	config = filepath.Join(home, ".config", "containers")
	if err := os.MkdirAll(filepath.Join(config, "containers.conf.d"), 0o755); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"HOME": home, "XDG_RUNTIME_DIR": "/run/user/7"}
	for i := 0; i < len(pairs); i += 2 {
		env[pairs[i]] = pairs[i+1]
	}
	return func(k string) string { return env[k] }, config
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func expectPlaces(t *testing.T, getenv func(string) string, want ...string) {
	t.Helper()
	var got []string
	for _, p := range Places(getenv) {
		if p.Err != nil {
			t.Fatalf("%s: %v", p.Name, p.Err)
		}
		got = append(got, p.URL)
	}
	want = append(want, "podman+unix:///run/user/7/podman/podman.sock", "podman+unix:///run/podman/podman.sock")
	if !slices.Equal(got, want) {
		t.Errorf("places are %q, want %q", got, want)
	}
}

// TestPlaceKeepsSecrets: a URL that cannot be read is not shown, since it may hold a password.
func TestPlaceKeepsSecrets(t *testing.T) {
	for _, uri := range []string{"ssh://user:secret@[::1", "//user:secret@host/socket"} {
		if p := place("a place", destination{URI: uri}); p.Err == nil || strings.Contains(p.Err.Error(), "secret") {
			t.Errorf("%s gives %v", uri, p.Err)
		}
	}
}

func TestPlacesOfTheEnvironment(t *testing.T) {
	getenv, _ := lookup(t)
	expectPlaces(t, getenv)
	for host, want := range map[string]string{
		"unix:///a/b.sock":        "podman+unix:///a/b.sock",
		"unix://a/b.sock":         "podman+unix:///a/b.sock",
		"tcp://h:1":               "podman+tcp://h:1?identity=%2Fk",
		"ssh://u@h:22/run/p.sock": "podman+ssh://u@h:22/run/p.sock?identity=%2Fk",
	} {
		getenv, _ := lookup(t, "CONTAINER_HOST", host, "CONTAINER_SSHKEY", "/k")
		expectPlaces(t, getenv, want)
	}
	getenv, _ = lookup(t, "CONTAINER_HOST", "no url")
	if p := Places(getenv)[0]; p.Name != "CONTAINER_HOST" || !errors.Is(p.Err, runtime.ErrInvalid) || !strings.Contains(p.Err.Error(), "no url") {
		t.Errorf("a CONTAINER_HOST that is none gives %+v", p)
	}
}

const connections = `{"Connection":{"Default":"one","Connections":{
	"one":{"URI":"ssh://core@127.0.0.1:50000/run/user/501/podman/podman.sock","Identity":"/home/x/my key","IsMachine":true},
	"two":{"URI":"tcp://h:2376","TLSCert":"/c","TLSKey":"/k","TLSCA":"/a"}}},"Farm":{}}`

func TestPlacesOfConnections(t *testing.T) {
	const one = "podman+ssh://core@127.0.0.1:50000/run/user/501/podman/podman.sock?identity=%2Fhome%2Fx%2Fmy+key&machine=true"
	const two = "podman+tcp://h:2376?tlsca=%2Fa&tlscert=%2Fc&tlskey=%2Fk"

	getenv, config := lookup(t)
	write(t, filepath.Join(config, "podman-connections.json"), connections)
	expectPlaces(t, getenv, one)

	getenv, config = lookup(t, "CONTAINER_CONNECTION", "two")
	write(t, filepath.Join(config, "podman-connections.json"), connections)
	expectPlaces(t, getenv, two)

	elsewhere := filepath.Join(t.TempDir(), "connections")
	write(t, elsewhere, connections)
	getenv, _ = lookup(t, "PODMAN_CONNECTIONS_CONF", elsewhere)
	expectPlaces(t, getenv, one)

	for name, text := range map[string]string{
		"no JSON":   "{",
		"not there": `{"Connection":{"Default":"gone"}}`,
	} {
		getenv, config := lookup(t)
		write(t, filepath.Join(config, "podman-connections.json"), text)
		if p := Places(getenv)[0]; p.Err == nil {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

func TestPlacesOfContainersConf(t *testing.T) {
	const conf = "[containers]\nenv = [\"A=b\"]\n[engine]\nactive_service = \"one\"\n[engine.service_destinations.one]\nuri = \"unix:///one\"\n" +
		"[engine.service_destinations.two]\nuri = \"ssh://h/two\"\nidentity = \"/id\"\n"
	getenv, config := lookup(t)
	write(t, filepath.Join(config, "containers.conf"), conf)
	expectPlaces(t, getenv, "podman+unix:///one")

	// A later file overrides one key and keeps the rest.
	write(t, filepath.Join(config, "containers.conf.d", "10.conf"), "[engine]\nactive_service = \"two\"\n")
	write(t, filepath.Join(config, "containers.conf.d", "20.txt"), "no configuration")
	expectPlaces(t, getenv, "podman+ssh://h/two?identity=%2Fid")

	only := filepath.Join(t.TempDir(), "only.conf")
	write(t, only, strings.ReplaceAll(conf, "unix:///one", "unix:///only"))
	override := filepath.Join(t.TempDir(), "override.conf")
	write(t, override, "[engine.service_destinations.one]\nuri = \"unix:///override\"\n")
	getenv, _ = lookup(t, "CONTAINERS_CONF", only)
	expectPlaces(t, getenv, "podman+unix:///only")
	getenv, _ = lookup(t, "CONTAINERS_CONF", only, "CONTAINERS_CONF_OVERRIDE", override)
	expectPlaces(t, getenv, "podman+unix:///override")

	// podman-connections.json wins.
	getenv, config = lookup(t, "CONTAINERS_CONF", only)
	write(t, filepath.Join(config, "podman-connections.json"), `{"Connection":{"Default":"x","Connections":{"x":{"URI":"unix:///x"}}}}`)
	expectPlaces(t, getenv, "podman+unix:///x")

	getenv, config = lookup(t)
	write(t, filepath.Join(config, "containers.conf"), "no configuration")
	if p := Places(getenv)[0]; p.Err == nil || !strings.Contains(p.Err.Error(), "containers.conf") {
		t.Errorf("a file that is no TOML gives %+v", p)
	}
}
