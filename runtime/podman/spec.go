package podman

// containerSpec is the body of a create request: of libpod's SpecGenerator what is used here. Whatever containers.conf or
// the image could put in its place is said outright.
type containerSpec struct {
	Name            string            `json:"name,omitempty"`
	Image           string            `json:"image"`
	ImageVolumeMode string            `json:"image_volume_mode"`
	Entrypoint      []string          `json:"entrypoint"`
	Command         []string          `json:"command"`
	Env             map[string]string `json:"env"`
	UnsetEnvAll     bool              `json:"unsetenvall"`
	WorkDir         string            `json:"work_dir,omitempty"`
	CreateWorkDir   bool              `json:"create_working_dir"`
	User            string            `json:"user,omitempty"`
	Passwd          bool              `json:"manage_password"`
	Hostname        string            `json:"hostname,omitempty"`
	Labels          map[string]string `json:"labels"`
	Terminal        bool              `json:"terminal"`
	Stdin           bool              `json:"stdin"`
	Remove          bool              `json:"remove"`
	StopSignal      int               `json:"stop_signal"`
	Systemd         string            `json:"systemd"`
	Init            bool              `json:"init"`
	Privileged      bool              `json:"privileged"`
	LogConfig       logConfig         `json:"log_configuration"`
	HealthConfig    healthConfig      `json:"healthconfig"`

	PidNS namespace `json:"pidns"`
	IpcNS namespace `json:"ipcns"`
	UtsNS namespace `json:"utsns"`

	NetNS        namespace           `json:"netns"`
	Networks     map[string]struct{} `json:"networks,omitempty"`
	PortMappings []portMapping       `json:"portmappings,omitempty"`

	Mounts         []mount       `json:"mounts,omitempty"`
	Volumes        []namedVolume `json:"volumes,omitempty"`
	ReadOnly       bool          `json:"read_only_filesystem"`
	ReadWriteTmpfs bool          `json:"read_write_tmpfs"`

	CapAdd         []string `json:"cap_add,omitempty"`
	CapDrop        []string `json:"cap_drop"`
	NoNewPrivs     bool     `json:"no_new_privileges"`
	SeccompPolicy  string   `json:"seccomp_policy"`
	SeccompProfile string   `json:"seccomp_profile_path,omitempty"`
	AppArmor       string   `json:"apparmor_profile,omitempty"`
	SELinux        []string `json:"selinux_opts,omitempty"`

	Resources *resources `json:"resource_limits,omitempty"`
}

type logConfig struct {
	Driver string `json:"driver"`
}

type healthConfig struct {
	Test []string
}

type namespace struct {
	Mode string `json:"nsmode"`
}

type portMapping struct {
	HostIP        string `json:"host_ip"`
	HostPort      uint16 `json:"host_port"`
	ContainerPort uint16 `json:"container_port"`
	Protocol      string `json:"protocol"`
}

type mount struct {
	Type        string   `json:"type"`
	Source      string   `json:"source"`
	Destination string   `json:"destination"`
	Options     []string `json:"options"`
}

type namedVolume struct {
	Name    string
	Dest    string
	Options []string
}

type resources struct {
	Memory *memoryLimit `json:"memory,omitempty"`
	Pids   *pidsLimit   `json:"pids,omitempty"`
	CPU    *cpuLimit    `json:"cpu,omitempty"`
}

type memoryLimit struct {
	Limit int64 `json:"limit"`
	Swap  int64 `json:"swap"` // with memory
}

type pidsLimit struct {
	Limit int64 `json:"limit"`
}

type cpuLimit struct {
	Quota  int64  `json:"quota"`
	Period uint64 `json:"period"`
}
