//go:build linux

package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/term"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

const shUsage = `usage: %s [-aefinux] [-o OPTION] [-c COMMAND | FILE | -s] [ARG...]
`

// shOptions is what the shell's command line says.
type shOptions struct {
	command     string
	hasCommand  bool
	stdin       bool // -s
	interactive bool
	set         []string // options for `set`
	args        []string
}

func parseShArgs(args []string) (o shOptions, err error) {
	for len(args) > 0 {
		arg := args[0]
		if len(arg) < 2 || (arg[0] != '-' && arg[0] != '+') {
			break
		}
		args = args[1:]
		if arg == "--" {
			break
		}
		if strings.HasPrefix(arg, "--") {
			switch arg {
			case "--login", "--norc", "--noprofile", "--posix", "--noediting":
				continue
			case "--rcfile", "--init-file":
				if len(args) == 0 {
					return o, fmt.Errorf("%s: option requires an argument", arg)
				}
				args = args[1:]
				continue
			}
			return o, fmt.Errorf("%s: invalid option", arg)
		}
		for _, flag := range arg[1:] {
			switch flag {
			case 'c':
				o.hasCommand = true
			case 's':
				o.stdin = true
			case 'i':
				o.interactive = true
			case 'l', 'h', 'B', 'm', 'p': // what they ask for is so anyway, or is not had here
			case 'a', 'e', 'f', 'n', 'u', 'x':
				o.set = append(o.set, arg[:1]+string(flag))
			case 'o', 'O':
				if len(args) == 0 {
					return o, fmt.Errorf("%s: option requires an argument", arg)
				}
				if flag == 'o' && args[0] != "posix" {
					o.set = append(o.set, arg[:1]+"o", args[0])
				}
				args = args[1:]
			default:
				return o, fmt.Errorf("%s: invalid option", arg)
			}
		}
	}
	if o.hasCommand {
		if len(args) == 0 {
			return o, fmt.Errorf("-c: option requires an argument")
		}
		o.command, args = args[0], args[1:]
	}
	o.args = args
	return o, nil
}

// runSh is the shell's command line.
func runSh(c *call) int {
	if len(c.args) == 1 && c.args[0] == forkArg {
		return runFork()
	}
	if len(c.args) == 1 && (c.args[0] == "--help" || c.args[0] == "--version") {
		fmt.Fprintf(c.out, "%s of Sandlot's built-in image, on mvdan.cc/sh\n"+shUsage, c.name, c.name)
		return 0
	}
	o, err := parseShArgs(c.args)
	if err != nil {
		fmt.Fprintf(c.err, "%s: %v\n"+shUsage, c.name, err, c.name)
		return 2
	}
	sh := newShell(c.name)
	rest := o.args
	if len(rest) > 0 && !o.stdin {
		sh.name, rest = rest[0], rest[1:]
	}
	sh.file = !o.hasCommand && !o.stdin && len(o.args) > 0
	if err := sh.start(append(append([]string{}, o.set...), append([]string{"--"}, rest...)...)); err != nil {
		c.errorf("%v", err)
		return 2
	}
	switch {
	case o.hasCommand:
		return sh.exit(sh.runText(o.command))
	case sh.file:
		text, err := readScript(sh.name)
		if err != nil {
			c.errorf("%s", errText(err))
			if os.IsNotExist(err) {
				return 127
			}
			return 126
		}
		return sh.exit(sh.runText(text))
	}
	tty := term.IsTerminal(0) && term.IsTerminal(2)
	return sh.exit(sh.runStdin(o.interactive || tty))
}

// readScript reads a script; it says so if the file is a program instead.
func readScript(name string) (string, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(b), "\n")
	if strings.IndexByte(line, 0) >= 0 {
		return "", fmt.Errorf("%s: cannot execute binary file", name)
	}
	return string(b), nil
}

// runText runs a whole text and answers the exit status. What comes before a syntax error is run, as shells do.
func (sh *shell) runText(text string) int {
	var stmts []*syntax.Stmt
	var syntaxErr error
	for stmt, err := range newParser().StmtsSeq(strings.NewReader(text)) {
		if err != nil {
			syntaxErr = err
			break
		}
		stmts = append(stmts, stmt)
	}
	for _, stmt := range stmts {
		sh.noteFuncs(stmt)
	}
	status := 0
	for i, stmt := range stmts {
		sh.rewrite(stmt)
		if syntaxErr == nil && i == len(stmts)-1 {
			sh.markLast(stmt)
		}
		var over bool
		if status, over = sh.run(stmt); over {
			return status
		}
	}
	if syntaxErr != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", sh.name, syntaxErr)
		return 2
	}
	return status
}

// runStdin runs what comes on standard input line by line: each line as soon as it is there, and without reading past it,
// so that a command may read the lines after its own. With prompts if interactive.
func (sh *shell) runStdin(interactive bool) int {
	if interactive {
		sh.interactive()
	}
	status := 0
	for {
		prompt := func(name, fallback string) {
			if interactive {
				fmt.Fprint(os.Stderr, sh.prompt(name, fallback))
			}
		}
		prompt("PS1", "$ ")
		parser := newParser()
		again := false
		for stmts, err := range parser.InteractiveSeq(byteReader{os.Stdin}) {
			if err != nil {
				fmt.Fprintf(os.Stderr, "%s: %v\n", sh.name, err)
				status = 2
				if !interactive {
					return status
				}
				again = true
				break
			}
			if parser.Incomplete() {
				prompt("PS2", "> ")
				continue
			}
			for _, stmt := range stmts {
				sh.noteFuncs(stmt)
			}
			for _, stmt := range stmts {
				sh.rewrite(stmt)
				var over bool
				if status, over = sh.run(stmt); over {
					return status
				}
			}
			prompt("PS1", "$ ")
		}
		if !again {
			if interactive {
				fmt.Fprintln(os.Stderr)
			}
			return status
		}
	}
}

// prompt is the variable's value with the escapes that matter: the directory, the user's sign, the user and the host.
func (sh *shell) prompt(name, fallback string) string {
	v, ok := sh.runner.Vars[name]
	if !ok {
		if v = sh.env.Get(name); !v.IsSet() {
			return fallback
		}
	}
	sign := "$"
	if os.Geteuid() == 0 {
		sign = "#"
	}
	host, _ := os.Hostname()
	return strings.NewReplacer(`\w`, sh.runner.Dir, `\W`, filepath.Base(sh.runner.Dir), `\$`, sign, `\u`, userName(os.Geteuid()),
		`\h`, host, `\H`, host, `\n`, "\n", `\[`, "", `\]`, "", `\e`, "\x1b", `\s`, sh.name).Replace(v.String())
}

// byteReader reads one byte at a time, so that what follows a line stays in the file for others.
type byteReader struct{ r io.Reader }

func (b byteReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	return b.r.Read(p[:1])
}

func newParser() *syntax.Parser { return syntax.NewParser(syntax.Variant(syntax.LangBash)) }

// status is the exit status that a Run's error stands for.
func (sh *shell) status(err error) int {
	if err == nil {
		return 0
	}
	if es, ok := err.(interp.ExitStatus); ok {
		return int(es)
	}
	fmt.Fprintf(os.Stderr, "%s: %s\n", sh.name, errText(err))
	return 1
}
