//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
)

// command is a program to start.
type command struct {
	path   string
	args   []string
	env    []string
	dir    string
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
}

// process is one that was started.
type process struct {
	pid int
	cmd *exec.Cmd
}

// spawn starts a program. What the shell ignores (trap ” SIGNAL) is ignored in it as well.
func (sh *shell) spawn(c command) (*process, error) {
	cmd := &exec.Cmd{Path: c.path, Args: c.args, Env: c.env, Dir: c.dir}
	if c.stdin != nil {
		cmd.Stdin = c.stdin
	}
	if c.stdout != io.Discard {
		cmd.Stdout = c.stdout
	}
	if c.stderr != io.Discard {
		cmd.Stderr = c.stderr
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer markIgnored(sh.ignored())()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &process{pid: cmd.Process.Pid, cmd: cmd}, nil
}

// wait answers the exit status; 128 and the signal's number if a signal ended it.
func (p *process) wait() int {
	err := p.cmd.Wait()
	if p.cmd.ProcessState == nil {
		return 127
	}
	ws := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	if _, ok := err.(*exec.ExitError); err != nil && !ok && ws.ExitStatus() == 0 {
		return 1 // its output could not be passed on
	}
	return ws.ExitStatus()
}

// external runs a program and waits for it.
func (sh *shell) external(hc interp.HandlerContext, args []string) error {
	path, status := sh.find(hc, args[0])
	if status != 0 {
		return interp.ExitStatus(status)
	}
	c := command{path: path, args: args, env: environList(hc.Env), dir: hc.Dir, stdin: hc.Stdin, stdout: hc.Stdout, stderr: hc.Stderr}
	p, err := sh.spawn(c)
	if errors.Is(err, syscall.ENOEXEC) {
		if c.args, err = scriptArgs(path, args); err == nil {
			c.path = "/proc/self/exe"
			p, err = sh.spawn(c)
		}
	}
	if err != nil {
		return interp.ExitStatus(sh.cannotStart(hc, args[0], err))
	}
	return exitStatus(p.wait())
}

func exitStatus(status int) error {
	if status &= 0xff; status != 0 {
		return interp.ExitStatus(status)
	}
	return nil
}

// become replaces the shell by a program; it returns only the status of not being able to.
func (sh *shell) become(hc interp.HandlerContext, name string, args []string) int {
	path, status := sh.find(hc, args[0])
	if status != 0 {
		return status
	}
	for fd, std := range []any{hc.Stdin, hc.Stdout, hc.Stderr} {
		f, ok := std.(*os.File)
		if !ok {
			null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
			if err != nil {
				return sh.cannotStart(hc, name, err)
			}
			f = null
		}
		// the other two must not be overwritten before they are copied
		if int(f.Fd()) != fd && f.Fd() <= 2 {
			copied, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 10)
			if err != nil {
				return sh.cannotStart(hc, name, err)
			}
			f = os.NewFile(uintptr(copied), f.Name())
		}
		switch fd {
		case 0:
			hc.Stdin = f
		case 1:
			hc.Stdout = f
		case 2:
			hc.Stderr = f
		}
	}
	for fd, f := range []*os.File{hc.Stdin.(*os.File), hc.Stdout.(*os.File), hc.Stderr.(*os.File)} {
		if err := dup2(int(f.Fd()), fd); err != nil {
			return sh.cannotStart(hc, name, err)
		}
	}
	if err := os.Chdir(hc.Dir); err != nil {
		return sh.cannotStart(hc, name, err)
	}
	runtime.LockOSThread()
	markIgnored(sh.ignored())
	argv := append([]string{name}, args[1:]...)
	err := syscall.Exec(path, argv, environList(hc.Env))
	if errors.Is(err, syscall.ENOEXEC) {
		if argv, err = scriptArgs(path, argv); err == nil {
			err = syscall.Exec("/proc/self/exe", argv, environList(hc.Env))
		}
	}
	return sh.cannotStart(hc, args[0], err)
}

// scriptArgs is how to run a file that the kernel does not know as a program: as a shell script, unless it looks binary.
func scriptArgs(path string, args []string) ([]string, error) {
	if _, err := readScript(path); err != nil {
		return nil, err
	}
	return append([]string{"sh", path}, args[1:]...), nil
}

// find finds a program, or says why not and answers 127 or 126.
func (sh *shell) find(hc interp.HandlerContext, name string) (path string, status int) {
	if name == "" {
		fmt.Fprintf(hc.Stderr, "%s: : command not found\n", sh.name)
		return "", 127
	}
	if strings.Contains(name, "/") {
		path = name
		if !filepath.IsAbs(path) {
			path = filepath.Join(hc.Dir, path)
		}
		if err := executable(path); err != nil {
			return "", sh.cannotStart(hc, name, &fs.PathError{Op: "exec", Path: name, Err: err})
		}
		return path, 0
	}
	denied := false
	for _, dir := range filepath.SplitList(hc.Env.Get("PATH").String()) {
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(hc.Dir, dir)
		}
		switch err := executable(filepath.Join(dir, name)); {
		case err == nil:
			return filepath.Join(dir, name), 0
		case errors.Is(err, syscall.EACCES):
			denied = true
		}
	}
	if denied {
		fmt.Fprintf(hc.Stderr, "%s: %s: Permission denied\n", sh.name, name)
		return "", 126
	}
	fmt.Fprintf(hc.Stderr, "%s: %s: command not found\n", sh.name, name)
	return "", 127
}

func executable(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return errnoOf(err)
	}
	if info.IsDir() {
		return syscall.EISDIR
	}
	return unix.Access(path, unix.X_OK)
}

func errnoOf(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

// cannotStart says why a program did not start and answers the status for it.
func (sh *shell) cannotStart(hc interp.HandlerContext, name string, err error) int {
	fmt.Fprintf(hc.Stderr, "%s: %s: %s\n", sh.name, name, errText(errnoOf(err)))
	if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ENOTDIR) {
		return 127
	}
	return 126
}

// environList is the environment for a program.
func environList(env expand.Environ) []string {
	exported := map[string]string{}
	for name, v := range env.Each {
		delete(exported, name)
		if v.IsSet() && v.Exported && v.Kind == expand.String {
			exported[name] = v.String()
		}
	}
	var list []string
	for name, value := range exported {
		list = append(list, name+"="+value)
	}
	return list
}

// ignored are the signals that the shell ignores by a trap, or was started ignoring.
func (sh *shell) ignored() []syscall.Signal {
	sigs := inheritedIgnored()
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for sig, action := range sh.traps {
		if action == "" {
			sigs = append(sigs, sig)
		}
	}
	return sigs
}
