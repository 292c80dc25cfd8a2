package differ

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sandlot-dev/sandlot/conformance/internal/answer"
	"github.com/sandlot-dev/sandlot/runtime"
)

// stepTime is a watchdog: no operation of a sequence takes so long.
const stepTime = 60 * time.Second

// do does a step on one side and tells what a user saw of it.
func (s *session) do(ctx context.Context, step Step) facts {
	ctx, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	var f facts
	switch step.Op {
	case OpRun:
		s.run(ctx, &f, step.Sandbox, *step.Run)
	case OpExec:
		s.exec(ctx, &f, s.id(step), *step.Exec)
	case OpPut:
		s.put(ctx, &f, s.id(step), *step.Put)
	case OpGet:
		s.get(ctx, &f, s.id(step), *step.Get)
	case OpBuild:
		s.build(ctx, &f, *step.Build)
	case OpInspect:
		c, err := s.rt.Inspect(ctx, s.id(step), runtime.InspectOptions{})
		if f.addError(s, err); err == nil {
			s.describe(&f, "", c)
		}
	case OpList:
		s.list(ctx, &f, step.Labels)
	case OpHostPort:
		c, err := s.rt.Inspect(ctx, s.id(step), runtime.InspectOptions{})
		if err == nil {
			addr, portErr := c.HostPort(step.Port)
			if err = portErr; err == nil {
				f.add("address", s.address(addr))
			}
		}
		f.addError(s, err)
	case OpStop:
		_, err := s.rt.(runtime.Stopper).Stop(ctx, s.id(step), runtime.StopOptions{Grace: time.Duration(step.GraceMillis) * time.Millisecond})
		f.addError(s, err)
	case OpStart:
		_, err := s.rt.(runtime.Stopper).Start(ctx, s.id(step), runtime.StartOptions{})
		f.addError(s, err)
	case OpRemove:
		_, err := s.rt.Remove(ctx, s.id(step), runtime.RemoveOptions{})
		f.addError(s, err)
	case OpRemoveImage:
		_, err := s.rt.(runtime.ImageRemover).RemoveImage(ctx, s.ownImage(step.Name), runtime.RemoveImageOptions{})
		f.addError(s, err)
	case OpRemoveVolume:
		_, err := s.rt.(runtime.VolumeRemover).RemoveVolume(ctx, s.own(step.Name), runtime.RemoveVolumeOptions{})
		f.addError(s, err)
	default:
		f.add("the step", fmt.Sprintf("no operation %q", step.Op))
	}
	return f
}

func (s *session) run(ctx context.Context, f *facts, letter string, step RunStep) {
	opts := runtime.RunOptions(step.Options)
	opts.Name = s.own(opts.Name)
	opts.Labels = map[string]string{labelSequence: s.token}
	for k, v := range step.Options.Labels {
		opts.Labels[k] = v
	}
	opts.Mounts = nil
	for _, m := range step.Options.Mounts {
		m.Source = s.own(m.Source)
		if m.Type == runtime.MountVolume && strings.HasPrefix(m.Source, s.prefix()) {
			s.volumes[m.Source] = true
		}
		opts.Mounts = append(opts.Mounts, m)
	}
	opts.Ports = nil
	for _, p := range step.Options.Ports {
		p.Host = s.ownPort(p.Host)
		opts.Ports = append(opts.Ports, p)
	}
	image := s.image
	if step.Image != "" {
		image = s.ownImage(step.Image)
	}
	res, err := s.rt.Run(ctx, image, opts)
	if err == nil {
		s.add(letter, res)
	}
	if f.addError(s, err); err != nil {
		return
	}
	f.add("the id is a full one", len(res.ID) == 64)
	if opts.Name != "" {
		f.add("name", s.common(res.Name))
	}
}

func (s *session) exec(ctx context.Context, f *facts, id string, step ExecStep) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	out := &output{text: step.CancelAt, cancel: cancel}
	var stderr bytes.Buffer
	opts := runtime.ExecOptions{
		Env: step.Env, Dir: step.Dir, User: step.User, TTY: step.TTY, Size: runtime.WindowSize{Rows: step.Rows, Cols: step.Cols},
		Timeout: time.Duration(step.TimeoutMillis) * time.Millisecond, Stdout: out, Stderr: &stderr,
	}
	switch {
	case step.StdinNoise > 0:
		opts.Stdin = answer.Noise(step.StdinNoise)
	case step.Stdin != "":
		opts.Stdin = strings.NewReader(step.Stdin)
	}
	res, err := s.rt.Exec(ctx, id, step.Argv, opts)
	f.addError(s, err)
	f.add("ExitCode", res.ExitCode)
	f.add("Signal", res.Signal)
	f.add("TimedOut", res.TimedOut)
	f.add("OOMKilled", res.OOMKilled)
	f.add("OutputHeld", res.OutputHeld)
	f.add("Stdout", brief(s.common(steady(step.Argv, out.String()))))
	f.add("Stderr", brief(s.common(stderr.String())))
}

// output keeps what is written and cancels a context when it holds a text.
type output struct {
	bytes.Buffer
	text   string
	cancel context.CancelFunc
}

func (o *output) Write(p []byte) (int, error) {
	n, err := o.Buffer.Write(p)
	if o.text != "" && bytes.Contains(o.Bytes(), []byte(o.text)) {
		o.cancel()
	}
	return n, err
}

func (s *session) put(ctx context.Context, f *facts, id string, step PutStep) {
	var archive io.Reader = strings.NewReader(step.Text)
	if step.Text == "" {
		whole, err := newTar(step.Entries, s)
		if err != nil {
			f.add("the step", err)
			return
		}
		archive = bytes.NewReader(whole[:max(0, len(whole)-step.Cut)])
	}
	res, err := s.rt.PutArchive(ctx, id, step.Dir, archive,
		runtime.PutArchiveOptions{KeepOwner: step.KeepOwner, CreateDir: step.CreateDir, Remove: step.Remove})
	if f.addError(s, err); err == nil {
		f.add("Entries", res.Entries)
		f.add("Bytes", res.Bytes)
	}
}

func (s *session) get(ctx context.Context, f *facts, id string, step GetStep) {
	var b bytes.Buffer
	res, err := s.rt.GetArchive(ctx, id, step.Path, &b,
		runtime.GetArchiveOptions{HeadersOnly: step.HeadersOnly, Depth: step.Depth, Follow: step.Follow})
	if f.addError(s, err); err != nil {
		return
	}
	f.add("Entries", res.Entries)
	f.add("Bytes", res.Bytes)
	readTar(f, &b)
}

func (s *session) build(ctx context.Context, f *facts, step BuildStep) {
	var content io.Reader = strings.NewReader(step.Text)
	if step.Text == "" {
		whole, err := newTar(step.Context, s)
		if err != nil {
			f.add("the step", err)
			return
		}
		content = bytes.NewReader(whole)
	}
	tag := step.Tag
	if tag != "" {
		tag = s.ownImage(tag)
	}
	res, err := s.rt.Build(ctx, content, runtime.BuildOptions{
		Tag: tag, Dockerfile: step.Dockerfile, Args: step.Args, Target: step.Target, NoCache: step.NoCache,
	})
	if err == nil && tag != "" {
		s.images[tag] = true
	} else if err == nil {
		s.images[res.ImageID] = true
	}
	if f.addError(s, err); err == nil {
		f.add("the id begins with sha256:", strings.HasPrefix(res.ImageID, "sha256:"))
	}
}
