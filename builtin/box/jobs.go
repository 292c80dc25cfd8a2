//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/interp"
)

// job is a background process of this shell.
type job struct {
	number int
	pid    int
	text   string
	done   chan struct{} // closed when it has ended, after status was set
	status int
}

// background starts a job. It has been started when this returns, and lives on when the shell ends.
func (sh *shell) background(hc interp.HandlerContext, script int) error {
	if hc.Stdin == os.Stdin { // without job control a job must not eat the shell's input
		null, err := os.Open(os.DevNull)
		if err != nil {
			return err
		}
		defer null.Close()
		hc.Stdin = null
	}
	p, err := sh.fork(hc, script)
	if err != nil {
		fmt.Fprintf(hc.Stderr, "%s: fork: %s\n", sh.name, errText(err))
		return interp.ExitStatus(254)
	}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	j := &job{number: 1, pid: p.pid, text: sh.scripts[script], done: make(chan struct{})}
	if n := len(sh.jobs); n > 0 {
		j.number = sh.jobs[n-1].number + 1
	}
	sh.jobs = append(sh.jobs, j)
	sh.bang = p.pid
	go func() {
		j.status = p.wait()
		close(j.done)
	}()
	return nil
}

// waitFor is the builtin wait: for all jobs, for those named by pid or %number, or (-n) for the next that ends.
func (sh *shell) waitFor(_ context.Context, hc interp.HandlerContext, args []string) int {
	next := false
	if len(args) > 0 && args[0] == "-n" {
		next, args = true, args[1:]
	} else if len(args) > 0 && strings.HasPrefix(args[0], "-") {
		fmt.Fprintf(hc.Stderr, "%s: wait: %s: invalid option\n", sh.name, args[0])
		return 2
	}
	sh.mu.Lock()
	jobs := append([]*job{}, sh.jobs...)
	sh.mu.Unlock()
	status := 0
	if len(args) > 0 {
		jobs = nil
		for _, arg := range args {
			j := sh.findJob(arg)
			if j == nil {
				fmt.Fprintf(hc.Stderr, "%s: wait: pid %s is not a child of this shell\n", sh.name, arg)
				status = 127
				continue
			}
			jobs = append(jobs, j)
		}
	}
	if next {
		return sh.waitNext(jobs)
	}
	for _, j := range jobs {
		sig, ended := sh.waitOrSignal(j.done)
		if !ended {
			return 128 + sig
		}
		sh.forget(j, len(args) == 0)
		if len(args) > 0 {
			status = j.status
		}
	}
	return status
}

func (sh *shell) waitNext(jobs []*job) int {
	if len(jobs) == 0 {
		return 127
	}
	first := make(chan *job, len(jobs))
	for _, j := range jobs {
		go func() { <-j.done; first <- j }()
	}
	done := make(chan struct{})
	var j *job
	go func() { j = <-first; close(done) }()
	if sig, ended := sh.waitOrSignal(done); !ended {
		return 128 + sig
	}
	sh.forget(j, true)
	return j.status
}

// waitOrSignal waits for done, or for a signal with a trap.
func (sh *shell) waitOrSignal(done <-chan struct{}) (sig int, ended bool) {
	select { // a signal first
	case s := <-sh.signals:
		sh.signals <- s
		return int(s.(syscall.Signal)), false
	default:
	}
	select {
	case <-done:
		return 0, true
	case s := <-sh.signals:
		sh.signals <- s // for pendingTrap
		return int(s.(syscall.Signal)), false
	}
}

// forget drops an ended job. One that was waited for by its pid may be asked for again.
func (sh *shell) forget(j *job, drop bool) {
	if !drop {
		return
	}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for i := range sh.jobs {
		if sh.jobs[i] == j {
			sh.jobs = append(sh.jobs[:i:i], sh.jobs[i+1:]...)
			return
		}
	}
}

func (sh *shell) findJob(name string) *job {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	number, isNumber := strings.CutPrefix(name, "%")
	n, err := strconv.Atoi(number)
	for i := len(sh.jobs) - 1; i >= 0; i-- {
		j := sh.jobs[i]
		switch {
		case !isNumber && err == nil && j.pid == n,
			isNumber && err == nil && j.number == n,
			isNumber && (number == "" || number == "%" || number == "+"):
			return j
		}
	}
	return nil
}

func (sh *shell) listJobs(_ context.Context, hc interp.HandlerContext, args []string) int {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	var left []*job
	for _, j := range sh.jobs {
		state := "Running"
		select {
		case <-j.done:
			state = fmt.Sprintf("Exit %d", j.status)
			if j.status == 0 {
				state = "Done"
			}
		default:
			left = append(left, j)
		}
		switch {
		case len(args) > 0 && args[0] == "-p":
			fmt.Fprintln(hc.Stdout, j.pid)
		case len(args) > 0 && args[0] == "-l":
			fmt.Fprintf(hc.Stdout, "[%d]  %d %s\t%s\n", j.number, j.pid, state, strings.TrimSpace(j.text))
		default:
			fmt.Fprintf(hc.Stdout, "[%d]  %s\t%s\n", j.number, state, strings.TrimSpace(j.text))
		}
	}
	sh.jobs = left
	return 0
}

// kill is the builtin kill, which knows jobs besides pids.
func (sh *shell) kill(_ context.Context, hc interp.HandlerContext, args []string) int {
	resolved := append([]string{}, args...)
	for i, arg := range resolved {
		if j := (*job)(nil); strings.HasPrefix(arg, "%") {
			if j = sh.findJob(arg); j == nil {
				fmt.Fprintf(hc.Stderr, "%s: kill: %s: no such job\n", sh.name, arg)
				return 1
			}
			resolved[i] = strconv.Itoa(j.pid)
		}
	}
	status := killAll(sh.name+": kill", resolved, hc.Stdout, hc.Stderr)
	if status == 0 && slices.Contains(resolved, strconv.Itoa(os.Getpid())) {
		sh.awaitOwn(resolved[0])
	}
	return status
}

// awaitOwn waits for a signal that the shell has just sent to itself: its trap runs before the next command, and if it has
// none the shell ends here.
func (sh *shell) awaitOwn(flag string) {
	sig := syscall.SIGTERM
	if name, ok := strings.CutPrefix(flag, "-"); ok {
		if sig, ok = parseSignal(name); !ok { // -s NAME: not worth more
			return
		}
	}
	sh.mu.Lock()
	action, trapped := sh.traps[sig]
	sh.mu.Unlock()
	if trapped && action == "" || signal.Ignored(sig) || slices.Contains(harmless, sig) && !trapped {
		return
	}
	never := make(chan struct{})
	time.AfterFunc(time.Second, func() { close(never) })
	sh.waitOrSignal(never)
}

// harmless are the signals that do not end a process that has no trap for them.
var harmless = []syscall.Signal{0, syscall.SIGCHLD, syscall.SIGCONT, syscall.SIGURG, syscall.SIGWINCH, syscall.SIGSTOP, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU}

func (sh *shell) umask(_ context.Context, hc interp.HandlerContext, args []string) int {
	old := unix.Umask(0o077)
	unix.Umask(old)
	symbolic := len(args) > 0 && args[0] == "-S"
	if symbolic {
		args = args[1:]
	}
	if len(args) == 0 {
		if symbolic {
			fmt.Fprintf(hc.Stdout, "u=%s,g=%s,o=%s\n", rwx(^old>>6), rwx(^old>>3), rwx(^old))
		} else {
			fmt.Fprintf(hc.Stdout, "%04o\n", old)
		}
		return 0
	}
	if n, err := strconv.ParseUint(args[0], 8, 16); err == nil && n <= 0o777 {
		unix.Umask(int(n))
		return 0
	}
	change, err := parseMode(args[0])
	if err != nil {
		fmt.Fprintf(hc.Stderr, "%s: umask: %v\n", sh.name, err)
		return 1
	}
	unix.Umask(^int(change(uint32(^old&0o777), false)) & 0o777)
	return 0
}

func rwx(bits int) (s string) {
	for i, letter := range "rwx" {
		if bits&(4>>i) != 0 {
			s += string(letter)
		}
	}
	return s
}

var limits = []struct {
	flag     byte
	what     string
	resource int
	unit     uint64
}{
	{'c', "core file size (blocks)", unix.RLIMIT_CORE, 512}, {'d', "data seg size (kbytes)", unix.RLIMIT_DATA, 1024},
	{'f', "file size (blocks)", unix.RLIMIT_FSIZE, 512}, {'l', "max locked memory (kbytes)", unix.RLIMIT_MEMLOCK, 1024},
	{'m', "max memory size (kbytes)", unix.RLIMIT_RSS, 1024}, {'n', "open files", unix.RLIMIT_NOFILE, 1},
	{'s', "stack size (kbytes)", unix.RLIMIT_STACK, 1024}, {'t', "cpu time (seconds)", unix.RLIMIT_CPU, 1},
	{'u', "max user processes", unix.RLIMIT_NPROC, 1}, {'v', "virtual memory (kbytes)", unix.RLIMIT_AS, 1024},
}

func (sh *shell) ulimit(_ context.Context, hc interp.HandlerContext, args []string) int {
	hard, soft, which, value := false, false, byte('f'), ""
	for _, arg := range args {
		if !strings.HasPrefix(arg, "-") {
			value = arg
			continue
		}
		for _, flag := range []byte(arg[1:]) {
			switch flag {
			case 'H':
				hard = true
			case 'S':
				soft = true
			default:
				which = flag
			}
		}
	}
	found := false
	for _, l := range limits {
		if which != 'a' && l.flag != which {
			continue
		}
		found = true
		var lim syscall.Rlimit
		if err := syscall.Getrlimit(l.resource, &lim); err != nil {
			fmt.Fprintf(hc.Stderr, "%s: ulimit: %s\n", sh.name, errText(err))
			return 1
		}
		if value == "" {
			shown := lim.Cur
			if hard {
				shown = lim.Max
			}
			text := "unlimited"
			if shown != ^uint64(0) {
				text = strconv.FormatUint(shown/l.unit, 10)
			}
			if which == 'a' {
				fmt.Fprintf(hc.Stdout, "%-28s(-%c) %s\n", l.what, l.flag, text)
			} else {
				fmt.Fprintln(hc.Stdout, text)
			}
			continue
		}
		n := ^uint64(0)
		if value != "unlimited" {
			v, err := strconv.ParseUint(value, 10, 53)
			if err != nil {
				fmt.Fprintf(hc.Stderr, "%s: ulimit: %s: invalid number\n", sh.name, value)
				return 1
			}
			n = v * l.unit
		}
		if soft || !hard {
			lim.Cur = n
		}
		if hard || !soft {
			lim.Max = n
		}
		if err := syscall.Setrlimit(l.resource, &lim); err != nil {
			fmt.Fprintf(hc.Stderr, "%s: ulimit: %s\n", sh.name, errText(err))
			return 1
		}
	}
	if !found {
		fmt.Fprintf(hc.Stderr, "%s: ulimit: -%c: invalid option\n", sh.name, which)
		return 2
	}
	return 0
}
