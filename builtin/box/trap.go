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

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/interp"
)

// parseSignal knows 15, TERM and SIGTERM.
func parseSignal(name string) (syscall.Signal, bool) {
	if n, err := strconv.Atoi(name); err == nil {
		return syscall.Signal(n), n >= 0 && n <= 64
	}
	name = strings.ToUpper(name)
	if !strings.HasPrefix(name, "SIG") {
		name = "SIG" + name
	}
	sig := unix.SignalNum(name)
	return sig, sig != 0
}

func signalName(sig syscall.Signal) string {
	if name := unix.SignalName(sig); name != "" {
		return strings.TrimPrefix(name, "SIG")
	}
	return strconv.Itoa(int(sig))
}

// trap is the builtin. A signal's action runs between two commands, or as soon as it interrupts wait.
func (sh *shell) trap(ctx context.Context, hc interp.HandlerContext, args []string) int {
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	switch {
	case len(args) == 0 || args[0] == "-p":
		sh.printTraps(hc)
		return 0
	case args[0] == "-l":
		for sig := syscall.Signal(1); sig < 32; sig++ {
			fmt.Fprintf(hc.Stdout, "%d) SIG%s\n", sig, signalName(sig))
		}
		return 0
	}
	action, names := args[0], args[1:]
	if len(args) == 1 { // trap SIGNAL
		action, names = "-", args
	} else if _, err := strconv.Atoi(action); err == nil { // trap 2 15
		action, names = "-", args
	}
	status := 0
	for _, name := range names {
		switch strings.ToUpper(name) {
		case "EXIT", "0":
			if action == "-" {
				sh.exitTrap = ""
			} else {
				sh.exitTrap = action
			}
			sh.arm()
			continue
		case "ERR":
			if err := hc.Builtin(ctx, []string{"trap", action, "ERR"}); err != nil {
				status = 1
			}
			continue
		}
		sig, ok := parseSignal(name)
		if !ok {
			fmt.Fprintf(hc.Stderr, "%s: trap: %s: invalid signal specification\n", sh.name, name)
			status = 1
			continue
		}
		sh.setTrap(sig, action)
	}
	return status
}

func (sh *shell) setTrap(sig syscall.Signal, action string) {
	if slices.Contains(inheritedIgnored(), sig) {
		return // ignored when the shell was started: POSIX lets it stay so
	}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	signal.Reset(sig)
	switch action {
	case "-":
		delete(sh.traps, sig)
	case "":
		sh.traps[sig] = ""
		signal.Ignore(sig)
	default:
		sh.traps[sig] = action
		signal.Notify(sh.signals, sig)
	}
	sh.armLocked()
}

// endings are the signals on which a shell still runs its EXIT trap.
var endings = []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM}

// arm catches what would end the shell as long as there is an EXIT trap.
func (sh *shell) arm() {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.armLocked()
}

func (sh *shell) armLocked() {
	for _, sig := range endings {
		if _, trapped := sh.traps[sig]; trapped || signal.Ignored(sig) {
			continue
		}
		if sh.exitTrap != "" {
			signal.Notify(sh.signals, sig)
		} else {
			signal.Reset(sig)
		}
	}
}

// pendingTrap takes the actions of the signals that have come. A signal that only the EXIT trap was waiting for ends the
// shell by that signal, after the trap.
func (sh *shell) pendingTrap() (action string, ok bool) {
	for {
		select {
		case s := <-sh.signals:
			sig := s.(syscall.Signal)
			sh.mu.Lock()
			text, trapped := sh.traps[sig]
			sh.mu.Unlock()
			if !trapped {
				text = fmt.Sprintf("trap - EXIT\n%s\ntrap - %s\nkill -%[2]s %d\nexit %d", sh.exitTrap, signalName(sig), os.Getpid(), 128+int(sig))
			}
			if ok {
				action += "\n"
			}
			action, ok = action+text, true
		default:
			return action, ok
		}
	}
}

func (sh *shell) printTraps(hc interp.HandlerContext) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.exitTrap != "" {
		fmt.Fprintf(hc.Stdout, "trap -- %s EXIT\n", quoted([]string{sh.exitTrap}))
	}
	var sigs []syscall.Signal
	for sig := range sh.traps {
		sigs = append(sigs, sig)
	}
	slices.Sort(sigs)
	for _, sig := range sigs {
		fmt.Fprintf(hc.Stdout, "trap -- %s SIG%s\n", quoted([]string{sh.traps[sig]}), signalName(sig))
	}
}
