//go:build linux

package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// stay MARK [WORD…] says "ready" and stays until it is killed. Words: "ignore" ignores every signal that can be ignored,
// "minute" fails after that time: for where nothing may kill it.
func stay(args []string) int {
	for _, word := range args[1:] {
		switch word {
		case "ignore":
			signal.Ignore()
		case "minute":
			time.AfterFunc(time.Minute, func() { os.Exit(1) })
		default:
			fail("stay: no word %q", word)
		}
	}
	ready()
	forever()
	return 0
}

// tree MARK KIND… starts a tree of each kind and says "ready" when all stand; then it stays. Every process of them has MARK among its arguments.
// With the kind "gone" first, it exits with 0 instead.
//
//	child       a child
//	grandchild  a child that has a child
//	setsid      a child in a session of its own
//	daemon      a grandchild in a session of its own, whose parent has exited
//	ignore      a child that ignores all signals that can be ignored
//	stopped     a child that has stopped itself
//	daemon-stopped  a daemon that has stopped itself and ignores signals
//	wide        20 children
//	forking     a child that goes on making children that exit, and is itself replaced by its child each time
//	flood       a child that writes to the leader's standard output for ever
//	holds       a child that holds the leader's standard output and error
func tree(args []string) int {
	mark, kinds := args[0], args[1:]
	gone := len(kinds) > 0 && kinds[0] == "gone"
	if gone {
		kinds = kinds[1:]
	}
	for _, kind := range kinds {
		n := 1
		if kind == "wide" {
			n, kind = 20, "child"
		}
		for range n {
			start(mark, kind)
		}
	}
	ready()
	if !gone {
		forever()
	}
	return 0
}

// leave MARK KIND [CODE|stay] starts a tree of one kind and exits with CODE, with what was started going on.
func leave(args []string) int {
	start(args[0], args[1])
	ready()
	return ending(args, 2)
}

// start starts a process of a kind and waits until it stands.
func start(mark, kind string) {
	r, w, err := os.Pipe()
	check(err)
	cmd := exec.Command("/proc/self/exe", "spawned", mark, kind)
	cmd.ExtraFiles = []*os.File{w}
	if kind == "holds" || kind == "flood" {
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	}
	if kind == "setsid" || strings.HasPrefix(kind, "daemon") {
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	}
	check(cmd.Start())
	check(w.Close())
	line, err := bufio.NewReader(r).ReadString('\n')
	check(err)
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	check(err)
	check(r.Close())
	switch kind {
	case "daemon", "daemon-stopped":
		_ = cmd.Wait() // the middle one
	}
	if strings.HasSuffix(kind, "stopped") {
		for state(pid) != "T" {
			time.Sleep(time.Millisecond)
		}
	}
}

func state(pid int) string {
	s, _, _ := strings.Cut(status(strconv.Itoa(pid))["State"], " ")
	return s
}

// spawned MARK KIND is what start starts. It writes the pid of what stays to descriptor 3.
func spawned(args []string) int {
	mark, kind := args[0], args[1]
	tell := os.NewFile(3, "tell")
	say := func() {
		fmt.Fprintln(tell, os.Getpid())
		check(tell.Close())
	}
	again := func(kind string) {
		cmd := exec.Command("/proc/self/exe", "spawned", mark, kind)
		cmd.ExtraFiles = []*os.File{tell}
		if strings.HasPrefix(kind, "end-daemon") {
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		}
		check(cmd.Start())
	}
	switch kind {
	case "child", "setsid", "end-daemon", "holds":
		say()
	case "flood":
		say()
		return flood(nil)
	case "grandchild":
		again("child")
		check(tell.Close())
	case "daemon":
		again("end-daemon")
		return 0
	case "ignore":
		signal.Ignore()
		say()
	case "stopped":
		say()
		check(syscall.Kill(os.Getpid(), syscall.SIGSTOP))
	case "daemon-stopped":
		again("end-daemon-stopped")
		return 0
	case "end-daemon-stopped":
		signal.Ignore()
		say()
		check(syscall.Kill(os.Getpid(), syscall.SIGSTOP))
	case "forking":
		say()
		successor(mark)
		return 0
	case "end-forking":
		successor(mark)
		return 0
	default:
		fail("no kind %q", kind)
	}
	forever()
	return 0
}

// successor starts the next of a line of processes, each of which starts the next and exits: what a killer has to catch.
func successor(mark string) {
	cmd := exec.Command("/proc/self/exe", "spawned", mark, "end-forking")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	check(cmd.Start())
}

// signal-all SIGNAL MARK sends a signal to every process that it may signal, then says "sent" and stays.
func signalAll(args []string) int {
	s := syscall.Signal(number(args, 0))
	ready()
	err := syscall.Kill(-1, s)
	fmt.Printf("sent %v\n", err)
	forever()
	return 0
}

// signals FIRST LAST PID sends signals one after the other and says what came of each.
func signals(args []string) int {
	for s := number(args, 0); s <= number(args, 1); s++ {
		err := syscall.Kill(number(args, 2), syscall.Signal(s))
		fmt.Printf("sent %d: %v\n", s, err)
	}
	return 0
}

// supervisor SIGNAL MARK sends a signal to the process that started this one, again and again as the parent changes, then stays.
func supervisor(args []string) int {
	s := syscall.Signal(number(args, 0))
	start(args[1], "child")
	start(args[1], "daemon")
	ready()
	err := syscall.Kill(os.Getppid(), s)
	fmt.Printf("sent %v\n", err)
	forever()
	return 0
}

// on-term FILE says "ready", waits for SIGTERM, writes that to a file and exits.
func onTerm(args []string) int {
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	ready()
	<-term
	return done(os.WriteFile(args[0], []byte("SIGTERM"), 0o644))
}
