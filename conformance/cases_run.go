package conformance

import (
	"slices"
	"strings"
	"time"

	"github.com/sandlot-dev/sandlot/conformance/internal/answer"
	"github.com/sandlot-dev/sandlot/runtime"
)

// runCases are about options of Run that restrict nothing.
func runCases() []Case {
	user := []runtime.Capability{runtime.CapabilityUser}
	return []Case{
		{
			ID: "run/env", Contract: contractRunOptions + ".Env",
			Rule: "Env goes over the image's environment, and the last of a key counts.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{Env: []string{"K=1", "FROM_IMAGE=run", "K=2", "EMPTY=", "EQ=a=b"}})
				env := answerOf[answer.Self](t, id, runtime.ExecOptions{}, "self").Env
				for key, want := range map[string]string{"K": "2", "FROM_IMAGE": "run", "EMPTY": "", "EQ": "a=b"} {
					t.Equal(key, valuesOf(env, key), []string{want})
				}
			},
		},
		{
			ID: "run/env-without-equals", Contract: contractRunOptions + ".Env",
			Rule: "An environment entry without '=' is ErrInvalid.",
			Run: func(t *T) {
				_, err := t.TryRun(t.Image(), runtime.RunOptions{Env: []string{"A=1", "NOTHING"}})
				t.ErrorIs("run", err, runtime.ErrInvalid)
			},
		},
		{
			ID: "run/working-dir", Contract: contractRunOptions + ".WorkingDir",
			Rule: "WorkingDir is where commands start; it is made if missing.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{WorkingDir: "/made/for/this"})
				t.Equal("the directory", answerOf[answer.Self](t, id, runtime.ExecOptions{}, "self").Dir, "/made/for/this")
				t.Equal("Inspect's", t.Inspect(id).WorkingDir, "/made/for/this")
			},
		},
		{
			ID: "run/working-dir-relative", Contract: contractRunOptions + ".WorkingDir",
			Rule: "A WorkingDir that is not absolute is ErrInvalid.",
			Run: func(t *T) {
				_, err := t.TryRun(t.Image(), runtime.RunOptions{WorkingDir: "relative"})
				t.ErrorIs("run", err, runtime.ErrInvalid)
			},
		},
		{
			ID: "run/working-dir-below-file", Contract: contractRunOptions + ".WorkingDir",
			Rule: "A WorkingDir that leads through a file is ErrInvalid.",
			Run: func(t *T) {
				_, err := t.TryRun(t.Image(), runtime.RunOptions{WorkingDir: "/etc/passwd/below"})
				t.ErrorIs("run", err, runtime.ErrInvalid)
				t.noSandbox(t.Name())
			},
		},
		{
			ID: "run/user", Contract: contractRunOptions + ".User", Needs: user,
			Rule: "A user is name, uid, name:group or uid:gid.",
			Run: func(t *T) {
				for given, want := range map[string][2]int{
					workerName: {workerID, workerID}, "2000": {otherID, otherID}, workerName + ":" + otherName: {workerID, otherID}, "12345:54321": {12345, 54321},
				} {
					id := t.Run(runtime.RunOptions{User: given})
					t.IsUser(id, "", want[0], want[1])
					t.Equal("Inspect's", t.Inspect(id).User, given)
				}
			},
		},
		{
			ID: "run/user-unknown", Contract: contractRunOptions + ".User", Needs: user,
			Rule: "A user that the image does not know is ErrInvalid, and nothing of the sandbox is left.",
			Run: func(t *T) {
				for _, u := range []string{"nobody-knows", "2147483648", "0:2147483648"} {
					_, err := t.TryRun(t.Image(), runtime.RunOptions{Name: t.Name(), User: u})
					t.ErrorIs("run as "+u, err, runtime.ErrInvalid)
					t.noSandbox(t.Name())
				}
			},
		},
		{
			ID: "run/root-directory", Contract: contractRunOptions + ".ReadOnlyRoot", Needs: user,
			Rule: "The root directory's owner may write in it, whatever mode the engine gave it.",
			Run: func(t *T) {
				t.MustExec(t.Run(runtime.RunOptions{}), runtime.ExecOptions{}, "write", "/made", "content")
				t.MustExec(t.Run(runtime.RunOptions{User: workerName}), runtime.ExecOptions{User: "root"}, "write", "/made", "content")
			},
		},
		{
			ID: "run/hostname", Contract: contractRunOptions + ".Hostname",
			Rule: "A sandbox has the host name that it is given.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{Hostname: "box-" + t.token})
				t.Equal("the host name", answerOf[answer.Self](t, id, runtime.ExecOptions{}, "self").Hostname, "box-"+t.token)
				t.Equal("Inspect's", t.Inspect(id).Hostname, "box-"+t.token)
			},
		},
		{
			ID: "run/labels", Contract: contractRunOptions + ".Labels",
			Rule: "A sandbox has the labels that it is given; Inspect and List tell them, without Sandlot's own.",
			Run: func(t *T) {
				want := t.Labels(map[string]string{"a": "1", "b.c/d": "x y", "empty": ""})
				id := t.Run(runtime.RunOptions{Labels: want})
				t.Equal("Inspect's", t.Inspect(id).Labels, want)
				t.Equal("List's", t.list(map[string]string{labelCase: t.token})[0].Labels, want)
			},
		},
		{
			ID: "run/labels-reserved", Contract: contractRunOptions + ".Labels",
			Rule: "A label that begins as Sandlot's own do is ErrInvalid.",
			Run: func(t *T) {
				for _, key := range []string{runtime.LabelSandbox, runtime.LabelPrefix + "other"} {
					_, err := t.TryRun(t.Image(), runtime.RunOptions{Labels: map[string]string{key: "1"}})
					t.ErrorIs("run", err, runtime.ErrInvalid)
				}
			},
		},
		{
			ID: "run/owner", Contract: contractRunOptions + ".Owner",
			Rule: "A sandbox's owner and the end of its lease come back as they were given, and not at all where they were not; a lease that is over ends nothing.",
			Run: func(t *T) {
				end := time.Date(2001, 2, 3, 4, 5, 6, 789, time.FixedZone("east", 3600))
				id := t.Run(runtime.RunOptions{Owner: `who="me" & ü`, LeaseEnd: end})
				listed := t.list(map[string]string{labelCase: t.token})[0]
				for what, c := range map[string]runtime.Container{"Inspect": t.Inspect(id), "List": listed} {
					t.Equal(what+"'s owner", c.Owner, `who="me" & ü`)
					t.True(c.LeaseEnd.Equal(end.Truncate(time.Second)), what+"'s end of the lease", c.LeaseEnd, end.Truncate(time.Second).String())
				}
				t.MustExec(id, runtime.ExecOptions{}, "exit", "0")
				other := t.Inspect(t.Run(runtime.RunOptions{}))
				t.Equal("the owner of another", other.Owner, "")
				t.True(other.LeaseEnd.IsZero(), "the end of its lease", other.LeaseEnd, "zero")
			},
		},
		{
			ID: "run/owner-invalid", Contract: contractRunOptions + ".Owner",
			Rule: "An owner that is too long, or has control characters, is ErrInvalid.",
			Run: func(t *T) {
				for _, owner := range []string{"a\nb", strings.Repeat("x", runtime.MaxOwner+1)} {
					_, err := t.TryRun(t.Image(), runtime.RunOptions{Owner: owner})
					t.ErrorIs("run", err, runtime.ErrInvalid)
				}
			},
		},
		{
			ID: "inspect/running", Contract: contractInspect,
			Rule: "Inspect describes a sandbox as it is.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{Name: t.Name()})
				c := t.Inspect(id)
				t.Equal("id, name, image, state", []string{c.ID, c.Name, c.Image, string(c.State)}, []string{id, t.Name(), t.Image(), "running"})
				t.True(len(c.ImageID) > 40 && c.ImageID[:7] == "sha256:", "ImageID", c.ImageID, "sha256: and a hash")
				t.True(c.Created.Year() > 2000, "Created", c.Created, "a time")
				t.Equal("WorkingDir", c.WorkingDir, imageWorkingDir)
				t.Equal("Network", c.Network, runtime.NetworkNone)
				t.Equal("Mounts, the guest's own not among them", len(c.Mounts), 0)
				t.Equal("Ports", len(c.Ports)+len(c.Expected), 0)
				for key := range c.Labels {
					t.Equal("a label", key, labelCase)
				}
			},
		},
		{
			ID: "inspect/env", Contract: "runtime.Container.Env",
			Rule: "Env is what the image and the options set, sorted, and nothing that an engine adds.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{Env: []string{"Z=last", "HOME=/elsewhere", "A=1", "FROM_RUN=run"}})
				got := slices.DeleteFunc(t.Inspect(id).Env, func(entry string) bool { return strings.HasPrefix(entry, "PATH=") }) // which some builders set
				t.Equal("Env, but for PATH", got, []string{"A=1", imageEnv, "FROM_RUN=run", "HOME=/elsewhere", "Z=last"})
			},
		},
		{
			ID: "inspect/not-found", Contract: contractRuntime,
			Rule: "For an id that names no container Inspect returns ErrNotFound.",
			Run:  func(t *T) { t.noSandbox(t.Name()) },
		},
		{
			ID: "list/labels", Contract: "runtime.ListOptions.Labels",
			Rule: "List has the sandboxes that carry all the labels, of which an empty value means any value.",
			Run: func(t *T) {
				a := t.Run(runtime.RunOptions{Labels: map[string]string{"kind": "a", "both": "yes"}})
				b := t.Run(runtime.RunOptions{Labels: map[string]string{"kind": "b", "both": "yes"}})
				for _, test := range []struct {
					labels map[string]string
					want   []string
				}{
					{map[string]string{"kind": "a"}, []string{a}},
					{map[string]string{"kind": ""}, []string{b, a}},
					{map[string]string{"both": "yes", "kind": "b"}, []string{b}},
					{map[string]string{"both": "yes", "kind": "c"}, nil},
					{map[string]string{"absent": ""}, nil},
				} {
					t.Input("list %v", test.labels)
					var got []string
					for _, c := range t.list(t.Labels(test.labels)) {
						got = append(got, c.ID)
					}
					t.Equal("the ids, newest first", got, test.want)
				}
			},
		},
		{
			ID: "list/all", Contract: contractList,
			Rule: "List has all sandboxes, also those that another Runtime made, and tells what Inspect does.",
			Run: func(t *T) {
				res, err := t.RunOn(t.ctx, t.Open(), t.Image(), runtime.RunOptions{Name: t.Name()})
				t.NoError("run on another Runtime", err)
				all := t.list(nil)
				i := slices.IndexFunc(all, func(c runtime.Container) bool { return c.ID == res.ID })
				if !t.True(i >= 0, "the list", all, "the sandbox in it") {
					return
				}
				c := t.Inspect(res.ID)
				t.Equal("name, image, image id and state", [4]string{all[i].Name, all[i].Image, all[i].ImageID, string(all[i].State)},
					[4]string{c.Name, c.Image, c.ImageID, string(c.State)})
			},
		},
	}
}

// list is Runtime.List. Failing to ends the case.
func (t *T) list(labels map[string]string) []runtime.Container {
	t.Input("list %v", labels)
	all, err := t.Runtime().List(t.ctx, runtime.ListOptions{Labels: labels})
	t.NoError("listing", err)
	return all
}
