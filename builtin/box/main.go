//go:build linux

// The runtime must not keep files of the cgroup open: scripts may want their descriptors.
//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0

// Command box is the program of the built-in image: a shell and the usual file, text and process tools in one static file.
// The name it is called by says which tool it is; `box NAME ARG…` works as well, and `box` alone lists the names.
//
// A tool exits with 0, or 1 where something failed, or 2 where it was called wrongly (an unknown flag, say); where POSIX has
// other rules (grep, timeout, env, the shell) they hold.
package main

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	keepIgnored()
	name := strings.TrimPrefix(filepath.Base(os.Args[0]), "-")
	args := os.Args[1:]
	if name == "box" {
		if len(args) == 0 {
			for _, name := range slices.Sorted(maps.Keys(applets())) {
				fmt.Println(name)
			}
			return
		}
		name, args = filepath.Base(args[0]), args[1:]
	}
	run, ok := applets()[name]
	if !ok {
		fmt.Fprintf(os.Stderr, "box: there is no %s here; box alone lists what there is\n", name)
		os.Exit(127)
	}
	os.Exit(runApplet(name, run, args))
}

func runApplet(name string, run func(*call) int, args []string) int {
	c := &call{name: name, args: args, in: os.Stdin, out: bufio.NewWriterSize(os.Stdout, 32<<10), err: os.Stderr}
	status := run(c)
	if err := c.out.Flush(); err != nil && status == 0 {
		c.errorf("write error: %v", errText(err))
		status = 1
	}
	return status
}
