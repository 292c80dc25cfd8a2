package sandbox

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path"

	"github.com/sandlot-dev/sandlot/runtime"
)

// FS gives the files below the directory dir of the sandbox, absolute or relative to its working directory, as a file system to read:
// for [fs.WalkDir], [fs.Glob], [text/template.ParseFS] and their like. It implements [fs.ReadDirFS], [fs.StatFS], [fs.ReadFileFS],
// [fs.SubFS] and [fs.ReadLinkFS]. Directories that are opened are [fs.ReadDirFile].
//
// Nothing is looked at before the first call, and each call asks the sandbox. ctx bounds all calls and all reads of open files: once it is done, they
// fail. Open needs a Close, which frees what streams the content.
//
// As with [os.DirFS], dir is where names begin and no boundary: links are followed wherever they lead, within the sandbox. It
// needs no rights of the sandbox's user. Sockets are in no listing, and names that are no UTF-8 are listed but cannot be opened, as
// package fs does not take them. ReadFile is bounded by [MaxReadFile], Open is not. Errors are
// [*fs.PathError]. What comes out was written by whatever ran in the sandbox.
func (s *Sandbox) FS(ctx context.Context, dir string) fs.FS { return fileSystem{ctx, s, dir} }

// A fileSystem keeps a context, since the methods of package fs have none.
type fileSystem struct {
	ctx context.Context
	box *Sandbox
	dir string
}

var (
	_ fs.ReadDirFS  = fileSystem{}
	_ fs.StatFS     = fileSystem{}
	_ fs.ReadFileFS = fileSystem{}
	_ fs.SubFS      = fileSystem{}
	_ fs.ReadLinkFS = fileSystem{}
)

// in gives name as the sandbox knows it.
func (f fileSystem) in(op, name string) (string, error) {
	if !fs.ValidPath(name) {
		return "", pathError(op, name, fs.ErrInvalid)
	}
	full := f.dir
	if name != "." && full != "" {
		full += "/" + name
	}
	return full, pathError(op, name, checkName(op, full))
}

func pathError(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

func (f fileSystem) Stat(name string) (fs.FileInfo, error) { return f.stat("stat", name, true) }

func (f fileSystem) Lstat(name string) (fs.FileInfo, error) { return f.stat("lstat", name, false) }

func (f fileSystem) stat(op, name string, follow bool) (fs.FileInfo, error) {
	full, err := f.in(op, name)
	if err != nil {
		return nil, err
	}
	info, err := f.box.stat(f.ctx, full, follow)
	if err != nil {
		return nil, pathError(op, name, err)
	}
	info.name = path.Base(name)
	return info, nil
}

func (f fileSystem) ReadLink(name string) (string, error) {
	info, err := f.stat("readlink", name, false)
	if err != nil {
		return "", err
	}
	if info.Mode().Type() != fs.ModeSymlink {
		return "", pathError("readlink", name, fs.ErrInvalid)
	}
	return info.(FileInfo).link, nil
}

func (f fileSystem) ReadFile(name string) ([]byte, error) {
	full, err := f.in("read", name)
	if err != nil {
		return nil, err
	}
	data, err := f.box.ReadFile(f.ctx, full)
	return data, pathError("read", name, err)
}

func (f fileSystem) ReadDir(name string) ([]fs.DirEntry, error) {
	full, err := f.in("readdir", name)
	if err != nil {
		return nil, err
	}
	infos, err := f.box.ReadDir(f.ctx, full)
	list := make([]fs.DirEntry, len(infos))
	for i, info := range infos {
		list[i] = fs.FileInfoToDirEntry(info)
	}
	return list, pathError("readdir", name, err)
}

func (f fileSystem) Sub(dir string) (fs.FS, error) {
	full, err := f.in("sub", dir)
	if err != nil {
		return nil, err
	}
	return fileSystem{f.ctx, f.box, full}, nil
}

// Open asks once for both the description and the content, which the sandbox sends no faster than it is read.
func (f fileSystem) Open(name string) (fs.File, error) {
	full, err := f.in("open", name)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(f.ctx)
	r, w := io.Pipe()
	file := &file{name: name, from: r, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(file.done)
		_, err := f.box.GetArchive(ctx, full, w, runtime.GetArchiveOptions{Follow: true, Depth: 1})
		w.CloseWithError(err)
	}()
	archive := newArchiveReader(r)
	header, err := archive.Next()
	if err != nil {
		file.stop()
		return nil, pathError("open", name, archiveError(full, err))
	}
	delete(header.PAXRecords, runtime.PAXSize) // here its content tells
	file.info, file.content = fileInfo(header), archive
	file.info.name = path.Base(name)
	if file.info.IsDir() {
		file.stop()
		return &directory{file: file, fsys: f}, nil
	}
	return file, nil
}

// A file is open, with its content on its way.
type file struct {
	name    string
	info    FileInfo
	from    *io.PipeReader
	content *archiveReader
	end     error // what reads give once all was read
	cancel  context.CancelFunc
	done    chan struct{} // closed when the runtime has nothing more to do with it
}

func (f *file) Stat() (fs.FileInfo, error) { return f.info, nil }

func (f *file) Read(p []byte) (int, error) {
	switch {
	case f.end != nil:
		return 0, f.end
	case !f.info.mode.IsRegular():
		return 0, pathError("read", f.name, errors.New("it is no regular file"))
	}
	n, err := f.content.Read(p)
	if err == io.EOF { // the runtime may still say that what it sent was not all
		if _, err = f.content.Next(); err == nil {
			err = errNoArchive
		}
	}
	if err != nil && err != io.EOF {
		err = pathError("read", f.name, archiveError(f.name, err))
	}
	f.end = err
	return n, err
}

func (f *file) Close() error {
	f.stop()
	f.end = pathError("read", f.name, fs.ErrClosed)
	return nil
}

// stop ends the stream, and returns when it has ended.
func (f *file) stop() {
	f.cancel()
	f.from.CloseWithError(fs.ErrClosed)
	<-f.done
}

// A directory is open. It is listed with the first call of ReadDir.
type directory struct {
	*file
	fsys   fileSystem
	listed bool
	list   []fs.DirEntry // what ReadDir has not given yet
}

func (d *directory) Read([]byte) (int, error) {
	return 0, pathError("read", d.name, errors.New("it is a directory"))
}

func (d *directory) ReadDir(n int) ([]fs.DirEntry, error) {
	if d.end != nil {
		return nil, d.end
	}
	if !d.listed {
		list, err := d.fsys.ReadDir(d.name)
		if err != nil {
			return nil, err
		}
		d.list, d.listed = list, true
	}
	if n <= 0 {
		n = len(d.list)
	} else if len(d.list) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(d.list))
	given := d.list[:n:n]
	d.list = d.list[n:]
	return given, nil
}
