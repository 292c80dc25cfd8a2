package differ

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// Generate makes the sequence of a seed. A longer one begins with the shorter ones.
func Generate(seed uint64, steps int) []Step {
	g := &generator{rand.New(rand.NewPCG(seed, 0)), map[string]*model{}, nil}
	var out []Step
	for len(out) < steps {
		out = append(out, g.step())
	}
	return out
}

// A generator makes steps and keeps in mind what there is, so that most of them make sense.
type generator struct {
	*rand.Rand
	sandboxes map[string]*model // by letter
	images    []string
}

// A model is what a sandbox should be.
type model struct {
	name    string
	stopped bool
	network bool // more than none
	targets []string
}

var letters = []string{"a", "b", "c"}

func (g *generator) chance(p float64) bool { return g.Float64() < p }

func pick[T any](g *generator, from ...T) T { return from[g.IntN(len(from))] }

// some is up to n of the values, in their order.
func some[T any](g *generator, n int, from ...T) []T {
	chosen := g.Perm(len(from))[:1+g.IntN(min(n, len(from)))]
	slices.Sort(chosen)
	var out []T
	for _, i := range chosen {
		out = append(out, from[i])
	}
	return out
}

// A choice is one thing of several, with how often it comes relative to the others.
type choice[T any] struct {
	weight int
	value  T
}

func weighted[T any](g *generator, choices ...choice[T]) T {
	total := 0
	for _, c := range choices {
		total += c.weight
	}
	n := g.IntN(total)
	for _, c := range choices {
		if n -= c.weight; n < 0 {
			return c.value
		}
	}
	panic("unreachable: n is below the sum of the weights")
}

func (g *generator) step() Step {
	alive := g.alive()
	if len(alive) == 0 {
		return g.run("a")
	}
	op := weighted(g, choice[Op]{48, OpExec}, choice[Op]{17, OpPut}, choice[Op]{15, OpGet}, choice[Op]{5, OpInspect}, choice[Op]{2, OpList},
		choice[Op]{2, OpHostPort}, choice[Op]{2, OpStop}, choice[Op]{1, OpStart}, choice[Op]{5, OpRun}, choice[Op]{2, OpRemove},
		choice[Op]{1, OpBuild}, choice[Op]{1, OpRemoveImage}, choice[Op]{1, OpRemoveVolume})
	switch op {
	case OpRun:
		for _, letter := range letters {
			if g.sandboxes[letter] == nil {
				return g.run(letter)
			}
		}
		return g.remove(pick(g, alive...))
	case OpBuild:
		return g.build()
	case OpRemoveImage:
		return Step{Op: op, Name: pick(g, "$one", "$two", "$none", "", "no such image", "sha256:0000000000000000000000000000000000000000000000000000000000000000")}
	case OpRemoveVolume:
		return Step{Op: op, Name: pick(g, "$v1", "$v2", "$none", "", "no such volume")}
	case OpList:
		return Step{Op: op, Labels: pick(g, nil, map[string]string{"k": "v"}, map[string]string{"k": ""}, map[string]string{"k": "w"},
			map[string]string{"none": ""}, map[string]string{"e": ""}, map[string]string{"k": "v", "a.b/c": "1"})}
	}
	letter := pick(g, alive...)
	step := Step{Op: op, Sandbox: letter, By: weighted(g, choice[string]{12, ""}, choice[string]{3, "name"}, choice[string]{1, "short"})}
	if g.chance(0.015) {
		step.Sandbox = pick(g, "z", "z", "", "-", "a b", "no-such-sandbox", "../x", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "ü", "x?y=z", "x/y")
		if step.Sandbox != "z" {
			step.By = "raw"
		}
		letter = ""
	}
	m := g.sandboxes[letter]
	if m == nil {
		m = &model{}
	}
	switch op {
	case OpExec:
		e := g.exec(m)
		step.Exec = &e
	case OpPut:
		p := g.put(m)
		step.Put = &p
	case OpGet:
		step.Get = &GetStep{Path: g.path(m), HeadersOnly: g.chance(0.3), Follow: g.chance(0.3)}
		if g.chance(0.4) {
			step.Get.Path = pick(g, append(m.targets, "", ".", "/work", "/tmp", "/home/worker", "/home", "/mnt")...)
		}
		if g.chance(0.2) {
			step.Get.Depth = pick(g, 1, 1, 2, 3, -1)
		}
	case OpHostPort:
		step.Port = pick(g, "8080", "8080/tcp", "8081", "53/udp", "53", "0", "x", "80/", "")
	case OpStop:
		step.GraceMillis = pick[int64](g, 0, 0, 0, 50, 900, -1)
		m.stopped = m.stopped || step.GraceMillis >= 0
	case OpStart:
		m.stopped = false
	case OpRemove:
		delete(g.sandboxes, letter)
	}
	if m.stopped && op != OpStop && g.chance(0.6) { // else most of what follows would fail
		m.stopped = false
		return Step{Op: OpStart, Sandbox: letter}
	}
	return step
}

func (g *generator) remove(letter string) Step {
	delete(g.sandboxes, letter)
	return Step{Op: OpRemove, Sandbox: letter}
}

// alive are the letters that have sandboxes, in order.
func (g *generator) alive() []string {
	var out []string
	for _, letter := range letters {
		if g.sandboxes[letter] != nil {
			out = append(out, letter)
		}
	}
	return out
}

func (g *generator) build() Step {
	text := "FROM " + pick(g, "scratch", "$image", "$image", "$image") + "\n"
	fromScratch := text == "FROM scratch\n"
	for range 1 + g.IntN(3) {
		line := pick(g,
			"ENV A=built B=\"two words\"", "ENV PATH=/bin", "WORKDIR /made/dir", "WORKDIR /tmp", "USER worker", "USER 1000:2000", "LABEL k=v", "COPY file /copied", "COPY group /etc/group",
			"COPY dir /copied/", "COPY --chown=1000:2000 file dir/x /copied/", "ADD file /added/file", "EXPOSE 8080/tcp", "VOLUME /data", "ARG ARG1=default\nENV FROM_ARG=$ARG1",
			"CMD [\"/no/such\"]", "STOPSIGNAL SIGKILL", "HEALTHCHECK CMD [\"/probe\", \"exit\", \"1\"]", "ENTRYPOINT [\"/no/such\"]",
			"COPY missing /", "NOSUCH instruction", "USER nobody-knows", "COPY file")
		if !fromScratch && g.chance(0.25) {
			line = pick(g, "RUN [\"/probe\", \"write\", \"made-by-run\", \"content\"]", "RUN [\"/probe\", \"mkdir\", \"/tmp/deep/er\"]", "RUN [\"/probe\", \"exit\", \"7\"]",
				"RUN [\"/no/such\"]", "RUN no shell")
		}
		text += line + "\n"
	}
	b := BuildStep{Context: []Entry{
		{Type: TypeFile, Name: "Dockerfile", Content: text, Mode: 0o644},
		{Type: TypeFile, Name: "file", Content: "content", Mode: pick[int64](g, 0o644, 0o4755, 0o600, 0o444), Time: 1500000000},
		{Type: TypeDir, Name: "dir/", Mode: pick[int64](g, 0o755, 0o700, 0o1777), Time: 1400000000},
		{Type: TypeFile, Name: "group", Content: "root:x:0:\nworker:x:1000:\nother:x:2000:\nmore:x:3000:worker,root\nmost:x:3001:worker\n", Mode: 0o644},
		{Type: TypeFile, Name: "dir/x", Content: "x", Mode: 0o640, UID: pick(g, 0, 1000), Time: 1300000000},
	}}
	name := pick(g, "$one", "$two", "")
	b.Tag = name
	switch g.IntN(12) {
	case 0:
		b.Tag, name = pick(g, "short", "short:1", "localhost/UPPER:1", "localhost/a b"), ""
	case 1:
		b.Dockerfile = pick(g, "file", "missing", "dir/x", "../Dockerfile", "./Dockerfile", "/Dockerfile")
	case 2:
		// The Dockerfile is a good one: which of two mistakes is told is the engine's choice.
		b.Target, b.Context[0].Content = pick(g, "none", "0"), "FROM scratch\nCOPY file /\n"
	case 3:
		b.Args = map[string]string{"ARG1": "given", "UNUSED": "x"}
	case 4:
		b.NoCache = true
	case 5:
		b.Context, b.Text = nil, pick(g, "this is no tar", " ")
	case 6:
		b.Context = b.Context[1:]
	}
	if name != "" && !slices.Contains(g.images, name) {
		g.images = append(g.images, name)
	}
	return Step{Op: OpBuild, Build: &b}
}

func (s Step) String() string { return fmt.Sprintf("%s %s", s.Op, s.Sandbox) }
