//go:build linux

package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/sandlot-dev/sandlot/conformance/internal/answer"
)

// tty says what the standard streams are.
func tty([]string) int {
	var a answer.Terminal
	for fd := range 3 {
		_, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		a.TTY[fd] = err == nil
	}
	if size, err := unix.IoctlGetWinsize(0, unix.TIOCGWINSZ); err == nil {
		a.Rows, a.Cols = int(size.Row), int(size.Col)
	}
	return reply(a)
}

// tty-watch says "ready", then the terminal's size whenever it changes, as "ROWSxCOLS".
func ttyWatch([]string) int {
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, syscall.SIGWINCH)
	ready()
	for range changed {
		size, err := unix.IoctlGetWinsize(0, unix.TIOCGWINSZ)
		check(err)
		fmt.Printf("%dx%d\n", size.Row, size.Col)
	}
	return 0
}
