//go:build linux

package main

import (
	"os"
	"slices"
	"strings"
)

func env(c *call) int {
	f := c.flags("[-i] [-u NAME]... [-C DIR] [NAME=VALUE]... [COMMAND [ARG]...]")
	f.SetInterspersed(false)
	empty := f.BoolP("ignore-environment", "i", false, "start from nothing")
	unset := f.StringArrayP("unset", "u", nil, "without this")
	dir := f.StringP("chdir", "C", "", "in this directory")
	null := f.BoolP("null", "0", false, "end lines with NUL")
	split := f.StringP("split-string", "S", "", "a command line in one argument, as in a #! line")
	if len(c.args) > 0 && c.args[0] == "-" {
		c.args[0] = "-i"
	}
	if status, ok := c.parse(f); !ok {
		if status != 0 {
			return 125
		}
		return 0
	}
	if *split != "" {
		c.args = append(strings.Fields(*split), c.args...)
	}
	environ := os.Environ()
	if *empty {
		environ = nil
	}
	drop := func(name string) {
		environ = slices.DeleteFunc(environ, func(kv string) bool { return strings.HasPrefix(kv, name+"=") })
	}
	for _, name := range *unset {
		drop(name)
	}
	for len(c.args) > 0 && strings.Contains(c.args[0], "=") {
		name, _, _ := strings.Cut(c.args[0], "=")
		drop(name)
		environ = append(environ, c.args[0])
		c.args = c.args[1:]
	}
	if *dir != "" {
		if err := os.Chdir(*dir); err != nil {
			c.fail(err)
			return 125
		}
	}
	if len(c.args) > 0 {
		return c.become(c.args, environ)
	}
	for _, kv := range environ {
		c.out.WriteString(kv + lineEnd(*null))
	}
	return 0
}

func printenv(c *call) int {
	f := c.flags("[-0] [NAME]...")
	null := f.BoolP("null", "0", false, "end lines with NUL")
	if status, ok := c.parse(f); !ok {
		return status
	}
	if len(c.args) == 0 {
		for _, kv := range os.Environ() {
			c.out.WriteString(kv + lineEnd(*null))
		}
		return 0
	}
	status := 0
	for _, name := range c.args {
		if value, ok := os.LookupEnv(name); ok {
			c.out.WriteString(value + lineEnd(*null))
		} else {
			status = 1
		}
	}
	return status
}
