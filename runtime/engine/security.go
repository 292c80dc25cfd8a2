package engine

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/sandlot-dev/sandlot/runtime"
)

// capabilities are Linux's, in the kernel's order.
var capabilities = strings.Fields(`CAP_CHOWN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_FSETID CAP_KILL CAP_SETGID CAP_SETUID
	CAP_SETPCAP CAP_LINUX_IMMUTABLE CAP_NET_BIND_SERVICE CAP_NET_BROADCAST CAP_NET_ADMIN CAP_NET_RAW CAP_IPC_LOCK CAP_IPC_OWNER
	CAP_SYS_MODULE CAP_SYS_RAWIO CAP_SYS_CHROOT CAP_SYS_PTRACE CAP_SYS_PACCT CAP_SYS_ADMIN CAP_SYS_BOOT CAP_SYS_NICE
	CAP_SYS_RESOURCE CAP_SYS_TIME CAP_SYS_TTY_CONFIG CAP_MKNOD CAP_LEASE CAP_AUDIT_WRITE CAP_AUDIT_CONTROL CAP_SETFCAP
	CAP_MAC_OVERRIDE CAP_MAC_ADMIN CAP_SYSLOG CAP_WAKE_ALARM CAP_BLOCK_SUSPEND CAP_AUDIT_READ CAP_PERFMON CAP_BPF
	CAP_CHECKPOINT_RESTORE`)

const allCapabilities = "ALL"

// capabilityNames brings names into their full form, each once.
func capabilityNames(names []string) ([]string, error) {
	var out []string
	for _, name := range names {
		full := strings.ToUpper(name)
		if full != allCapabilities && !strings.HasPrefix(full, "CAP_") {
			full = "CAP_" + full
		}
		if full != allCapabilities && !slices.Contains(capabilities, full) {
			return nil, invalid(`name one of Linux, such as NET_BIND_SERVICE, or "ALL"`, "%q is no capability", name)
		}
		if !slices.Contains(out, full) {
			out = append(out, full)
		}
	}
	return out, nil
}

func (b *specBuilder) security() error {
	if b.opts.ReadOnlyRoot {
		if err := b.need(runtime.CapabilityReadOnlyRoot, "a read-only root"); err != nil {
			return err
		}
	}
	if err := b.capabilities(); err != nil {
		return err
	}
	return b.securityOptions()
}

// capabilities works out what is left when CapDrop has been taken from CapAdd.
func (b *specBuilder) capabilities() error {
	add, err := capabilityNames(b.opts.CapAdd)
	if err != nil {
		return err
	}
	drop, err := capabilityNames(b.opts.CapDrop)
	if err != nil {
		return err
	}
	if len(drop) > 0 {
		if err := b.need(runtime.CapabilityDropCaps, "a dropped capability"); err != nil {
			return err
		}
	} else {
		b.want(runtime.CapabilityDropCaps, "the sandbox keeps capabilities that the engine cannot drop")
	}
	switch {
	case slices.Contains(drop, allCapabilities):
	case slices.Contains(add, allCapabilities):
		b.spec.CapAdd, b.spec.CapDrop = []string{allCapabilities}, drop
	default:
		b.spec.CapAdd = slices.DeleteFunc(add, func(name string) bool { return slices.Contains(drop, name) })
	}
	return nil
}

var labelPattern = regexp.MustCompile(`^(disable|(user|role|type|level|filetype):[^\s\x00]+)$`)

// securityOptions reads SecurityOpt and fills in the defaults.
func (b *specBuilder) securityOptions() error {
	seen := make(map[string]bool)
	newPrivs := false
	for _, opt := range b.opts.SecurityOpt {
		key, value, _ := strings.Cut(opt, "=")
		if seen[key] && key != "label" {
			return invalid("name each once", "the security option %s is there twice", key)
		}
		seen[key] = true
		var err error
		switch {
		case key == "no-new-privileges" && value == "true":
			err = b.need(runtime.CapabilityNoNewPrivileges, opt)
		case key == "no-new-privileges" && value == "false":
			newPrivs = true
		case key == "seccomp" && (value == "unconfined" || isObject(value)):
			b.spec.Seccomp = value
			err = b.need(runtime.CapabilitySeccomp, "seccomp=")
		case key == "apparmor" && value != "" && !strings.ContainsAny(value, " \t\n\x00"):
			b.spec.AppArmor = value
			err = b.need(runtime.CapabilityAppArmor, opt)
		case key == "label" && labelPattern.MatchString(value):
			b.spec.LabelOpts = append(b.spec.LabelOpts, value)
			err = b.need(runtime.CapabilitySELinux, opt)
		default:
			return invalid(`write no-new-privileges=false, seccomp=unconfined, seccomp= and a profile as JSON, apparmor=PROFILE, label=disable or label=type:TYPE`,
				"%q is no security option", opt)
		}
		if err != nil {
			return err
		}
	}
	if !seen["no-new-privileges"] {
		newPrivs = !b.want(runtime.CapabilityNoNewPrivileges, "programs in the sandbox can gain privileges, as the engine cannot forbid it")
	}
	b.spec.NoNewPrivs = !newPrivs
	if !seen["seccomp"] {
		b.want(runtime.CapabilitySeccomp, "system calls are not filtered, as the engine cannot")
	}
	return nil
}

func isObject(text string) bool {
	var object map[string]json.RawMessage
	return json.Unmarshal([]byte(text), &object) == nil && object != nil
}
