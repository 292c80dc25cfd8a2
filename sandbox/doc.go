// Package sandbox is what users of Sandlot hold: a [Sandbox] is a container in which untrusted commands run, the same way
// on every [runtime.Runtime].
//
// [New] makes one from an image, a build directory or a tar, and [Sandbox.Close] removes it. Commands run with [Sandbox.Exec] (argv),
// [Sandbox.Shell] (a command line) or [Sandbox.Output] (both outputs kept, within a limit); files go in and out with
// WriteFile, ReadFile, Upload, Download, PutDir, GetDir and their like, and [Sandbox.FS] gives them as an [io/fs.FS]. Names of files are
// absolute, or relative to the sandbox's working directory. A [Pool] keeps sandboxes ready.
//
// A sandbox belongs to the process that made it, unless [Options] say otherwise. What is left behind by processes that ended without Close, [GC]
// removes.
//
// A Sandbox has no network, no capabilities and no mounts of the host unless its [Options] ask for them. What they ask for and the
// engine cannot enforce is an error that matches [errors.ErrUnsupported], before anything runs.
//
// # Errors
//
// Errors wrap [*runtime.Error] and match its sentinels. Errors about files in the sandbox match those of package [io/fs] as
// well: a missing file is runtime.ErrFileNotFound and fs.ErrNotExist. A command's exit status is a result, never an error.
//
// # Trust
//
// What comes out of a sandbox is written by whatever ran in it. This package bounds it where it is kept in memory, and
// writes it to the host only below the directory that the caller names.
package sandbox
