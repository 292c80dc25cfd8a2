//go:build !linux

// Command box is the program of the built-in image. It runs on Linux only.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "box: runs on Linux only")
	os.Exit(1)
}
