package conformance

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// WriteMarkdown writes the table as a page: engines across, groups of cases down, and what is unsupported or failed below.
func (t *Table) WriteMarkdown(w io.Writer) error {
	var b bytes.Buffer
	b.WriteString("A number is how many of a group's cases passed. *Unsupported*: the engine says that it cannot do it, and refuses when asked.\n\n")
	notes := t.notes()
	t.writeRows(&b, notes)
	if len(notes) > 0 {
		b.WriteString("\n## Unsupported\n\n")
	}
	for i, n := range notes {
		fmt.Fprintf(&b, "%d. `%s`", i+1, n.missing)
		if n.reason != "" {
			fmt.Fprintf(&b, ": %s", n.reason)
		}
		fmt.Fprintf(&b, ". On %s, for %s.\n", strings.Join(n.engines, ", "), codes(n.cases))
	}
	for _, part := range []struct {
		title string
		ids   func(Column) []string
	}{
		{"Failed", func(c Column) []string { return c.Failed }},
		{"Not run", func(c Column) []string { return c.NotRun }},
	} {
		title := "\n## " + part.title + "\n\n"
		for _, c := range t.Engines {
			if ids := part.ids(c); len(ids) > 0 {
				fmt.Fprintf(&b, "%s- %s: %s\n", title, c.Name, codes(ids))
				title = ""
			}
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

func (t *Table) writeRows(b *bytes.Buffer, notes []note) {
	row := func(head string, cell func(c *Column) string) {
		fmt.Fprintf(b, "| %s |", head)
		for i := range t.Engines {
			fmt.Fprintf(b, " %s |", cell(&t.Engines[i]))
		}
		b.WriteString("\n")
	}
	row("", func(c *Column) string { return c.Name })
	fmt.Fprintf(b, "|---|%s\n", strings.Repeat("---|", len(t.Engines)))
	row("engine", func(c *Column) string { return c.Runtime + " " + c.Version })
	row("API", func(c *Column) string { return c.APIVersion })
	row("rootless", func(c *Column) string {
		if c.Rootless {
			return "yes"
		}
		return "no"
	})
	row("cgroups", func(c *Column) string {
		if c.CgroupVersion == 0 {
			return "?"
		}
		return "v" + strconv.Itoa(c.CgroupVersion)
	})
	row("storage", func(c *Column) string { return c.StorageDriver })
	groups := t.groups()
	for _, g := range groups {
		row("**"+g.name+"**, "+plural(len(g.ids)), func(c *Column) string { return c.cell(g.ids, notes) })
	}
	if len(groups) > 1 {
		row("**all**, "+plural(len(t.Cases)), func(c *Column) string { return c.cell(t.Cases, nil) })
	}
}

func plural(n int) string {
	if n == 1 {
		return "1 case"
	}
	return strconv.Itoa(n) + " cases"
}

// cell counts outcomes. Only those that there are are named.
func (c *Column) cell(ids []string, notes []note) string {
	counts := map[Outcome]int{}
	for _, id := range ids {
		counts[c.Outcome(id)]++
	}
	var numbers []string
	for i, n := range notes {
		if slices.ContainsFunc(ids, func(id string) bool { return c.Unsupported[id] == n.missing && c.Reasons[n.missing] == n.reason }) {
			numbers = append(numbers, strconv.Itoa(i+1))
		}
	}
	var words []string
	if n := counts[Passed]; n > 0 {
		words = append(words, strconv.Itoa(n))
	}
	if n := counts[Unsupported]; n > 0 {
		word := strconv.Itoa(n) + " unsupported"
		if len(numbers) > 0 {
			word += " (" + strings.Join(numbers, ", ") + ")"
		}
		words = append(words, word)
	}
	if n := counts[Failed]; n > 0 {
		words = append(words, fmt.Sprintf("**%d failed**", n))
	}
	if n := counts[""]; n > 0 {
		words = append(words, strconv.Itoa(n)+" not run")
	}
	return strings.Join(words, ", ")
}

// A group are the cases whose ids begin with the same word.
type group struct {
	name string
	ids  []string
}

func (t *Table) groups() []group {
	var out []group
	for _, id := range t.Cases {
		name, _, _ := strings.Cut(id, "/")
		i := slices.IndexFunc(out, func(g group) bool { return g.name == name })
		if i < 0 {
			i = len(out)
			out = append(out, group{name: name})
		}
		out[i].ids = append(out[i].ids, id)
	}
	return out
}

// A note is something that is missing on some engines for one reason.
type note struct {
	missing, reason string
	engines, cases  []string
}

func (t *Table) notes() []note {
	var out []note
	for _, c := range t.Engines {
		for _, id := range t.Cases {
			missing := c.Unsupported[id]
			if missing == "" {
				continue
			}
			i := slices.IndexFunc(out, func(n note) bool { return n.missing == missing && n.reason == c.Reasons[missing] })
			if i < 0 {
				i = len(out)
				out = append(out, note{missing: missing, reason: c.Reasons[missing]})
			}
			n := &out[i]
			if !slices.Contains(n.engines, c.Name) {
				n.engines = append(n.engines, c.Name)
			}
			if !slices.Contains(n.cases, id) {
				n.cases = append(n.cases, id)
			}
		}
	}
	return out
}

// codes are ids, as code.
func codes(ids []string) string { return "`" + strings.Join(ids, "`, `") + "`" }
