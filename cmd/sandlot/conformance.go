package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/sandlot-dev/sandlot/conformance"
	"github.com/sandlot-dev/sandlot/runtime"
)

func (a *app) conformanceCommand() *cobra.Command {
	var list bool
	var output string
	selected := scalar[*regexp.Regexp]{kind: "REGEXP", parse: regexp.Compile}
	format := scalar[string]{kind: "text|json|junit", parse: oneOf("text", "json", "junit"), value: "text"}
	cmd := &cobra.Command{
		Use:   "conformance",
		Short: "Prove that the engine behaves as Sandlot promises",
		Long: `Run Sandlot's conformance suite on the engine. It needs no registry and no network, and removes what it made. The exit status is 0 when
every case passed and 1 when one failed. A case for what the engine says that it cannot do passes as "unsupported" when asking
for it is refused.`,
		Example: `  sandlot conformance --runtime podman
  sandlot conformance --run ^timeout/
  sandlot conformance --format junit --output report.xml`,
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
			return a.conformance(cmd.Context(), selected.value, format.value, output)
		},
	}
	flags := cmd.Flags()
	flags.Var(&selected, "run", "only cases whose id matches")
	flags.BoolVar(&list, "list", false, "list the cases and the rules they prove; run nothing")
	flags.Var(&format, "format", "format of the report (default text)")
	flags.StringVarP(&output, "output", "o", "", "`FILE` for the report (default: standard output)")
	cmd.AddCommand(a.conformanceDiffCommand())
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(
		[]string{"text", "json", "junit"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (a *app) listCases(cases []conformance.Case, format string) error {
	switch format {
	case "text":
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
func (a *app) conformance(ctx context.Context, selected *regexp.Regexp, format, output string) (err error) {
	report := a.stdout
	if output != "" {
		f, cerr := os.Create(output)
		if cerr != nil {
			return cerr
		}
		defer func() { err = closeAfter(f, err) }()
		report = f
	}
	streamed := format == "text" && output == ""
	log := a.progress()
	if streamed {
		log = a.stdout
	}
	result, err := conformance.Check(ctx, conformance.Config{
		Open: func(ctx context.Context) (runtime.Runtime, error) { return a.open(ctx, a.runtime) },
		Run:  selected, Log: log,
	})
	if err != nil {
		return err
	}
	if streamed {
		_, err = fmt.Fprintln(report, result.Summary())
	} else if err = writeReport(result, format, report); err == nil && output != "" && !a.quiet {
		say(a.stderr, result.Summary())
	}
	if err == nil && !result.OK() {
		err = exitCode(1)
	}
	return err
}

func writeReport(r conformance.Report, format string, w io.Writer) error {
	switch format {
	case "json":
		return r.WriteJSON(w)
	case "junit":
		return r.WriteJUnit(w)
	}
	return r.WriteText(w)
}
