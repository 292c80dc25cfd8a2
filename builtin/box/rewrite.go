//go:build linux

package main

import (
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// Commands of the shell itself have names that no program has. rewrite puts them into what is about to run.
const (
	cmdFork        = "\x01fork"        // run a text in a process of its own and wait for it
	cmdBackground  = "\x01background"  // the same, but do not wait
	cmdExec        = "\x01exec"        // become another program
	cmdDup         = "\x01dup"         // give the shell itself another descriptor
	cmdLast        = "\x01last"        // run a program as the last thing the shell does
	cmdStatus      = "\x01status"      // answer a status
	cmdTime        = "\x01time"        // start or stop a stopwatch
	cmdUnsupported = "\x01unsupported" // say that something cannot be done

	pathMute = "\x01mute" // redirecting to it hides a command of ours from set -x
	pathFd   = "\x01fd"   // \x01fd3 is a copy of descriptor 3
)

// rewrite changes a statement that is about to be run so that it behaves like a process where the interpreter, which is
// made to be a library, would not:
//
//   - background jobs, subshells, and stages of pipelines and command substitutions that are more than a plain command get
//     processes of their own: real pids, jobs that outlive the shell, loops that end when their reader does;
//   - exec really replaces the program, and can redirect any descriptor;
//   - $$, $!, $0 and $- are what they are in a shell.
func (sh *shell) rewrite(stmt *syntax.Stmt) {
	sh.noteFuncs(stmt)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	syntax.Walk(stmt, sh.visit)
}

// noteFuncs remembers the functions that a statement declares: a call of one is not a plain command.
func (sh *shell) noteFuncs(node syntax.Node) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	syntax.Walk(node, func(n syntax.Node) bool {
		if f, ok := n.(*syntax.FuncDecl); ok {
			sh.funcs[f.Name.Value] = true
		}
		return true
	})
}

func (sh *shell) visit(node syntax.Node) bool {
	switch n := node.(type) {
	case *syntax.Stmt:
		return sh.visitStmt(n)
	case *syntax.BinaryCmd:
		if n.Op == syntax.Pipe || n.Op == syntax.PipeAll {
			for _, stage := range []*syntax.Stmt{n.X, n.Y} {
				if !sh.plain(stage) {
					sh.toProcess(stage)
				}
			}
		}
	case *syntax.CmdSubst:
		if len(n.Stmts) > 0 && !(len(n.Stmts) == 1 && (sh.plain(n.Stmts[0]) || isFileRead(n.Stmts[0]))) {
			n.Stmts = []*syntax.Stmt{sh.process(cmdFork, textOf(n.Stmts))}
			return false
		}
	case *syntax.ProcSubst:
		sh.feeds = true
		sh.feedsOut = sh.feedsOut || n.Op == syntax.CmdOut
		if len(n.Stmts) > 0 && !(len(n.Stmts) == 1 && sh.plain(n.Stmts[0])) {
			n.Stmts = []*syntax.Stmt{sh.process(cmdFork, textOf(n.Stmts))}
		}
	case *syntax.Word:
		replaceLengths(n.Parts)
	case *syntax.DblQuoted:
		replaceLengths(n.Parts)
	case *syntax.ArithmExp:
		decimal(n.X)
	case *syntax.ArithmCmd:
		decimal(n.X)
	case *syntax.BinaryArithm:
		decimal(n.X)
		decimal(n.Y)
	case *syntax.UnaryArithm:
		decimal(n.X)
	case *syntax.ParenArithm:
		decimal(n.X)
	case *syntax.ParamExp:
		if n.Param == nil {
			break
		}
		if name, ok := map[string]string{"$": varPid, "!": varBang, "0": varName, "-": varFlags}[n.Param.Value]; ok {
			n.Short = false
			n.Param = lit(name)
		}
	case *syntax.Redirect:
		rewriteRedirect(n)
	}
	return true
}

// replaceLengths turns ${#a[@]} into a command that counts: the interpreter counts associative arrays wrongly.
func replaceLengths(parts []syntax.WordPart) {
	for i, part := range parts {
		p, ok := part.(*syntax.ParamExp)
		if !ok || !p.Length {
			continue
		}
		index, ok := p.Index.(*syntax.Word)
		if !ok || index.Lit() != "@" && index.Lit() != "*" {
			continue
		}
		all := &syntax.ParamExp{Param: p.Param, Index: &syntax.Word{Parts: []syntax.WordPart{lit("@")}}}
		count := callOf("\x01count")
		count.Args = append(count.Args, &syntax.Word{Parts: []syntax.WordPart{&syntax.DblQuoted{Parts: []syntax.WordPart{all}}}})
		parts[i] = &syntax.CmdSubst{Stmts: []*syntax.Stmt{muted(&syntax.Stmt{Cmd: count})}}
	}
}

// decimal turns 0x1f and 017 in an arithmetic expression into decimal numbers, the only ones that the interpreter knows.
func decimal(expr syntax.ArithmExpr) {
	w, ok := expr.(*syntax.Word)
	if !ok || len(w.Lit()) < 2 || w.Lit()[0] != '0' {
		return
	}
	if n, err := strconv.ParseInt(w.Lit(), 0, 64); err == nil && !strings.Contains(w.Lit(), "_") {
		w.Parts = []syntax.WordPart{lit(strconv.FormatInt(n, 10))}
	}
}

func (sh *shell) visitStmt(st *syntax.Stmt) bool {
	if st.Background || st.Disown {
		job := *st
		job.Background, job.Disown = false, false
		*st = *sh.process(cmdBackground, textOf([]*syntax.Stmt{&job}))
		return false
	}
	call, _ := st.Cmd.(*syntax.CallExpr)
	isExec := call != nil && len(call.Args) > 0 && call.Args[0].Lit() == "exec"
	for _, rd := range st.Redirs {
		if why := unsupported(rd); why != "" {
			st.Redirs = nil
			st.Cmd = callOf(cmdUnsupported, why)
			return false
		}
	}
	switch {
	case isExec && len(call.Args) == 1:
		st.Cmd, st.Redirs = execRedirs(st.Redirs), nil
	case isExec:
		call.Args[0] = word(cmdExec)
	case hasHighRedir(st.Redirs):
		// only a process has descriptors above 2
		body := *st
		body.Redirs, body.Negated = nil, false
		exec := &syntax.Stmt{Cmd: callOf("exec"), Redirs: st.Redirs}
		negated := st.Negated
		*st = *sh.process(cmdFork, textOf([]*syntax.Stmt{exec, &body}))
		st.Negated = negated
		return false
	}
	switch cmd := st.Cmd.(type) {
	case *syntax.Subshell:
		fork := sh.process(cmdFork, textOf(cmd.Stmts))
		st.Cmd = fork.Cmd
		for _, rd := range st.Redirs {
			syntax.Walk(rd, sh.visit)
		}
		st.Redirs = append(st.Redirs, fork.Redirs...)
		return false
	case *syntax.TimeClause:
		st.Cmd = timed(cmd)
	case *syntax.DeclClause:
		if len(cmd.Args) == 0 || len(cmd.Args) == 1 && cmd.Args[0].Value != nil && cmd.Args[0].Value.Lit() == "-p" {
			st.Cmd = callOf("\x01declarations", cmd.Variant.Value)
		}
	}
	return true
}

// plain says that a statement is one command that is a program, or a builtin that does nothing but print or answer. Such a
// one behaves well without a process of its own. So does a pipeline, whose stages are looked at each for itself.
func (sh *shell) plain(st *syntax.Stmt) bool {
	if st.Background || st.Disown || st.Coprocess || hasHighRedir(st.Redirs) {
		return false
	}
	switch cmd := st.Cmd.(type) {
	case *syntax.BinaryCmd:
		return (cmd.Op == syntax.Pipe || cmd.Op == syntax.PipeAll) && len(st.Redirs) == 0
	case *syntax.CallExpr:
		if len(cmd.Args) == 0 {
			return false
		}
		switch name := cmd.Args[0].Lit(); name {
		case "":
			return false
		case "echo", "printf", "pwd", "true", "false", ":", "test", "[":
			return !sh.funcs[name]
		default: // of our own, fork and count may be here: a statement that was rewritten before
			return !sh.funcs[name] && !interp.IsBuiltin(name)
		}
	}
	return false
}

// isFileRead says that a command substitution's statement is the short form of cat, $(<file).
func isFileRead(st *syntax.Stmt) bool {
	return st.Cmd == nil && len(st.Redirs) == 1 && st.Redirs[0].Op == syntax.RdrIn
}

// toProcess makes st run in a process of its own.
func (sh *shell) toProcess(st *syntax.Stmt) {
	*st = *sh.process(cmdFork, textOf([]*syntax.Stmt{st}))
}

func (sh *shell) process(cmd, script string) *syntax.Stmt {
	i, ok := sh.index[script]
	if !ok {
		i = len(sh.scripts)
		sh.index[script] = i
		sh.scripts = append(sh.scripts, script)
	}
	return muted(&syntax.Stmt{Cmd: callOf(cmd, strconv.Itoa(i))})
}

// textOf is the text of statements. A printer is for one use at a time, and two forks may be under way: each makes its own.
func textOf(stmts []*syntax.Stmt) string {
	var b strings.Builder
	syntax.NewPrinter().Print(&b, &syntax.File{Stmts: stmts})
	return b.String()
}

// markLast makes the last statement of a script, if it is a plain program, replace the shell, as shells do: one process
// less, and a signal to it reaches the program.
func (sh *shell) markLast(st *syntax.Stmt) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	call, ok := st.Cmd.(*syntax.CallExpr)
	if !ok || st.Negated || !sh.plain(st) || interp.IsBuiltin(call.Args[0].Lit()) || call.Args[0].Lit()[0] == '\x01' || strings.Contains(sh.flags(), "x") {
		return
	}
	// these are fed by this process
	fed := false
	syntax.Walk(st, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.ProcSubst:
			sh.feeds = true
			sh.feedsOut = sh.feedsOut || n.Op == syntax.CmdOut
			fed = true
		case *syntax.Redirect:
			fed = fed || n.Hdoc != nil || n.Op == syntax.WordHdoc
		}
		return true
	})
	if !fed {
		call.Args = append([]*syntax.Word{word(cmdLast)}, call.Args...)
	}
}

func timed(t *syntax.TimeClause) syntax.Command {
	format := "bash"
	if t.PosixFormat {
		format = "posix"
	}
	stop := muted(&syntax.Stmt{Cmd: callOf(cmdTime, "stop", format)})
	block := &syntax.Block{Stmts: []*syntax.Stmt{muted(&syntax.Stmt{Cmd: callOf(cmdTime, "start")})}}
	if t.Stmt != nil {
		block.Stmts = append(block.Stmts, t.Stmt)
	}
	block.Stmts = append(block.Stmts, stop)
	return block
}

func muted(st *syntax.Stmt) *syntax.Stmt {
	st.Redirs = append(st.Redirs, &syntax.Redirect{Op: syntax.RdrOut, N: lit("2"), Word: word(pathMute)})
	return st
}

func callOf(args ...string) *syntax.CallExpr {
	call := &syntax.CallExpr{}
	for _, arg := range args {
		call.Args = append(call.Args, word(arg))
	}
	return call
}

func word(s string) *syntax.Word {
	if strings.ContainsAny(s, " \t\n'\"$`\\<>&|;(){}*?[#~") {
		return &syntax.Word{Parts: []syntax.WordPart{&syntax.SglQuoted{Value: strings.ReplaceAll(s, "'", "’")}}}
	}
	return &syntax.Word{Parts: []syntax.WordPart{lit(s)}}
}

func lit(s string) *syntax.Lit { return &syntax.Lit{Value: s} }
