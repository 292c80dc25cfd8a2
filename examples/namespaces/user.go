//go:build linux

package namespaces

import (
	"bytes"
	"cmp"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/moby/sys/capability"
	"github.com/moby/sys/user"
	"golang.org/x/sys/unix"

	"github.com/sandlot-dev/sandlot/runtime"
)

// user looks a user up in the sandbox's own files. Empty: the sandbox's.
func (s *sandbox) user(spec string) (*user.ExecUser, error) {
	spec = cmp.Or(spec, s.Spec.User, s.Image.Config.User, "0")
	u, err := user.GetExecUser(spec, &user.ExecUser{Home: "/"}, s.file("etc/passwd"), s.file("etc/group"))
	if err != nil {
		return nil, errorf(runtime.ErrInvalid, "the user %s: %w", spec, err)
	}
	return u, nil
}

// file reads a file of the sandbox, which is what hostile programs have made of it: whole files of a bounded size, nothing that could block, no
// way out by a link.
func (s *sandbox) file(name string) io.Reader {
	const limit = 1 << 20
	empty := new(bytes.Buffer)
	root, err := os.OpenRoot(s.root())
	if err != nil {
		return empty
	}
	defer root.Close()
	file, err := root.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return empty
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return empty
	}
	content, err := io.ReadAll(io.LimitReader(file, limit))
	if err != nil {
		return empty
	}
	return bytes.NewReader(content)
}

// env is the environment of processes: the image's, over it the sandbox's. Programs expect PATH and HOME, whatever images say.
func (s *sandbox) env(home string) []string {
	out := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	if home != "" {
		out = append(out, "HOME="+home)
	}
	for _, entry := range slices.Concat(s.Image.Config.Env, s.Spec.Env) {
		key, _, _ := strings.Cut(entry, "=")
		out = slices.DeleteFunc(out, func(e string) bool { return strings.HasPrefix(e, key+"=") })
		out = append(out, entry)
	}
	return out
}

// confine takes from this thread, and so from what is executed in it, what a sandbox must not have. Without more than that the
// thread itself loses nothing: a program that it executes gets no capability that is not in the bounding set, root's included.
func (s *sandbox) confine(privileged bool) error {
	caps, err := capability.NewPid2(0)
	if err != nil {
		return err
	}
	if err := caps.Load(); err != nil {
		return err
	}
	caps.Clear(capability.BOUNDING)
	if privileged || slices.Contains(s.Spec.CapAdd, "ALL") {
		caps.Fill(capability.BOUNDING)
	}
	for _, c := range capability.ListKnown() {
		name := "CAP_" + strings.ToUpper(c.String())
		if slices.Contains(s.Spec.CapAdd, name) {
			caps.Set(capability.BOUNDING, c)
		}
		if slices.Contains(s.Spec.CapDrop, name) && !privileged {
			caps.Unset(capability.BOUNDING, c)
		}
	}
	caps.Clear(capability.INHERITABLE | capability.AMBIENT)
	if err := caps.Apply(capability.BOUNDING | capability.CAPS | capability.AMBIENT); err != nil {
		return err
	}
	unix.Umask(0o022)
	if s.Spec.NoNewPrivs {
		return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	}
	return nil
}
