package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/sandlot-dev/sandlot/doctor"
	"github.com/sandlot-dev/sandlot/runtime"
)

func (a *app) doctorCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say which engines are here, what they can do and what is wrong",
		Long: `Say which engines are here, which one is used and why, what it can do, and whether the host has what a rootless engine needs. What is
missing comes with the command that mends it. The exit status is 0 when the engine can hold Sandlot's defaults (no network, no
capabilities, no new privileges, filtered system calls, a limit on processes), else 1.`,
		Example: `  sandlot doctor
  sandlot doctor --runtime podman --json`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			report, err := a.examine(cmd.Context(), doctor.Options{Runtime: a.runtime})
			if err != nil {
				return err
			}
			if asJSON {
				err = a.printJSON(report)
			} else {
				err = a.printReport(report)
			}
			if err == nil && !report.OK {
				err = exitCode(1)
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object")
	return cmd
}

// A row is a line of the report, with what mends it on a line below.
type row struct{ mark, name, says, fix string }

func (a *app) printReport(r doctor.Report) error {
	verdict := []row{{string(doctor.StatusOK), "defaults", r.Verdict, r.Fix}}
	if !r.OK {
		verdict[0].mark = string(doctor.StatusProblem)
	}
	var places, able, host []row
	if e := r.Engine; e != nil {
		verdict = append(verdict, row{"", "engine", engine(e), ""}, row{"", "at", e.URL, ""}, row{"", "chosen because", r.Why, ""})
		able = capabilities(e.Capabilities)
	}
	for _, p := range r.Places {
		places = append(places, place(p, r.Engine != nil))
	}
	for _, c := range r.Checks {
		switch {
		case c.Status == doctor.StatusSkipped && c.Name != "host":
		case c.Status == doctor.StatusOK: // what could be different is for --json
			host = append(host, row{string(c.Status), c.Name, c.Says, ""})
		default:
			host = append(host, row{string(c.Status), c.Name, c.Says, c.Fix})
		}
	}
	return errors.Join(a.section("Verdict", verdict), a.section("Engines", places), a.section("Capabilities", able), a.section("Host", host))
}

func (a *app) section(title string, rows []row) error {
	if len(rows) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(a.stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, title)
	for _, r := range rows {
		indent := ""
		if r.says == "" {
			fmt.Fprintf(w, "  %s\t%s\n", r.mark, oneLine(r.name))
		} else {
			fmt.Fprintf(w, "  %s\t%s\t%s\n", r.mark, r.name, oneLine(r.says))
			indent = "\t"
		}
		if r.fix != "" {
			fmt.Fprintf(w, "  \t%sfix: %s\n", indent, oneLine(r.fix))
		}
	}
	return w.Flush()
}

func engine(e *runtime.Info) string {
	out := fmt.Sprintf("%s %s, API %s, %s/%s", e.Runtime, e.Version, e.APIVersion, e.OS, e.Arch)
	if e.Rootless {
		out += ", rootless"
	}
	if e.CgroupVersion != 0 {
		out += fmt.Sprintf(", cgroup v%d", e.CgroupVersion)
	}
	if e.StorageDriver != "" {
		out += ", storage " + e.StorageDriver
	}
	return out
}

// place is a line for a place. Where there is an engine, how to get others is worth one only where a socket is there and closed.
func place(p doctor.Place, found bool) row {
	switch {
	case p.Problem != "" && (!found || p.Chosen):
		return row{string(doctor.StatusProblem), p.Name, p.Problem, p.Fix}
	case p.Problem != "" && p.Socket != nil && p.Socket.Mode != "":
		return row{string(doctor.StatusNote), p.Name, p.Problem, p.Fix}
	case p.Problem != "":
		return row{"-", p.Name, p.Problem, ""}
	}
	says := p.Runtime + " " + p.Version
	if p.Rootless {
		says += ", rootless"
	}
	if p.Chosen {
		says += " (chosen)"
	}
	return row{"ok", p.Name, says, ""}
}

// capabilities takes a line or two for all that there are, and one for each reason that others are missing.
func capabilities(cs runtime.Capabilities) []row {
	const width = 90
	able := []row{{mark: "yes"}}
	var unable []row
	var why []runtime.Support // of each row
	for _, c := range runtime.AllCapabilities() {
		s := cs[c]
		if s.OK {
			if len(able[len(able)-1].name)+len(c) > width {
				able = append(able, row{})
			}
			able[len(able)-1].name += string(c) + " "
			continue
		}
		if i := slices.Index(why, s); i >= 0 {
			unable[i].name += ", " + string(c)
			continue
		}
		unable, why = append(unable, row{"no", string(c), "", s.Fix}), append(why, s)
	}
	for i, s := range why {
		unable[i].name += ": " + cmp.Or(s.Reason, "the engine does not have it")
	}
	return append(able, unable...)
}

// oneLine keeps an engine's many lines of words on one.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
