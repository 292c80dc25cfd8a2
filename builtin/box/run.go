//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// The tools that run other programs, and sleep.

// become replaces this process by a program, which is the last argument's words. It answers why it could not.
func (c *call) become(argv, environ []string) int {
	c.out.Flush()
	path, err := lookPath(argv[0], environ)
	if err == nil {
		err = syscall.Exec(path, argv, environ)
		if errors.Is(err, syscall.ENOEXEC) {
			if script, scriptErr := scriptArgs(path, argv); scriptErr == nil {
				err = syscall.Exec("/proc/self/exe", script, environ)
			}
		}
	}
	return c.cannotRun(argv[0], err)
}

// cannotRun reports that a program did not start and answers 127 if it does not exist, else 126.
func (c *call) cannotRun(name string, err error) int {
	c.errorf("%s: %s", name, errText(errnoOf(err)))
	if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ENOTDIR) {
		return 127
	}
	return 126
}

func lookPath(name string, environ []string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	paths := os.Getenv("PATH")
	for _, kv := range environ {
		if value, ok := strings.CutPrefix(kv, "PATH="); ok {
			paths = value
		}
	}
	var result error = syscall.ENOENT
	for _, dir := range filepath.SplitList(paths) {
		path := filepath.Join(dir, name)
		if dir == "" {
			path = "./" + name
		}
		switch err := executable(path); {
		case err == nil:
			return path, nil
		case errors.Is(err, syscall.EACCES):
			result = err
		}
	}
	return "", result
}

// parseDuration reads 5, 0.5, 5s, 2m, 1h, 1d.
func parseDuration(s string) (time.Duration, error) {
	unit := time.Second
	if n := len(s); n > 0 {
		if u, ok := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}[s[n-1]]; ok {
			unit, s = u, s[:n-1]
		}
	}
	if s == "infinity" || s == "inf" {
		return 1<<63 - 1, nil
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || v < 0 {
		return 0, fmt.Errorf("invalid time interval '%s'", s)
	}
	if v*float64(unit) > float64(1<<62) {
		return 1<<63 - 1, nil
	}
	return time.Duration(v * float64(unit)), nil
}

func sleep(c *call) int {
	if status, ok := c.parseSome(c.flags("NUMBER[smhd]..."), "give a time"); !ok {
		return status
	}
	var total time.Duration
	for _, arg := range c.args {
		d, err := parseDuration(arg)
		if err != nil {
			return c.usage("%v", err)
		}
		if total += d; total < 0 || d == 1<<63-1 {
			total = 1<<63 - 1
		}
	}
	time.Sleep(total)
	return 0
}

// timeout runs a program for a time. It answers the program's status, 124 if the time was over, 125 if it failed itself.
func timeout(c *call) int {
	f := c.flags("[-s SIGNAL] [-k TIME] [--preserve-status] [--foreground] TIME COMMAND [ARG]...")
	f.SetInterspersed(false)
	sigName := f.StringP("signal", "s", "TERM", "the signal to send")
	killAfter := f.StringP("kill-after", "k", "", "and KILL after this time more")
	preserveStatus := f.Bool("preserve-status", false, "the program's status in any case")
	foreground := f.Bool("foreground", false, "stay in the foreground process group")
	verbose := f.BoolP("verbose", "v", false, "say what is sent")
	if status, ok := c.parse(f); !ok {
		if status != 0 {
			return 125
		}
		return 0
	}
	fail := func(format string, a ...any) int { c.errorf(format, a...); return 125 }
	sig, ok := parseSignal(*sigName)
	if !ok {
		return fail("%s: invalid signal", *sigName)
	}
	if len(c.args) < 2 {
		return fail("give a time and a command")
	}
	limit, err := parseDuration(c.args[0])
	if err != nil {
		return fail("%v", err)
	}
	var grace time.Duration
	if *killAfter != "" {
		if grace, err = parseDuration(*killAfter); err != nil {
			return fail("%v", err)
		}
	}
	if !*foreground {
		syscall.Setpgid(0, 0) // so that the signal reaches what the command starts
	}
	argv := c.args[1:]
	path, err := lookPath(argv[0], nil)
	cmd := &exec.Cmd{Path: path, Args: argv, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, sig)
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return c.cannotRun(argv[0], err)
	}
	done := make(chan struct{})
	go func() { cmd.Wait(); close(done) }()
	send := func(s syscall.Signal) {
		if *verbose {
			c.errorf("sending signal %s to command '%s'", signalName(s), argv[0])
		}
		cmd.Process.Signal(s)
		if !*foreground && s != syscall.SIGKILL {
			signal.Ignore(s)
			syscall.Kill(0, s)
		}
		if s != syscall.SIGCONT && s != syscall.SIGKILL {
			cmd.Process.Signal(syscall.SIGCONT)
		}
	}
	var over, kill <-chan time.Time
	if limit > 0 {
		over = time.After(limit)
	}
	expired := false
	for {
		select {
		case <-done:
			ws := cmd.ProcessState.Sys().(syscall.WaitStatus)
			status := ws.ExitStatus()
			if ws.Signaled() {
				status = 128 + int(ws.Signal())
			}
			if expired && !*preserveStatus && status != 137 {
				return 124
			}
			return status
		case <-over:
			expired = true
			send(sig)
			if grace > 0 {
				kill = time.After(grace)
			}
		case <-kill:
			send(syscall.SIGKILL)
		case s := <-signals:
			send(s.(syscall.Signal))
			if grace > 0 && kill == nil {
				kill = time.After(grace)
			}
		}
	}
}

func nohup(c *call) int {
	f := c.flags("COMMAND [ARG]...")
	f.SetInterspersed(false)
	if status, ok := c.parseSome(f, "give a command"); !ok {
		return status
	}
	if term.IsTerminal(0) {
		if null, err := os.Open(os.DevNull); err == nil {
			unix.Dup3(int(null.Fd()), 0, 0)
		}
	}
	if term.IsTerminal(1) {
		out, err := os.OpenFile("nohup.out", os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			c.fail(err)
			return 125
		}
		c.errorf("output goes to nohup.out")
		unix.Dup3(int(out.Fd()), 1, 0)
	}
	if term.IsTerminal(2) {
		unix.Dup3(1, 2, 0)
	}
	signal.Ignore(syscall.SIGHUP)
	return c.become(c.args, os.Environ())
}

func setsid(c *call) int {
	f := c.flags("[-fw] COMMAND [ARG]...")
	f.SetInterspersed(false)
	fork := f.BoolP("fork", "f", false, "always in a new process")
	wait := f.BoolP("wait", "w", false, "wait for it, and answer its status")
	f.BoolP("ctty", "c", false, "taken, and ignored")
	if status, ok := c.parseSome(f, "give a command"); !ok {
		return status
	}
	if !*fork {
		if _, err := syscall.Setsid(); err == nil {
			return c.become(c.args, os.Environ())
		}
	}
	// the leader of a group cannot make a session itself
	path, err := lookPath(c.args[0], nil)
	cmd := &exec.Cmd{Path: path, Args: c.args, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, SysProcAttr: &syscall.SysProcAttr{Setsid: true}}
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return c.cannotRun(c.args[0], err)
	}
	if !*wait {
		return 0
	}
	return (&process{cmd: cmd}).wait()
}

func nice(c *call) int {
	f := c.flags("[-n N] [COMMAND [ARG]...]")
	f.SetInterspersed(false)
	by := f.IntP("adjustment", "n", 10, "by how much")
	if status, ok := c.parse(f); !ok {
		return status
	}
	raw, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err != nil {
		c.fail(err)
		return 125
	}
	now := 20 - raw
	if len(c.args) == 0 {
		fmt.Fprintln(c.out, now)
		return 0
	}
	if err := unix.Setpriority(unix.PRIO_PROCESS, 0, now+*by); err != nil {
		c.errorf("cannot set niceness: %s", errText(err))
	}
	return c.become(c.args, os.Environ())
}
