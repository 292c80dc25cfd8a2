package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"

	"github.com/sandlot-dev/sandlot/bench/report"
	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/sandbox"
)

// dialer is what a sandbox can be that needs no network for connections into it.
type dialer interface {
	Dial(ctx context.Context, network, address string) (net.Conn, error)
}

// measureDial connects to a server in a sandbox: through a port that the engine publishes, and through Sandlot where there is no network.
func measureDial(ctx context.Context, b *bench) error {
	ctx, cancel := context.WithCancel(ctx) // ends the servers
	defer cancel()
	who := []*contender{}
	local, err := localServer(ctx)
	if err != nil {
		return err
	}
	who = append(who, &contender{name: "loopback", role: report.Host, dial: local})
	for _, d := range b.beds {
		published, err := b.publishedServer(ctx, d)
		if err != nil {
			published = func(context.Context) (net.Conn, error) { return nil, err }
		}
		inside, err := b.insideServer(ctx, d)
		if err != nil {
			inside = func(context.Context) (net.Conn, error) { return nil, err }
		}
		who = append(who,
			&contender{name: "published port", engine: d.name, role: report.API, dial: published},
			&contender{name: "Sandlot", engine: d.name, dial: inside})
	}
	connect := b.measurement("dial", "dial/connect", "Connect and get the first byte back", report.Seconds)
	trip := b.measurement("dial", "dial/roundtrip", "Round trip of a byte", report.Seconds)
	up := b.measurement("dial", "dial/up", "Throughput into the sandbox", report.BytesPerSecond)
	down := b.measurement("dial", "dial/down", "Throughput out of the sandbox", report.BytesPerSecond)
	err = b.compare(ctx, b.count(20), who, func(ctx context.Context, c *contender) ([]report.Samples, error) {
		var trips []float64
		first, err := timed(func() error {
			return using(ctx, c, func(conn net.Conn) (err error) { _, err = roundTrips(conn, 1); return err })
		})
		if err != nil {
			return nil, err
		}
		err = using(ctx, c, func(conn net.Conn) (err error) { trips, err = roundTrips(conn, 50); return err })
		return []report.Samples{{first}, trips}, err
	}, connect, trip)
	if err != nil {
		return err
	}
	size := pick[int64](b, 256<<20, 8<<20)
	return b.compare(ctx, b.count(5), who, func(ctx context.Context, c *contender) ([]report.Samples, error) {
		there, err := timed(func() error { return using(ctx, c, func(conn net.Conn) error { return upload(conn, size) }) })
		if err != nil {
			return nil, err
		}
		back, err := timed(func() error { return using(ctx, c, func(conn net.Conn) error { return download(conn, size) }) })
		return one(float64(size)/there, float64(size)/back), err
	}, up, down)
}

// using gives f a new connection. It is cut when ctx is done.
func using(ctx context.Context, c *contender, f func(net.Conn) error) error {
	conn, err := c.dial(ctx)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	defer conn.Close()
	return f(conn)
}

func tcp(address string) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) { return (&net.Dialer{}).DialContext(ctx, "tcp", address) }
}

func localServer(ctx context.Context) (func(context.Context) (net.Conn, error), error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, serverCommand, "127.0.0.1:0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { _ = cmd.Wait() })
	address, err := bufio.NewReader(out).ReadString('\n')
	return tcp(strings.TrimSpace(address)), err
}

// serverPort is where the servers in sandboxes listen.
const serverPort = 7000

func (b *bench) publishedServer(ctx context.Context, d *bed) (func(context.Context) (net.Conn, error), error) {
	opts := d.options(b.token)
	opts.Network, opts.Ports = runtime.NetworkDefault, []runtime.Port{{Container: serverPort}}
	sb, err := sandbox.New(ctx, d.rt, opts)
	if err != nil {
		return nil, err
	}
	if err := startServer(ctx, sb); err != nil {
		return nil, err
	}
	address, err := sb.HostPort(ctx, fmt.Sprint(serverPort))
	return tcp(address.String()), err
}

func (b *bench) insideServer(ctx context.Context, d *bed) (func(context.Context) (net.Conn, error), error) {
	into, can := any(d.sb).(dialer)
	if !can {
		return nil, cannot("there is no Dial yet")
	}
	if err := startServer(ctx, d.sb); err != nil {
		return nil, err
	}
	return func(ctx context.Context) (net.Conn, error) {
		return into.Dial(ctx, "tcp", fmt.Sprint("127.0.0.1:", serverPort))
	}, nil
}

// startServer puts this program, which is static, into the sandbox and runs it until ctx is done.
func startServer(ctx context.Context, sb *sandbox.Sandbox) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	program, err := os.ReadFile(self)
	if err != nil {
		return err
	}
	if err := sb.WriteFile(ctx, "/work/server", program, sandbox.FileOptions{Mode: 0o755}); err != nil {
		return err
	}
	r, w := io.Pipe()
	go func() {
		_, err := sb.Exec(ctx, []string{"/work/server", serverCommand, fmt.Sprint(":", serverPort)}, runtime.ExecOptions{Stdout: w, Stderr: w})
		w.CloseWithError(fmt.Errorf("the server has ended: %w", err))
	}()
	line, err := bufio.NewReader(r).ReadString('\n')
	if err == nil && !strings.HasSuffix(line, fmt.Sprintf(":%d\n", serverPort)) {
		err = fmt.Errorf("the server said %q", line)
	}
	return err
}
