package main

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sandlot-dev/sandlot/conformance"
	"github.com/sandlot-dev/sandlot/internal/foreign"
	"github.com/sandlot-dev/sandlot/runtime"
)

func (a *app) conformanceCommand() *cobra.Command {
	var list bool
	var outputs []string
	selected := scalar[*regexp.Regexp]{kind: "REGEXP", parse: regexp.Compile}
	format := scalar[string]{kind: "text|json|junit", parse: oneOf("text", "json", "junit")}
	patience := scalar[time.Duration]{kind: "DURATION", parse: parseTimeout}
	parallel := scalar[int]{kind: "N", parse: parseParallel}
	cmd := &cobra.Command{
		Use:   "conformance",
		Short: "Prove that the engine behaves as Sandlot promises",
		Long: `Run Sandlot's conformance suite on the engine. It needs no registry and no network, and removes what it made. The exit status is 0 when
every case passed and 1 when one failed. A case for what the engine says that it cannot do passes as "unsupported" when asking
for it is refused.`,
		Example: `  sandlot conformance --runtime podman
  sandlot conformance --run ^timeout/
  sandlot conformance --output report.json --output report.xml`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cases := conformance.Cases()
			if selected.value != nil {
				cases = slices.DeleteFunc(cases, func(c conformance.Case) bool { return !selected.value.MatchString(c.ID) })
			}
			if len(cases) == 0 {
				return usage("--run %s selects no case\n--list prints their ids", selected.value)
			}
			if list {
				return a.listCases(cases, format.value)
			}
			reports, err := createReports(outputs, format.value)
			if err != nil {
				return err
			}
			return a.conformance(cmd.Context(), conformance.Config{
				Run: selected.value, Parallel: parallel.value, CaseTimeout: patience.value,
			}, reports, format.value)
		},
	}
	flags := cmd.Flags()
	flags.Var(&selected, "run", "only cases whose id matches")
	flags.BoolVar(&list, "list", false, "list the cases and the rules they prove; run nothing")
	flags.Var(&format, "format", "format of the report (default what the name of --output ends in: .json, .xml for junit; else text)")
	flags.StringArrayVarP(&outputs, "output", "o", nil, "`FILE` for the report, several times for several (default: standard output)")
	flags.Var(&parallel, "parallel", "how many cases run at once (default 3)")
	flags.Var(&patience, "case-timeout", "how long a case may take, more on slow machines; from 5m on the deadlines in cases grow with it (default 1m)")
	cmd.MarkFlagsMutuallyExclusive("list", "output")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(
		[]string{"text", "json", "junit"}, cobra.ShellCompDirectiveNoFileComp))
	cmd.AddCommand(a.conformanceDiffCommand(), a.conformanceTableCommand())
	return cmd
}

func (a *app) listCases(cases []conformance.Case, format string) error {
	switch format {
	case "", "text":
		w := tabwriter.NewWriter(a.stdout, 0, 8, 2, ' ', 0)
		for _, c := range cases {
			fmt.Fprintf(w, "%s\t%s\n", c.ID, c.Rule)
		}
		return w.Flush()
	case "json":
		type listed struct {
			ID       string               `json:"id"`
			Rule     string               `json:"rule"`
			Contract string               `json:"contract"`
			Needs    []runtime.Capability `json:"needs,omitempty"`
		}
		out := make([]listed, len(cases))
		for i, c := range cases {
			out[i] = listed{c.ID, c.Rule, c.Contract, c.Needs}
		}
		return a.printJSON(out)
	}
	return usage("--list has no format %s\nuse text or json", format)
}

// conformance runs the cases. A text report on standard output is written as the cases end, any other one when all have.
func (a *app) conformance(ctx context.Context, cfg conformance.Config, reports []*reportFile, format string) (err error) {
	defer func() {
		for _, r := range reports {
			r.abandon()
		}
	}()
	streamed := len(reports) == 0 && format != "json" && format != "junit"
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	lines := &unread{Writer: a.stdout, end: cancel}
	cfg.Log = a.progress()
	if streamed {
		cfg.Log = lines
	}
	cfg.Open = func(ctx context.Context) (runtime.Runtime, error) { return a.open(ctx, a.runtime) }
	cfg.Foreign = foreign.Make
	result, suiteErr := conformance.Check(ctx, cfg)
	switch {
	case lines.err != nil:
		return lines.err
	case suiteErr != nil && (ctx.Err() != nil || len(result.Results) == 0):
		return suiteErr // it could not run, or has not run to its end
	}
	for _, r := range reports {
		if err := r.write(result); err != nil {
			return err
		}
	}
	switch {
	case suiteErr != nil:
		return suiteErr
	case streamed:
		_, err = fmt.Fprintln(a.stdout, result.Summary())
	case len(reports) == 0:
		err = writeReport(result, format, a.stdout)
	case !a.quiet:
		say(a.stderr, result.Summary())
	}
	if err == nil && !result.OK() {
		err = exitCode(1)
	}
	return err
}

// An unread notes that nobody takes what is written any more, and ends what writes it.
type unread struct {
	io.Writer
	end context.CancelCauseFunc
	err error
}

func (u *unread) Write(p []byte) (int, error) {
	n, err := u.Writer.Write(p)
	if err != nil && u.err == nil {
		u.err = err
		u.end(err)
	}
	return n, err
}
