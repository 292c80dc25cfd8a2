//go:build linux

// Command program is Sandlot's guest: the first process of every sandbox (init), the supervisor of an exec and whoever reads and writes
// files (serve), many of those (session, worker), what renews a lease (renew), and the last resort against a tree that does not end (kill). Package guest embeds it and speaks with it.
package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/sandlot-dev/sandlot/guest/program/internal/keeper"
	"github.com/sandlot-dev/sandlot/guest/program/internal/link"
	"github.com/sandlot-dev/sandlot/guest/program/internal/proc"
	"github.com/sandlot-dev/sandlot/guest/program/internal/self"
	"github.com/sandlot-dev/sandlot/guest/program/internal/session"
	"github.com/sandlot-dev/sandlot/guest/program/internal/supervise"
)

// The first process of a sandbox needs to know which thread it is that adopts.
func init() {
	if len(os.Args) > 1 && os.Args[1] == initArg {
		runtime.LockOSThread()
	}
}

const initArg = "init"

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "sandlot guest:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) > 1 && args[0] == initArg:
		options, err := keeper.ParseOptions(args[1:])
		if err != nil {
			return err
		}
		return keeper.Run(options)
	case len(args) == 1 && args[0] == "serve":
		return supervise.Run()
	case len(args) == 1 && args[0] == "session":
		return session.Run(session.Execs)
	case len(args) == 2 && args[0] == "session" && args[1] == "files":
		return session.Run(session.Files)
	case len(args) == 2 && args[0] == "session" && args[1] == "dial":
		return session.Run(session.Dials)
	case len(args) == 2 && args[0] == "session" && args[1] == "attached":
		return session.Run(session.Attached)
	case len(args) == 1 && args[0] == session.Worker:
		return supervise.Work()
	case len(args) == 1 && args[0] == "renew":
		return renew()
	case len(args) > 1 && args[0] == "kill":
		return supervise.Kill(args[1:])
	default:
		return errors.New("this program is run by Sandlot")
	}
}

// renew renews the sandbox's lease, for who has no session.
func renew() error {
	if err := self.Harden(); err != nil {
		return err
	}
	fs, err := proc.Open()
	if err != nil {
		return err
	}
	return link.Renew(fs)
}
