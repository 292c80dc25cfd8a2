// Command box is what the driver's tests run in containers.
package main

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	switch os.Args[1] {
	case "init": // ends with the guest's signal
		c := make(chan os.Signal, 1)
		signal.Notify(c, syscall.SIGPWR)
		os.WriteFile("/tmp/ready", nil, 0o644)
		<-c
		os.WriteFile("/tmp/stopped", nil, 0o600)
	case "cat":
		io.Copy(os.Stdout, os.Stdin)
		fmt.Fprint(os.Stderr, "said on stderr")
	case "exit":
		n, _ := strconv.Atoi(os.Args[2])
		os.Exit(n)
	case "self": // what the engine gave us
		status, _ := os.ReadFile("/proc/self/status")
		for _, line := range strings.Split(string(status), "\n") {
			k, v, _ := strings.Cut(line, ":")
			switch k {
			case "Uid", "Gid", "Groups", "CapEff", "CapBnd", "CapPrm", "CapAmb", "NoNewPrivs", "Seccomp":
				fmt.Println(k + "=" + strings.Join(strings.Fields(v), " "))
			}
		}
		dir, _ := os.Getwd()
		host, _ := os.Hostname()
		fmt.Println("dir=" + dir)
		fmt.Println("host=" + host)
		for _, e := range os.Environ() {
			fmt.Println("env " + e)
		}
		for _, dir := range []string{"/", "/tmp", "/dev/shm", "/scratch", "/volume"} {
			err := os.WriteFile(dir+"/probe", []byte("x"), 0o600)
			fmt.Printf("write %s=%v\n", dir, err == nil)
		}
	case "mounts":
		text, _ := os.ReadFile("/proc/self/mountinfo")
		os.Stdout.Write(text)
	case "say":
		fmt.Println(os.Args[2])
	case "stat":
		info, err := os.Stat(os.Args[2])
		text, readErr := os.ReadFile(os.Args[2])
		if err != nil || readErr != nil {
			fmt.Fprintln(os.Stderr, err, readErr)
			os.Exit(1)
		}
		owner := info.Sys().(*syscall.Stat_t)
		fmt.Printf("%v %d %d %s", info.Mode(), owner.Uid, owner.Gid, text)
	case "await": // a file
		for _, err := os.Stat(os.Args[2]); err != nil; _, err = os.Stat(os.Args[2]) {
			time.Sleep(time.Millisecond)
		}
	case "hang": // for good
		fmt.Println("hanging")
		for {
			time.Sleep(time.Hour)
		}
	case "owner":
		info, err := os.Stat(os.Args[2])
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		owner := info.Sys().(*syscall.Stat_t)
		fmt.Println(info.Mode(), owner.Uid, owner.Gid)
	case "file":
		text, err := os.ReadFile(os.Args[2])
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Stdout.Write(text)
	}
}
