// Package doctor looks at a host and its container engines, and says what is wrong with them and what mends it: which engines answer, which
// one would be used and why, what it can do, and whether the host has what a rootless engine needs.
package doctor

import (
	"cmp"
	"context"
	"errors"
	"os"
	"slices"

	"github.com/sandlot-dev/sandlot/internal/try"
	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/runtime/auto"
	"github.com/sandlot-dev/sandlot/sandbox"
)

// Options are the options of [Check].
type Options struct {
	// Runtime is the engine to look at, as [auto.Open] takes it. Empty: the one that auto would choose.
	Runtime string
	// Getenv stands for os.Getenv, as in [auto.Options]. Nil: os.Getenv.
	Getenv func(string) string
}

// A Report is what was found. Its JSON form is stable: names may be added.
type Report struct {
	// OK says that the engine can hold all of Sandlot's defaults.
	OK bool `json:"ok"`
	// Verdict says so in words, and Fix what mends it.
	Verdict string `json:"verdict"`
	Fix     string `json:"fix,omitempty"`
	// Lacking are the capabilities of [Defaults] that the engine does not have, all of them where there is no engine.
	Lacking []runtime.Capability `json:"lacking"`
	// Engine is the engine that was looked at, nil where none answers, and Why it is this one.
	Engine *runtime.Info `json:"engine,omitempty"`
	Why    string        `json:"why,omitempty"`
	// Places are where engines may be, in the order in which auto looks.
	Places []Place `json:"places"`
	// Checks are those of the host, always the same ones in the same order.
	Checks []Finding `json:"checks"`
}

// A Status is how a check came out.
type Status string

// How checks come out.
const (
	StatusOK      Status = "ok"
	StatusNote    Status = "note"    // Sandlot's defaults do without it
	StatusProblem Status = "problem" // it takes something from the defaults, or the engine cannot work
	StatusSkipped Status = "skipped" // it does not apply, or cannot be known from here
)

// A Finding is one thing that was looked at.
type Finding struct {
	// Name is stable: "cgroups", "subuid".
	Name   string `json:"name"`
	Status Status `json:"status"`
	// Says is what was found, and Fix the command that mends it, or what to do where no command does.
	Says string `json:"says"`
	Fix  string `json:"fix,omitempty"`
}

// Defaults are the capabilities that Sandlot's defaults stand on.
func Defaults() []runtime.Capability {
	return []runtime.Capability{
		runtime.CapabilityNoNetwork, runtime.CapabilityDropCaps, runtime.CapabilityNoNewPrivileges, runtime.CapabilitySeccomp,
		runtime.CapabilityPidsLimit,
	}
}

// Check finds out. It changes nothing, but starts a Podman service for as long as it looks, where there is a podman program. What is wrong with the host
// is in the report. The error is for what no host can help: a Runtime that is none ([runtime.ErrInvalid]), and a ctx that is done.
func Check(ctx context.Context, opts Options) (Report, error) {
	if opts.Getenv == nil {
		opts.Getenv = os.Getenv
	}
	o := auto.Options{Getenv: opts.Getenv}
	return examine(ctx, opts, surroundings{
		host:       thisHost(opts.Getenv),
		candidates: func(ctx context.Context) []auto.Candidate { return auto.Candidates(ctx, o) },
		open:       func(ctx context.Context, ref string) (runtime.Runtime, error) { return auto.Open(ctx, ref, o) },
	})
}

// surroundings are what is looked at, so that tests can give others.
type surroundings struct {
	host       host
	candidates func(ctx context.Context) []auto.Candidate
	open       func(ctx context.Context, ref string) (runtime.Runtime, error)
}

// A subject is the engine that is looked at.
type subject struct {
	info      *runtime.Info // nil: it does not answer
	err       error
	sandboxes []runtime.Container
	garbage   sandbox.GCResult // what nobody needs
	listErr   error
}

func examine(ctx context.Context, opts Options, s surroundings) (Report, error) {
	asked := opts.Runtime
	if asked == auto.Name {
		asked = ""
	}
	candidates := s.candidates(ctx)
	var subject subject
	if asked != "" || slices.ContainsFunc(candidates, func(c auto.Candidate) bool { return c.Err == nil }) {
		subject = s.look(ctx, asked)
	}
	if err := ctx.Err(); err != nil {
		return Report{}, &runtime.Error{Op: "doctor", Err: err}
	}
	if asked != "" && errors.Is(subject.err, runtime.ErrInvalid) {
		return Report{}, subject.err
	}
	r := Report{Engine: subject.info}
	environment := opts.Getenv("SANDLOT_RUNTIME")
	h := s.host.of(subject.info, cmp.Or(asked, environment))
	r.Places, r.Why = places(h, candidates, subject, asked)
	r.Checks = h.checks(subject)
	r.judge(h, subject)
	return r, nil
}

// look opens the engine, as Sandlot would for a sandbox.
func (s surroundings) look(ctx context.Context, ref string) (found subject) {
	rt, err := try.Place{Open: func(ctx context.Context) (runtime.Runtime, error) { return s.open(ctx, ref) }}.Try(ctx)
	if err != nil {
		return subject{err: err}
	}
	defer rt.Close()
	info, err := rt.Info(ctx)
	if err != nil {
		return subject{err: err}
	}
	found.info = &info
	if found.sandboxes, found.listErr = rt.List(ctx, runtime.ListOptions{}); found.listErr == nil {
		found.garbage, found.listErr = sandbox.GC(ctx, rt, sandbox.GCOptions{DryRun: true})
	}
	return found
}

// causes are the checks that find what an engine lacks a capability for.
var causes = map[runtime.Capability][]string{
	runtime.CapabilityPidsLimit: {"cgroups", "controllers", "session"},
	runtime.CapabilitySeccomp:   {"seccomp"},
}

// judge says whether the defaults can be held.
func (r *Report) judge(h host, s subject) {
	r.Lacking = []runtime.Capability{}
	if s.info == nil {
		r.Lacking = Defaults()
		r.Verdict, r.Fix = r.noEngine(h)
		return
	}
	name := s.info.Runtime + " " + s.info.Version
	for _, c := range Defaults() {
		if support := s.info.Capabilities[c]; !support.OK {
			r.Lacking = append(r.Lacking, c)
			r.Fix = cmp.Or(r.Fix, r.fixOf(causes[c]...), support.Fix)
		}
	}
	if len(r.Lacking) == 0 {
		r.OK, r.Verdict = true, name+" can hold Sandlot's defaults"
		var problems []string
		for _, f := range r.Checks {
			if f.Status == StatusProblem {
				problems = append(problems, f.Name)
			}
		}
		if len(problems) > 0 {
			r.Verdict += ", but see " + join(problems)
		}
		return
	}
	r.Verdict = name + " cannot hold Sandlot's defaults: it lacks " + join(r.Lacking)
}

// noEngine is about what was asked for, else about a socket that is there and only closed to us.
func (r *Report) noEngine(h host) (verdict, fix string) {
	for i := range r.Places {
		// Podman was there and did not work: something of the host's keeps it from that.
		if p := &r.Places[i]; p.Name == auto.OwnService && p.Fix == "" && h.program("podman") != "" {
			p.Fix = cmp.Or(r.fixOf("user-namespaces", "session", "newuidmap", "subuid", "subgid"), "podman info, which tells why")
			fix = p.Fix
		}
	}
	for _, p := range r.Places {
		if p.Chosen || p.denied {
			return p.Name + " does not answer: " + p.Problem, cmp.Or(p.Fix, fix, h.getEngine())
		}
	}
	return "no engine answers", cmp.Or(fix, h.getEngine())
}

// fixOf is what mends the first of these checks that found a problem.
func (r *Report) fixOf(names ...string) string {
	for _, f := range r.Checks {
		if f.Status == StatusProblem && slices.Contains(names, f.Name) {
			return f.Fix
		}
	}
	return ""
}
