package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/sandlot-dev/sandlot/conformance"
)

// A reportFile is where a report goes. Until there is one, it is in a file beside that: what was there before stays when the suite cannot run.
type reportFile struct {
	name, format string
	file         *os.File // nil: it is written
}

// partOf is the name of the file beside.
func partOf(name string) string { return name + ".part" }

// createReports makes the files before the suite runs, which takes minutes.
func createReports(names []string, format string) (reports []*reportFile, err error) {
	defer func() {
		if err != nil {
			for _, r := range reports {
				r.abandon()
			}
		}
	}()
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			return reports, usage("--output %s is there twice", name)
		}
		r := &reportFile{name: name, format: format}
		if format == "" {
			r.format = map[string]string{".json": "json", ".xml": "junit"}[filepath.Ext(name)]
		}
		if r.file, err = createReport(name); err != nil {
			return reports, err
		}
		reports = append(reports, r)
	}
	return reports, nil
}

func createReport(name string) (*os.File, error) {
	if name == "-" {
		return nil, usage("--output - is no file\nleave --output away for standard output")
	}
	there, err := os.Stat(name)
	switch {
	case err == nil && there.IsDir():
		return nil, usage("--output %s is a directory", name)
	case err == nil && !there.Mode().IsRegular():
		return os.OpenFile(name, os.O_WRONLY, 0) // a pipe or a device
	}
	return os.Create(partOf(name))
}

// write writes the report and puts it in its place.
func (r *reportFile) write(report conformance.Report) error {
	err := errors.Join(writeReport(report, r.format, r.file), r.file.Close())
	if part := r.file.Name(); err == nil && part != r.name {
		err = os.Rename(part, r.name)
	}
	if err == nil {
		r.file = nil
	}
	return err
}

// abandon removes what has not been put in its place.
func (r *reportFile) abandon() {
	if r.file == nil {
		return
	}
	_ = r.file.Close()
	if part := r.file.Name(); part != r.name {
		_ = os.Remove(part)
	}
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
