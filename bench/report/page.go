package report

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

// The files of a report.
const (
	Data  = "benchmarks.json"
	page  = "benchmarks.md"
	chart = "benchmarks.svg"
)

//go:embed page.md.tmpl
var pageText string

// Publish writes the page and the chart of a run into a directory.
func (r *Run) Publish(dir string) error {
	text, err := r.page()
	if err != nil {
		return err
	}
	drawing, err := r.chart()
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(dir, page), text, 0o644),
		os.WriteFile(filepath.Join(dir, chart), drawing, 0o644),
	)
}

// page is the run in words and tables.
func (r *Run) page() ([]byte, error) {
	t, err := template.New("page").Funcs(template.FuncMap{"table": table, "bytes": func(n int64) string {
		return fmt.Sprintf("%.0f GiB", float64(n)/(1<<30))
	}}).Parse(pageText)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, r); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// Of are the measurements of a group.
func (r *Run) Of(group string) []*Measurement {
	var out []*Measurement
	for _, m := range r.Measurements {
		if m.Group == group {
			out = append(out, m)
		}
	}
	return out
}

// table is a measurement as a table, without columns that nobody has anything in, and below it who is not in it and why.
func table(m *Measurement) string {
	columns := []struct {
		title string
		cell  func(*Series) string
	}{
		{"", func(s *Series) string { return s.Contender }},
		{"engine", func(s *Series) string { return s.Engine }},
		{"median", func(s *Series) string { return "**" + formatValue(s.Median(), m.Unit) + "**" }},
		{"", func(s *Series) string { return formatSpread(s.spread()) }},
		{"p99", func(s *Series) string {
			if len(s.Samples) == 1 {
				return ""
			}
			return formatValue(s.P99(m.Unit), m.Unit)
		}},
		{"samples", func(s *Series) string { return fmt.Sprint(len(s.Samples)) }},
		{"to the host", func(s *Series) string { return formatRatio(s, m.host()) }},
		{"to the engine's API", func(s *Series) string { return formatRatio(s, m.api(s.Engine)) }},
	}
	var out, absent strings.Builder
	row := func(cells []string) { fmt.Fprintf(&out, "| %s |\n", strings.Join(cells, " | ")) }
	var rows [][]string
	used := make([]bool, len(columns))
	for _, s := range m.Series {
		if s.Problem != "" {
			fmt.Fprintf(&absent, "- Not %s: %s.\n", s.Name(), s.Problem)
		}
		if len(s.Samples) == 0 {
			continue
		}
		cells := make([]string, len(columns))
		for i, c := range columns {
			cells[i] = c.cell(s)
			used[i] = used[i] || cells[i] != ""
		}
		rows = append(rows, cells)
	}
	if len(rows) > 0 {
		keep := func(cells []string) (out []string) {
			for i, c := range cells {
				if used[i] {
					out = append(out, c)
				}
			}
			return out
		}
		titles, rules := make([]string, len(columns)), make([]string, len(columns))
		for i, c := range columns {
			titles[i], rules[i] = c.title, "---:"
			if i < 2 {
				rules[i] = "---"
			}
		}
		row(keep(titles))
		row(keep(rules))
		for _, cells := range rows {
			row(keep(cells))
		}
	}
	if absent.Len() > 0 {
		fmt.Fprintf(&out, "\n%s", absent.String())
	}
	return out.String()
}

// Summary says what the chart shows, for who cannot see it.
func (r *Run) Summary() string {
	m := r.Measurement(chartLatency)
	if m == nil {
		return ""
	}
	var parts []string
	for _, s := range m.Series {
		if len(s.Samples) > 0 && !math.IsNaN(s.Median()) {
			parts = append(parts, s.Name()+" "+formatValue(s.Median(), m.Unit))
		}
	}
	return strings.Join(parts, ", ")
}
