//go:build linux

package archive

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sandlot-dev/sandlot/guest/program/internal/link"
	"github.com/sandlot-dev/sandlot/guest/wire"
)

// paxSize is runtime.PAXSize.
const paxSize = "SANDLOT.size"

// maxDepth bounds how deep directories go, and so the descriptors that are open at once.
const maxDepth = 500

// Get packs what request names into a tar stream.
func Get(welcome link.Welcome, request *wire.GetRequest, out io.Writer) (Done, error) {
	name := absolute(welcome, request.Path)
	parent, err := unix.Open(path.Dir(name), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0) // of a pipe, another open would not return
	if err != nil {
		return Done{}, missing(err)
	}
	defer unix.Close(parent)
	p := &packer{request: request, tw: tar.NewWriter(out), buf: make([]byte, 256<<10), links: map[inode]string{}}
	base, as := path.Base(name), path.Base(name)
	if name == "/" {
		base, as = ".", "."
	}
	err = p.pack(parent, base, as, 1)
	if err == nil {
		err = p.tw.Close()
	}
	return p.done, err
}

// missing says of a path that leads through a file what it means: there is nothing.
func missing(err error) error {
	if errors.Is(err, unix.ENOTDIR) {
		return &failure{wire.KindNotFound, err}
	}
	return err
}

type packer struct {
	request *wire.GetRequest
	tw      *tar.Writer
	done    Done
	buf     []byte
	links   map[inode]string // files with more names than one, under their first
}

type inode struct{ dev, ino uint64 }

// pack packs what is at base in the directory dir under the name as, and what is below. Only at depth 1 links may be followed.
func (p *packer) pack(dir int, base, as string, depth int) error {
	flags := unix.AT_SYMLINK_NOFOLLOW
	if depth == 1 && p.request.Follow {
		flags = 0
	}
	var st unix.Stat_t
	if err := unix.Fstatat(dir, base, &st, flags); err != nil {
		if depth > 1 && err == unix.ENOENT {
			return nil // gone meanwhile
		}
		return named("packing", as, missing(err))
	}
	var err error
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		err = p.directory(dir, base, as, depth, flags)
	case unix.S_IFREG:
		err = p.file(dir, base, as, depth, flags)
	case unix.S_IFSOCK: // tar has none
	default:
		err = p.other(dir, base, as, &st)
	}
	return named("packing", as, err)
}

// open opens what pack has seen, or what has come in its place meanwhile: want says what it must be. Nil: it is gone.
func open(dir int, base string, depth, atFlags int, want uint32) (*os.File, *unix.Stat_t, error) {
	flags := unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC
	if atFlags == unix.AT_SYMLINK_NOFOLLOW {
		flags |= unix.O_NOFOLLOW
	}
	if want == unix.S_IFDIR {
		flags |= unix.O_DIRECTORY
	}
	fd, err := unix.Openat(dir, base, flags, 0)
	if depth > 1 && (err == unix.ENOENT || err == unix.ELOOP || err == unix.ENOTDIR || err == unix.ENXIO) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	f := os.NewFile(uintptr(fd), base)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != want {
		f.Close()
		return nil, nil, err
	}
	return f, &st, nil
}

func (p *packer) directory(dir int, base, as string, depth, flags int) error {
	if depth > maxDepth {
		return fail(wire.KindInvalid, "directories go deeper than %d", maxDepth)
	}
	f, st, err := open(dir, base, depth, flags, unix.S_IFDIR)
	if err != nil || f == nil {
		return err
	}
	defer f.Close()
	hdr := header(as+"/", tar.TypeDir, st)
	if err := p.write(hdr); err != nil {
		return err
	}
	if p.request.Depth != 0 && depth >= p.request.Depth {
		return nil
	}
	names, err := f.Readdirnames(-1)
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		below := as + "/" + name
		if as == "." {
			below = name
		}
		if err := p.pack(int(f.Fd()), name, below, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (p *packer) file(dir int, base, as string, depth, flags int) error {
	f, st, err := open(dir, base, depth, flags, unix.S_IFREG)
	if err != nil || f == nil {
		return err
	}
	defer f.Close()
	hdr := header(as, tar.TypeReg, st)
	if p.request.HeadersOnly {
		hdr.PAXRecords = map[string]string{paxSize: strconv.FormatInt(st.Size, 10)}
		return p.write(hdr)
	}
	if st.Nlink > 1 {
		id := inode{uint64(st.Dev), st.Ino}
		if first, seen := p.links[id]; seen {
			hdr.Typeflag, hdr.Linkname = tar.TypeLink, first
			return p.write(hdr)
		}
		p.links[id] = as
	}
	hdr.Size = st.Size
	if err := p.write(hdr); err != nil {
		return err
	}
	n, err := io.CopyBuffer(struct{ io.Writer }{p.tw}, io.LimitReader(f, st.Size), p.buf)
	p.done.Bytes += n
	if err != nil {
		return err
	}
	if n < st.Size {
		return fail(wire.KindOther, "it ended after %d of its %d bytes: it was made shorter while it was read", n, st.Size)
	}
	return nil
}

// other packs what has no content of its own.
func (p *packer) other(dir int, base, as string, st *unix.Stat_t) error {
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFLNK:
		target := make([]byte, unix.PathMax)
		n, err := unix.Readlinkat(dir, base, target)
		if err == unix.ENOENT || err == unix.EINVAL {
			return nil // gone, or another thing now
		}
		if err != nil {
			return err
		}
		hdr := header(as, tar.TypeSymlink, st)
		hdr.Linkname = string(target[:n])
		return p.write(hdr)
	case unix.S_IFIFO:
		return p.write(header(as, tar.TypeFifo, st))
	case unix.S_IFCHR, unix.S_IFBLK:
		kind := byte(tar.TypeChar)
		if st.Mode&unix.S_IFMT == unix.S_IFBLK {
			kind = tar.TypeBlock
		}
		hdr := header(as, kind, st)
		hdr.Devmajor, hdr.Devminor = int64(unix.Major(uint64(st.Rdev))), int64(unix.Minor(uint64(st.Rdev)))
		return p.write(hdr)
	}
	return errors.New("of an unknown kind")
}

func (p *packer) write(hdr *tar.Header) error {
	p.done.Entries++
	return p.tw.WriteHeader(hdr)
}

func header(name string, kind byte, st *unix.Stat_t) *tar.Header {
	return &tar.Header{
		Name: name, Typeflag: kind, Mode: int64(st.Mode & 0o7777), Uid: int(st.Uid), Gid: int(st.Gid),
		ModTime: time.Unix(st.Mtim.Unix()), Format: tar.FormatPAX,
	}
}
