package sandbox

import "context"

// PutDirOptions are the options of [Sandbox.PutDir].
type PutDirOptions struct {
	// Owner is "uid:gid" in numbers, of everything. Empty: the sandbox's user.
	Owner string
}

// PutDir copies what is in a directory of this machine into the directory name of the sandbox, which is made, with its parents, if
// missing. Files replace files, directories are merged; nothing is removed. Modes, times and links are kept. Sockets, pipes and
// devices are runtime.ErrInvalid.
func (s *Sandbox) PutDir(ctx context.Context, hostDir, name string, opts PutDirOptions) error {
	return errBeingBuilt
}

// GetDirOptions are the options of [Sandbox.GetDir].
type GetDirOptions struct {
	// MaxBytes limits the content of files together, MaxEntries how many files, directories and links there are. 0: no limit.
	MaxBytes   int64
	MaxEntries int
	// SkipUnsafe leaves out what would be an error: devices and the like, and links that lead outside. GetDirResult.Skipped names it.
	SkipUnsafe bool
}

// GetDirResult is the result of [Sandbox.GetDir].
type GetDirResult struct {
	Entries int
	Bytes   int64
	// Skipped are the names, relative to the directory, that SkipUnsafe left out.
	Skipped []string
}

// GetDir copies what is in the directory name of the sandbox into a directory of this machine, which is made, with its parents, if
// missing. Files replace files and links, directories are merged; nothing is removed.
//
// It trusts nothing in the sandbox. Nothing is written outside hostDir, nor through a link. Symbolic links are made only where they
// are relative and lead no further up than hostDir. These, devices, pipes, and names that this machine does not take are
// runtime.ErrInvalid, see GetDirOptions.SkipUnsafe. Files belong to the caller; of modes only the permission bits are kept,
// and the owner can always use a directory. After an error a part of the files is there, each whole.
func (s *Sandbox) GetDir(ctx context.Context, name, hostDir string, opts GetDirOptions) (GetDirResult, error) {
	return GetDirResult{}, errBeingBuilt
}
