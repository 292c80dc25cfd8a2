//go:build linux

// Command probe is what the conformance suite runs in sandboxes: a static program that does one thing of many, says so
// in JSON or with the line "ready", and needs nothing else in the image.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"time"
)

// command does what its arguments say and returns the exit code.
type command func(args []string) int

func commands() map[string]command {
	return map[string]command{
		// itself
		"self": self, "processes": processes, "alive": alive, "mounts": mounts, "label": label, "network": network,
		// streams and ends
		"cat": cat, "sum": sum, "output": output, "say": say, "spell": spell, "both": both, "exit": exit, "die": die, "first": first,
		"closed": closed, "flood": flood,
		// trees
		"stay": stay, "tree": tree, "leave": leave, "spawned": spawned, "signal-all": signalAll, "signals": signals, "supervisor": supervisor, "on-term": onTerm,
		// resources and attacks
		"burn": burn, "fork": fork, "attack": attack, "mount": mount, "try": try, "spin": spin,
		// terminals
		"tty": tty, "tty-watch": ttyWatch,
		// network
		"listen": listen, "dial": dial, "serve": serve, "deaf": deaf,
		// files
		"stat": stat, "ls": list, "write": write, "write-env": writeEnv, "remove": remove, "sweep": sweep, "mkdir": mkdir, "link": link, "hardlink": hardlink, "chmod": chmod, "poll": poll, "fill": fill,
	}
}

func main() {
	if len(os.Args) < 2 {
		fail("probe COMMAND ARG…")
	}
	c, ok := fileCommands(commands())[os.Args[1]]
	if !ok {
		fail("no command %q", os.Args[1])
	}
	os.Exit(c(os.Args[2:]))
}

// reply prints a value as JSON.
func reply(v any) int {
	if err := json.NewEncoder(os.Stdout).Encode(v); err != nil {
		fail("%v", err)
	}
	return 0
}

// ready tells the suite that what was asked for stands.
func ready() { fmt.Println("ready") }

func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "probe: "+format+"\n", args...)
	os.Exit(99)
}

func check(err error) {
	if err != nil {
		fail("%v", err)
	}
}

// number is the argument at i, which must be one.
func number(args []string, i int) int {
	if i >= len(args) {
		fail("argument %d is missing", i)
	}
	n, err := strconv.Atoi(args[i])
	check(err)
	return n
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// forever waits for a signal that kills.
func forever() {
	for {
		time.Sleep(time.Hour)
	}
}
