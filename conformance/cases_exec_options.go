package conformance

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sandlot-dev/sandlot/conformance/internal/answer"
	"github.com/sandlot-dev/sandlot/runtime"
)

func execOptionCases() []Case {
	user := []runtime.Capability{runtime.CapabilityUser}
	return []Case{
		{
			ID: "exec/env/inherits", Contract: contractExecOptions + ".Env",
			Rule: "A command has the sandbox's environment: the image's, and over it what Run was given.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{Env: []string{"FROM_RUN=run"}})
				env := answerOf[answer.Self](t, id, runtime.ExecOptions{}, "self").Env
				t.Equal("FROM_IMAGE", valuesOf(env, "FROM_IMAGE"), []string{"yes"})
				t.Equal("FROM_RUN", valuesOf(env, "FROM_RUN"), []string{"run"})
			},
		},
		{
			ID: "exec/env/nothing-else", Contract: contractExecOptions + ".Env",
			Rule: "Besides what the image and the options set, a command has PATH, its user's HOME and HOSTNAME, and nothing that an engine adds.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{Env: []string{"FROM_RUN=run"}})
				got := answerOf[answer.Self](t, id, runtime.ExecOptions{Env: []string{"OWN=1"}}, "self")
				env := got.Env
				t.Equal("HOSTNAME", valuesOf(env, "HOSTNAME"), []string{got.Hostname})
				var names []string
				for _, e := range env {
					name, _, _ := strings.Cut(e, "=")
					names = append(names, name)
				}
				slices.Sort(names)
				t.Equal("the names of the variables", names, []string{"FROM_IMAGE", "FROM_RUN", "HOME", "HOSTNAME", "OWN", "PATH"})
			},
		},
		{
			ID: "exec/env/home", Contract: contractExecOptions + ".Env", Needs: user,
			Rule: "HOME is the user's home directory, and / for a user that the image does not know.",
			Run: func(t *T) {
				id := t.Sandbox()
				for user, home := range map[string]string{"": "/root", workerName: "/home/" + workerName, "12345": "/"} {
					env := answerOf[answer.Self](t, id, runtime.ExecOptions{User: user}, "self").Env
					t.Equal("HOME of user "+user, valuesOf(env, "HOME"), []string{home})
				}
			},
		},
		{
			ID: "exec/env/overrides", Contract: contractExecOptions + ".Env",
			Rule: "An exec's environment goes over the sandbox's.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{Env: []string{"FROM_RUN=run"}})
				opts := runtime.ExecOptions{Env: []string{"FROM_IMAGE=exec", "FROM_RUN=exec", "OWN=a=b c"}}
				env := answerOf[answer.Self](t, id, opts, "self").Env
				t.Equal("FROM_IMAGE", valuesOf(env, "FROM_IMAGE"), []string{"exec"})
				t.Equal("FROM_RUN", valuesOf(env, "FROM_RUN"), []string{"exec"})
				t.Equal("OWN", valuesOf(env, "OWN"), []string{"a=b c"})
			},
		},
		{
			ID: "exec/env/last-counts", Contract: contractExecOptions + ".Env",
			Rule: "Of several entries for a key the last counts, and an empty value is a value.",
			Run: func(t *T) {
				opts := runtime.ExecOptions{Env: []string{"K=first", "EMPTY=", "K=second"}}
				env := answerOf[answer.Self](t, t.Sandbox(), opts, "self").Env
				t.Equal("K", valuesOf(env, "K"), []string{"second"})
				t.Equal("EMPTY", valuesOf(env, "EMPTY"), []string{""})
			},
		},
		{
			ID: "exec/env/stays-with-its-exec", Contract: contractExecOptions + ".Env",
			Rule: "An exec's environment is not that of the next.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.MustExec(id, runtime.ExecOptions{Env: []string{"OWN=1"}}, "exit", "0")
				env := answerOf[answer.Self](t, id, runtime.ExecOptions{}, "self").Env
				t.Equal("OWN", valuesOf(env, "OWN"), []string(nil))
			},
		},
		{
			ID: "exec/env/without-equals", Contract: contractExec,
			Rule: `An environment entry without "=" is ErrInvalid, and nothing has run.`,
			Run: func(t *T) {
				id := t.Sandbox()
				out := t.Exec(id, runtime.ExecOptions{Env: []string{"A=1", "NOTHING"}}, "write", "/tmp/ran", "yes")
				t.ErrorIs("exec", out.Err, runtime.ErrInvalid)
				t.NotRun(id)
			},
		},
		{
			ID: "exec/dir/default", Contract: contractExecOptions + ".Dir",
			Rule: "Without Dir a command runs in the sandbox's working directory.",
			Run: func(t *T) {
				got := answerOf[answer.Self](t, t.Run(runtime.RunOptions{}), runtime.ExecOptions{}, "self")
				t.Equal("the directory, the image's", got.Dir, imageWorkingDir)
				got = answerOf[answer.Self](t, t.Run(runtime.RunOptions{WorkingDir: "/etc"}), runtime.ExecOptions{}, "self")
				t.Equal("the directory, Run's", got.Dir, "/etc")
			},
		},
		{
			ID: "exec/dir/absolute", Contract: contractExecOptions + ".Dir",
			Rule: "A command runs in Dir.",
			Run: func(t *T) {
				got := answerOf[answer.Self](t, t.Sandbox(), runtime.ExecOptions{Dir: "/home/worker"}, "self")
				t.Equal("the directory", got.Dir, "/home/worker")
			},
		},
		{
			ID: "exec/dir/relative", Contract: contractExecOptions + ".Dir",
			Rule: "A relative Dir starts at the sandbox's working directory.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.MustExec(id, runtime.ExecOptions{}, "mkdir", "sub/dir")
				got := answerOf[answer.Self](t, id, runtime.ExecOptions{Dir: "sub/dir"}, "self")
				t.Equal("the directory", got.Dir, imageWorkingDir+"/sub/dir")
			},
		},
		{
			ID: "exec/dir/missing", Contract: contractExec,
			Rule: "A working directory that is none is ErrInvalid, and nothing has run.",
			Run: func(t *T) {
				id := t.Sandbox()
				for _, dir := range []string{"/no/such/dir", "no-such-dir", "/etc/passwd"} {
					out := t.Exec(id, runtime.ExecOptions{Dir: dir}, "write", "/tmp/ran", "yes")
					t.ErrorIs("exec in "+dir, out.Err, runtime.ErrInvalid)
					t.NotRun(id)
				}
			},
		},
		{
			ID: "exec/user/default", Contract: contractExecOptions + ".User", Needs: user,
			Rule: "Without User a command runs as the sandbox's user.",
			Run: func(t *T) {
				t.IsUser(t.Run(runtime.RunOptions{}), "", 0, 0)
				t.IsUser(t.Run(runtime.RunOptions{User: workerName}), "", workerID, workerID)
			},
		},
		{
			ID: "exec/user/forms", Contract: contractExecOptions + ".User", Needs: user,
			Rule: "A user is name, uid, name:group or uid:gid.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.IsUser(id, workerName, workerID, workerID)
				t.IsUser(id, fmt.Sprint(workerID), workerID, workerID)
				t.IsUser(id, workerName+":"+otherName, workerID, otherID)
				t.IsUser(id, "12345:54321", 12345, 54321)
			},
		},
		{
			ID: "exec/user/root-in-another-users-sandbox", Contract: contractExecOptions + ".User", Needs: user,
			Rule: "An exec may have another user than the sandbox, root included, who has no capability either.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{User: workerName})
				t.IsUser(id, "root", 0, 0)
				t.IsUser(id, otherName, otherID, otherID)
				got := answerOf[answer.Self](t, id, runtime.ExecOptions{User: "root"}, "self")
				t.Equal("the effective capabilities", strings.Trim(got.CapEff, "0"), "")
			},
		},
		{
			ID: "exec/user/groups", Contract: contractExecOptions + ".User", Needs: []runtime.Capability{runtime.CapabilityUser, runtime.CapabilityBuild},
			Rule: "A user is in all groups of the image that list it, also where neither the image nor the options name the user.",
			Run: func(t *T) {
				image := t.Built(runtime.BuildOptions{}, t.dockerfile("FROM scratch\nADD root.tar /\nCOPY group /etc/group\n"), t.rootEntry(),
					fileEntry("group", "root:x:0:\nworker:x:1000:\nmore:x:3000:worker,root\nmost:x:3001:worker\n"))
				res, err := t.TryRun(image, runtime.RunOptions{})
				t.NoError("run", err)
				for user, want := range map[string][]int{"": {3000}, workerName: {3000, 3001}} {
					got := answerOf[answer.Self](t, res.ID, runtime.ExecOptions{User: user}, "self")
					groups := slices.DeleteFunc(got.Groups, func(g int) bool { return g == got.GID })
					slices.Sort(groups)
					t.Equal("the groups of user "+user, groups, want)
				}
				t.Equal("the user in an inspect", t.Inspect(res.ID).User, "")
			},
		},
		{
			ID: "exec/user/unknown", Contract: contractExec, Needs: user,
			Rule: "An unknown user is ErrInvalid, and nothing has run.",
			Run: func(t *T) {
				id := t.Sandbox()
				for _, u := range []string{"nobody-knows", workerName + ":no-such-group", "2147483648", "0:2147483648"} {
					out := t.Exec(id, runtime.ExecOptions{User: u}, "write", "/tmp/ran", "yes")
					t.ErrorIs("exec as "+u, out.Err, runtime.ErrInvalid)
					t.NotRun(id)
				}
			},
		},
	}
}

// IsUser asserts whom an exec runs as.
func (t *T) IsUser(id, user string, uid, gid int) {
	got := answerOf[answer.Self](t, id, runtime.ExecOptions{User: user}, "self")
	t.Equal("uid and gid", [2]int{got.UID, got.GID}, [2]int{uid, gid})
}

// valuesOf are the values of a key, of which an environment should have one.
func valuesOf(env []string, key string) []string {
	var out []string
	for _, e := range env {
		if v, ok := strings.CutPrefix(e, key+"="); ok {
			out = append(out, v)
		}
	}
	return out
}
