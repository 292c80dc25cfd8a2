package sandbox

import (
	"context"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
)

// An owner is a process, as [runtime.RunOptions].Owner names it. Process ids mean something only within one boot of one machine, and in one namespace
// of process ids; they are used again, but not with the same start.
type owner struct {
	host      string // its name, which several machines may have
	machine   string // a digest of the machine's id; "" where it has none
	boot      string // the id of this boot of the machine; "" on systems where lives are not told
	namespace string // of process ids
	pid       int
	start     string // of the process, in ticks since the boot
}

func (o owner) String() string {
	return url.Values{
		"host": {o.host}, "machine": {o.machine}, "boot": {o.boot}, "pidns": {o.namespace}, "pid": {strconv.Itoa(o.pid)}, "start": {o.start},
	}.Encode()
}

// parseOwnerOf reads what String wrote. ok is false for what somebody else wrote.
func parseOwnerOf(text string) (o owner, ok bool) {
	v, err := url.ParseQuery(text)
	if err != nil {
		return owner{}, false
	}
	pid, err := strconv.Atoi(v.Get("pid"))
	return owner{
		host: v.Get("host"), machine: v.Get("machine"), boot: v.Get("boot"), namespace: v.Get("pidns"), pid: pid, start: v.Get("start"),
	}, err == nil && pid > 0
}

// self is this process.
func self() owner {
	o := here()
	o.host, _ = os.Hostname() // a machine without a name is one of many
	o.pid = os.Getpid()
	o.start, _ = startOf(o.pid)
	return o
}

// A life is what can be told of an owner.
type life int

const (
	lifeUnknown life = iota
	lifeRuns
	lifeOver
)

// lifeOf tells whether the owner of a sandbox lives, as far as the process self can know. running says whether the sandbox does.
func (o owner) lifeOf(self owner, running bool) life {
	switch {
	case self.boot == "" || o.boot == "":
		return lifeUnknown
	case o.boot == self.boot && o.namespace == self.namespace:
		return lifeOfProcess(o.pid, o.start)
	case o.boot == self.boot: // in a container on this machine, or this is one
		return lifeUnknown
	case o.host == self.host && o.machine != "" && o.machine == self.machine && !running:
		// This machine was booted since, which ended both. While the sandbox runs it is rather a machine that is a copy of this.
		return lifeOver
	}
	return lifeUnknown
}

// run runs a sandbox of the image, and writes down whose it is.
func (o Options) run(ctx context.Context, rt runtime.Runtime, image string) (runtime.RunResult, error) {
	opts := o.RunOptions
	if opts.Owner == "" && !o.Detached {
		opts.Owner = self().String()
	}
	if _, can := rt.(runtime.Leaser); can {
		opts.Lease = o.Lease
	} else if o.Lease > 0 {
		opts.LeaseEnd = time.Now().Add(o.Lease)
	}
	return rt.Run(ctx, image, opts)
}
