package differ

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/sandlot-dev/sandlot/runtime"
)

// Case prints the sequence as a case of the conformance suite, which lacks the rule, and the decision which of the two is right.
func (d Difference) Case(a, b string) string {
	p := &printer{made: map[string]bool{}}
	for i, step := range d.Sequence {
		p.step(step, i == len(d.Sequence)-1)
	}
	p.line("// %s of %s", d.What, d.Op)
	p.comment(a, d.A)
	p.comment(b, d.B)
	p.line("t.Equal(%s, got, %s) // or the other's", strconv.Quote(d.What), strconv.Quote(d.A))
	name := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return '-'
	}, string(d.Op)+"/"+d.What)
	return fmt.Sprintf("{\n\tID: %q, Contract: %q,\n\tRule: \"\",\n\tRun: func(t *T) {\n%s\t},\n},", name, contracts[d.Op], p.b.String())
}

var contracts = map[Op]string{
	OpRun: "runtime.Runtime.Run", OpExec: "runtime.Runtime.Exec", OpPut: "runtime.Runtime.PutArchive", OpGet: "runtime.Runtime.GetArchive",
	OpInspect: "runtime.Runtime.Inspect", OpList: "runtime.Runtime.List", OpHostPort: "runtime.Container.HostPort", OpStop: "runtime.Stopper.Stop",
	OpStart: "runtime.Stopper.Start", OpRemove: "runtime.Runtime.Remove", OpBuild: "runtime.Runtime.Build", OpRemoveImage: "runtime.ImageRemover",
	OpRemoveVolume: "runtime.VolumeRemover",
}

type printer struct {
	b    strings.Builder
	made map[string]bool // variables
}

func (p *printer) line(format string, args ...any) {
	fmt.Fprintf(&p.b, "\t\t"+format+"\n", args...)
}

func (p *printer) comment(side, value string) {
	p.line("// %s: %s", side, strings.ReplaceAll(brief(value), "\n", "\n\t\t//   "))
}

// step prints one call. The last is the one whose end is looked at.
func (p *printer) step(s Step, last bool) {
	sandbox := s.Sandbox
	if s.By == "raw" || !p.made[sandbox] && s.Op != OpRun {
		sandbox = strconv.Quote(s.Sandbox)
	}
	if s.By == "name" || s.By == "short" {
		p.line("// the sandbox is named by its %s here", map[string]string{"name": "name", "short": "id's first 12 digits"}[s.By])
	}
	result := "_, err := "
	if !last {
		result = "_, _ = "
	}
	switch {
	case s.Run != nil:
		p.run(s, last)
	case s.Exec != nil:
		call := fmt.Sprintf("t.ExecArgv(t.Context(), %s, %s, %s)", sandbox, p.execOptions(*s.Exec), literal(s.Exec.Argv))
		if s.Exec.CancelAt != "" {
			p.line("// cancelled once the output holds %q", s.Exec.CancelAt)
		}
		p.result("out := ", call, last)
	case s.Put != nil:
		opts := literal(runtime.PutArchiveOptions{KeepOwner: s.Put.KeepOwner, CreateDir: s.Put.CreateDir, Remove: s.Put.Remove})
		if s.Put.Cut > 0 {
			p.line("// without the archive's last %d bytes", s.Put.Cut)
		}
		if s.Put.Text != "" {
			p.result("_, err := ", fmt.Sprintf("t.Runtime().PutArchive(t.Context(), %s, %q, strings.NewReader(%q), %s)", sandbox, s.Put.Dir, s.Put.Text, opts), last)
			break
		}
		p.result("res, err := ", fmt.Sprintf("t.Put(%s, %q, %s%s)", sandbox, s.Put.Dir, opts, entries(s.Put.Entries)), last)
	case s.Get != nil:
		p.result("got := ", fmt.Sprintf("t.Get(%s, %q, %s)", sandbox, s.Get.Path, literal(runtime.GetArchiveOptions{HeadersOnly: s.Get.HeadersOnly, Depth: s.Get.Depth, Follow: s.Get.Follow})), last)
	case s.Build != nil:
		opts := runtime.BuildOptions{Tag: s.Build.Tag, Dockerfile: s.Build.Dockerfile, Args: s.Build.Args, Target: s.Build.Target, NoCache: s.Build.NoCache}
		p.result("_, err := ", fmt.Sprintf("t.TryBuild(%s%s)", literal(opts), entries(s.Build.Context)), last)
	case s.Op == OpStop:
		p.line("%st.Stopper().Stop(t.Context(), %s, %s)", result, sandbox, literal(runtime.StopOptions{Grace: time.Duration(s.GraceMillis) * time.Millisecond}))
	case s.Op == OpStart:
		p.line("%st.Stopper().Start(t.Context(), %s, runtime.StartOptions{})", result, sandbox)
	case s.Op == OpRemove:
		p.line("%st.Runtime().Remove(t.Context(), %s, runtime.RemoveOptions{})", result, sandbox)
	case s.Op == OpInspect:
		p.result("c := ", fmt.Sprintf("t.Inspect(%s)", sandbox), last)
	case s.Op == OpHostPort:
		p.result("addr, err := ", fmt.Sprintf("t.Inspect(%s).HostPort(%q)", sandbox, s.Port), last)
	case s.Op == OpList:
		p.result("all, err := ", fmt.Sprintf("t.Runtime().List(t.Context(), runtime.ListOptions{Labels: t.Labels(%s)})", literal(s.Labels)), last)
	case s.Op == OpRemoveImage:
		p.line("%st.imageRemover().RemoveImage(t.Context(), %s, runtime.RemoveImageOptions{})", result, literal(s.Name))
	case s.Op == OpRemoveVolume:
		p.line("%st.Runtime().(runtime.VolumeRemover).RemoveVolume(t.Context(), %s, runtime.RemoveVolumeOptions{})", result, literal(s.Name))
	}
}

// result keeps what the last call gives, and drops that of the others.
func (p *printer) result(variables, call string, last bool) {
	if last {
		p.line("%s%s", variables, call)
		return
	}
	p.line("%s", call)
}

func (p *printer) run(s Step, last bool) {
	opts := literal(runtime.RunOptions(s.Run.Options))
	image := "t.Image()"
	if s.Run.Image != "" {
		image = literal(s.Run.Image)
	}
	switch {
	case last:
		p.line("res, err := t.TryRun(%s, %s)", image, opts)
	case s.Run.Image == "":
		p.line("%s := t.Run(%s)", s.Sandbox, opts)
	default:
		p.line("res, err := t.TryRun(%s, %s)", image, opts)
		p.line("t.NoError(\"run\", err)")
		p.line("%s := res.ID", s.Sandbox)
	}
	p.made[s.Sandbox] = true
}

func (p *printer) execOptions(e ExecStep) string {
	opts := literal(runtime.ExecOptions{
		Env: e.Env, Dir: e.Dir, User: e.User, TTY: e.TTY, Size: runtime.WindowSize{Rows: e.Rows, Cols: e.Cols},
		Timeout: time.Duration(e.TimeoutMillis) * time.Millisecond,
	})
	stdin := ""
	switch {
	case e.StdinNoise > 0:
		stdin = fmt.Sprintf("Stdin: answer.Noise(%d)", e.StdinNoise)
	case e.Stdin != "":
		stdin = fmt.Sprintf("Stdin: strings.NewReader(%q)", e.Stdin)
	}
	switch {
	case stdin == "":
		return opts
	case opts == "runtime.ExecOptions{}":
		return "runtime.ExecOptions{" + stdin + "}"
	}
	return strings.TrimSuffix(opts, "}") + ", " + stdin + "}"
}

// entries are arguments, in the suite's words for entries of an archive.
func entries(all []Entry) string {
	var b strings.Builder
	for _, e := range all {
		content := strconv.Quote(e.Content)
		if e.Noise > 0 {
			content = fmt.Sprintf("noise(%d)", e.Noise)
		}
		b.WriteString(", ")
		switch e.Type {
		case TypeDir:
			fmt.Fprintf(&b, "dirEntry(%q)", strings.TrimSuffix(e.Name, "/"))
		case TypeLink:
			fmt.Fprintf(&b, "linkEntry(%q, %q)", e.Name, e.Target)
		case TypeHard:
			fmt.Fprintf(&b, "hardEntry(%q, %q)", e.Name, e.Target)
		case TypeFile:
			fmt.Fprintf(&b, "fileEntry(%q, %s)", e.Name, content)
		default:
			fmt.Fprintf(&b, "entry{Header: tar.Header{Typeflag: %q, Name: %q}}", typeflags[e.Type], e.Name)
		}
		fmt.Fprintf(&b, ".with(%#o)", e.Mode)
		if e.UID != 0 || e.GID != 0 {
			fmt.Fprintf(&b, ".of(%d, %d)", e.UID, e.GID)
		}
		if e.Time != 0 {
			fmt.Fprintf(&b, ".at(time.Unix(%d, 0))", e.Time)
		}
	}
	return b.String()
}

// literal prints a value as Go source, without what is zero.
func literal(v any) string { return source(reflect.ValueOf(v)) }

func source(v reflect.Value) string {
	if s, ok := v.Interface().(fmt.Stringer); ok && v.Type().String() == "netip.Addr" {
		return fmt.Sprintf("netip.MustParseAddr(%q)", s.String())
	}
	if d, ok := v.Interface().(time.Duration); ok {
		return fmt.Sprintf("%d*time.Millisecond", d.Milliseconds())
	}
	var parts []string
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); !f.IsZero() {
				parts = append(parts, v.Type().Field(i).Name+": "+source(f))
			}
		}
	case reflect.Slice:
		if v.IsNil() {
			return "nil"
		}
		for i := range v.Len() {
			parts = append(parts, source(v.Index(i)))
		}
	case reflect.Map:
		if v.IsNil() {
			return "nil"
		}
		for _, k := range v.MapKeys() {
			parts = append(parts, source(k)+": "+source(v.MapIndex(k)))
		}
		slices.Sort(parts)
	case reflect.String:
		if rest, ok := strings.CutPrefix(v.String(), "$"); ok {
			return fmt.Sprintf("t.Name() + %q", "-"+rest)
		}
		return strconv.Quote(v.String())
	default:
		return fmt.Sprintf("%#v", v.Interface())
	}
	return v.Type().String() + "{" + strings.Join(parts, ", ") + "}"
}
