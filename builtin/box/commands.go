//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// own are the builtins that the interpreter lacks, or has for itself only.
func (sh *shell) own(name string) func(context.Context, interp.HandlerContext, []string) int {
	switch name {
	case "umask":
		return sh.umask
	case "ulimit":
		return sh.ulimit
	case "wait":
		return sh.waitFor
	case "jobs":
		return sh.listJobs
	case "kill":
		return sh.kill
	case "trap":
		return sh.trap
	case "times":
		return sh.times
	case "read":
		return sh.read
	case "printf":
		return sh.printf
	case "echo":
		return sh.echo
	case "declarations":
		return sh.declarations
	case "count":
		return func(_ context.Context, hc interp.HandlerContext, args []string) int {
			fmt.Fprintln(hc.Stdout, len(args))
			return 0
		}
	case "hash", "disown", "bind", "enable":
		return func(context.Context, interp.HandlerContext, []string) int { return 0 }
	}
	return nil
}

// printf is the builtin; -v NAME sets a variable.
func (sh *shell) printf(ctx context.Context, hc interp.HandlerContext, args []string) int {
	name := ""
	if len(args) > 1 && args[0] == "-v" {
		name, args = args[1], args[2:]
	}
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		fmt.Fprintf(hc.Stderr, "%s: printf: usage: printf [-v NAME] FORMAT [ARG]...\n", sh.name)
		return 2
	}
	text, err := formatPrintf(args[0], args[1:])
	if name != "" {
		quoted, quoteErr := syntax.Quote(text, syntax.LangBash)
		if quoteErr == nil {
			quoteErr = hc.Builtin(ctx, []string{"eval", name + "=" + quoted})
		}
		err = errors.Join(err, quoteErr)
	} else if _, writeErr := io.WriteString(hc.Stdout, text); errors.Is(writeErr, syscall.EPIPE) {
		return 128 + int(syscall.SIGPIPE) // what would have ended a process
	} else if writeErr != nil {
		err = errors.Join(err, writeErr)
	}
	if err != nil {
		fmt.Fprintf(hc.Stderr, "%s: printf: %s\n", sh.name, errText(err))
		return 1
	}
	return 0
}

func (sh *shell) echo(_ context.Context, hc interp.HandlerContext, args []string) int {
	_, err := io.WriteString(hc.Stdout, formatEcho(args))
	switch {
	case errors.Is(err, syscall.EPIPE):
		return 128 + int(syscall.SIGPIPE)
	case err != nil:
		fmt.Fprintf(hc.Stderr, "%s: echo: write error: %s\n", sh.name, errText(errnoOf(err)))
		return 1
	}
	return 0
}

// declarations is export -p, readonly -p and declare -p, without names.
func (sh *shell) declarations(_ context.Context, hc interp.HandlerContext, args []string) int {
	vars := map[string]expand.Variable{}
	for name, v := range hc.Env.Each {
		vars[name] = v
	}
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		v := vars[name]
		if isSpecial(name) || !v.IsSet() || args[0] == "export" && !v.Exported || args[0] == "readonly" && !v.ReadOnly {
			continue
		}
		flags := v.Flags()
		if flags == "" {
			flags = "-"
		}
		value := ""
		switch v.Kind {
		case expand.Indexed:
			var cells []string
			for i, cell := range v.List {
				cells = append(cells, fmt.Sprintf("[%d]=%s", i, quoted([]string{cell})))
			}
			value = "(" + strings.Join(cells, " ") + ")"
		case expand.Associative:
			var cells []string
			for _, key := range slices.Sorted(maps.Keys(v.Map)) {
				cells = append(cells, fmt.Sprintf("[%s]=%s", quoted([]string{key}), quoted([]string{v.Map[key]})))
			}
			value = "(" + strings.Join(cells, " ") + ")"
		default:
			value = quoted([]string{v.String()})
		}
		fmt.Fprintf(hc.Stdout, "declare -%s %s=%s\n", flags, name, value)
	}
	return 0
}

// call sees every command before it runs.
func (sh *shell) call(ctx context.Context, args []string) ([]string, error) {
	hc := interp.HandlerCtx(ctx)
	if r := runnerOf(hc); r == sh.runner && !sh.inTrap && args[0][:min(1, len(args[0]))] != "\x01" {
		if action, ok := sh.pendingTrap(); ok {
			return []string{"eval", action + "\n" + quoted(args)}, nil
		}
	}
	switch name := args[0]; name {
	case "eval":
		return sh.rewriteEval(args), nil
	case ".", "source":
		return sh.rewriteSource(hc, args), nil
	case "command":
		if len(args) > 1 && args[1] == "-V" {
			return append([]string{"type"}, args[2:]...), nil
		}
		if len(args) > 1 && args[1] == "-p" {
			args = append([]string{"command"}, args[2:]...)
		}
		if len(args) > 1 && sh.own(args[1]) != nil {
			return append([]string{"\x01" + args[1]}, args[2:]...), nil
		}
		return args, nil
	case "exec": // not the first word of its statement when it was rewritten
		if len(args) > 1 {
			return append([]string{cmdExec}, args[1:]...), nil
		}
		return args, nil
	default:
		if _, isFunc := runnerOf(hc).Funcs[name]; !isFunc && sh.own(name) != nil {
			return append([]string{"\x01" + name}, args[1:]...), nil
		}
		return args, nil
	}
}

// exec runs what is neither a function nor a builtin of the interpreter.
func (sh *shell) exec(ctx context.Context, args []string) error {
	hc := interp.HandlerCtx(ctx)
	if m, ok := hc.Stderr.(mutedStderr); ok {
		hc.Stderr = m.orig
	}
	name, ours := strings.CutPrefix(args[0], "\x01")
	if !ours {
		return sh.external(hc, args)
	}
	if run := sh.own(name); run != nil {
		return exitStatus(run(ctx, hc, args[1:]))
	}
	switch args[0] {
	case cmdFork, cmdBackground:
		script, err := strconv.Atoi(args[1])
		if err != nil {
			return err
		}
		if args[0] == cmdBackground {
			return sh.background(hc, script)
		}
		p, err := sh.fork(hc, script)
		if err != nil {
			fmt.Fprintf(hc.Stderr, "%s: fork: %s\n", sh.name, errText(err))
			return interp.ExitStatus(254)
		}
		return exitStatus(p.wait())
	case cmdExec:
		return sh.execBuiltin(hc, args[1:])
	case cmdDup:
		if err := sh.dup(hc, args[1], args[2]); err != nil {
			fmt.Fprintf(hc.Stderr, "%s: %s\n", sh.name, errText(err))
			return interp.ExitStatus(1)
		}
		return nil
	case cmdLast:
		if sh.busy() || runnerOf(hc) != sh.runner {
			return sh.external(hc, args[1:])
		}
		os.Exit(sh.become(hc, args[1], args[1:]))
	case cmdStatus:
		n, _ := strconv.Atoi(args[1])
		return exitStatus(n)
	case cmdTime:
		return sh.stopwatch(hc, args[1:])
	case cmdUnsupported:
		fmt.Fprintf(hc.Stderr, "%s: %s\n", sh.name, strings.Join(args[1:], " "))
		return interp.ExitStatus(2)
	}
	return fmt.Errorf("%q: no such command", args[0])
}

// busy says that the shell has something to do after its last command.
func (sh *shell) busy() bool {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for _, action := range sh.traps {
		if action != "" {
			return true
		}
	}
	return sh.exitTrap != "" || len(sh.jobs) > 0 || sh.feeds
}

// execBuiltin is `exec [-a NAME] [-c] [-l] COMMAND…`. A shell whose exec failed ends.
func (sh *shell) execBuiltin(hc interp.HandlerContext, args []string) error {
	name := ""
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		arg := args[0]
		args = args[1:]
		if arg == "--" {
			break
		}
		if arg == "-a" && len(args) > 0 {
			name, args = args[0], args[1:]
		}
	}
	if len(args) == 0 {
		return nil
	}
	if name == "" {
		name = args[0]
	}
	os.Exit(sh.exit(sh.become(hc, name, args)))
	return nil
}

// quoted is shell text for a command.
func quoted(args []string) string {
	words := make([]string, len(args))
	for i, arg := range args {
		words[i] = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
	}
	return strings.Join(words, " ")
}

// rewriteEval does to an eval's text what rewrite does to a script.
func (sh *shell) rewriteEval(args []string) []string {
	text, ok := sh.rewriteText(strings.Join(args[1:], " "))
	if !ok {
		return args // let the interpreter say what is wrong with it
	}
	return []string{"eval", text}
}

func (sh *shell) rewriteText(text string) (string, bool) {
	file, err := newParser().Parse(strings.NewReader(text), "")
	if err != nil {
		return "", false
	}
	for _, stmt := range file.Stmts {
		sh.noteFuncs(stmt)
	}
	for _, stmt := range file.Stmts {
		sh.rewrite(stmt)
	}
	return textOf(file.Stmts), true
}

// rewriteSource does the same to a file that is sourced: the interpreter gets the rewritten text by another name.
func (sh *shell) rewriteSource(hc interp.HandlerContext, args []string) []string {
	if len(args) < 2 || strings.HasPrefix(args[1], pathSource) {
		return args
	}
	path := args[1]
	if !strings.Contains(path, "/") {
		for _, dir := range filepath.SplitList(hc.Env.Get("PATH").String()) {
			if info, err := os.Stat(filepath.Join(dir, path)); err == nil && info.Mode().IsRegular() {
				path = filepath.Join(dir, path)
				break
			}
		}
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(hc.Dir, path)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return args
	}
	text, ok := sh.rewriteText(string(raw))
	if !ok {
		return args
	}
	return append([]string{args[0], pathSource + text}, args[2:]...)
}

// pathSource precedes the text itself, where a file's name is expected.
const pathSource = "\x01source:"

type textFile struct{ *strings.Reader }

func (textFile) Write([]byte) (int, error) { return 0, os.ErrPermission }
func (textFile) Close() error              { return nil }

func (sh *shell) takeSource(path string) (io.ReadWriteCloser, bool) {
	text, ok := strings.CutPrefix(path, pathSource)
	return textFile{strings.NewReader(text)}, ok
}

type timer struct {
	start     time.Time
	user, sys time.Duration
}

func childTimes() (user, sys time.Duration) {
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var ru unix.Rusage
		if unix.Getrusage(who, &ru) == nil {
			user += time.Duration(ru.Utime.Nano())
			sys += time.Duration(ru.Stime.Nano())
		}
	}
	return user, sys
}

// stopwatch is the keyword time: started before the statement, stopped after it with $? left as it was.
func (sh *shell) stopwatch(hc interp.HandlerContext, args []string) error {
	user, sys := childTimes()
	_, _, _, status := runnerState(runnerOf(hc))
	if args[0] == "start" {
		sh.timers = append(sh.timers, timer{time.Now(), user, sys})
		return nil
	}
	if len(sh.timers) > 0 {
		t := sh.timers[len(sh.timers)-1]
		sh.timers = sh.timers[:len(sh.timers)-1]
		for i, d := range []time.Duration{time.Since(t.start), user - t.user, sys - t.sys} {
			name := []string{"real", "user", "sys"}[i]
			if args[1] == "posix" {
				fmt.Fprintf(hc.Stderr, "%s %.2f\n", name, d.Seconds())
				continue
			}
			if i == 0 {
				fmt.Fprintln(hc.Stderr)
			}
			fmt.Fprintf(hc.Stderr, "%s\t%dm%.3fs\n", name, int(d.Minutes()), d.Seconds()-60*float64(int(d.Minutes())))
		}
	}
	return exitStatus(status)
}

func (sh *shell) times(_ context.Context, hc interp.HandlerContext, _ []string) int {
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var ru unix.Rusage
		unix.Getrusage(who, &ru)
		u, s := time.Duration(ru.Utime.Nano()), time.Duration(ru.Stime.Nano())
		fmt.Fprintf(hc.Stdout, "%dm%.3fs %dm%.3fs\n", int(u.Minutes()), u.Seconds()-60*float64(int(u.Minutes())), int(s.Minutes()), s.Seconds()-60*float64(int(s.Minutes())))
	}
	return 0
}
