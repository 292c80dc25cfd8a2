package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sandlot-dev/sandlot/doctor"
	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/sandbox"
)

// app is the command with what it needs from outside, so that tests can give it other things.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	lookupEnv      func(string) (string, bool)
	open           func(ctx context.Context, ref string) (runtime.Runtime, error)
	builtin        func(ctx context.Context, rt runtime.Runtime) (*sandbox.Build, error)
	examine        func(ctx context.Context, opts doctor.Options) (doctor.Report, error)

	terminal terminal
	runtime  string
	quiet    bool
}

// run runs one command line and gives its exit status.
func (a *app) run(ctx context.Context, args []string) int {
	root := a.rootCommand()
	root.SetArgs(append([]string{}, args...)) // of nil, cobra would make the arguments of the process
	err := root.ExecuteContext(ctx)
	a.terminal.release()
	return status(ctx, err, a.stderr)
}

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use: "sandlot", DisableFlagsInUseLine: true,
		Short: "Run untrusted commands in containers, the same way on Docker and Podman",
		Long: `Sandlot runs untrusted commands in containers, the same way on Docker and on rootful and rootless Podman: no network, no capabilities, no
new privileges and nothing of the host, unless a flag says otherwise.

Exit status: the command's own; 124 when it timed out; 125 when Sandlot or the engine failed, or the command line makes no
sense; 126 when the command cannot be executed; 127 when it is not found; 128+N after signal N.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return unknownCommand(cmd, args[0])
		},
	}
	root.Flags().SetInterspersed(false) // flags after a command that there is not are not looked at
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage("%v\n%ssee %s --help", err, nearest(cmd, err), cmd.CommandPath())
	})
	flags := root.PersistentFlags()
	flags.StringVar(&a.runtime, "runtime", "auto", "`ENGINE`: auto, docker, podman or a URL such as"+
		" podman+unix:///run/podman/podman.sock; auto looks at SANDLOT_RUNTIME first")
	flags.BoolVarP(&a.quiet, "quiet", "q", false, "no warnings and no progress")
	_ = root.RegisterFlagCompletionFunc("runtime", cobra.FixedCompletions(
		[]string{"auto", "docker", "podman"}, cobra.ShellCompDirectiveNoFileComp))
	root.AddCommand(a.runCommand(), a.createCommand(), a.execCommand(), a.processesCommand(), a.logsCommand(), a.waitCommand(), a.killCommand(), a.cpCommand(), a.lsCommand(), a.inspectCommand(),
		a.portCommand(), a.forwardCommand(), a.stopCommand(), a.startCommand(), a.rmCommand(), a.gcCommand(), a.buildCommand(),
		a.conformanceCommand(), a.doctorCommand(), a.versionCommand())
	helpKnowsCommands(root)
	return root
}

// helpKnowsCommands lets help say so where there is no such command: cobra's shows the help of what is above.
func helpKnowsCommands(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	help, _, err := root.Find([]string{"help"})
	if err != nil || help == root {
		panic("cobra has no help command")
	}
	show := help.Run
	help.Run, help.RunE = nil, func(cmd *cobra.Command, args []string) error {
		above, rest, err := root.Find(args)
		if len(args) > 0 && (err != nil || len(rest) > 0) {
			if above == nil || above == root {
				return unknownCommand(root, args[0])
			}
			return usage("%s has no command %q\nsee %[1]s --help", above.CommandPath(), rest[0])
		}
		show(cmd, args)
		return nil
	}
}

// nearest names the flags that may have been meant, if err is about one that there is not.
func nearest(cmd *cobra.Command, err error) string {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) || len(unknown.GetSpecifiedName()) < 2 {
		return ""
	}
	names := &cobra.Command{SuggestionsMinimumDistance: 2} // cobra knows what is near for commands only
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		names.AddCommand(&cobra.Command{Use: f.Name, Run: func(*cobra.Command, []string) {}})
	})
	if near := names.SuggestionsFor(unknown.GetSpecifiedName()); len(near) > 0 {
		return "did you mean --" + strings.Join(near, " or --") + "? "
	}
	return ""
}

// unknownCommand names the nearest of those that may have been meant.
func unknownCommand(parent *cobra.Command, name string) error {
	path := parent.CommandPath()
	for parent.SuggestionsMinimumDistance = range 3 {
		if near := parent.SuggestionsFor(name); len(near) > 0 {
			return usage("unknown command %q\ndid you mean %s %s?", name, path, strings.Join(near, " or "+path+" "))
		}
	}
	return usage("unknown command %q\nsee %s --help", name, path)
}

// withRuntime makes a command's function of one that needs an open runtime.
func (a *app) withRuntime(f func(ctx context.Context, rt runtime.Runtime, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		rt, err := a.open(cmd.Context(), a.runtime)
		if err != nil {
			return err
		}
		defer rt.Close()
		return f(cmd.Context(), rt, args)
	}
}

// arguments adds to the error of a count of arguments how the command is called.
func arguments(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			if len(args) > 0 && cmd.HasAvailableSubCommands() {
				return unknownCommand(cmd, args[0])
			}
			problem := err.Error()
			if strings.Contains(problem, "arg(s)") { // cobra's counting
				problem = "there are too many arguments"
				for more := range 2 {
					if check(cmd, slices.Concat(args, make([]string, more+1))) == nil {
						problem = "there are arguments missing"
					}
				}
			}
			return usage("%s\nusage: %s", problem, cmd.UseLine())
		}
		return nil
	}
}

// completeNames completes names of sandboxes for the first n arguments, or for all where n is -1.
func (a *app) completeNames(n int) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if n >= 0 && len(args) >= n {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var names []string
		err := a.withRuntime(func(ctx context.Context, rt runtime.Runtime, _ []string) error {
			sandboxes, err := rt.List(ctx, runtime.ListOptions{})
			for _, c := range sandboxes {
				names = append(names, c.Name)
			}
			return err
		})(cmd, nil)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// progress is where a library call reports what takes time.
func (a *app) progress() io.Writer {
	if a.quiet {
		return io.Discard
	}
	return a.stderr
}

func (a *app) warn(warnings []string) {
	if a.quiet {
		return
	}
	for _, w := range warnings {
		say(a.stderr, "warning: "+w)
	}
}

func (a *app) printJSON(v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.stdout, "%s\n", data)
	return err
}
