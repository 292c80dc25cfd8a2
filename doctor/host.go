package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	goruntime "runtime"
	"strconv"
	"strings"

	"github.com/sandlot-dev/sandlot/runtime"
)

// A host is where we run, and for an engine on it the user who runs the engine.
type host struct {
	root   string // all files are below it
	getenv func(string) string
	linux  bool
	me     account
	// The following are about the engine.
	engine account
	remote string // why the host's checks do not apply to it
}

type account struct {
	uid  int
	name string
}

func (a account) root() bool { return a.uid == 0 }

func thisHost(getenv func(string) string) host {
	h := host{root: "/", getenv: getenv, linux: goruntime.GOOS == "linux", me: account{uid: os.Getuid()}}
	if u, err := user.Current(); err == nil {
		h.me.name = u.Username
	} else {
		h.me.name = strconv.Itoa(h.me.uid)
	}
	return h
}

// of is the host as an engine sees it. Where it does not answer, ref is what was asked for, and the host is what an engine of our own would see.
func (h host) of(info *runtime.Info, ref string) host {
	h.engine = h.me
	if !h.linux {
		h.remote = "containers run in a virtual machine: what is checked on a host does not apply to this one"
		return h
	}
	if info == nil {
		if !isLocal(ref) {
			h.remote = elsewhere(ref)
		}
		return h
	}
	switch kernel := h.line("/proc/sys/kernel/osrelease"); {
	case !isLocal(info.URL):
		h.remote = elsewhere(info.URL)
	case kernel != "" && info.Kernel != "" && kernel != info.Kernel:
		h.remote = fmt.Sprintf("the engine has another kernel (%s) than this host (%s), as in a virtual machine: the checks of a host do not apply to this one",
			info.Kernel, kernel)
	}
	if socket := socketOf(info.URL); socket != "" {
		h.engine = account{0, "root"}
		if info.Rootless { // then who owns the socket runs it
			if fi, err := h.stat(socket); err == nil {
				h.engine = h.account(owner(fi))
			}
		}
	}
	return h
}

func elsewhere(ref string) string {
	return "the engine is on another machine (" + redacted(ref) + "), and the host's checks do not apply: run sandlot doctor there"
}

// isLocal says whether an engine is reached without leaving the machine. The URL of a service of our own is only its driver's name.
func isLocal(ref string) bool {
	return !strings.Contains(ref, "://") || socketOf(ref) != ""
}

// socketOf is the path of a URL's unix socket, or empty.
func socketOf(ref string) string {
	u, err := url.Parse(ref)
	if err != nil || !strings.HasSuffix(u.Scheme, "+unix") {
		return ""
	}
	return u.Path
}

func redacted(ref string) string {
	if u, err := url.Parse(ref); err == nil && u.User != nil {
		return u.Redacted()
	}
	return ref
}

func (h host) path(name string) string               { return filepath.Join(h.root, name) }
func (h host) stat(name string) (fs.FileInfo, error) { return os.Stat(h.path(name)) }
func (h host) has(name string) bool                  { _, err := h.stat(name); return err == nil }
func (h host) read(name string) (string, error) {
	b, err := os.ReadFile(h.path(name))
	return string(b), err
}
func (h host) ours() bool              { return h.engine == h.me }
func (h host) systemd() bool           { return h.has("/run/systemd/system") }
func (h host) userDir() string         { return fmt.Sprintf("/run/user/%d", h.engine.uid) }
func (h host) line(name string) string { s, _ := h.read(name); return strings.TrimSpace(s) }
func (h host) account(uid int) account { return account{uid, h.nameIn("/etc/passwd", uid)} }

// nameIn looks a name up in a file such as /etc/passwd. Where it is not there, the number stands for it.
func (h host) nameIn(database string, id int) string {
	text, _ := h.read(database)
	for line := range strings.Lines(text) {
		if f := strings.Split(line, ":"); len(f) > 2 && f[2] == strconv.Itoa(id) {
			return f[0]
		}
	}
	if id == h.me.uid && database == "/etc/passwd" {
		return h.me.name
	}
	return strconv.Itoa(id)
}

// program is where a program is, on PATH or where systems have theirs, or empty.
func (h host) program(name string) string {
	usual := []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}
	for _, dir := range append(filepath.SplitList(h.getenv("PATH")), usual...) {
		full := filepath.Join(dir, name)
		if fi, err := h.stat(full); err == nil && fi.Mode().IsRegular() && fi.Mode()&0o111 != 0 {
			return full
		}
	}
	return ""
}

func isSetuid(fi fs.FileInfo) bool { return fi.Mode()&fs.ModeSetuid != 0 }

// reason is an error of a file without the file's path.
func reason(err error) error {
	var e *fs.PathError
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}
