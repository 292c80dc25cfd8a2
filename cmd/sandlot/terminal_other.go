//go:build !unix

package main

import "os"

// notifyResize never tells: there is no signal for it here.
func notifyResize() (<-chan os.Signal, func()) { return nil, func() {} }
