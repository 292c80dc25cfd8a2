package differ

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/hashicorp/go-multierror"

	"github.com/sandlot-dev/sandlot/conformance"
	"github.com/sandlot-dev/sandlot/runtime"
)

// labelSequence marks the sandboxes of a sequence.
const labelSequence = "sandlot-differ"

const (
	prepareTime = 3 * time.Minute // for opening a runtime and building the image
	cleanUpTime = 3 * time.Minute
)

// A side is one of the two runtimes.
type side struct {
	name  string
	rt    runtime.Runtime
	info  runtime.Info
	image string
	maxID int // the highest uid and gid that its sandboxes have
}

func open(ctx context.Context, s Side) (_ *side, err error) {
	ctx, cancel := context.WithTimeout(ctx, prepareTime)
	defer cancel()
	out := &side{}
	if out.rt, err = s.Open(ctx); err != nil {
		return nil, fmt.Errorf("opening %s: %w", cmp.Or(s.Name, "a runtime"), err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, out.rt.Close())
		}
	}()
	if out.info, err = out.rt.Info(ctx); err != nil {
		return nil, fmt.Errorf("asking %s what it is: %w", cmp.Or(s.Name, "a runtime"), err)
	}
	if out.name = s.Name; out.name == "" {
		out.name = strings.TrimSpace(out.info.Runtime + " " + out.info.Version)
		if out.info.Rootless {
			out.name += " rootless"
		}
	}
	if err = out.info.Capabilities.Check(runtime.CapabilityBuild, "build", "the suite's image"); err != nil {
		return nil, fmt.Errorf("%s: %w", out.name, err)
	}
	content, err := conformance.ImageContext(out.info.Arch)
	if err != nil {
		return nil, err
	}
	out.image = "localhost/sandlot-differ/probe:" + token()
	if _, err = out.rt.Build(ctx, content, runtime.BuildOptions{Tag: out.image}); err != nil {
		return nil, fmt.Errorf("building the suite's image on %s: %w", out.name, err)
	}
	return out, nil
}

func (s *side) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
	defer cancel()
	var err error
	if remover, ok := s.rt.(runtime.ImageRemover); ok {
		_, err = remover.RemoveImage(ctx, s.image, runtime.RemoveImageOptions{})
	}
	return errors.Join(err, s.rt.Close())
}

// A session is a sequence under way on one side: what stands for the sequence's names there.
type session struct {
	*side
	token     string
	sandboxes map[string]runtime.RunResult // by letter, also those that are gone
	made      []made                       // all that there ever were
	volumes   map[string]bool
	images    map[string]bool // tags and ids
	ports     map[uint16]uint16
}

func (s *side) begin() *session {
	return &session{
		side: s, token: token(), sandboxes: map[string]runtime.RunResult{},
		volumes: map[string]bool{}, images: map[string]bool{}, ports: map[uint16]uint16{},
	}
}

// made is a sandbox that the sequence made.
type made struct {
	letter string
	res    runtime.RunResult
}

func (s *session) add(letter string, res runtime.RunResult) {
	s.sandboxes[letter] = res
	s.made = append(s.made, made{letter, res})
}

// end removes all that the sequence made.
func (s *session) end(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
	defer cancel()
	var out *multierror.Error
	add := func(err error, gone error) {
		if err != nil && !errors.Is(err, gone) {
			out = multierror.Append(out, fmt.Errorf("cleaning up on %s: %w", s.name, err))
		}
	}
	left, err := s.rt.List(ctx, runtime.ListOptions{Labels: map[string]string{labelSequence: s.token}})
	add(err, nil)
	for _, c := range left {
		_, err := s.rt.Remove(ctx, c.ID, runtime.RemoveOptions{})
		add(err, runtime.ErrNotFound)
	}
	if remover, ok := s.rt.(runtime.VolumeRemover); ok {
		for name := range s.volumes {
			_, err := remover.RemoveVolume(ctx, name, runtime.RemoveVolumeOptions{})
			add(err, runtime.ErrNotFound)
		}
	}
	if remover, ok := s.rt.(runtime.ImageRemover); ok {
		add(s.removeImages(ctx, remover), nil)
	}
	return out.ErrorOrNil()
}

// removeImages removes all images that were made. One that others were built of is in use, for Docker, until those are gone.
func (s *session) removeImages(ctx context.Context, remover runtime.ImageRemover) error {
	for {
		var out *multierror.Error
		before := len(s.images)
		for image := range s.images {
			_, err := remover.RemoveImage(ctx, image, runtime.RemoveImageOptions{})
			if err == nil || errors.Is(err, runtime.ErrImageNotFound) {
				delete(s.images, image)
			} else {
				out = multierror.Append(out, err)
			}
		}
		if len(s.images) == before || out == nil {
			return out.ErrorOrNil()
		}
	}
}

// renew gives a letter a new sandbox, so that both sides have the same again after they differed.
func (s *session) renew(ctx context.Context, letter, name string) {
	for _, id := range []string{s.sandboxes[letter].ID, name} {
		if id != "" {
			_, _ = s.rt.Remove(ctx, id, runtime.RemoveOptions{}) // what stays is removed at the end
		}
	}
	delete(s.sandboxes, letter)
	if res, err := s.rt.Run(ctx, s.image, runtime.RunOptions{Labels: map[string]string{labelSequence: s.token}}); err == nil {
		s.add(letter, res)
	}
}

// id is what the step names a sandbox by.
func (s *session) id(step Step) string {
	res, ok := s.sandboxes[step.Sandbox]
	switch {
	case step.By == "raw":
		return step.Sandbox
	case !ok:
		return s.own("$none-" + step.Sandbox)
	case step.By == "name":
		return res.Name
	case step.By == "short" && len(res.ID) > 12:
		return res.ID[:12]
	}
	return res.ID
}

func (s *session) prefix() string      { return "sandlot-differ-" + s.token + "-" }
func (s *session) imagePrefix() string { return "localhost/sandlot-differ/" + s.token + "-" }

// own is the real name of a sandbox or volume.
func (s *session) own(name string) string {
	if rest, ok := strings.CutPrefix(name, "$"); ok {
		return s.prefix() + rest
	}
	return name
}

// ownImage is the real name of an image.
func (s *session) ownImage(name string) string {
	rest, ok := strings.CutPrefix(name, "$")
	switch {
	case name == "$image":
		return s.image
	case ok:
		return s.imagePrefix() + rest
	}
	return name
}

// ownPort is a free port of the host, the same one for the same number.
func (s *session) ownPort(n uint16) uint16 {
	if n == 0 || n > 9 {
		return n
	}
	if s.ports[n] == 0 {
		if l, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
			s.ports[n] = uint16(l.Addr().(*net.TCPAddr).Port)
			l.Close()
		}
	}
	return s.ports[n]
}

// common puts the sequence's words in the place of this side's own.
func (s *session) common(text string) string {
	text = strings.ReplaceAll(text, s.prefix(), "$")
	text = strings.ReplaceAll(text, s.imagePrefix(), "$")
	text = strings.ReplaceAll(text, s.image, "$image")
	replace := func(old, word, letter string) { text = strings.ReplaceAll(text, old, "<"+word+" of "+letter+">") }
	for _, m := range s.made {
		if !strings.Contains(m.res.Name, s.token) {
			replace(m.res.Name, "name", m.letter)
		}
		replace(m.res.ID, "id", m.letter)
	}
	for _, m := range s.made {
		if len(m.res.ID) > 12 {
			replace(m.res.ID[:12], "short id", m.letter)
		}
	}
	return text
}

func token() string { return strings.ToLower(rand.Text()[:12]) }
