// Package answer is what the conformance suite's probe says, in JSON.
package answer

// Self is what a process knows about itself.
type Self struct {
	Args      []string `json:"args"` // after the probe's own
	Env       []string `json:"env"`
	Dir       string   `json:"dir"`
	PID       int      `json:"pid"`
	PPID      int      `json:"ppid"`
	UID       int      `json:"uid"`
	GID       int      `json:"gid"`
	Groups    []int    `json:"groups"`
	Hostname  string   `json:"hostname"`
	OOMScore  int      `json:"oomScore"` // oom_score_adj
	Files     []int    `json:"files"`    // open descriptors
	Ignored   string   `json:"ignored"`  // SigIgn and SigBlk, in hexadecimal
	Blocked   string   `json:"blocked"`
	CapEff    string   `json:"capEff"` // in hexadecimal
	CapPrm    string   `json:"capPrm"`
	CapBnd    string   `json:"capBnd"`
	CapAmb    string   `json:"capAmb"`
	NoNewPriv bool     `json:"noNewPriv"`
	Seccomp   int      `json:"seccomp"` // 0 none, 2 a filter
}

// Process is a process that the sandbox has.
type Process struct {
	PID   int      `json:"pid"`
	PPID  int      `json:"ppid"`
	State string   `json:"state"` // a letter, as in /proc/PID/stat
	UID   int      `json:"uid"`
	Name  string   `json:"name"`
	Args  []string `json:"args"`
}

// Terminal is what standard input is.
type Terminal struct {
	TTY  [3]bool `json:"tty"` // standard input, output and error
	Rows int     `json:"rows"`
	Cols int     `json:"cols"`
}

// Sum is a stream's length and SHA-256.
type Sum struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// File is what lstat says.
type File struct {
	Path    string `json:"path"`
	Err     string `json:"err,omitempty"`  // what went wrong
	Type    string `json:"type,omitempty"` // "file", "dir", "link", "other"
	Mode    uint32 `json:"mode"`           // permission bits with setuid, setgid, sticky, as in C
	UID     int    `json:"uid"`
	GID     int    `json:"gid"`
	Size    int64  `json:"size"`
	MTime   int64  `json:"mtime"` // seconds
	Links   int    `json:"links"`
	Inode   uint64 `json:"inode"`
	Target  string `json:"target,omitempty"` // of a link
	SHA256  string `json:"sha256,omitempty"` // of a file that can be read
	Content string `json:"content,omitempty"`
}

// Attempt is something that was tried, and how it ended.
type Attempt struct {
	What string `json:"what"`
	Err  string `json:"err,omitempty"` // empty: it worked
}

// Network is what the sandbox sees of networks.
type Network struct {
	Interfaces []string `json:"interfaces"` // those that are up, but the loopback
	Routes     []string `json:"routes"`
}

// Mount is a line of /proc/self/mountinfo.
type Mount struct {
	Target   string `json:"target"`
	Type     string `json:"type"`
	Source   string `json:"source"`
	Root     string `json:"root"`
	ReadOnly bool   `json:"readOnly"`
}

// Forked is what became of an attempt to make many processes.
type Forked struct {
	Made int    `json:"made"`
	Err  string `json:"err,omitempty"` // what ended it
}

// Spun is what became of an attempt to use all processors.
type Spun struct {
	Seconds   float64 `json:"seconds"`   // of processor time
	Throttled int     `json:"throttled"` // how often the kernel held the sandbox back meanwhile; -1: not told
}
