package docker

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	goruntime "runtime"

	"github.com/docker/go-connections/tlsconfig"

	"github.com/sandlot-dev/sandlot/runtime"
)

// A place is where a daemon listens.
type place struct {
	host string // as in DOCKER_HOST
	tls  *tls.Config
}

// locate reads a URL of this driver, or without one the environment and the docker command's configuration.
func locate(u *url.URL) (place, error) {
	if u != nil {
		plain := *u
		plain.Scheme = u.Scheme[min(len(name)+1, len(u.Scheme)):]
		return withEnvironment(plain.String())
	}
	if host := os.Getenv("DOCKER_HOST"); host != "" {
		return withEnvironment(host)
	}
	context, err := currentContext()
	if err != nil {
		return place{}, err
	}
	if context != "" && context != "default" {
		return ofContext(context)
	}
	return withEnvironment(defaultHost())
}

// withEnvironment adds the environment's TLS files to a tcp host.
func withEnvironment(host string) (place, error) {
	p := place{host: host}
	u, err := url.Parse(host)
	if err != nil {
		return p, invalidPlace(err.Error())
	}
	dir := os.Getenv("DOCKER_CERT_PATH")
	if u.Scheme != "tcp" || dir == "" {
		return p, nil
	}
	p.tls, err = tlsconfig.Client(tlsFiles(dir, os.Getenv("DOCKER_TLS_VERIFY") == ""))
	if err != nil {
		err = &runtime.Error{Kind: runtime.ErrInvalid, Message: "the TLS files of DOCKER_CERT_PATH", Err: err}
	}
	return p, err
}

func tlsFiles(dir string, skipVerify bool) tlsconfig.Options {
	return tlsconfig.Options{
		CAFile: filepath.Join(dir, "ca.pem"), CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem"),
		InsecureSkipVerify: skipVerify, ExclusiveRootPools: true,
	}
}

func defaultHost() string {
	if goruntime.GOOS == "windows" {
		return "npipe:////./pipe/docker_engine"
	}
	const usual = "/var/run/docker.sock"
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		rootless := filepath.Join(dir, "docker.sock")
		if _, err := os.Stat(usual); errors.Is(err, fs.ErrNotExist) {
			if _, err := os.Stat(rootless); err == nil {
				return "unix://" + rootless
			}
		}
	}
	return "unix://" + usual
}

// configDir is the docker command's. Empty where there is no home.
func configDir() string {
	if dir := os.Getenv("DOCKER_CONFIG"); dir != "" {
		return dir
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".docker")
}

func currentContext() (string, error) {
	if context := os.Getenv("DOCKER_CONTEXT"); context != "" {
		return context, nil
	}
	var config struct{ CurrentContext string }
	err := readJSON(filepath.Join(configDir(), "config.json"), &config)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", &runtime.Error{Kind: runtime.ErrInvalid, Message: "the docker command's configuration", Err: err}
	}
	return config.CurrentContext, nil
}

// ofContext reads one of the docker command's contexts.
func ofContext(context string) (place, error) {
	id := contextID(context)
	contexts := filepath.Join(configDir(), "contexts")
	var meta struct {
		Endpoints map[string]struct {
			Host          string
			SkipTLSVerify bool
		}
	}
	if err := readJSON(filepath.Join(contexts, "meta", id, "meta.json"), &meta); err != nil {
		return place{}, &runtime.Error{
			Kind: runtime.ErrInvalid, Message: fmt.Sprintf("the docker context %q", context), Err: err,
			Hint: "choose another with `docker context use`, or set DOCKER_HOST",
		}
	}
	endpoint := meta.Endpoints["docker"]
	if endpoint.Host == "" {
		return place{}, &runtime.Error{Kind: runtime.ErrInvalid, Message: fmt.Sprintf("the docker context %q names no host", context)}
	}
	p := place{host: endpoint.Host}
	files := tlsFiles(filepath.Join(contexts, "tls", id, "docker"), endpoint.SkipTLSVerify)
	for _, file := range []*string{&files.CAFile, &files.CertFile, &files.KeyFile} {
		if _, err := os.Stat(*file); err != nil {
			*file = ""
		}
	}
	if files.CAFile == "" && files.CertFile == "" {
		return p, nil
	}
	var err error
	if p.tls, err = tlsconfig.Client(files); err != nil {
		err = &runtime.Error{Kind: runtime.ErrInvalid, Message: fmt.Sprintf("the TLS files of the docker context %q", context), Err: err}
	}
	return p, err
}

// contextID is what the docker command calls a context's directories.
func contextID(context string) string {
	sum := sha256.Sum256([]byte(context))
	return hex.EncodeToString(sum[:])
}

func readJSON(file string, v any) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, v)
}
