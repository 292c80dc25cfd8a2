package conformance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// A Table says what became of the same cases on several engines. Its JSON form holds what stays the same when nothing changes, no times and no
// addresses, so that it can be kept in a repository. A case that a Column says nothing of has passed.
type Table struct {
	// Cases are the ids of the rows.
	Cases   []string `json:"cases"`
	Engines []Column `json:"engines"`

	read map[string]bool // names of the reports that Read has read
}

// ErrNameTaken is that of two reports with one name, of which one would hide the other.
var ErrNameTaken = errors.New("another report has the same name")

// A Column is an engine of a Table.
type Column struct {
	Name          string `json:"name"`
	Runtime       string `json:"runtime"`
	Version       string `json:"version"`
	APIVersion    string `json:"apiVersion"`
	Rootless      bool   `json:"rootless"`
	CgroupVersion int    `json:"cgroupVersion,omitempty"`
	StorageDriver string `json:"storageDriver,omitempty"`
	// Unsupported maps ids to what is missing, and Reasons says why that is.
	Unsupported map[string]string `json:"unsupported,omitempty"`
	Reasons     map[string]string `json:"reasons,omitempty"`
	Failed      []string          `json:"failed,omitempty"`
	NotRun      []string          `json:"notRun,omitempty"`
}

// NewTable is a table of these cases, without engines.
func NewTable(cases []Case) *Table {
	t := &Table{Cases: []string{}, Engines: []Column{}}
	for _, c := range cases {
		t.Cases = append(t.Cases, c.ID)
	}
	return t
}

// Add puts a report into the column of this name. A case that it does not have keeps the result that the column has from the same version of
// the engine, or is not run. Results of cases that the table does not have are left out.
func (t *Table) Add(name string, r Report) {
	i := r.Runtime
	c := t.column(Column{
		Name: name, Runtime: i.Runtime, Version: i.Version, APIVersion: i.APIVersion,
		Rootless: i.Rootless, CgroupVersion: i.CgroupVersion, StorageDriver: i.StorageDriver,
	})
	for _, result := range r.Results {
		if slices.Contains(t.Cases, result.ID) {
			c.set(result.ID, result.Outcome, result.Missing, result.Reason)
		}
	}
	c.tidy()
}

// Merge adds the columns of another table, as Add does.
func (t *Table) Merge(other *Table) {
	for _, from := range other.Engines {
		c := t.column(from)
		for _, id := range other.Cases {
			if outcome := from.Outcome(id); outcome != "" && slices.Contains(t.Cases, id) {
				missing := from.Unsupported[id]
				c.set(id, outcome, missing, from.Reasons[missing])
			}
		}
		c.tidy()
	}
}

// column is the column of an engine like this. Where there is none, or one with another engine, nothing has been run.
func (t *Table) column(like Column) *Column {
	like.Unsupported, like.Reasons = map[string]string{}, map[string]string{}
	like.Failed, like.NotRun = nil, slices.Clone(t.Cases)
	for i := range t.Engines {
		c := &t.Engines[i]
		if c.Name == like.Name {
			if !c.same(like) {
				*c = like
			}
			return c
		}
	}
	t.Engines = append(t.Engines, like)
	return &t.Engines[len(t.Engines)-1]
}

func (c *Column) same(o Column) bool {
	return c.Runtime == o.Runtime && c.Version == o.Version && c.APIVersion == o.APIVersion &&
		c.Rootless == o.Rootless && c.CgroupVersion == o.CgroupVersion && c.StorageDriver == o.StorageDriver
}

// Outcome is what became of a case of the table. Empty: it was not run.
func (c *Column) Outcome(id string) Outcome {
	switch {
	case slices.Contains(c.NotRun, id):
		return ""
	case slices.Contains(c.Failed, id):
		return Failed
	case c.Unsupported[id] != "":
		return Unsupported
	}
	return Passed
}

func (c *Column) set(id string, outcome Outcome, missing, reason string) {
	is := func(other string) bool { return other == id }
	c.NotRun, c.Failed = slices.DeleteFunc(c.NotRun, is), slices.DeleteFunc(c.Failed, is)
	delete(c.Unsupported, id)
	switch outcome {
	case Unsupported:
		if c.Unsupported == nil {
			c.Unsupported, c.Reasons = map[string]string{}, map[string]string{}
		}
		c.Unsupported[id], c.Reasons[missing] = missing, reason
	case Failed:
		c.Failed = append(c.Failed, id)
	}
}

// tidy takes reasons away that nothing needs any more, and sorts.
func (c *Column) tidy() {
	for missing := range c.Reasons {
		used := false
		for _, m := range c.Unsupported {
			used = used || m == missing
		}
		if !used {
			delete(c.Reasons, missing)
		}
	}
	slices.Sort(c.Failed)
}

// Read adds what r holds in JSON: a report, whose engine gets this name, or a table, which names its engines itself.
func (t *Table) Read(name string, r io.Reader) error {
	content, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	var table Table
	if err := json.Unmarshal(content, &table); err != nil {
		return err
	}
	if table.Engines != nil {
		t.Merge(&table)
		return nil
	}
	report, err := ReadReport(bytes.NewReader(content))
	if err != nil {
		return err
	}
	if t.read[name] {
		return fmt.Errorf("%w: %s", ErrNameTaken, name)
	}
	if t.read == nil {
		t.read = make(map[string]bool)
	}
	t.read[name] = true
	t.Add(name, report)
	return nil
}

// WriteJSON writes the table as one JSON object.
func (t *Table) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(t)
}
