//go:build linux

package proc

// keeperPID is the sandbox's first process.
const keeperPID = 1

// IsSession says whether a process is a session. Only the engine starts processes whose parent is outside of the sandbox, so their command
// lines are true.
func (fs *FS) IsSession(pid int) bool {
	p, err := fs.Get(pid)
	if err != nil || pid == keeperPID {
		return false
	}
	if p.Parent != 0 {
		return fs.IsCarried(p)
	}
	args := fs.Args(pid)
	return len(args) > 1 && args[1] == "session"
}

// IsCarried says whether a process is the session that the first process has started. What that has not adopted, it has.
func (fs *FS) IsCarried(p Process) bool {
	if p.Parent != keeperPID {
		return false
	}
	adopted, err := fs.Adopted(keeperPID)
	return err == nil && !adopted[p.PID]
}

// IsSupervisor says whether a process may be a supervisor: no command's is, as the first process has it of those that register.
func (fs *FS) IsSupervisor(pid int) bool {
	p, err := fs.Get(pid)
	return err == nil && pid > keeperPID && (p.Parent == 0 || fs.IsSession(p.Parent))
}
