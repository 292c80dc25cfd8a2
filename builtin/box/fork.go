//go:build linux

package main

import (
	"context"
	"encoding/gob"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// A subshell is this program started anew, which gets the shell's state through a descriptor and runs one text. It is what
// fork is to other shells; a Go program cannot fork.

// forkArg is the argument of such a process, followed by the descriptor's number in the environment variable forkVar.
const (
	forkArg = "--subshell"
	forkVar = "__SANDLOT_SUBSHELL"
)

type forkState struct {
	Name    string
	Pid     int
	Bang    int
	File    bool
	Status  int // $?
	Script  int // what to run
	Scripts []string
	Vars    map[string]expand.Variable
	Funcs   map[string]string
	Opts    string
	Params  []string
	InFunc  bool
}

// fork starts the subshell that runs script i with the state of the shell which hc is of.
func (sh *shell) fork(hc interp.HandlerContext, script int) (*process, error) {
	r := runnerOf(hc)
	opts, inFunc, noErrExit, status := runnerState(r)
	if noErrExit { // in a condition, failures do not end the shell
		opts = strings.ReplaceAll(opts, "e", "")
	}
	state := forkState{
		Name: sh.name, Pid: sh.pid, File: sh.file, Status: status, Script: script, Opts: opts, Params: r.Params,
		InFunc: inFunc, Vars: map[string]expand.Variable{}, Funcs: map[string]string{},
	}
	sh.mu.Lock()
	state.Bang, state.Scripts = sh.bang, sh.scripts
	sh.mu.Unlock()
	for name, v := range hc.Env.Each {
		if isSpecial(name) {
			continue
		}
		if v.IsSet() {
			v.Local = false
			state.Vars[name] = v
		} else {
			delete(state.Vars, name)
		}
	}
	for name, body := range r.Funcs {
		state.Funcs[name] = textOf([]*syntax.Stmt{body})
	}
	low, err := unix.MemfdCreate("sandlot-shell", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	fd := inherited(low)
	file := os.NewFile(uintptr(fd), "state")
	defer file.Close()
	if err := gob.NewEncoder(file).Encode(state); err != nil {
		return nil, err
	}
	if _, err := file.Seek(0, 0); err != nil {
		return nil, err
	}
	cmd := command{path: "/proc/self/exe", args: []string{"sh", forkArg}, dir: hc.Dir, stdin: hc.Stdin, stdout: hc.Stdout, stderr: hc.Stderr}
	cmd.env = append(os.Environ(), forkVar+"="+strconv.Itoa(fd))
	return sh.spawn(cmd)
}

// highFD is beyond the numbers that are in use between fork and exec: there Go moves descriptors to the first numbers above those that
// it was given, whatever is there.
const highFD = 500

// inherited moves a descriptor to where the program that is started next has it, too.
func inherited(low int) int {
	fd, err := unix.FcntlInt(uintptr(low), unix.F_DUPFD, highFD)
	if err != nil { // the limit on descriptors is below that
		_, _ = unix.FcntlInt(uintptr(low), unix.F_SETFD, 0)
		return low
	}
	unix.Close(low)
	return fd
}

// runFork is the subshell's main.
func runFork() int {
	state, err := takeState()
	if err != nil {
		fmt.Fprintln(os.Stderr, "sh: subshell:", err)
		return 125
	}
	sh := newShell(state.Name)
	sh.pid, sh.bang, sh.file, sh.scripts, sh.env.vars = state.Pid, state.Bang, state.File, state.Scripts, state.Vars
	for i, text := range sh.scripts {
		sh.index[text] = i
	}
	var params []string
	for _, flag := range state.Opts {
		if flag == 'P' {
			params = append(params, "-o", "pipefail")
		} else {
			params = append(params, "-"+string(flag))
		}
	}
	ifs := state.Vars["IFS"]
	if err := sh.start(append(append(params, "--"), state.Params...)); err != nil {
		fmt.Fprintln(os.Stderr, "sh: subshell:", err)
		return 125
	}
	sh.runner.Funcs = map[string]*syntax.Stmt{}
	for name, body := range state.Funcs {
		file, err := newParser().Parse(strings.NewReader(body), name)
		if err != nil || len(file.Stmts) != 1 {
			fmt.Fprintf(os.Stderr, "sh: subshell: the function %s did not come over whole: %v\n", name, err)
			return 125 // not a shell that lacks a function
		}
		sh.runner.Funcs[name] = file.Stmts[0]
		sh.funcs[name] = true
	}
	if ifs.IsSet() { // the interpreter starts with its own
		quoted, _ := syntax.Quote(ifs.String(), syntax.LangBash)
		sh.runner.Run(context.Background(), muted(parseStmt("IFS="+quoted)))
	}
	sh.setLast(state.Status)
	text := sh.scripts[state.Script]
	if state.InFunc { // so that `local` and `return` are what they are in the function
		text = funcName + "() {\n" + text + "\n}\n" + funcName + ` "$@"`
	}
	return sh.exit(sh.runText(text))
}

const funcName = "__sandlot_subshell"

func takeState() (state forkState, err error) {
	fd, err := strconv.Atoi(os.Getenv(forkVar))
	if err != nil {
		return state, fmt.Errorf("%s is for the shell's own use", forkArg)
	}
	os.Unsetenv(forkVar)
	syscall.CloseOnExec(fd)
	file := os.NewFile(uintptr(fd), "state")
	defer file.Close()
	err = gob.NewDecoder(file).Decode(&state)
	return state, err
}
