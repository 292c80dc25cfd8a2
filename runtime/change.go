package runtime

import (
	"context"
	"io/fs"
)

// A FileChanger is a Runtime that changes what stands in a sandbox's directories without reading or writing what is in the files.
type FileChanger interface {
	// ChangeFile changes the file, directory or link at path, which is absolute or relative to the sandbox's working directory, and may itself be
	// reached through symbolic links. It needs no rights of the sandbox's user. A change is made in one step, wholly or not at all, and changes nothing
	// below a directory.
	//
	// A path that does not exist is [ErrFileNotFound]. A read-only file system is [ErrReadOnly]. A device, and a change that is none of this
	// package's or that makes no sense, is [ErrInvalid]; one that the runtime does not know yet, [ErrUnsupported].
	ChangeFile(ctx context.Context, id, path string, change FileChange, opts ChangeFileOptions) (ChangeFileResult, error)
}

// A FileChange is what [FileChanger].ChangeFile does: a [Rename], [Chmod] or [Chown].
type FileChange interface{ fileChange() }

// Rename gives what is at the path another one. Neither is followed where it is a link.
//
//   - A file or link takes the place of a file or link, a directory that of an empty directory. Anything else that is at To, a path that is
//     within the directory that is renamed, and paths whose last part is ".", ".." or nothing are ErrInvalid.
//   - To's directory must exist: else ErrFileNotFound.
//   - What would have to be copied is an ErrInvalid that matches syscall.EXDEV, and stays where it is: To is on another file
//     system, such as a tmpfs or volume; or it is a directory of the image, and that is how the engine keeps images.
type Rename struct {
	// To is absolute or relative to the sandbox's working directory.
	To string
}

// Chmod sets the mode of a file or directory. Of a link it is ErrInvalid.
type Chmod struct {
	// Mode is the permission bits, with fs.ModeSetuid, ModeSetgid and ModeSticky; other bits are ErrInvalid.
	Mode fs.FileMode
}

// Chown sets the owner of a file, directory or link. It takes setuid and setgid away from a file that can be executed, as Linux does. It needs
// [CapabilityOwners].
type Chown struct {
	// UID and GID are the new owner and group. -1 leaves what is. Those that the sandbox's user namespace does not have are ErrInvalid.
	UID, GID int
}

func (Rename) fileChange() {}
func (Chmod) fileChange()  {}
func (Chown) fileChange()  {}

// ChangeFileOptions are the options of [FileChanger].ChangeFile.
type ChangeFileOptions struct {
	// Follow follows path itself where it is a symbolic link. A Rename with it is ErrInvalid.
	Follow bool
}

// ChangeFileResult is the result of [FileChanger].ChangeFile.
type ChangeFileResult struct{}
