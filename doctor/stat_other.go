//go:build !unix

package doctor

import "io/fs"

func owner(fs.FileInfo) int { return -1 }

func group(fs.FileInfo) int { return -1 }
