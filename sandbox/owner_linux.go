package sandbox

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// here is the machine that this process runs on, without its name.
func here() owner {
	o := owner{}
	if boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id"); err == nil {
		o.boot = strings.TrimSpace(string(boot))
	}
	o.namespace, _ = os.Readlink("/proc/self/ns/pid")
	if machine, err := os.ReadFile("/etc/machine-id"); err == nil && len(bytes.TrimSpace(machine)) > 0 {
		// The id itself is not to be shown to others.
		sum := sha256.Sum256(append([]byte("sandlot owner "), bytes.TrimSpace(machine)...))
		o.machine = hex.EncodeToString(sum[:8])
	}
	if o.namespace == "" { // without /proc nothing can be told
		o.boot = ""
	}
	return o
}

var errEnded = errors.New("the process has ended")

// startOf gives when a process was started, in ticks since the boot. One that ended and was not waited for is errEnded.
func startOf(pid int) (string, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", err
	}
	// "pid (name) state …", where the name may have anything in it; the start is the 22nd field.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 20 {
		return "", fmt.Errorf("/proc/%d/stat is cut off", pid)
	}
	if state := fields[0]; state == "Z" || state == "X" {
		return "", errEnded
	}
	return fields[19], nil
}

// lifeOfProcess asks the kernel, which also tells of processes that /proc hides.
func lifeOfProcess(pid int, start string) life {
	if unix.Kill(pid, 0) == unix.ESRCH {
		return lifeOver
	}
	now, err := startOf(pid)
	switch {
	case errors.Is(err, errEnded), err == nil && start != "" && now != start: // the id was given to another
		return lifeOver
	case start == "":
		return lifeUnknown
	}
	return lifeRuns // as far as the kernel says
}
