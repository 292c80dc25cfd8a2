// Command bench measures Sandlot beside what else runs commands in containers, in one run and in turn, and writes a page and a
// chart of it. `make bench` runs it on engines that it starts.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/sandlot-dev/sandlot/bench/report"
)

func main() {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case ownerCommand:
			exit(own(os.Args[2:]))
		case serverCommand:
			exit(serve(os.Args[2:]))
		}
	}
	exit(run(os.Args[1:]))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// options are the command's.
type options struct {
	engines, groups, out string
	rounds               int
	quick, reportOnly    bool
}

func run(args []string) error {
	var o options
	var names []string
	for _, g := range groups() {
		names = append(names, g.name)
	}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.StringVar(&o.engines, "engines", os.Getenv("SANDLOT_TEST_ENGINES"), "`NAME=URL` pairs; from SANDLOT_TEST_ENGINES by default")
	f.StringVar(&o.groups, "groups", strings.Join(names, ","), "what to measure")
	f.StringVar(&o.out, "out", "docs", "the `directory` for benchmarks.md, benchmarks.svg and benchmarks.json")
	f.IntVar(&o.rounds, "rounds", 0, "how many rounds of each group instead of its own number")
	f.BoolVar(&o.quick, "quick", false, "see that everything works: the first engine only, one round of small sizes")
	f.BoolVar(&o.reportOnly, "report", false, "measure nothing; write the page and the chart of the benchmarks.json that is there")
	if err := f.Parse(args); err != nil {
		return err
	}
	data := filepath.Join(o.out, report.Data)
	if o.reportOnly {
		r, err := report.Read(data)
		if err != nil {
			return err
		}
		return r.Publish(o.out)
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	r := &report.Run{Command: repeat(f, o)}
	if err := measure(ctx, o, r); err != nil {
		// What there is is kept beside: a long run may have been interrupted, and a page of a part of it is not published.
		return errors.Join(err, r.Write(data+".part"))
	}
	if err := r.Write(data); err != nil {
		return err
	}
	if err := r.Publish(o.out); err != nil {
		return err
	}
	if failures := r.Failures(); len(failures) > 0 {
		return fmt.Errorf("failed:\n  %s", strings.Join(failures, "\n  "))
	}
	return nil
}

// repeat is the command that does the same again.
func repeat(f *flag.FlagSet, o options) string {
	var names, flags []string
	for _, engine := range strings.Fields(o.engines) {
		name, _, _ := strings.Cut(engine, "=")
		names = append(names, name)
	}
	f.Visit(func(f *flag.Flag) {
		if f.Name != "out" && f.Name != "engines" {
			flags = append(flags, "-"+f.Name+"="+f.Value.String())
		}
	})
	command := fmt.Sprintf("make bench ENGINES='%s'", strings.Join(names, " "))
	if len(flags) > 0 {
		command += fmt.Sprintf(" BENCHFLAGS='%s'", strings.Join(flags, " "))
	}
	return command
}

// A group is some measurements that belong together.
type group struct {
	name string
	run  func(context.Context, *bench) error
}

func groups() []group {
	return []group{
		{"exec", measureExec}, {"stdout", measureStdout}, {"files", measureFiles}, {"create", measureCreate}, {"pool", measurePool},
		{"dial", measureDial}, {"idle", measureIdle}, {"owner", measureOwner},
	}
}

func measure(ctx context.Context, o options, r *report.Run) error {
	start := time.Now()
	b := &bench{options: o, result: r, token: fmt.Sprintf("sandlot-bench-%d-%d", os.Getpid(), start.UnixNano())}
	for _, name := range strings.Split(o.groups, ",") {
		if !slices.ContainsFunc(groups(), func(g group) bool { return g.name == name }) {
			return fmt.Errorf("no group is named %q", name)
		}
	}
	r.Date, r.Machine = start.UTC().Truncate(time.Second), machine()
	defer b.close()
	if err := b.open(ctx); err != nil {
		return err
	}
	for _, g := range groups() {
		if !slices.Contains(strings.Split(o.groups, ","), g.name) {
			continue
		}
		began := time.Now()
		if err := g.run(ctx, b); err != nil {
			return fmt.Errorf("%s: %w", g.name, err)
		}
		b.say("%s took %.0f s", g.name, time.Since(began).Seconds())
	}
	r.Took = time.Since(start).Seconds()
	return nil
}
