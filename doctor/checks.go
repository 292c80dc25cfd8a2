package doctor

import (
	"fmt"
	"strings"

	"github.com/sandlot-dev/sandlot/runtime"
)

// A check looks at one thing. Those that are for rootless engines alone are skipped for others.
type check struct {
	name     string
	rootless bool
	look     func(host, subject) Finding
}

// ofHost are the checks of the host that an engine runs on, in the order of the report.
var ofHost = []check{
	{"cgroups", false, host.cgroups},
	{"controllers", false, host.controllers},
	{"seccomp", false, host.seccomp},
	{"user-namespaces", true, host.userNamespaces},
	{"subuid", true, host.subuid},
	{"subgid", true, host.subgid},
	{"newuidmap", true, host.newuidmap},
	{"session", true, host.session},
	{"linger", true, host.linger},
	{"tun", true, host.tun},
	{"low-ports", true, host.lowPorts},
}

// ofEngine are the checks that hold for an engine anywhere.
var ofEngine = []check{
	{"socket", false, host.chosenSocket},
	{"storage", false, host.storage},
	{"sandboxes", false, host.sandboxes},
}

func (h host) checks(s subject) []Finding {
	rootless := h.linux && !h.me.root()
	if s.info != nil {
		rootless = s.info.Rootless
	}
	first := Finding{Name: "host", Status: StatusOK, Says: "the engine runs here"}
	switch {
	case h.remote != "":
		first = skip(h.remote)
	case s.info == nil:
		first.Says = "as " + h.engine.name + " would find it with an engine"
	case s.info.Rootless:
		first.Says = "the engine runs here, as " + h.engine.name
	}
	first.Name = "host"
	out := []Finding{first}
	for _, c := range ofHost {
		var f Finding
		switch {
		case h.remote != "":
			f = skip("the engine does not run on this host")
		case c.rootless && !rootless:
			f = skip("for rootless engines only")
		default:
			f = c.look(h, s)
		}
		f.Name = c.name
		out = append(out, f)
	}
	for _, c := range ofEngine {
		f := skip("no engine answers")
		if s.info != nil {
			f = c.look(h, s)
		}
		f.Name = c.name
		out = append(out, f)
	}
	return out
}

func ok(format string, args ...any) Finding {
	return Finding{Status: StatusOK, Says: fmt.Sprintf(format, args...)}
}

func skip(why string) Finding { return Finding{Status: StatusSkipped, Says: why} }

func note(fix, format string, args ...any) Finding {
	return Finding{Status: StatusNote, Says: fmt.Sprintf(format, args...), Fix: fix}
}

func problem(fix, format string, args ...any) Finding {
	return Finding{Status: StatusProblem, Says: fmt.Sprintf(format, args...), Fix: fix}
}

func join[S ~string](list []S) string {
	words := make([]string, len(list))
	for i, s := range list {
		words[i] = string(s)
	}
	return strings.Join(words, ", ")
}

func (h host) chosenSocket(s subject) Finding {
	path := socketOf(s.info.URL)
	switch {
	case path == "" && strings.Contains(s.info.URL, "://"):
		return skip("the engine is reached by " + redacted(s.info.URL))
	case path == "":
		return note(h.ownPodman(), "there is none: each use of Sandlot starts a service of its own, which takes time")
	}
	socket := h.socket(path)
	says := fmt.Sprintf("%s has mode %s, owner %s, group %s", path, socket.Mode, socket.Owner, socket.Group)
	if fi, err := h.stat(path); err == nil && fi.Mode()&0o002 != 0 {
		return problem(h.asRoot("chmod o-rw "+path), "%s: everybody on this host may use the engine, as good as %s", says, h.engine.name)
	}
	return ok("%s", says)
}

func (h host) storage(s subject) Finding {
	switch driver := s.info.StorageDriver; driver {
	case "":
		return skip("the engine does not say")
	case "vfs":
		return note("install fuse-overlayfs or boot a kernel from 5.13 on, choose the driver overlay (overlay2 for Docker) in the engine's configuration,"+
			" then podman system reset, which removes all images and containers", "the driver vfs copies the whole image for each sandbox: slow, and much disk")
	default:
		return ok("driver %s", driver)
	}
}

func (h host) sandboxes(s subject) Finding {
	if s.listErr != nil {
		message, hint := words(s.listErr)
		return problem(hint, "they cannot be listed: %s", message)
	}
	running := 0
	for _, c := range s.sandboxes {
		if c.State == runtime.StateRunning || c.State == runtime.StatePaused {
			running++
		}
	}
	says := fmt.Sprintf("%d run, %d do not", running, len(s.sandboxes)-running)
	var left []string
	for _, c := range s.garbage.Sandboxes {
		left = append(left, c.Name)
	}
	left = append(left, s.garbage.Containers...)
	guests := len(s.garbage.Volumes)
	if len(left)+guests == 0 {
		return ok("%s, none is left behind", says)
	}
	if len(left) > 0 {
		const most = 5
		says += "; left behind: " + join(left[:min(len(left), most)])
		if len(left) > most {
			says += fmt.Sprintf(" and %d more", len(left)-most)
		}
	}
	if guests > 0 {
		says += fmt.Sprintf("; %d volumes of guests of other versions, which no sandbox uses", guests)
	}
	return note("sandlot --runtime "+redacted(s.info.URL)+" gc", "%s", says)
}
