//go:build unix

// Command size prints the size of its terminal, and again each time it changes, until it gets SIGINT, which a terminal makes of Ctrl-C.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"
)

func main() {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGWINCH, syscall.SIGINT)
	for {
		cols, rows, err := term.GetSize(0)
		fmt.Printf("size %d %d %v\n", rows, cols, err)
		if <-signals == syscall.SIGINT {
			fmt.Println("interrupted")
			os.Exit(7)
		}
	}
}
