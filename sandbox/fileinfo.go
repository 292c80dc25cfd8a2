package sandbox

import (
	"io/fs"
	"time"
)

// A FileInfo describes a file in a sandbox. It is an [fs.FileInfo].
type FileInfo struct {
	name     string
	size     int64
	mode     fs.FileMode
	modified time.Time
	uid, gid int
	link     string
}

var _ fs.FileInfo = FileInfo{}

// Name is the last part of the file's name.
func (i FileInfo) Name() string { return i.name }

// Size in bytes of a regular file, else 0.
func (i FileInfo) Size() int64 { return i.size }

// Mode is the type and the permission bits.
func (i FileInfo) Mode() fs.FileMode { return i.mode }

// ModTime is when the content changed last.
func (i FileInfo) ModTime() time.Time { return i.modified }

// IsDir says whether it is a directory.
func (i FileInfo) IsDir() bool { return i.mode.IsDir() }

// Sys is nil.
func (i FileInfo) Sys() any { return nil }

// Owner is the numbers of the user and the group that it belongs to, as the sandbox sees them.
func (i FileInfo) Owner() (uid, gid int) { return i.uid, i.gid }

// Link is where a symbolic link leads, as it is written in it; else "".
func (i FileInfo) Link() string { return i.link }
