package runtime

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// LabelPrefix begins all labels that are Sandlot's own.
const LabelPrefix = "dev.sandlot."

// Labels of a sandbox's container. [LabelSandbox] is what makes a container Sandlot's.
const (
	LabelSandbox = LabelPrefix + "sandbox" // always "1"
	LabelGuest   = LabelPrefix + "guest"   // the guest's version
	LabelOwner   = LabelPrefix + "owner"   // RunOptions.Owner
	LabelLease   = LabelPrefix + "lease"   // RunOptions.LeaseEnd, as RFC 3339 writes it
	LabelKept    = LabelPrefix + "kept"    // RunOptions.Lease, as time.Duration writes it
)

// State is what a sandbox does.
type State string

// The states of a sandbox.
const (
	StateCreated State = "created" // never started
	StateRunning State = "running"
	StatePaused  State = "paused"
	StateExited  State = "exited" // stopped, or its guest ended
)

// InspectOptions are the options of [Runtime].Inspect.
type InspectOptions struct{}

// ListOptions are the options of [Runtime].List.
type ListOptions struct {
	// Labels that a sandbox must have. An empty value means any value.
	Labels map[string]string
}

// A Container is a sandbox as its engine describes it.
type Container struct {
	ID        string            `json:"id"`
	Name      string            `json:"name"`
	Image     string            `json:"image"`   // as given to Run
	ImageID   string            `json:"imageID"` // with "sha256:"
	State     State             `json:"state"`
	Created   time.Time         `json:"created"`
	Labels    map[string]string `json:"labels,omitempty"` // without Sandlot's own
	Owner     string            `json:"owner,omitempty"`  // RunOptions.Owner
	LeaseEnd  time.Time         `json:"leaseEnd,omitzero"`
	Lease     time.Duration     `json:"lease,omitempty"` // RunOptions.Lease, in nanoseconds
	Ports     []PublishedPort   `json:"ports,omitempty"` // while it runs
	OOMKilled bool              `json:"oomKilled,omitempty"`
	Error     string            `json:"error,omitempty"` // why it did not start, in the engine's words
	// The following are not in a List.
	Hostname   string   `json:"hostname,omitempty"`
	User       string   `json:"user,omitempty"` // as the image or the options name it
	WorkingDir string   `json:"workingDir,omitempty"`
	Env        []string `json:"env,omitempty"` // what the image and the options set, sorted
	Network    string   `json:"network,omitempty"`
	Mounts     []Mount  `json:"mounts,omitempty"` // without the guest's own
	// Expected is the ports that the sandbox was asked to publish, also while it does not run.
	Expected []Port `json:"expected,omitempty"`
}

// A Port is asked to be published.
type Port struct {
	// Container is the port in the sandbox, 1 to 65535.
	Container uint16 `json:"container"`
	// Protocol is "tcp" (also when empty) or "udp".
	Protocol string `json:"protocol,omitempty"`
	// HostIP is where it is bound. The zero value: 127.0.0.1.
	HostIP netip.Addr `json:"hostIP,omitzero"`
	// Host is the port on the host. 0: a free one.
	Host uint16 `json:"host,omitempty"`
}

// A PublishedPort is a port of a running sandbox and where it is reached on the host.
type PublishedPort struct {
	Container uint16         `json:"container"`
	Protocol  string         `json:"protocol"`
	Host      netip.AddrPort `json:"host"`
}

// HostPort says where a port of the sandbox is reached on the engine's host. port is "8080", "8080/tcp" or "53/udp", else
// ErrInvalid. A sandbox that does not run is ErrNotRunning, a port that is not published ErrNotFound.
func (c Container) HostPort(port string) (netip.AddrPort, error) {
	number, protocol, err := ParsePort(port)
	if err != nil {
		return netip.AddrPort{}, err
	}
	if c.State != StateRunning && c.State != StatePaused {
		return netip.AddrPort{}, &Error{Op: "host port", ID: c.Name, Kind: ErrNotRunning}
	}
	for _, p := range c.Ports {
		if p.Container == number && p.Protocol == protocol {
			return p.Host, nil
		}
	}
	return netip.AddrPort{}, &Error{
		Op: "host port", ID: c.Name, Kind: ErrNotFound,
		Message: fmt.Sprintf("port %d/%s is not published", number, protocol),
		Hint:    "publish it when the sandbox is made",
	}
}

// ParsePort reads "8080", "8080/tcp" or "53/udp".
func ParsePort(port string) (number uint16, protocol string, err error) {
	digits, protocol, given := strings.Cut(port, "/")
	if !given {
		protocol = "tcp"
	}
	n, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || n == 0 || (protocol != "tcp" && protocol != "udp") {
		return 0, "", &Error{
			Op: "parse port", Kind: ErrInvalid, Message: fmt.Sprintf("%q is no port", port),
			Hint: `write "8080", "8080/tcp" or "53/udp"`,
		}
	}
	return uint16(n), protocol, nil
}
