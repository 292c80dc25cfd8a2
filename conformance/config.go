package conformance

import (
	"context"
	"io"
	"net"
	"regexp"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
)

// Config says what to test and how.
type Config struct {
	// Open opens the runtime under test. It is called once for the suite and again by cases that need a runtime of their
	// own, to close it. The suite closes what it opened. Required.
	Open func(ctx context.Context) (runtime.Runtime, error)
	// Run selects cases by id. Nil: all.
	Run *regexp.Regexp
	// Parallel is how many cases run at once. 0: 3.
	Parallel int
	// CaseTimeout is the watchdog's patience with one case. 0: a minute. For each five minutes of it the deadlines and leases that cases
	// set are as long again: at 20 minutes four times as long.
	CaseTimeout time.Duration
	// Image is a reference of the suite's image, for runtimes that cannot build, see [ImageContext]. Empty: it is built,
	// and removed again.
	Image string
	// Foreign makes a container of the image that is not Sandlot's, with the engine's own means, and returns what removes
	// it. url is the one of the runtime's Info. Nil, or ErrUnsupported: that Sandlot leaves such containers alone is not tested.
	Foreign func(ctx context.Context, url, image, name string) (remove func(context.Context) error, err error)
	// Dial reaches an address on the engine's host. Nil: the engine runs on this host.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Log gets a line for each case as it ends. Nil discards. Run logs to the test instead.
	Log io.Writer
}

func (c Config) withDefaults() Config {
	if c.Parallel <= 0 {
		c.Parallel = 3
	}
	if c.CaseTimeout <= 0 {
		c.CaseTimeout = time.Minute
	}
	if c.Dial == nil {
		c.Dial = new(net.Dialer).DialContext
	}
	if c.Log == nil {
		c.Log = io.Discard
	}
	return c
}

// selected are the cases of all that c.Run selects.
func (c Config) selected(all []Case) []Case {
	var out []Case
	for _, k := range all {
		if c.Run == nil || c.Run.MatchString(k.ID) {
			out = append(out, k)
		}
	}
	return out
}
