package sandbox

import (
	"archive/tar"
	"context"
	"io"
	"path"
	"sort"
	"strconv"
	"strings"

	"github.com/sandlot-dev/sandlot/runtime"
)

// maxDirEntries bounds what ReadDir keeps in memory: the sandbox says how many there are.
const maxDirEntries = 1 << 20

// Stat describes a file, following links. Info.Name is name's last part.
func (s *Sandbox) Stat(ctx context.Context, name string) (FileInfo, error) {
	return s.stat(ctx, name, true)
}

// Lstat describes a file, or a link itself.
func (s *Sandbox) Lstat(ctx context.Context, name string) (FileInfo, error) {
	return s.stat(ctx, name, false)
}

// ReadDir lists a directory, sorted by name, without following links in it. What is no directory is runtime.ErrInvalid.
func (s *Sandbox) ReadDir(ctx context.Context, name string) ([]FileInfo, error) {
	var dir *tar.Header
	var list []FileInfo
	opts := runtime.GetArchiveOptions{HeadersOnly: true, Depth: 2, Follow: true}
	err := s.entries(ctx, name, opts, func(h *tar.Header, _ io.Reader) error {
		if dir == nil {
			dir = h
			if h.Typeflag != tar.TypeDir {
				return invalid("read directory", name, "it is no directory", "")
			}
			return nil
		}
		child, ok := below(dir.Name, h.Name)
		if !ok || strings.Contains(child, "/") {
			return unexpected("read directory", name, "an entry of another directory")
		}
		if len(list) == maxDirEntries {
			return invalid("read directory", name, "it has more than "+strconv.Itoa(maxDirEntries)+" entries", "use GetArchive")
		}
		list = append(list, fileInfo(h))
		return nil
	})
	if err != nil {
		return nil, err
	}
	sort.Slice(list, func(i, j int) bool { return list[i].name < list[j].name })
	return list, nil
}

func (s *Sandbox) stat(ctx context.Context, name string, follow bool) (FileInfo, error) {
	var info FileInfo
	opts := runtime.GetArchiveOptions{HeadersOnly: true, Depth: 1, Follow: follow}
	err := s.entries(ctx, name, opts, func(h *tar.Header, _ io.Reader) error {
		info = fileInfo(h)
		info.name = path.Base(name)
		return nil
	})
	return info, err
}

// fileInfo reads a header of an archive without content.
func fileInfo(h *tar.Header) FileInfo {
	i := h.FileInfo()
	info := FileInfo{name: i.Name(), mode: i.Mode(), modified: h.ModTime, uid: h.Uid, gid: h.Gid}
	switch h.Typeflag {
	case tar.TypeReg:
		info.size = h.Size
		if size, err := strconv.ParseUint(h.PAXRecords[runtime.PAXSize], 10, 63); err == nil {
			info.size = int64(size)
		}
	case tar.TypeSymlink:
		info.link = h.Linkname
	}
	return info
}

// below gives name relative to the directory entry dir: an archive's names begin with that of its first entry.
func below(dir, name string) (string, bool) {
	dir, name = path.Clean("/"+dir), path.Clean("/"+name)
	if dir == "/" {
		return name[1:], name != "/"
	}
	rest, ok := strings.CutPrefix(name, dir+"/")
	return rest, ok
}
