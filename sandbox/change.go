package sandbox

import (
	"context"
	"io/fs"

	"github.com/sandlot-dev/sandlot/runtime"
)

// Rename gives a file, link or directory another name, in one step, as [runtime.Rename] says: a file or link takes the place of one, and no parents are made.
// What would have to be copied, such as to a volume, matches syscall.EXDEV. It needs no rights of the sandbox's user, as Chmod and Chown do not.
func (s *Sandbox) Rename(ctx context.Context, from, to string) error {
	return s.change(ctx, "rename", from, runtime.Rename{To: to}, runtime.ChangeFileOptions{})
}

// Chmod sets the mode of a file or directory, following links: permission bits, with fs.ModeSetuid, ModeSetgid and ModeSticky. Other bits are
// runtime.ErrInvalid.
func (s *Sandbox) Chmod(ctx context.Context, name string, mode fs.FileMode) error {
	return s.change(ctx, "chmod", name, runtime.Chmod{Mode: mode}, runtime.ChangeFileOptions{Follow: true})
}

// Chown sets the owner of a file or directory, following links. -1 leaves user or group as it is. One that the sandbox does not have is
// runtime.ErrInvalid. Setuid and setgid are taken away from a file that can be executed.
func (s *Sandbox) Chown(ctx context.Context, name string, uid, gid int) error {
	return s.change(ctx, "chown", name, runtime.Chown{UID: uid, GID: gid}, runtime.ChangeFileOptions{Follow: true})
}

// Lchown is Chown that changes a link itself.
func (s *Sandbox) Lchown(ctx context.Context, name string, uid, gid int) error {
	return s.change(ctx, "lchown", name, runtime.Chown{UID: uid, GID: gid}, runtime.ChangeFileOptions{})
}

func (s *Sandbox) change(ctx context.Context, op, name string, change runtime.FileChange, opts runtime.ChangeFileOptions) error {
	if err := s.open(op); err != nil {
		return fileError(err)
	}
	changer, can := s.rt.(runtime.FileChanger)
	if !can {
		return &runtime.Error{
			Op: op, ID: s.called, Kind: runtime.ErrUnsupported, Message: "this runtime cannot change files in place", Hint: "run a command that does",
		}
	}
	_, err := changer.ChangeFile(ctx, s.id, name, change, opts)
	return fileError(s.named(err))
}
