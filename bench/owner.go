package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"time"

	"github.com/sandlot-dev/sandlot/bench/report"
	"github.com/sandlot-dev/sandlot/builtin"
	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/runtime/auto"
	"github.com/sandlot-dev/sandlot/sandbox"
)

// ownerCommand makes this program one that only owns sandboxes, so that its memory is theirs and that it can be killed.
const ownerCommand = "own"

// An owner is such a process.
type owner struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	rt      runtime.Runtime
	token   string // of its sandboxes alone
	ended   bool
	ofOwner map[string]string // the label
}

// ownerLabel tells an owner's sandboxes for the engine.
const ownerLabel = label + "-owner"

// newOwner starts one. kind is how it holds its sandboxes, see kinds.
func (b *bench) newOwner(ctx context.Context, d *bed, kind string) (*owner, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	info, err := d.rt.Info(ctx)
	if err != nil {
		return nil, err
	}
	token := fmt.Sprintf("%s-%d", b.token, time.Now().UnixNano())
	o := &owner{cmd: exec.Command(self, ownerCommand, info.URL, b.token, token, kind), rt: d.rt, token: token}
	if o.in, err = o.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := o.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	o.out, o.ofOwner = bufio.NewReader(out), map[string]string{ownerLabel: token}
	return o, o.cmd.Start()
}

// grow has it make sandboxes until it has so many, and run a command in each.
func (o *owner) grow(count int) error {
	if _, err := fmt.Fprintln(o.in, count); err != nil {
		return err
	}
	line, err := o.out.ReadString('\n')
	if err == nil && line != fmt.Sprintln(count) {
		err = errors.New("the owner said: " + strings.TrimSpace(line))
	}
	return err
}

// kill ends it at once, and waits for it.
func (o *owner) kill() {
	if !o.ended {
		o.ended = true
		_ = o.cmd.Process.Kill()
		_ = o.cmd.Wait()
	}
}

// removeAll ends it and removes its sandboxes.
func (o *owner) removeAll(b *bench) {
	o.kill()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	_, err := sandbox.RemoveAll(ctx, o.rt, runtime.ListOptions{Labels: o.ofOwner})
	b.check(err)
}

// own is the owner's program: URL, the run's token, its own token, kind. It says what is wrong on its standard output: whoever started it reads
// there.
func own(args []string) error {
	err := ownAll(args)
	if err != nil {
		fmt.Println(err)
	}
	return err
}

func ownAll(args []string) error {
	if len(args) != 4 {
		return errors.New("own URL RUN TOKEN KIND")
	}
	ctx := context.Background()
	rt, err := auto.Open(ctx, args[0], auto.Options{})
	if err != nil {
		return err
	}
	build, err := builtin.Build(ctx, rt)
	if err != nil {
		return err
	}
	opts, err := kinds(args[3])
	if err != nil {
		return err
	}
	opts.Build = build
	opts.Env = []string{tokenVar + "=" + args[2]}
	opts.Labels = map[string]string{label: args[1], ownerLabel: args[2]}
	var all []*sandbox.Sandbox
	for {
		var count int
		if _, err := fmt.Fscanln(os.Stdin, &count); err != nil {
			return nil // whoever started this is gone or has done; the sandboxes are its
		}
		for len(all) < count {
			sb, err := sandbox.New(ctx, rt, opts)
			if err != nil {
				return err
			}
			if err := sandlotExec(ctx, sb, nil, []string{"true"}); err != nil {
				return err
			}
			all = append(all, sb)
		}
		debug.FreeOSMemory()
		fmt.Println(len(all))
	}
}

// attached and plain are ways to own sandboxes. A duration is a third: their lease.
const (
	attached = "attached"
	plain    = "plain"
)

func kinds(kind string) (sandbox.Options, error) {
	switch kind {
	case plain:
		return sandbox.Options{}, nil
	case attached:
		return sandbox.Options{RunOptions: runtime.RunOptions{Attached: true}}, nil
	}
	lease, err := time.ParseDuration(kind)
	return sandbox.Options{Lease: lease}, err
}

// measureOwner kills owners and waits until nothing of theirs is left. Of a leased sandbox the container is, until Sandlot's gc removes it.
func measureOwner(ctx context.Context, b *bench) error {
	count := pick(b, 50, 2)
	lease := pick(b, 10*time.Second, time.Second)
	for _, k := range []struct{ id, kind, title string }{
		{attached, attached, fmt.Sprintf("From the owner's SIGKILL until nothing is left of its %d attached sandboxes", count)},
		{"leased", lease.String(), fmt.Sprintf("From the owner's SIGKILL until nothing runs of its %d sandboxes with a lease of %v", count, lease)},
	} {
		m := b.measurement("owner", "owner/"+k.id, k.title, report.Seconds)
		err := b.compare(ctx, b.count(3), b.with(isSandlot), func(ctx context.Context, c *contender) ([]report.Samples, error) {
			took, err := b.orphans(ctx, b.bedOf(c), k.kind, count)
			return one(took), err
		}, m)
		if err != nil {
			return err
		}
	}
	return nil
}

// lookInterval is between looks at what is left of them, which is how exact the times are. More often, the looks would take the processor that the end needs.
const lookInterval = 50 * time.Millisecond

// orphans is how long an owner's sandboxes stay after it.
func (b *bench) orphans(ctx context.Context, d *bed, kind string, count int) (float64, error) {
	o, err := b.newOwner(ctx, d, kind)
	if err != nil {
		return 0, err
	}
	defer o.removeAll(b)
	if err := o.grow(count); err != nil {
		return 0, err
	}
	if here, err := processes(o.token); err != nil || len(here) < count {
		return 0, fmt.Errorf("%d processes of %d sandboxes are seen: %w", len(here), count, err)
	}
	return timed(func() error {
		o.kill()
		for {
			left, err := o.left(ctx, kind == attached)
			if err != nil || left == "" {
				return err
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("%w: %s left", ctx.Err(), left)
			case <-time.After(lookInterval):
			}
		}
	})
}

// left says what is: processes, and if there are none and they matter, containers.
func (o *owner) left(ctx context.Context, containers bool) (string, error) {
	here, err := processes(o.token)
	switch {
	case err != nil:
		return "", err
	case len(here) > 0:
		return fmt.Sprint(len(here), " processes"), nil
	case !containers:
		return "", nil
	}
	list, err := o.rt.List(ctx, runtime.ListOptions{Labels: o.ofOwner})
	if err != nil || len(list) == 0 {
		return "", err
	}
	return fmt.Sprint(len(list), " containers"), nil
}

func isSandlot(c *contender) bool { return c.name == mainSandlot }
