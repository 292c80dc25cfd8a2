package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sandlot-dev/sandlot/runtime"
	"github.com/sandlot-dev/sandlot/sandbox"
)

func (a *app) cpCommand() *cobra.Command {
	var skip bool
	cmd := &cobra.Command{
		Use:        "cp SRC NAME:PATH | NAME:PATH DST",
		SuggestFor: []string{"copy"},
		Short:      "Copy files and directories into a sandbox and out of it",
		Long: `Copy files and directories into a sandbox and out of it. A relative PATH is below the sandbox's working directory.

A file goes to PATH, or into it where PATH is a directory or ends with "/". A directory goes to PATH, or into it where PATH is a
directory; DIR/. is what is in DIR, without DIR itself. Missing parents are made. What is copied in belongs to the sandbox's
user, what is copied out to you. Nothing is written outside of where it was to go, whatever the sandbox's links say.

SRC "-" is a tar archive on standard input, unpacked below PATH. DST "-" is a file's content, or a directory as a tar archive, on
standard output.`,
		Example: `  sandlot cp ./task box:/task
  sandlot cp box:result.json .
  sandlot cp box:/var/log - > log.tar`,
		Args: arguments(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			fromName, from, out := remote(args[0])
			toName, to, in := remote(args[1])
			if in == out {
				return usage("one of SRC and DST must be NAME:PATH, the other on this machine\nwrite ./%s for a file here with a colon in its name", args[0])
			}
			name, copying := toName, func(ctx context.Context, sb *sandbox.Sandbox) error { return a.copyIn(ctx, sb, from, to) }
			if out {
				name, copying = fromName, func(ctx context.Context, sb *sandbox.Sandbox) error { return a.copyOut(ctx, sb, from, to, skip) }
			}
			return a.withRuntime(func(ctx context.Context, rt runtime.Runtime, _ []string) error {
				sb, err := sandbox.Open(ctx, rt, name, sandbox.OpenOptions{})
				if err != nil {
					return err
				}
				return copying(ctx, sb)
			})(cmd, args)
		},
	}
	cmd.Flags().BoolVar(&skip, "skip-unsafe", false, "leave out of a directory what cannot be copied safely, links that lead outside and devices, and name it")
	return cmd
}

// remote splits NAME:PATH. An argument without a name before a colon is a path of this machine, given back as it is.
func remote(arg string) (name, file string, ok bool) {
	name, file, ok = strings.Cut(arg, ":")
	if !ok || name == "" || strings.ContainsAny(name, `/\`) || strings.HasPrefix(name, ".") || filepath.VolumeName(arg) != "" {
		return "", arg, false
	}
	if file == "" {
		file = "."
	}
	return name, file, true
}

func (a *app) copyIn(ctx context.Context, sb *sandbox.Sandbox, src, dst string) error {
	if src == "-" {
		_, err := sb.PutArchive(ctx, dst, a.stdin, runtime.PutArchiveOptions{CreateDir: true})
		return err
	}
	info, err := os.Stat(src)
	if err != nil {
		return fmt.Errorf("%w\nname what this machine has; NAME:PATH names what a sandbox has", err)
	}
	contents := info.IsDir() && isContents(filepath.ToSlash(src))
	if !contents && (strings.HasSuffix(dst, "/") || isDir(ctx, sb, dst)) {
		abs, err := filepath.Abs(src) // so that ".." has a name
		if err != nil {
			return err
		}
		dst = path.Join(dst, filepath.Base(abs))
	}
	if info.IsDir() {
		return sb.PutDir(ctx, src, dst, sandbox.PutDirOptions{})
	}
	f, err := os.Open(src)
	if err != nil {
		return err
	}
	defer f.Close()
	size := int64(-1)
	if info.Mode().IsRegular() {
		size = info.Size()
	}
	return sb.Upload(ctx, dst, f, size, sandbox.FileOptions{Mode: info.Mode().Perm()})
}

func (a *app) copyOut(ctx context.Context, sb *sandbox.Sandbox, src, dst string, skip bool) error {
	info, err := sb.Stat(ctx, src)
	if err != nil {
		return err
	}
	if dst == "-" {
		if info.IsDir() {
			_, err = sb.GetArchive(ctx, src, a.stdout, runtime.GetArchiveOptions{Follow: true})
		} else {
			_, err = sb.Download(ctx, src, a.stdout)
		}
		return err
	}
	there, err := os.Stat(dst)
	into := err == nil && there.IsDir() || os.IsPathSeparator(dst[len(dst)-1])
	if base := path.Base(src); into && !(info.IsDir() && isContents(src)) && base != "/" && base != ".." {
		dst = filepath.Join(dst, base)
		there, err = os.Stat(dst)
	}
	if info.IsDir() {
		return a.copyDirOut(ctx, sb, src, dst, skip)
	}
	if err == nil && !there.Mode().IsRegular() {
		if there.IsDir() {
			return fmt.Errorf("%s is a directory; remove it first, or copy to another name", dst)
		}
		f, err := os.OpenFile(dst, os.O_WRONLY, 0) // a device or a pipe is written to, not replaced
		if err != nil {
			return err
		}
		_, err = sb.Download(ctx, src, f)
		return closeAfter(f, err)
	}
	return download(ctx, sb, src, dst, info.Mode().Perm())
}

func (a *app) copyDirOut(ctx context.Context, sb *sandbox.Sandbox, src, dst string, skip bool) error {
	result, err := sb.GetDir(ctx, src, dst, sandbox.GetDirOptions{SkipUnsafe: skip})
	for _, name := range result.Skipped {
		a.warn([]string{name + " is left out"})
	}
	var own *runtime.Error
	if errors.As(err, &own) && own.Kind == runtime.ErrInvalid && !skip {
		own.Hint = "--skip-unsafe leaves out what is like it, and DST - gives all as a tar archive"
	}
	return err
}

// download writes a file of the sandbox to dst, where it appears when it is whole.
func download(ctx context.Context, sb *sandbox.Sandbox, src, dst string, mode fs.FileMode) error {
	if target, err := filepath.EvalSymlinks(dst); err == nil {
		dst = target // a link of the user's stays, and what it leads to is replaced
	}
	if err := os.MkdirAll(filepath.Dir(dst), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(dst), ".sandlot-*")
	if err != nil {
		return err
	}
	_, err = sb.Download(ctx, src, f)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err = closeAfter(f, err); err == nil {
		err = os.Rename(f.Name(), dst)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

func closeAfter(c io.Closer, err error) error {
	if cerr := c.Close(); err == nil {
		err = cerr
	}
	return err
}

// isContents says that a path names what is in a directory, without the directory itself.
func isContents(p string) bool { return p == "." || strings.HasSuffix(p, "/.") }

func isDir(ctx context.Context, sb *sandbox.Sandbox, name string) bool {
	info, err := sb.Stat(ctx, name)
	return err == nil && info.IsDir()
}
