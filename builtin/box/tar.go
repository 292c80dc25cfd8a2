//go:build linux

package main

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

type archiver struct {
	*call
	verbose, keepOwner, noOwner, stdout bool
	strip                               int
	excludes                            []string
	owner, group                        int
	modes                               []func() error // directories' modes and times, set when all is there
}

func tarTool(c *call) int {
	if len(c.args) > 0 && !strings.HasPrefix(c.args[0], "-") { // the old form: tar xf FILE
		c.args = append(oldTarFlags(c.args[0], c.args[1:]), rest(c.args[0], c.args[1:])...)
	}
	a := archiver{call: c, owner: -1, group: -1}
	f := c.flags("-c|-x|-t [-f FILE] [-C DIR] [-zvOp] [NAME]...")
	create := f.BoolP("create", "c", false, "make an archive")
	extract := f.BoolP("extract", "x", false, "take files out")
	list := f.BoolP("list", "t", false, "list it")
	file := f.StringP("file", "f", "-", "the archive")
	dir := f.StringP("directory", "C", "", "work in this directory")
	zip := f.BoolP("gzip", "z", false, "compressed; when reading it is seen without")
	auto := f.BoolP("auto-compress", "a", false, "compressed if the name ends in gz")
	f.BoolVarP(&a.verbose, "verbose", "v", false, "say names")
	f.BoolVarP(&a.stdout, "to-stdout", "O", false, "write what is taken out to standard output")
	f.BoolP("preserve-permissions", "p", false, "taken: modes are kept")
	f.BoolVar(&a.noOwner, "no-same-owner", false, "files belong to who takes them out")
	f.BoolVar(&a.keepOwner, "same-owner", os.Geteuid() == 0, "files belong to whom they belonged (root's default)")
	f.BoolVarP(&a.noOwner, "o", "o", false, "--no-same-owner")
	f.Bool("numeric-owner", false, "taken: names are not used")
	f.IntVar(&a.strip, "strip-components", 0, "cut so many directories from the front")
	f.StringArrayVar(&a.excludes, "exclude", nil, "leave out what matches")
	f.IntVar(&a.owner, "owner", -1, "the user id in the archive")
	f.IntVar(&a.group, "group", -1, "the group id in the archive")
	fromFile := f.StringP("files-from", "T", "", "names of files, one a line")
	if status, ok := c.parse(f); !ok {
		return status
	}
	modes := 0
	for _, on := range []bool{*create, *extract, *list} {
		if on {
			modes++
		}
	}
	if modes != 1 {
		return c.usage("give one of -c, -x and -t")
	}
	names := c.args
	if *fromFile != "" {
		r, err := c.open(*fromFile)
		if err == nil {
			err = lines(r, func(s string) bool { names = append(names, s); return true })
			r.Close()
		}
		if err != nil {
			c.fail(err)
			return 2
		}
	}
	var err error
	if *create {
		err = a.create(*file, *dir, *zip || *auto && strings.HasSuffix(*file, "gz"), names)
	} else {
		err = a.read(*file, *dir, *list, names)
	}
	if err != nil {
		c.fail(err)
	}
	if c.failed {
		return 2
	}
	return 0
}

// oldTarFlags turns `cf FILE` into `-c -f FILE`.
func oldTarFlags(letters string, args []string) (flags []string) {
	for _, l := range letters {
		flags = append(flags, "-"+string(l))
		if strings.ContainsRune("fCT", l) && len(args) > 0 {
			flags, args = append(flags, args[0]), args[1:]
		}
	}
	return flags
}

func rest(letters string, args []string) []string {
	for _, l := range letters {
		if strings.ContainsRune("fCT", l) && len(args) > 0 {
			args = args[1:]
		}
	}
	return args
}

func (a *archiver) excluded(name string) bool {
	for _, pattern := range a.excludes {
		for _, part := range append(strings.Split(name, "/"), name) {
			if ok, _ := path.Match(pattern, part); ok {
				return true
			}
		}
	}
	return false
}

func (a *archiver) create(file, dir string, zip bool, names []string) (err error) {
	if len(names) == 0 {
		return errors.New("refusing to make an empty archive")
	}
	out, log := os.Stdout, a.err
	if file != "-" {
		if out, err = os.Create(file); err != nil {
			return err
		}
		log = a.out
	}
	var self fs.FileInfo
	if info, err := out.Stat(); err == nil && info.Mode().IsRegular() {
		self = info
	}
	buffered := bufio.NewWriterSize(out, 64<<10)
	var w io.Writer = buffered
	var z *gzip.Writer
	if zip {
		z = gzip.NewWriter(buffered)
		w = z
	}
	tw := tar.NewWriter(w)
	if dir != "" {
		if err := os.Chdir(dir); err != nil {
			return err
		}
	}
	links := map[[2]uint64]string{}
	for _, name := range names {
		err := filepath.WalkDir(name, func(p string, d fs.DirEntry, err error) error {
			if err != nil {
				a.fail(err)
				return nil
			}
			p = below(name, p)
			if a.excluded(p) {
				if d.IsDir() {
					return fs.SkipDir
				}
				return nil
			}
			info, err := os.Lstat(p)
			if err != nil {
				a.fail(err)
				return nil
			}
			if self != nil && os.SameFile(self, info) {
				return nil
			}
			if a.verbose {
				fmt.Fprintln(log, p)
			}
			return a.add(tw, p, info, links)
		})
		if err != nil {
			return err
		}
	}
	err = tw.Close()
	if z != nil {
		err = errors.Join(err, z.Close())
	}
	return errors.Join(err, buffered.Flush(), out.Close())
}

func (a *archiver) add(tw *tar.Writer, p string, info fs.FileInfo, links map[[2]uint64]string) error {
	if info.Mode()&fs.ModeSocket != 0 {
		return nil
	}
	target := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		target, _ = os.Readlink(p)
	}
	h, err := tar.FileInfoHeader(info, target)
	if err != nil {
		return err
	}
	h.Name = strings.TrimLeft(p, "/")
	if h.Name == "" {
		h.Name = "./"
	}
	if info.IsDir() && !strings.HasSuffix(h.Name, "/") {
		h.Name += "/"
	}
	if a.owner >= 0 {
		h.Uid, h.Uname = a.owner, ""
	}
	if a.group >= 0 {
		h.Gid, h.Gname = a.group, ""
	}
	st := info.Sys().(*syscall.Stat_t)
	if info.Mode().IsRegular() && st.Nlink > 1 {
		key := [2]uint64{st.Dev, st.Ino}
		if first, ok := links[key]; ok {
			h.Typeflag, h.Linkname, h.Size = tar.TypeLink, first, 0
		} else {
			links[key] = h.Name
		}
	}
	if h.Typeflag != tar.TypeReg {
		return tw.WriteHeader(h)
	}
	f, err := os.Open(p)
	if err != nil {
		a.fail(err)
		return nil
	}
	defer f.Close()
	if err := tw.WriteHeader(h); err != nil {
		return err
	}
	n, err := io.CopyN(tw, f, h.Size)
	if err == io.EOF { // it became shorter
		a.errorf("%s: file shrank by %d bytes; padded with zeros", p, h.Size-n)
		_, err = io.CopyN(tw, zeros{}, h.Size-n)
	}
	return err
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func (a *archiver) read(file, dir string, list bool, names []string) error {
	in, err := a.open(file)
	if err != nil {
		return err
	}
	defer in.Close()
	br := bufio.NewReaderSize(in, 64<<10)
	var r io.Reader = br
	if magic, _ := br.Peek(2); len(magic) == 2 && magic[0] == 0x1f && magic[1] == 0x8b {
		if r, err = gzip.NewReader(br); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	if dir == "" {
		dir = "."
	}
	root, err := os.OpenRoot(dir) // nothing in an archive leaves the directory
	if err != nil {
		return err
	}
	defer root.Close()
	found := make([]bool, len(names))
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("%s: not a tar archive, or a damaged one: %w", file, err)
		}
		name := strings.TrimSuffix(path.Clean("/" + h.Name)[1:], "/")
		if !a.wanted(name, names, found) || a.excluded(name) {
			continue
		}
		if list {
			a.list(h)
			continue
		}
		for range a.strip {
			_, rest, ok := strings.Cut(name, "/")
			if name = rest; !ok {
				break
			}
		}
		if name == "" {
			if a.strip > 0 {
				continue
			}
			name = "."
		}
		if a.verbose {
			fmt.Fprintln(a.out, h.Name)
		}
		if a.stdout {
			if h.Typeflag == tar.TypeReg {
				if _, err := io.Copy(a.out, tr); err != nil {
					return err
				}
			}
			continue
		}
		if err := a.extract(root, name, h, tr); err != nil {
			a.errorf("%s: %s", h.Name, errText(errnoOf(err)))
		}
	}
	for _, set := range slices.Backward(a.modes) {
		if err := set(); err != nil {
			a.fail(err)
		}
	}
	for i, name := range names {
		if !found[i] {
			a.errorf("%s: Not found in archive", name)
		}
	}
	return nil
}

func (a *archiver) wanted(name string, names []string, found []bool) bool {
	if len(names) == 0 {
		return true
	}
	for i, want := range names {
		want = strings.TrimSuffix(path.Clean("/" + want)[1:], "/")
		if name == want || strings.HasPrefix(name, want+"/") || want == "" {
			found[i] = true
			return true
		}
	}
	return false
}

func (a *archiver) list(h *tar.Header) {
	if !a.verbose {
		fmt.Fprintln(a.out, h.Name)
		return
	}
	owner, group := h.Uname, h.Gname
	if owner == "" {
		owner = strconv.Itoa(h.Uid)
	}
	if group == "" {
		group = strconv.Itoa(h.Gid)
	}
	name := h.Name
	switch h.Typeflag {
	case tar.TypeSymlink:
		name += " -> " + h.Linkname
	case tar.TypeLink:
		name += " link to " + h.Linkname
	}
	fmt.Fprintf(a.out, "%s %s/%s %9d %s %s\n", modeString(h.FileInfo().Mode()), owner, group, h.Size, h.ModTime.Format("2006-01-02 15:04"), name)
}

func (a *archiver) extract(root *os.Root, name string, h *tar.Header, r io.Reader) error {
	if parent := path.Dir(name); parent != "." {
		if err := root.MkdirAll(parent, 0o777); err != nil {
			return err
		}
	}
	mode := h.FileInfo().Mode() & (fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky)
	clearWay := func() error {
		if info, err := root.Lstat(name); err == nil && !info.IsDir() {
			return root.Remove(name)
		}
		return nil
	}
	own := func() error {
		if a.keepOwner && !a.noOwner {
			return root.Lchown(name, h.Uid, h.Gid)
		}
		return nil
	}
	switch h.Typeflag {
	case tar.TypeDir:
		if info, err := root.Lstat(name); err != nil || !info.IsDir() {
			if err := clearWay(); err != nil {
				return err
			}
			if err := root.Mkdir(name, 0o777); err != nil {
				return err
			}
		}
		modTime := h.ModTime
		dirRoot, dirName := root, name
		a.modes = append(a.modes, func() error {
			return errors.Join(own(), dirRoot.Chmod(dirName, mode), dirRoot.Chtimes(dirName, modTime, modTime))
		})
		return nil
	case tar.TypeReg:
		if err := clearWay(); err != nil {
			return err
		}
		f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode.Perm()&0o777)
		if err != nil {
			return err
		}
		if _, err := io.Copy(f, r); err != nil {
			f.Close()
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
		return errors.Join(own(), root.Chmod(name, mode), root.Chtimes(name, time.Time{}, h.ModTime))
	case tar.TypeSymlink:
		return errors.Join(clearWay(), root.Symlink(h.Linkname, name), own())
	case tar.TypeLink:
		return errors.Join(clearWay(), root.Link(strings.TrimPrefix(path.Clean("/"+h.Linkname), "/"), name))
	case tar.TypeFifo:
		if err := clearWay(); err != nil {
			return err
		}
		dir, err := root.Open(path.Dir(name))
		if err != nil {
			return err
		}
		defer dir.Close()
		return unix.Mknodat(int(dir.Fd()), path.Base(name), unix.S_IFIFO|uint32(mode.Perm()), 0)
	}
	return fmt.Errorf("a kind of entry that is not supported (%c)", h.Typeflag)
}
