//go:build linux

package supervise

import (
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/sandlot-dev/sandlot/guest/wire"
)

// defaultPath is what the engines use for an image that names none.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// environment lays the request's entries over our own: the last of a key counts.
func environment(own []string, request *wire.ExecRequest) []string {
	index := map[string]int{}
	var env []string
	add := func(entry string) {
		key, _, _ := strings.Cut(entry, "=")
		if i, ok := index[key]; ok {
			env[i] = entry
			return
		}
		index[key] = len(env)
		env = append(env, entry)
	}
	if request.TTY {
		add("TERM=xterm")
	}
	if name, err := os.Hostname(); err == nil {
		add("HOSTNAME=" + name) // Docker says it to every command, Podman to some
	}
	for _, entry := range own {
		if entry == "HOME=" {
			entry += "/" // a user without a home: Podman leaves it empty, Docker does not
		}
		add(entry)
	}
	for _, entry := range request.Env {
		add(string(entry))
	}
	return env
}

// lookPath finds a program as execvp does, by the command's own PATH and from its working directory, which we are in. Without it, exit is the
// code that says so.
func lookPath(name string, env []string) (path, complaint string, exit int) {
	candidates := []string{name}
	direct := strings.Contains(name, "/")
	if !direct {
		candidates = nil
		if name != "" {
			for _, dir := range filepath.SplitList(searchPath(env)) {
				candidates = append(candidates, "./"+filepath.Join(dir, name))
				if filepath.IsAbs(dir) {
					candidates[len(candidates)-1] = filepath.Join(dir, name)
				}
			}
		}
	}
	complaint, exit = name+": not found", exitNotFound
	for _, candidate := range candidates {
		var st unix.Stat_t
		if err := unix.Stat(candidate, &st); err != nil {
			if direct && err == unix.EACCES {
				complaint, exit = name+": permission denied", exitNotExecutable
			}
			continue
		}
		if st.Mode&unix.S_IFMT == unix.S_IFDIR {
			complaint, exit = name+": is a directory", exitNotExecutable
			continue
		}
		if unix.Faccessat(unix.AT_FDCWD, candidate, unix.X_OK, unix.AT_EACCESS) != nil {
			complaint, exit = name+": permission denied", exitNotExecutable
			continue
		}
		return candidate, "", 0
	}
	return "", complaint, exit
}

func searchPath(env []string) string {
	for _, entry := range env {
		if path, ok := strings.CutPrefix(entry, "PATH="); ok {
			return path
		}
	}
	return defaultPath
}
