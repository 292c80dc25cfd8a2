package differ

import (
	"fmt"
	"path"
	"strings"
)

// exec makes an Exec of the suite's program, in most cases.
func (g *generator) exec(m *model) ExecStep {
	e := weighted(g, choice[func(*model) ExecStep]{30, g.files}, choice[func(*model) ExecStep]{22, g.streams}, choice[func(*model) ExecStep]{8, g.trees},
		choice[func(*model) ExecStep]{7, g.notStarted}, choice[func(*model) ExecStep]{5, g.tries}, choice[func(*model) ExecStep]{3, g.terminal})(m)
	if len(e.Env) == 0 && g.chance(0.1) {
		e.Env = g.variables()
	}
	if g.chance(0.15) {
		e.Dir = pick(g, "/", "/tmp", "d", "..", "/home/worker", "/mnt/vol", "/work", ".", "/mnt/tmp", "/a b/ü")
	}
	if g.chance(0.2) {
		e.User = g.someone()
	}
	if g.chance(0.04) {
		switch g.IntN(5) {
		case 0:
			e.Dir = pick(g, "/no/such", "/etc/passwd", "missing", "/root\x00", "/probe/x", "-", strings.Repeat("d/", 3000))
		case 1:
			e.User = g.nobody()
		case 2:
			e.Env = pick(g, []string{"NOEQ"}, []string{"=x"}, []string{""}, []string{"A=1", "Z\x00=1"})
		case 3:
			e.TimeoutMillis = -1
		case 4:
			e.Argv = append(e.Argv, pick(g, "", "\x00", "ü", strings.Repeat("x", 200000), "-"))
		}
	}
	return e
}

var names = []string{"a", "b", "c.txt", "d", "d/x", "d/y", "d/e", "d/e/f", " sp ace", "ü", "-dash", "link", "new\nline", "e"}

// path is one of few below the working directory, or somewhere else that may be written.
func (g *generator) path(m *model) string {
	name := pick(g, names...)
	if g.chance(0.65) {
		return name
	}
	return path.Join(pick(g, append(m.targets, "/tmp", "/work", "/home/worker", "/mnt")...), name)
}

func run(args ...string) ExecStep { return ExecStep{Argv: append([]string{probe}, args...)} }

// files makes, changes and looks at files, with the sandbox's own means.
func (g *generator) files(m *model) ExecStep {
	p := g.path(m)
	switch g.IntN(15) {
	case 0, 1, 2:
		return run("write", p, pick(g, "content", "", "other content", strings.Repeat("long ", 3000)))
	case 3:
		return run("mkdir", p)
	case 4:
		return run("link", pick(g, append(names, "../tmp", "/tmp", "/home/worker", "missing", ".", "/mnt/vol/a", "link")...), p)
	case 5:
		return run("hardlink", g.path(m), p)
	case 6:
		return run("chmod", pick(g, "0", "777", "4755", "2755", "1777", "600", "6711", "444"), p)
	case 7:
		return run("remove", p)
	case 8:
		return run("move", p, g.path(m))
	case 9:
		return run("touch", p, fmt.Sprint(pick(g, 0, 1, 1500000000, 1234567890)), pick(g, "0", "123456789"))
	case 10:
		// at a name that nothing else has: who opens a pipe may wait for ever
		kind := pick(g, "fifo", "socket")
		return run(kind, path.Join(path.Dir(p), "the-"+kind))
	case 11:
		switch g.IntN(4) {
		case 0:
			return run("noise", p, fmt.Sprint(pick(g, 0, 1, 4096, 100000)))
		case 1:
			return run("sparse", p, fmt.Sprint(pick(g, 1, 5000, 1<<20)), "end")
		case 2:
			return run("resize", p, fmt.Sprint(pick(g, 0, 3, 70000)))
		}
		return run("many", p, fmt.Sprint(1+g.IntN(30)))
	case 12:
		return ExecStep{Argv: []string{probe, "write-env", p, "A"}, Env: g.variables()}
	case 13:
		return run("stat", p, g.path(m), g.path(m))
	}
	return run("ls", pick(g, p, "/work", "/tmp", ".", "/mnt"))
}

// streams are ends, output and input.
func (g *generator) streams(*model) ExecStep {
	switch g.IntN(14) {
	case 0, 1:
		return run("exit", fmt.Sprint(pick(g, 0, 1, 2, 3, 99, 124, 125, 126, 127, 128, 130, 137, 143, 255)))
	case 2:
		return run("die", fmt.Sprint(pick(g, 1, 2, 3, 6, 8, 9, 10, 11, 13, 14, 15, 31, 34, 64)))
	case 3:
		return run("say", pick(g, "out", "", "line\n", "\x00\x01ü\x7f"), pick(g, "err", "", "line\n"), fmt.Sprint(g.IntN(4)))
	case 4:
		return run("both", fmt.Sprint(g.IntN(500)))
	case 5:
		e := run("output", fmt.Sprint(pick(g, 0, 1, 65536, 65537, 300000)))
		if g.chance(0.5) {
			e.Argv = append(e.Argv, "stderr")
		}
		return e
	case 6:
		e := run("cat")
		e.Stdin = pick(g, "", "x", "two\nlines\n", "\x04\x1a\x10\x11", "ü\r\n")
		return e
	case 7:
		e := run("sum")
		e.StdinNoise = pick[int64](g, 0, 1, 65535, 500000)
		return e
	case 8:
		e := run("first")
		e.Stdin = "first\nsecond\n" + strings.Repeat("more\n", g.IntN(20000))
		return e
	case 9:
		return run("closed")
	case 10:
		e := run("self", pick(g, "arg", "", "two words", "--flag", "ü\n"))
		e.Env = g.variables()
		return e
	case 11, 12:
		return run("self")
	}
	e := run("exit", "0") // does not read its input
	e.StdinNoise = 200000
	return e
}

var kinds = []string{"child", "grandchild", "setsid", "daemon", "ignore", "stopped", "daemon-stopped"}

// trees start more processes, which go on, or end with a deadline or a cancelled context.
func (g *generator) trees(*model) ExecStep {
	mark := pick(g, "mark1", "mark2")
	switch g.IntN(16) {
	case 0, 1, 2:
		return run("leave", mark, pick(g, kinds...), fmt.Sprint(g.IntN(3)))
	case 3:
		return run("leave", mark, "holds", "5")
	case 4, 5, 6, 7, 8, 9, 10:
		return run("alive", mark)
	case 11:
		return run(append([]string{"tree", mark, "gone"}, some(g, 3, kinds...)...)...)
	case 12:
		e := run(append([]string{"tree", mark}, some(g, 3, kinds...)...)...)
		e.TimeoutMillis = 1500
		return e
	case 13:
		e := run(append([]string{"tree", mark}, some(g, 3, kinds...)...)...)
		e.CancelAt = "ready\n"
		return e
	case 14:
		e := run("say", "out", "err", "stay")
		e.TimeoutMillis = 1000
		return e
	}
	e := run("stay", mark, "ignore")
	e.CancelAt = "ready\n"
	return e
}

// notStarted are commands that are none.
func (g *generator) notStarted(*model) ExecStep {
	argv := pick(g, []string{"no-such-command"}, []string{"/no/such/command", "arg"}, []string{"/etc"}, []string{"/etc/passwd"}, nil, []string{""}, []string{"./probe", "exit", "4"},
		[]string{"probe", "exit", "4"}, []string{"/etc/passwd/x"}, []string{"a"}, []string{"d"}, []string{"../probe", "exit", "5"}, []string{"."}, []string{"/"}, []string{"link"},
		[]string{"/probe\x00"}, []string{"/" + strings.Repeat("x", 300)}, []string{"-"}, []string{"/tmp/c.txt"})
	e := ExecStep{Argv: argv}
	if g.chance(0.4) {
		e.Env = []string{pick(g, "PATH=/", "PATH=", "PATH=/etc:/", "PATH=.", "PATH=/no/such", "PATH=relative:/work")}
	}
	return e
}

// tries are attempts at what takes a privilege.
func (g *generator) tries(m *model) ExecStep {
	return pick(g, run("try", "raw-socket"), run("try", "packet-socket"), run("try", "chown", g.path(m)), run("try", "setuid"), run("try", "chroot"),
		run("try", "sethostname"), run("try", "settime"), run("try", "mknod"), run("try", "open", g.path(m)),
		run("try", "write", g.path(m)), run("try", "create", g.path(m)), run("try", "remove", g.path(m)), run("try", "write", "/etc/passwd"), run("try", "open", "/proc/kcore"),
		run("try", "write", "/proc/sys/kernel/hostname"), run("try", "open", "/proc/1/mem"), run("try", "create", "/sys/x"), run("try", "create", "/dev/x"),
		run("try", "open", "/dev/null"), run("try", "open", "/dev/mem"), run("try", "write", "/.sandlot/guest"), run("try", "create", "/.sandlot/x"), run("try", "create", "/x"),
		run("try", "write", "/proc/sysrq-trigger"), run("try", "create", "/dev/shm/x"), run("mount"), run("signal", "9", "1"), run("signal", "15", "1"))
}

func (g *generator) terminal(*model) ExecStep {
	e := pick(g, run("tty"), run("tty"), run("say", "out\n", "err\n", "3"), run("self"), run("die", "15"), run("exit", "6"), run("sum"), run("cat"), run("/no/such"))
	e.TTY = true
	if e.Argv[1] == "sum" {
		e.Stdin = "a line\n"
	}
	if g.chance(0.5) {
		e.Rows, e.Cols = pick[uint16](g, 0, 1, 40, 1000), pick[uint16](g, 0, 1, 132, 1000)
	}
	return e
}
