package runtime

// Info describes a runtime's engine.
type Info struct {
	// Runtime is the driver's name: "docker", "podman".
	Runtime string `json:"runtime"`
	// URL is what the runtime was opened with, so that another process can open it again.
	URL string `json:"url"`
	// Version of the engine, and of the API that is spoken with it.
	Version    string `json:"version"`
	APIVersion string `json:"apiVersion"`
	// OS, Arch and Kernel are those of the engine's host, Arch as Go names it.
	OS     string `json:"os"`
	Arch   string `json:"arch"`
	Kernel string `json:"kernel,omitempty"`
	// Rootless says that the engine runs without root.
	Rootless bool `json:"rootless"`
	// CgroupVersion is 1 or 2, or 0 when the engine does not say.
	CgroupVersion int `json:"cgroupVersion,omitempty"`
	// StorageDriver is the engine's name for how it stores images.
	StorageDriver string `json:"storageDriver,omitempty"`
	// Capabilities is what the engine can do. What is missing is unsupported.
	Capabilities Capabilities `json:"capabilities"`
}

// A Capability names something that not every engine can do.
type Capability string

// The capabilities. Each stands for the options named with it: without the capability, asking for them is
// errors.ErrUnsupported.
const (
	CapabilityMemoryLimit     Capability = "memory-limit"      // RunOptions.MemoryBytes
	CapabilityCPULimit        Capability = "cpu-limit"         // RunOptions.CPUs
	CapabilityPidsLimit       Capability = "pids-limit"        // RunOptions.PidsLimit
	CapabilityReadOnlyRoot    Capability = "read-only-root"    // RunOptions.ReadOnlyRoot
	CapabilityNoNewPrivileges Capability = "no-new-privileges" // the default
	CapabilityDropCaps        Capability = "drop-capabilities" // the default, and CapDrop
	CapabilitySeccomp         Capability = "seccomp"           // the default, and seccomp= in SecurityOpt
	CapabilityAppArmor        Capability = "apparmor"          // apparmor= in SecurityOpt
	CapabilitySELinux         Capability = "selinux"           // label= in SecurityOpt
	CapabilityNoNetwork       Capability = "no-network"        // the default
	CapabilityNetwork         Capability = "network"           // any other RunOptions.Network
	CapabilityPublishTCP      Capability = "publish-tcp"       // RunOptions.Ports
	CapabilityPublishUDP      Capability = "publish-udp"       // RunOptions.Ports
	CapabilityVolumes         Capability = "volumes"           // MountVolume
	CapabilityBinds           Capability = "binds"             // MountBind
	CapabilityTmpfs           Capability = "tmpfs"             // MountTmpfs
	CapabilityUser            Capability = "user"              // User of RunOptions and ExecOptions
	CapabilityTTY             Capability = "tty"               // ExecOptions.TTY
	CapabilityOwners          Capability = "owners"            // PutArchiveOptions.KeepOwner, Chown
	CapabilityBuild           Capability = "build"             // Build
	CapabilityDial            Capability = "dial"              // Dialer
	CapabilityChangeFiles     Capability = "change-files"      // FileChanger
	CapabilityWatchFiles      Capability = "watch-files"       // FileWatcher
	CapabilityProcesses       Capability = "processes"         // Processes
	CapabilityLease           Capability = "lease"             // RunOptions.Lease, and Leaser
	CapabilityAttached        Capability = "attached"          // RunOptions.Attached
)

// AllCapabilities lists every capability that this version of the contract names.
func AllCapabilities() []Capability {
	return []Capability{
		CapabilityMemoryLimit, CapabilityCPULimit, CapabilityPidsLimit, CapabilityReadOnlyRoot, CapabilityNoNewPrivileges,
		CapabilityDropCaps, CapabilitySeccomp, CapabilityAppArmor, CapabilitySELinux, CapabilityNoNetwork,
		CapabilityNetwork, CapabilityPublishTCP, CapabilityPublishUDP, CapabilityVolumes, CapabilityBinds,
		CapabilityTmpfs, CapabilityUser, CapabilityTTY, CapabilityOwners, CapabilityBuild, CapabilityDial,
		CapabilityChangeFiles, CapabilityWatchFiles, CapabilityProcesses, CapabilityLease, CapabilityAttached,
	}
}

// Support says whether an engine has a capability.
type Support struct {
	OK bool `json:"ok"`
	// Reason says why not, and Fix what would mend it, where that is known.
	Reason string `json:"reason,omitempty"`
	Fix    string `json:"fix,omitempty"`
}

// Capabilities maps capabilities to their support. One that is missing is unsupported, so the zero value supports nothing.
type Capabilities map[Capability]Support

// Has says whether c is supported.
func (cs Capabilities) Has(c Capability) bool { return cs[c].OK }

// Check returns nil when c is supported, else an *Error of kind errors.ErrUnsupported that gives the reason and the fix. what
// names the option that needs it.
func (cs Capabilities) Check(c Capability, op, what string) error {
	s := cs[c]
	if s.OK {
		return nil
	}
	message := what + " needs the capability " + string(c) + ", which this engine does not have"
	if s.Reason != "" {
		message += ": " + s.Reason
	}
	return &Error{Op: op, Kind: ErrUnsupported, Message: message, Hint: s.Fix}
}
