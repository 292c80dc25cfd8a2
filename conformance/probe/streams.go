//go:build linux

package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/sandlot-dev/sandlot/conformance/internal/answer"
)

// cat copies standard input to standard output.
func cat([]string) int {
	_, err := io.Copy(os.Stdout, os.Stdin)
	check(err)
	return 0
}

// sum says the length and hash of standard input.
func sum([]string) int {
	h := sha256.New()
	n, err := io.Copy(h, os.Stdin)
	check(err)
	return reply(answer.Sum{Bytes: n, SHA256: hex.EncodeToString(h.Sum(nil))})
}

// output BYTES [stderr] writes the bytes that answer.Noise makes.
func output(args []string) int {
	w := os.Stdout
	if len(args) > 1 && args[1] == "stderr" {
		w = os.Stderr
	}
	_, err := io.Copy(w, answer.Noise(int64(number(args, 0))))
	check(err)
	return 0
}

// flood writes to standard output for ever.
func flood([]string) int {
	block := []byte(strings.Repeat("flood ", 4096))
	for {
		if _, err := os.Stdout.Write(block); err != nil {
			return 1
		}
	}
}

// say OUT ERR [CODE|stay] writes to standard output and standard error and exits.
func say(args []string) int {
	fmt.Fprint(os.Stdout, args[0])
	fmt.Fprint(os.Stderr, args[1])
	return ending(args, 2)
}

// ending is the code at i, if there is one. "stay" does not end.
func ending(args []string, i int) int {
	if i >= len(args) {
		return 0
	}
	if args[i] == "stay" {
		forever()
	}
	return number(args, i)
}

// spell CODE WORD… writes the words with hyphens between them, a text that its command line does not have, and exits.
func spell(args []string) int {
	fmt.Println(strings.Join(args[1:], "-"))
	return number(args, 0)
}

// both N writes N lines to standard output and standard error, in turns.
func both(args []string) int {
	for i := range number(args, 0) {
		fmt.Fprintf(os.Stdout, "out %d\n", i)
		fmt.Fprintf(os.Stderr, "err %d\n", i)
	}
	return 0
}

// first reads one line and exits, with more of its input unread.
func first([]string) int {
	line, err := bufio.NewReader(os.Stdin).ReadString('\n')
	check(err)
	fmt.Print(line)
	return 0
}

// closed writes to a closed pipe, which must kill or fail as it does everywhere.
func closed([]string) int {
	r, w, err := os.Pipe()
	check(err)
	check(r.Close())
	_, err = w.Write([]byte("x"))
	if errors.Is(err, syscall.EPIPE) {
		fmt.Print("EPIPE")
	}
	return 0
}

// exit CODE.
func exit(args []string) int { return number(args, 0) }

// die SIGNAL ends by a signal.
func die(args []string) int {
	s := syscall.Signal(number(args, 0))
	signal.Reset(s)
	// The Go runtime has a handler for most signals, which a plain kill would run.
	setDefault(s)
	check(syscall.Kill(os.Getpid(), s))
	forever()
	return 0
}
