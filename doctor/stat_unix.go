//go:build unix

package doctor

import (
	"io/fs"
	"syscall"
)

// owner is the uid of a file's owner.
func owner(fi fs.FileInfo) int { return int(fi.Sys().(*syscall.Stat_t).Uid) }

func group(fi fs.FileInfo) int { return int(fi.Sys().(*syscall.Stat_t).Gid) }
