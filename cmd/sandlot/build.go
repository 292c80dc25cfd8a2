package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/sandbox"
)

func (a *app) buildCommand() *cobra.Command {
	var b sandbox.Build
	var asJSON bool
	args := list[pair]{kind: "KEY=VALUE", parse: parsePair}
	cmd := &cobra.Command{
		Use:   "build [flags] DIR",
		Short: "Build an image from a directory and print its name",
		Long: `Build an image from a directory with a Dockerfile or Containerfile, and print its name, for --image. What its .containerignore or
.dockerignore names is left out. The build log goes to standard error.`,
		Example: `  sandlot build ./grader
  sandlot build --tag localhost/grader:1 --build-arg VERSION=2 ./grader`,
		Args: arguments(cobra.ExactArgs(1)),
		RunE: a.withRuntime(func(ctx context.Context, rt runtime.Runtime, dirs []string) (err error) {
			b.Dir = dirs[0]
			if b.Args, err = pairs("build-arg", args.values); err != nil {
				return err
			}
			tag, err := sandbox.BuildImage(ctx, rt, b, a.progress())
			if err != nil {
				return err
			}
			if asJSON {
				return a.printJSON(map[string]string{"image": tag})
			}
			_, err = fmt.Fprintln(a.stdout, tag)
			return err
		}),
	}
	flags := cmd.Flags()
	flags.StringVar(&b.Tag, "tag", "", "`NAME` of the image, fully qualified (default: one derived from the content)")
	flags.StringVarP(&b.Dockerfile, "file", "f", "", "`FILE`, relative to DIR (default: Dockerfile, else Containerfile)")
	flags.Var(&args, "build-arg", "value for an ARG instruction; may be repeated")
	flags.StringVar(&b.Target, "target", "", "`STAGE` to build (default: the last)")
	flags.BoolVar(&b.NoCache, "no-cache", false, "build every step anew")
	flags.BoolVar(&asJSON, "json", false, "print a JSON object")
	return cmd
}
