//go:build linux

package archive

import (
	"archive/tar"
	"errors"
	"io"
	"math"
	"os"
	"path"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sandlot-dev/sandlot/guest/program/internal/link"
	"github.com/sandlot-dev/sandlot/guest/wire"
)

// Put unpacks the tar stream in as request says. A stream that breaks off leaves no file that is not whole.
func Put(welcome link.Welcome, request *wire.PutRequest, in io.Reader) (done Done, err error) {
	unix.Umask(0)
	t, err := openTree(absolute(welcome, request.Dir), request.CreateDir, welcome.UID, welcome.GID)
	if err != nil {
		return done, err
	}
	defer t.close()
	for _, name := range request.Remove {
		if err := t.remove(string(name)); err != nil {
			return done, err
		}
	}
	u := &unpacker{tree: t, keepOwner: request.KeepOwner, buf: make([]byte, 256<<10)}
	err = u.unpack(in)
	return u.done, err
}

type unpacker struct {
	*tree
	keepOwner bool
	done      Done
	buf       []byte
	// times are those of directories that were made: set at the end, since what is put into a directory changes its time.
	times []dirTime
}

type dirTime struct {
	name string
	time time.Time
}

func (u *unpacker) unpack(in io.Reader) error {
	counted := &counter{r: in}
	tr := tar.NewReader(counted)
	for {
		counted.n = 0
		hdr, err := tr.Next()
		if err == io.EOF {
			// Without the two blocks of zeros that end an archive, this is where it was cut off.
			if counted.n < 2*512 {
				return io.ErrUnexpectedEOF
			}
			break
		}
		if errors.Is(err, tar.ErrHeader) {
			return fail(wire.KindInvalid, "no tar stream: %w", err)
		}
		if err != nil {
			return err
		}
		if err := u.entry(hdr, tr); err != nil {
			return err
		}
		u.done.Entries++
	}
	for i := len(u.times) - 1; i >= 0; i-- {
		f, err := u.dir(u.times[i].name)
		if err != nil {
			continue // it was taken away meanwhile
		}
		_ = setTime(int(f.Fd()), u.times[i].time)
	}
	_, err := io.Copy(io.Discard, in) // the host sends all it has
	return err
}

// entry unpacks one entry.
func (u *unpacker) entry(hdr *tar.Header, content io.Reader) error {
	if hdr.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	name, err := local(hdr.Name)
	if err != nil {
		return err
	}
	uid, gid, err := u.owner(hdr)
	if err != nil {
		return err
	}
	if name == "." {
		if hdr.Typeflag != tar.TypeDir {
			return fail(wire.KindInvalid, "the entry %q is no directory", hdr.Name)
		}
		return nil
	}
	dir, err := u.dir(path.Dir(name))
	if err != nil {
		return err
	}
	fd, base, mode := int(dir.Fd()), path.Base(name), uint32(hdr.Mode)&0o7777
	switch hdr.Typeflag {
	case tar.TypeDir:
		err = u.directory(fd, name, mode, uid, gid, hdr.ModTime)
	case tar.TypeReg, tar.TypeCont, tar.TypeGNUSparse:
		err = u.replace(fd, base, func(temp string) error { return u.file(fd, temp, content, mode, uid, gid, hdr.ModTime) })
	case tar.TypeSymlink:
		err = u.replace(fd, base, func(temp string) error { return symlink(fd, temp, hdr, uid, gid) })
	case tar.TypeLink:
		err = u.hardLink(dir, base, hdr)
	default:
		return fail(wire.KindInvalid, "%s is neither file, directory nor link", hdr.Name)
	}
	return named("unpacking", hdr.Name, err)
}

// owner is who an entry shall belong to.
func (u *unpacker) owner(hdr *tar.Header) (uid, gid int, err error) {
	if !u.keepOwner {
		return u.uid, u.gid, nil
	}
	for _, id := range []int{hdr.Uid, hdr.Gid} {
		if id < 0 || id >= math.MaxUint32 { // the last one means "leave it"
			return 0, 0, fail(wire.KindInvalid, "%s: there is no owner %d", hdr.Name, id)
		}
	}
	return hdr.Uid, hdr.Gid, nil
}

// directory makes a directory, or leaves one as it is that is there, also behind a link.
func (u *unpacker) directory(parent int, name string, mode uint32, uid, gid int, modTime time.Time) error {
	made, err := makeDir(parent, path.Base(name), mode, uid, gid)
	if err != nil {
		return err
	}
	if made {
		u.times = append(u.times, dirTime{name, modTime})
		return nil
	}
	_, err = u.dir(name)
	return err
}

// file writes a file that is not there yet.
func (u *unpacker) file(dir int, base string, content io.Reader, mode uint32, uid, gid int, modTime time.Time) error {
	fd, err := unix.Openat(dir, base, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), base)
	defer f.Close()
	n, err := io.CopyBuffer(struct{ io.Writer }{f}, content, u.buf)
	u.done.Bytes += n
	// The owner first: a change of it takes setuid away.
	return errors.Join(err, unix.Fchown(fd, uid, gid), unix.Fchmod(fd, mode), setTime(fd, modTime))
}

// symlink makes a link that is not there yet. Where it leads to is nobody's business until it is followed.
func symlink(dir int, base string, hdr *tar.Header, uid, gid int) error {
	if hdr.Linkname == "" {
		return fail(wire.KindInvalid, "a link to nothing")
	}
	if err := unix.Symlinkat(hdr.Linkname, dir, base); err != nil {
		return err
	}
	times := []unix.Timespec{unix.NsecToTimespec(hdr.ModTime.UnixNano()), unix.NsecToTimespec(hdr.ModTime.UnixNano())}
	return errors.Join(
		unix.Fchownat(dir, base, uid, gid, unix.AT_SYMLINK_NOFOLLOW),
		unix.UtimesNanoAt(dir, base, times, unix.AT_SYMLINK_NOFOLLOW),
	)
}

// hardLink makes another name for a file of the tree.
func (u *unpacker) hardLink(dir *os.File, base string, hdr *tar.Header) error {
	source, err := local(hdr.Linkname)
	if err != nil {
		return err
	}
	if source == "." {
		return fail(wire.KindInvalid, "a hard link to a directory")
	}
	fd, err := unix.FcntlInt(dir.Fd(), unix.F_DUPFD_CLOEXEC, 0) // the next call of dir may close it
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	from, err := u.find(path.Dir(source), false)
	if err != nil {
		return fail(wire.KindInvalid, "a hard link to %s: %w", hdr.Linkname, err)
	}
	var st unix.Stat_t
	if err := unix.Fstatat(int(from.Fd()), path.Base(source), &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return fail(wire.KindInvalid, "a hard link to %s: %w", hdr.Linkname, err)
	}
	if t := st.Mode & unix.S_IFMT; t != unix.S_IFREG && t != unix.S_IFLNK {
		return fail(wire.KindInvalid, "a hard link to %s, which is no file", hdr.Linkname)
	}
	return u.replace(fd, base, func(temp string) error {
		return unix.Linkat(int(from.Fd()), path.Base(source), fd, temp, 0)
	})
}

// replace lets make make something under a temporary name, and gives it its own in one step. Nothing is left when that fails. A
// device stays: some engines mount each, which no rename replaces, and others would lose it.
func (u *unpacker) replace(dir int, base string, make func(temp string) error) error {
	var there unix.Stat_t
	if err := unix.Fstatat(dir, base, &there, unix.AT_SYMLINK_NOFOLLOW); err == nil {
		if kind := there.Mode & unix.S_IFMT; kind == unix.S_IFCHR || kind == unix.S_IFBLK {
			return fail(wire.KindInvalid, "there is a device of this name, which nothing takes the place of")
		}
	}
	temp, err := tempName()
	if err != nil {
		return err
	}
	// A second name of the same file is not moved by a rename, so this is needed after a success too.
	defer func() { _ = unix.Unlinkat(dir, temp, 0) }()
	if err := make(temp); err != nil {
		return err
	}
	return unix.Renameat(dir, temp, dir, base)
}

// tempName makes up a name that nobody guesses. Package crypto/rand would make the program 160 kB larger.
func tempName() (string, error) {
	var random [16]byte
	if _, err := unix.Getrandom(random[:], 0); err != nil { // so few bytes come at once
		return "", os.NewSyscallError("getrandom", err)
	}
	return ".sandlot-" + hex(random[:]), nil
}

func hex(b []byte) string {
	const digits = "0123456789abcdef"
	text := make([]byte, 0, 2*len(b))
	for _, c := range b {
		text = append(text, digits[c>>4], digits[c&15])
	}
	return string(text)
}

// setTime sets the modification time of what is open.
func setTime(fd int, modTime time.Time) error {
	t := unix.NsecToTimespec(modTime.UnixNano())
	times := [2]unix.Timespec{t, t}
	_, _, errno := unix.Syscall6(unix.SYS_UTIMENSAT, uintptr(fd), 0, uintptr(unsafe.Pointer(&times)), 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// A counter counts what is read through it.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
