package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sandlot-dev/sandlot/conformance"
)

//go:generate go run . conformance table --output ../../docs/compatibility.md ../../docs/compatibility.json

// tableHead stands above a table.
const tableHead = `# Compatibility

<!-- Made by "sandlot conformance table". Do not edit. -->

What became of Sandlot's conformance suite on several engines.

`

func (a *app) conformanceTableCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "table [flags] FILE…",
		Short: "Make one table of several engines' reports",
		Long: `Make one table of JSON reports of the conformance suite: engines across, groups of cases down. An engine is called as its report's file is,
without .json. A table in JSON can be kept and given as a FILE itself; then reports after it replace its results of their cases.
A case of this version of the suite that no FILE has is "not run".`,
		Example: `  sandlot conformance --runtime docker --output docker.json
  sandlot conformance --runtime podman --output podman.json
  sandlot conformance table docker.json podman.json > compatibility.md`,
		Args: arguments(cobra.MinimumNArgs(1)),
		RunE: func(_ *cobra.Command, files []string) error {
			table := conformance.NewTable(conformance.Cases())
			for _, file := range files {
				if err := readInto(table, file); err != nil {
					return err
				}
			}
			return a.writeTable(table, output)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "`FILE` for the table: Markdown, or JSON where its name ends in .json (default: standard output)")
	return cmd
}

func readInto(t *conformance.Table, file string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	err = t.Read(strings.TrimSuffix(filepath.Base(file), ".json"), bytes.NewReader(content))
	if errors.Is(err, conformance.ErrNameTaken) {
		return usage("%s: %v\nname each file as the engine is to be called", file, err)
	}
	if err != nil {
		return usage("%s is no report of the conformance suite and no table: %v\nsandlot conformance --output report.json makes a report", file, err)
	}
	return nil
}

func (a *app) writeTable(t *conformance.Table, output string) error {
	var b bytes.Buffer
	var err error
	if filepath.Ext(output) == ".json" {
		err = t.WriteJSON(&b)
	} else {
		b.WriteString(tableHead)
		err = t.WriteMarkdown(&b)
	}
	if err != nil {
		return err
	}
	if output == "" {
		_, err = a.stdout.Write(b.Bytes())
		return err
	}
	return os.WriteFile(output, b.Bytes(), 0o644)
}
