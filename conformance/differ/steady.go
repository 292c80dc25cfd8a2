package differ

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/sandlot-dev/sandlot/conformance/internal/answer"
)

const probe = "/probe" // the suite's program, in its image

// ofHost is the name of what is mounted from the host. Who owns it on the host is nobody in a sandbox whose users are others there, as without root.
const ofHost = "of-the-host"

func isOfHost(path string) bool { return slices.Contains(strings.Split(path, "/"), ofHost) }

// steady takes out of what the probe says what is never twice the same: process ids, inodes, the time now.
func steady(argv []string, out string) string {
	if len(argv) < 2 || argv[0] != probe {
		return out
	}
	switch argv[1] {
	case "self":
		return again(out, func(a *answer.Self) {
			a.PID, a.PPID = 0, 0
			a.OOMScore = 0 // set just after the start
			slices.Sort(a.Env)
			// Whether the group itself is among the others makes no difference to what the process may do.
			a.Groups = slices.DeleteFunc(a.Groups, func(g int) bool { return g == a.GID })
			slices.Sort(a.Groups)
			if len(a.Groups) == 0 {
				a.Groups = nil
			}
		})
	case "stat", "ls":
		return again(out, func(all *[]answer.File) {
			for i := range *all {
				f := &(*all)[i]
				f.Inode = 0
				if isOfHost(f.Path) {
					f.UID, f.GID, f.MTime = 0, 0, -1
				}
				if f.Type == "dir" { // file systems count these in ways of their own
					f.Size, f.Links = 0, 0
				}
				if f.MTime > time.Now().Add(-24*time.Hour).Unix() {
					f.MTime = -1
				}
			}
			slices.SortFunc(*all, func(a, b answer.File) int { return cmp.Compare(a.Path, b.Path) })
		})
	case "try":
		return again(out, func(a *answer.Attempt) { masked(argv, a) })
	case "alive":
		return again(out, func(all *[]answer.Process) {
			for i := range *all {
				p := &(*all)[i]
				p.PID, p.PPID = 0, 0
				if p.State != "T" {
					p.State = "alive"
				}
			}
			slices.SortFunc(*all, func(a, b answer.Process) int {
				return cmp.Or(cmp.Compare(strings.Join(a.Args, " "), strings.Join(b.Args, " ")), cmp.Compare(a.State, b.State))
			})
		})
	}
	return out
}

// masked makes one refusal of another where a kernel's own files are tried: whether an engine hides them, or mounts them read-only, is its choice.
func masked(argv []string, a *answer.Attempt) {
	if len(argv) > 3 && a.Err != "" && (strings.HasPrefix(argv[3], "/proc/") || strings.HasPrefix(argv[3], "/sys/")) {
		a.Err = "refused"
	}
}

// again reads JSON, changes it and writes it. What is no JSON stays as it is.
func again[A any](out string, change func(*A)) string {
	var a A
	if json.Unmarshal([]byte(out), &a) != nil {
		return out
	}
	change(&a)
	b, err := json.Marshal(a)
	if err != nil {
		return out
	}
	return string(b)
}
