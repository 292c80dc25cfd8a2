package main

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/sandbox"
)

// execFlags say how a command runs, whatever sandbox it runs in.
type execFlags struct {
	timeout          scalar[time.Duration]
	interactive, tty bool
}

func (f *execFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SetInterspersed(false) // flags after the command are the command's
	f.timeout = scalar[time.Duration]{kind: "DURATION", parse: parseTimeout}
	flags.Var(&f.timeout, "timeout", "kill the command, and all that it started, after this time (2s, 5m); the exit status is 124")
	flags.BoolVarP(&f.interactive, "interactive", "i", false, "pass standard input on; without it the command's is empty")
	flags.BoolVarP(&f.tty, "tty", "t", false, "give the command a terminal")
}

// execOptions are what exec says about its command, and run says about its sandbox.
type execOptions struct {
	env           list[string]
	workdir, user string
}

func (o *execOptions) register(cmd *cobra.Command, a *app) {
	flags := cmd.Flags()
	o.env = list[string]{kind: "KEY[=VALUE]", parse: parseEnv(a.lookupEnv)}
	flags.VarP(&o.env, "env", "e", "environment entry; KEY alone passes on the value from here; may be repeated")
	flags.StringVarP(&o.workdir, "workdir", "w", "", "`DIR` to start in, absolute or relative to the sandbox's")
	flags.StringVarP(&o.user, "user", "u", "", "`USER`: NAME, UID, NAME:GROUP or UID:GID (default: the sandbox's)")
}

func (o *execOptions) options() runtime.ExecOptions {
	return runtime.ExecOptions{Env: o.env.values, Dir: o.workdir, User: o.user}
}

// sandboxFlags are the flags of a sandbox.
type sandboxFlags struct {
	image, build                    string
	pull                            scalar[string]
	name                            string
	replace                         bool
	env                             list[string]
	workdir, user, hostname         string
	labels                          list[pair]
	volumes, tmpfs                  list[runtime.Mount]
	publish                         list[runtime.Port]
	network                         string
	readOnly                        bool
	capAdd, capDrop, securityOption []string
	memory, pids                    scalar[int64]
	cpus                            scalar[float64]
	lease                           scalar[time.Duration]
	detached                        bool // it is to outlive this process
}

func (f *sandboxFlags) register(cmd *cobra.Command, a *app) {
	flags := cmd.Flags()
	flags.StringVar(&f.image, "image", "", "image `REF` to run (default: a small one that is built in and needs no registry)")
	flags.StringVar(&f.build, "build", "", "build the image from `DIR`, unless that has been done and nothing has changed")
	f.pull = scalar[string]{kind: "missing|never|always", parse: oneOf("missing", "never", "always")}
	flags.Var(&f.pull, "pull", "when to pull the image (default missing)")
	flags.StringVar(&f.name, "name", "", "`NAME` of the sandbox, at least 2 letters, digits, '_', '.' and '-' (default: one is made up)")
	flags.BoolVar(&f.replace, "replace", false, "remove the sandbox that has the name first")

	f.env = list[string]{kind: "KEY[=VALUE]", parse: parseEnv(a.lookupEnv)}
	flags.VarP(&f.env, "env", "e", "environment entry; KEY alone passes on the value from here; may be repeated")
	flags.StringVarP(&f.workdir, "workdir", "w", "", "`DIR` to start in, absolute, made if missing (default: the image's)")
	flags.StringVarP(&f.user, "user", "u", "", "`USER`: NAME, UID, NAME:GROUP or UID:GID (default: the image's)")
	flags.StringVar(&f.hostname, "hostname", "", "`HOSTNAME` of the sandbox")
	f.lease = scalar[time.Duration]{kind: "DURATION", parse: parseTimeout}
	flags.Var(&f.lease, "lease", "end the sandbox when this time has passed (30m, 24h) and its owner is gone, for sandlot gc to remove it")
	f.labels = list[pair]{kind: "KEY[=VALUE]", parse: parsePair}
	flags.VarP(&f.labels, "label", "l", "label of the sandbox; may be repeated")

	f.volumes = list[runtime.Mount]{kind: "SRC:DST[:ro]", parse: parseVolume}
	flags.VarP(&f.volumes, "volume", "v", "directory of the host (absolute) or named volume to mount; may be repeated")
	f.tmpfs = list[runtime.Mount]{kind: "DST[:size=64m,mode=1777]", parse: parseTmpfs}
	flags.Var(&f.tmpfs, "tmpfs", "directory in memory to mount; may be repeated")
	f.publish = list[runtime.Port]{kind: "[IP:][HOST:]PORT[/udp]", parse: parsePublish}
	flags.VarP(&f.publish, "publish", "p", "port to publish, on 127.0.0.1 and a free port unless said otherwise; needs --network; may be repeated")
	flags.StringVar(&f.network, "network", runtime.NetworkNone, "`NETWORK`: none, default (the engine's), host or the name of one")

	flags.BoolVar(&f.readOnly, "read-only", false, "make the root file system read-only")
	flags.StringSliceVar(&f.capAdd, "cap-add", nil, "Linux `CAPABILITY` to add; all are dropped first; may be repeated")
	flags.StringSliceVar(&f.capDrop, "cap-drop", nil, "Linux `CAPABILITY` to take from those added; may be repeated")
	flags.StringArrayVar(&f.securityOption, "security-opt", nil, "`KEY=VALUE`: no-new-privileges=false, seccomp=unconfined or a profile as JSON,"+
		" apparmor=PROFILE, label=disable; may be repeated")
	f.memory = scalar[int64]{kind: "SIZE", parse: parseSize}
	flags.Var(&f.memory, "memory", "limit on memory and swap together (64m, 1g)")
	f.cpus = scalar[float64]{kind: "NUMBER", parse: parseCPUs}
	flags.Var(&f.cpus, "cpus", "limit on processor time, in processors (0.5)")
	f.pids = scalar[int64]{kind: "NUMBER", parse: parsePids}
	flags.Var(&f.pids, "pids", "limit on processes and threads, -1 for none (default 2048)")

	_ = cmd.RegisterFlagCompletionFunc("network", cobra.FixedCompletions(
		[]string{runtime.NetworkNone, runtime.NetworkDefault, runtime.NetworkHost}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("pull", cobra.FixedCompletions(
		[]string{"missing", "never", "always"}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.MarkFlagDirname("build")
}

// make makes the sandbox that the flags describe.
func (f *sandboxFlags) make(ctx context.Context, a *app, rt runtime.Runtime) (*sandbox.Sandbox, error) {
	opts, err := f.options()
	if err != nil {
		return nil, err
	}
	opts.Progress = a.progress()
	if opts.Image == "" && opts.Build == nil {
		if opts.Build, err = a.builtin(ctx, rt); err != nil {
			return nil, err
		}
	}
	sb, err := sandbox.New(ctx, rt, opts)
	if err != nil {
		return nil, err
	}
	a.warn(sb.Warnings())
	return sb, nil
}

// options checks the flags against each other and makes the options of a sandbox of them.
func (f *sandboxFlags) options() (opts sandbox.Options, err error) {
	labels, err := pairs("label", f.labels.values)
	if err != nil {
		return opts, err
	}
	mounts := slices.Concat(f.volumes.values, f.tmpfs.values)
	if err := checkMounts(mounts); err != nil {
		return opts, err
	}
	if err := checkPorts(f.publish.values); err != nil {
		return opts, err
	}
	switch {
	case len(f.publish.values) > 0 && f.network == runtime.NetworkNone:
		return opts, usage("--publish needs a network\nadd --network default")
	case f.image != "" && f.build != "":
		return opts, usage("--image and --build exclude each other\ngive one of them")
	case f.replace && f.name == "":
		return opts, usage("--replace needs --name")
	}
	opts = sandbox.Options{Image: f.image, Pull: sandbox.PullPolicy(f.pull.value), Lease: f.lease.value, Detached: f.detached}
	if f.build != "" {
		opts.Build = &sandbox.Build{Dir: f.build}
	}
	opts.RunOptions = runtime.RunOptions{
		Name: f.name, Replace: f.replace, Env: f.env.values, WorkingDir: f.workdir, User: f.user, Hostname: f.hostname,
		Labels: labels, Mounts: mounts, Ports: f.publish.values, Network: f.network, ReadOnlyRoot: f.readOnly,
		CapAdd: f.capAdd, CapDrop: f.capDrop, SecurityOpt: f.securityOption,
		MemoryBytes: f.memory.value, CPUs: f.cpus.value, PidsLimit: f.pids.value,
	}
	return opts, nil
}
