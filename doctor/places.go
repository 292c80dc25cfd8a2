package doctor

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sandlot-dev/sandlot/internal/try"
	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/runtime/auto"
)

// A Place is where an engine may be, and what is there.
type Place struct {
	// Name says what names the place, for people, and URL opens it, where that is known.
	Name string `json:"name"`
	URL  string `json:"url,omitempty"`
	// Runtime, Version and Rootless are the engine's, where one answers.
	Runtime  string `json:"runtime,omitempty"`
	Version  string `json:"version,omitempty"`
	Rootless bool   `json:"rootless,omitempty"`
	// Chosen says that this is the engine that the report is about.
	Chosen bool `json:"chosen"`
	// Socket describes a socket on this host.
	Socket *Socket `json:"socket,omitempty"`
	// Problem is why nothing answers, and Fix what mends it.
	Problem string `json:"problem,omitempty"`
	Fix     string `json:"fix,omitempty"`

	denied bool // a socket is there, and closed to us
}

// A Socket is a unix socket's file. Of one in a directory that is closed to us nothing but the path is known.
type Socket struct {
	Path   string `json:"path"`
	Exists bool   `json:"exists"`
	Mode   string `json:"mode,omitempty"` // "0660"
	Owner  string `json:"owner,omitempty"`
	Group  string `json:"group,omitempty"`
	groups bool   // members of the group may open it
}

// places describes the candidates, and says which of them is the subject and why.
func places(h host, candidates []auto.Candidate, s subject, asked string) (out []Place, why string) {
	out = []Place{}
	for _, c := range candidates {
		out = append(out, h.place(c))
	}
	answers := func(p Place) bool { return p.Problem == "" }
	chosen := slices.IndexFunc(candidates, func(c auto.Candidate) bool { return c.Err == nil || c.Variable != "" })
	switch {
	case asked != "":
		why = "it was asked for"
		chosen = slices.IndexFunc(out, func(p Place) bool { return answers(p) && s.info != nil && p.URL == redacted(s.info.URL) })
		if chosen < 0 {
			out = slices.Insert(out, 0, h.place(auto.Candidate{Name: "what was asked for", URL: asked, Info: s.info, Err: s.err}))
			chosen = 0
		}
	case chosen >= 0 && candidates[chosen].Variable != "":
		why = candidates[chosen].Variable + " names it"
	case chosen == 0:
		why = "it is in the first place where auto looks"
	case chosen > 0:
		why = fmt.Sprintf("it is the first that answers of the places where auto looks; %d before it do not", chosen)
	}
	if chosen >= 0 && chosen < len(out) {
		out[chosen].Chosen = true
	}
	if s.info == nil {
		why = ""
	}
	return out, why
}

func (h host) place(c auto.Candidate) Place {
	p := Place{Name: c.Name, URL: redacted(c.URL)}
	if path := socketOf(c.URL); path != "" {
		p.Socket = h.socket(path)
	}
	if c.Info != nil {
		p.Runtime, p.Version, p.Rootless, p.URL = c.Info.Runtime, c.Info.Version, c.Info.Rootless, redacted(c.Info.URL)
		return p
	}
	var hint string
	p.Problem, hint = words(c.Err)
	podman := !strings.HasPrefix(c.URL, "docker")
	switch s := p.Socket; {
	case errors.Is(c.Err, runtime.ErrPermission):
		p.Fix = h.letIn(podman, s)
		if s != nil && s.Mode != "" {
			p.denied = true
			p.Problem += fmt.Sprintf(" (%s has mode %s, owner %s, group %s, and this is %s)", s.Path, s.Mode, s.Owner, s.Group, h.me.name)
		}
	case s != nil && !s.Exists:
		p.Problem, p.Fix = "there is no socket", h.start(podman, s.Path)
	case s != nil && errors.Is(c.Err, runtime.ErrUnavailable):
		p.Fix = h.start(podman, s.Path)
	case c.URL == "" && h.program("podman") == "":
		p.Fix = h.installPodman()
	case c.URL == "" && !h.onPath(h.program("podman")):
		p.Fix = h.addToPath(h.program("podman"))
	}
	p.Fix = cmp.Or(p.Fix, hint)
	if c.Variable != "" {
		p.Fix = strings.TrimPrefix(p.Fix+"; or unset "+c.Variable+" to have an engine looked for", "; or ")
	}
	return p
}

// words are an error's, without what was to be opened and without the hint, which comes apart.
func words(err error) (problem, hint string) {
	var e *runtime.Error
	if !errors.As(err, &e) {
		return try.Words(err), ""
	}
	bare := *e
	bare.Hint = ""
	return try.Words(&bare), e.Hint
}

func (h host) socket(path string) *Socket {
	fi, err := h.stat(path)
	s := &Socket{Path: path, Exists: !errors.Is(err, fs.ErrNotExist)}
	if err == nil {
		s.Mode = fmt.Sprintf("%04o", fi.Mode().Perm())
		s.Owner, s.Group = h.account(owner(fi)).name, h.nameIn("/etc/group", group(fi))
		s.groups = fi.Mode()&0o060 == 0o060 && group(fi) != 0
	}
	return s
}

// start is how to start what listens at a socket.
func (h host) start(podman bool, path string) string {
	usual := path == "/run/podman/podman.sock" || path == "/var/run/docker.sock" || path == "/run/docker.sock"
	dir := cmp.Or(h.getenv("XDG_RUNTIME_DIR"), fmt.Sprintf("/run/user/%d", h.me.uid))
	ours := path == filepath.Join(dir, "podman", "podman.sock") || path == filepath.Join(dir, "docker.sock")
	unit, program, commands := "docker", "dockerd", []string{"dockerd --host unix://" + path}
	if podman { // which makes no directory for it
		unit, program, commands = "podman.socket", "podman", []string{"mkdir -p " + filepath.Dir(path), "podman system service --time=0 unix://" + path}
	}
	_, err := h.stat(dir)
	switch {
	case usual && h.systemd():
		commands = []string{h.asRoot("systemctl enable --now " + unit)}
	case ours && h.systemd():
		commands = []string{h.withManager("systemctl --user enable --now " + unit)}
	case usual:
		for i := range commands {
			commands[i] = h.asRoot(commands[i])
		}
	case ours && h.getenv("XDG_RUNTIME_DIR") == "" && errors.Is(err, fs.ErrNotExist): // below /run/user, where only root makes directories
		own := h.asRoot(fmt.Sprintf("install -d -m 700 -o %d %s", h.me.uid, dir))
		commands = append([]string{own, "export XDG_RUNTIME_DIR=" + dir}, commands...)
	}
	command := strings.Join(commands, " && ")
	switch {
	case h.program(program) != "":
		return command
	case podman:
		return h.installPodman() + " && " + command
	}
	return h.install("docker.io") + " && " + command
}

// letIn is how this user gets at an engine whose socket is closed to it.
func (h host) letIn(podman bool, s *Socket) string {
	switch {
	case s != nil && s.groups:
		return h.asRoot("usermod -aG "+s.Group+" "+h.me.name) + " (as good as being root), then log in anew; or use rootless Podman"
	case !podman:
		return h.asRoot("groupadd -f docker") + " && " + h.asRoot("usermod -aG docker "+h.me.name) +
			" (as good as being root) && " + h.asRoot("systemctl restart docker") + ", then log in anew; or use rootless Podman"
	case s != nil && s.Owner != "" && s.Owner != "root":
		return "use an engine of your own (" + h.ownPodman() + "), or run this as " + s.Owner
	}
	return "use an engine of your own: " + h.ownPodman()
}

func (h host) ownPodman() string {
	return h.start(true, filepath.Join(cmp.Or(h.getenv("XDG_RUNTIME_DIR"), fmt.Sprintf("/run/user/%d", h.me.uid)), "podman", "podman.sock"))
}
