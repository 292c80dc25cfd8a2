//go:build linux

package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"reflect"
	"strconv"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// shell is this process's shell. It is mvdan.cc/sh's interpreter with what a library cannot know of a process added:
// processes of their own for background jobs and subshells (see rewrite and fork), jobs, traps, and exec.
type shell struct {
	name   string // $0
	pid    int    // $$: that of the shell which this one is a subshell of, if it is one
	file   bool   // runs a script file
	runner *interp.Runner
	env    environ

	mu       sync.Mutex // both sides of a pipe run at once; it guards all that follows
	scripts  []string   // texts of subshells and jobs; rewritten statements name them by index
	index    map[string]int
	funcs    map[string]bool // names of functions seen so far
	jobs     []*job
	bang     int // $!
	traps    map[syscall.Signal]string
	exitTrap string
	inTrap   bool
	signals  chan os.Signal
	timers   []timer
	fds      descriptors
	feeds    bool // a process substitution may be running, as a part of this process
	feedsOut bool // one that reads, >(…)
}

func newShell(name string) *shell {
	sh := &shell{
		name: name, pid: os.Getpid(),
		index: map[string]int{}, funcs: map[string]bool{}, traps: map[syscall.Signal]string{}, signals: make(chan os.Signal, 64),
		fds: holdDescriptors(),
	}
	sh.env = environ{sh: sh, vars: map[string]expand.Variable{}}
	for name, v := range expand.ListEnviron(os.Environ()...).Each {
		sh.env.vars[name] = v
	}
	return sh
}

// start makes the interpreter; params are as for `set`.
func (sh *shell) start(params []string) error {
	dir, err := os.Getwd()
	if err != nil {
		dir = "/"
	}
	if filepath.Base(os.Args[0]) == "bash" {
		sh.env.vars["BASH_VERSION"] = expand.Variable{Set: true, Kind: expand.String, Str: "5.2.0(1)-sandlot"}
	}
	if sh.file {
		sh.env.vars["BASH_SOURCE"] = expand.Variable{Set: true, Kind: expand.Indexed, List: []string{sh.name}}
	}
	sh.runner, err = interp.New(
		interp.Env(sh.env), interp.Dir(dir), interp.Params(params...), interp.StdIO(os.Stdin, os.Stdout, os.Stderr),
		interp.CallHandler(sh.call), interp.OpenHandler(sh.open),
		interp.ExecHandlers(func(interp.ExecHandlerFunc) interp.ExecHandlerFunc { return sh.exec }),
	)
	if err != nil {
		return err
	}
	sh.runner.Reset()
	return nil
}

// interactive makes the shell outlive Ctrl-C, and knows aliases.
func (sh *shell) interactive() {
	c := make(chan os.Signal, 1)
	// not signal.Ignore, which the programs started from here would inherit
	signal.Notify(c, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM)
	go func() {
		for sig := range c {
			if sig == syscall.SIGINT {
				io.WriteString(os.Stderr, "\n")
			}
		}
	}()
	sh.runner.Run(context.Background(), parseStmt("shopt -s expand_aliases"))
}

// run runs one statement. over says that the shell is to end with status.
func (sh *shell) run(stmt *syntax.Stmt) (status int, over bool) {
	status = sh.status(sh.runner.Run(context.Background(), stmt))
	over = sh.runner.Exited()
	if !over {
		if action, ok := sh.pendingTrap(); ok {
			if trapStatus, exited := sh.runTrap(action); exited {
				return trapStatus, true
			}
			sh.setLast(status) // a trap leaves $? as it was
		}
	}
	return status, over
}

// exit runs the EXIT trap and answers the status to exit with.
func (sh *shell) exit(status int) int {
	if action, ok := sh.pendingTrap(); ok {
		if trapStatus, exited := sh.runTrap(action); exited {
			status = trapStatus
		}
	}
	if action := sh.exitTrap; action != "" {
		sh.exitTrap = ""
		sh.setLast(status)
		if trapStatus, exited := sh.runTrap(action); exited {
			status = trapStatus
		}
	}
	sh.finishFeeds()
	return status
}

// finishFeeds lets what reads from this shell, >(…), come to its end: it is a part of this process.
func (sh *shell) finishFeeds() {
	if !sh.feedsOut {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		sh.runner.Run(context.Background(), parseStmt("builtin wait"))
	}()
	select {
	case <-done:
	case <-time.After(2 * time.Second): // one that never ends must not keep the shell
	}
}

// setLast sets $?, without a trace and without what a failure sets off.
func (sh *shell) setLast(status int) {
	sh.runner.Run(context.Background(), muted(&syntax.Stmt{Cmd: &syntax.BinaryCmd{
		Op: syntax.AndStmt, X: &syntax.Stmt{Cmd: callOf(cmdStatus, strconv.Itoa(status))}, Y: &syntax.Stmt{Cmd: callOf("true")},
	}}))
}

func (sh *shell) runTrap(action string) (status int, exited bool) {
	sh.inTrap = true
	defer func() { sh.inTrap = false }()
	file, err := newParser().Parse(bytes.NewReader([]byte(action)), "trap")
	if err != nil {
		return sh.status(err), false
	}
	for _, stmt := range file.Stmts {
		sh.rewrite(stmt)
		status = sh.status(sh.runner.Run(context.Background(), stmt))
		if sh.runner.Exited() {
			return status, true
		}
	}
	return status, false
}

func parseStmt(text string) *syntax.Stmt {
	file, err := newParser().Parse(bytes.NewReader([]byte(text)), "")
	if err != nil {
		panic(err)
	}
	return file.Stmts[0]
}

// environ is what the interpreter starts with. It also answers for parameters that the interpreter gets wrong for a shell
// that is a process: rewrite replaces $$, $!, $0 and $- by these names.
type environ struct {
	sh   *shell
	vars map[string]expand.Variable
}

const (
	varPid   = "__sandlot_pid"
	varBang  = "__sandlot_bang"
	varName  = "__sandlot_name"
	varFlags = "__sandlot_flags"
)

func (e environ) special(name string) expand.Variable {
	value := ""
	switch name {
	case varPid:
		value = strconv.Itoa(e.sh.pid)
	case varBang:
		e.sh.mu.Lock()
		bang := e.sh.bang
		e.sh.mu.Unlock()
		if bang == 0 {
			return expand.Variable{}
		}
		value = strconv.Itoa(bang)
	case varName:
		value = e.sh.name
	case varFlags:
		value = e.sh.flags()
	case "BASHPID":
		value = strconv.Itoa(os.Getpid())
	default:
		return expand.Variable{}
	}
	return expand.Variable{Set: true, Kind: expand.String, Str: value}
}

func (e environ) Get(name string) expand.Variable {
	if v := e.special(name); v.IsSet() {
		return v
	}
	return e.vars[name]
}

func (e environ) Each(f func(string, expand.Variable) bool) {
	for name, v := range e.vars {
		if !f(name, v) {
			return
		}
	}
	for _, name := range []string{varPid, varBang, varName, varFlags, "BASHPID"} {
		if v := e.special(name); v.IsSet() && !f(name, v) {
			return
		}
	}
}

func isSpecial(name string) bool {
	return name == varPid || name == varBang || name == varName || name == varFlags || name == "BASHPID"
}

// runnerOf is the interpreter that called a handler. The interpreter does not tell, and to hand a subshell its state, its
// parameters, functions and options must be known. TestRunnerState fails if a new version names these otherwise.
func runnerOf(hc interp.HandlerContext) *interp.Runner {
	field := reflect.ValueOf(&hc).Elem().FieldByName("runner")
	return *(**interp.Runner)(unsafe.Pointer(field.UnsafeAddr()))
}

// optionFlags are the interpreter's options in its own order; pipefail has no letter.
const optionFlags = "aenfuxP"

// runnerState is what Runner does not export.
func runnerState(r *interp.Runner) (opts string, inFunc, noErrExit bool, lastStatus int) {
	v := reflect.ValueOf(r).Elem()
	set := v.FieldByName("opts")
	for i, flag := range optionFlags {
		if set.Index(i).Bool() {
			opts += string(flag)
		}
	}
	return opts, v.FieldByName("inFunc").Bool(), v.FieldByName("noErrExit").Bool(), int(v.FieldByName("lastExit").FieldByName("code").Uint())
}

func (sh *shell) flags() string {
	if sh.runner == nil {
		return ""
	}
	opts, _, _, _ := runnerState(sh.runner)
	letters := ""
	for _, flag := range opts {
		if flag != 'P' {
			letters += string(flag)
		}
	}
	return letters
}
