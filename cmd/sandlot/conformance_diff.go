package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"

	"github.com/spf13/cobra"

	"github.com/sandlot-dev/sandlot/conformance/differ"
	"github.com/sandlot-dev/sandlot/runtime"
)

func (a *app) conformanceDiffCommand() *cobra.Command {
	var against, replay string
	var cfg differ.Config
	var asJSON, shown bool
	cmd := &cobra.Command{
		Use:   "diff",
		Short: "Compare two engines by random operations",
		Long: `Do the same random sequence of operations on the engines of --runtime and --against, valid ones and others, and compare all that a user
can see: results, kinds of errors, files, descriptions. A difference is shortened to the least that still shows it, and printed as a case
of the conformance suite and as JSON for --replay. What only one of the engines is capable of is left out, and said.

A seed makes the same sequence each time. Everything that was made is removed. The exit status is 0 without a difference and 1 with one.`,
		Example: `  sandlot conformance diff --runtime docker --against podman --steps 200
  sandlot conformance diff --runtime docker --against podman --seed 7 --steps 2000 --keep-going
  sandlot conformance diff --runtime docker --against podman --replay sequence.json`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case cfg.Steps < 1:
				return usage("--steps %d is too few\nwrite 1 or more", cfg.Steps)
			case shown:
				return a.printJSON(differ.Generate(cfg.Seed, cfg.Steps))
			case against == "":
				return usage("--against is missing\nname the engine to compare with")
			}
			if replay != "" {
				text, err := os.ReadFile(replay)
				if err != nil {
					return err
				}
				strict := json.NewDecoder(bytes.NewReader(text))
				strict.DisallowUnknownFields()
				if err := strict.Decode(&cfg.Sequence); err != nil {
					return usage("--replay %s holds no sequence: %v", replay, err)
				}
				if err := differ.Check(cfg.Sequence); err != nil {
					return usage("--replay %s holds no sequence: %v", replay, err)
				}
			}
			cfg.A, cfg.B, cfg.Log = a.side(a.runtime), a.side(against), a.progress()
			return a.diff(cmd.Context(), cfg, asJSON)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&against, "against", "", "`ENGINE` to compare with, as --runtime")
	flags.Uint64Var(&cfg.Seed, "seed", 1, "`NUMBER` that the sequence is made of")
	flags.IntVar(&cfg.Steps, "steps", 200, "`NUMBER` of operations")
	flags.BoolVar(&cfg.KeepGoing, "keep-going", false, "go on after a difference")
	flags.StringVar(&replay, "replay", "", "`FILE` with a sequence as JSON, to do in place of a random one")
	flags.BoolVar(&shown, "show", false, "print the sequence as JSON; run nothing")
	flags.BoolVar(&asJSON, "json", false, "print the report as JSON")
	return cmd
}

func (a *app) side(ref string) differ.Side {
	return differ.Side{Open: func(ctx context.Context) (runtime.Runtime, error) { return a.open(ctx, ref) }}
}

func (a *app) diff(ctx context.Context, cfg differ.Config, asJSON bool) error {
	report, err := differ.Run(ctx, cfg)
	switch {
	case report.Steps == 0: // it could not begin
		return err
	case asJSON:
		if printErr := a.printJSON(report); err == nil {
			err = printErr
		}
	default:
		if printErr := report.WriteText(a.stdout); err == nil {
			err = printErr
		}
	}
	if err == nil && !report.OK() {
		err = exitCode(1)
	}
	return err
}
