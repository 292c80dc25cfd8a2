// Command capruntime is runc for hosts whose root lacks capabilities: it takes those that the host cannot give from what Docker asks for.
// Docker before 23.0 asks for every capability that the kernel knows when it starts a privileged exec, and runc refuses what is not there.
// It is used as
//
//	dockerd --add-runtime capruntime=PATH --default-runtime capruntime
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "capruntime:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	runc, err := exec.LookPath("runc")
	if err != nil {
		return err
	}
	bundle, process := ".", ""
	for i, arg := range args[:max(len(args)-1, 0)] {
		switch arg {
		case "--bundle", "-b":
			bundle = args[i+1]
		case "--process", "-p":
			process = args[i+1]
		}
	}
	switch {
	case slices.Contains(args, "exec") && process != "":
		err = edit(process, func(spec map[string]any) any { return spec })
	case slices.Contains(args, "create"), slices.Contains(args, "run"):
		err = edit(filepath.Join(bundle, "config.json"), func(spec map[string]any) any { return spec["process"] })
	}
	if err != nil {
		return err
	}
	return syscall.Exec(runc, append([]string{"runc"}, args...), os.Environ())
}

// edit takes from the process in a file what is not in the host's bounding set.
func edit(file string, process func(map[string]any) any) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var spec map[string]any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber() // a limit may be more than a float holds
	if err := decoder.Decode(&spec); err != nil {
		return err
	}
	p, _ := process(spec).(map[string]any)
	sets, _ := p["capabilities"].(map[string]any)
	for name, set := range sets {
		list, _ := set.([]any)
		sets[name] = slices.DeleteFunc(list, func(c any) bool { return !inBoundingSet(fmt.Sprint(c)) })
	}
	if text, err = json.Marshal(spec); err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o600)
}

func inBoundingSet(name string) bool {
	n := slices.Index(names, name)
	if n < 0 {
		return false
	}
	const read = 23 // PR_CAPBSET_READ
	in, _, _ := syscall.Syscall(syscall.SYS_PRCTL, read, uintptr(n), 0)
	return in == 1
}

// names are in the kernel's order.
var names = strings.Fields(`CAP_CHOWN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_FSETID CAP_KILL CAP_SETGID CAP_SETUID
	CAP_SETPCAP CAP_LINUX_IMMUTABLE CAP_NET_BIND_SERVICE CAP_NET_BROADCAST CAP_NET_ADMIN CAP_NET_RAW CAP_IPC_LOCK CAP_IPC_OWNER
	CAP_SYS_MODULE CAP_SYS_RAWIO CAP_SYS_CHROOT CAP_SYS_PTRACE CAP_SYS_PACCT CAP_SYS_ADMIN CAP_SYS_BOOT CAP_SYS_NICE
	CAP_SYS_RESOURCE CAP_SYS_TIME CAP_SYS_TTY_CONFIG CAP_MKNOD CAP_LEASE CAP_AUDIT_WRITE CAP_AUDIT_CONTROL CAP_SETFCAP
	CAP_MAC_OVERRIDE CAP_MAC_ADMIN CAP_SYSLOG CAP_WAKE_ALARM CAP_BLOCK_SUSPEND CAP_AUDIT_READ CAP_PERFMON CAP_BPF
	CAP_CHECKPOINT_RESTORE`)
