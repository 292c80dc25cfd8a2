package sandbox

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
)

// write writes the build context to out and gives the hash of what makes the image. With want set, another hash is an error, before the archive's
// end is written: no engine builds what its tag does not name.
func (s *source) write(ctx context.Context, out io.Writer, want []byte) (sum []byte, err error) {
	hash := sha256.New()
	what, err := json.Marshal(struct {
		Dockerfile, Target string
		Args               map[string]string
	}{s.Dockerfile, s.Target, s.Args})
	if err != nil {
		return nil, err
	}
	hash.Write(what)
	w := contextWriter{ctx: ctx.Err, out: tar.NewWriter(out), sum: tar.NewWriter(hash)}
	if s.root != nil {
		err = s.writeDir(w)
	} else {
		err = s.writeTar(ctx, w)
	}
	if err == nil {
		err = w.sum.Close()
	}
	if err == nil && want != nil && !bytes.Equal(want, hash.Sum(nil)) {
		err = invalid("build", s.Dir, "the build context changed while it was read", "build again")
	}
	if err == nil {
		err = w.out.Close()
	}
	var ours *runtime.Error
	if err != nil && !errors.As(err, &ours) {
		err = &runtime.Error{Op: "build", ID: s.Dir, Message: "the build context could not be read", Err: err}
	}
	return hash.Sum(nil), err
}

// A contextWriter writes an archive, and the same without times and owners to be hashed.
type contextWriter struct {
	ctx      func() error
	out, sum *tar.Writer
}

func (w contextWriter) add(h *tar.Header, content func(io.Writer) error) error {
	if err := w.ctx(); err != nil {
		return err
	}
	if err := w.out.WriteHeader(h); err != nil {
		return err
	}
	plain := *h
	plain.ModTime, plain.Uid, plain.Gid = time.Unix(0, 0), 0, 0
	if err := w.sum.WriteHeader(&plain); err != nil {
		return err
	}
	return content(io.MultiWriter(w.out, w.sum))
}

// writeDir writes what the ignore file does not leave out. Directories that it does leave out are written where they hold what it does not.
func (s *source) writeDir(w contextWriter) error {
	var pending []hostFile // left out, and parents of what comes now
	err := walk(s.root, func(f hostFile) error {
		for len(pending) > 0 && !strings.HasPrefix(f.name, pending[len(pending)-1].name+"/") {
			pending = pending[:len(pending)-1]
		}
		leave, whole, err := s.ignore.leaves(f.name)
		switch {
		case err != nil:
			return err
		case leave && whole && f.info.IsDir():
			return fs.SkipDir
		case leave && f.info.IsDir():
			pending = append(pending, f)
			return nil
		case leave || !f.portable():
			return nil
		}
		for _, parent := range append(pending, f) {
			h, err := parent.header()
			if err != nil {
				return err
			}
			if err := w.add(h, parent.copyTo); err != nil {
				return err
			}
		}
		pending = nil
		return nil
	})
	if err != nil || s.inContext == s.Dockerfile {
		return err
	}
	info, err := s.root.Stat(filepath.FromSlash(s.Dockerfile))
	if err != nil {
		return err
	}
	if err := w.add(asideHeader(s.inContext, info.Size()), hostFile{s.root, s.Dockerfile, info}.copyTo); err != nil {
		return err
	}
	return w.add(asideHeader(".dockerignore", int64(len(asideIgnore))), func(w io.Writer) error {
		_, err := io.WriteString(w, asideIgnore)
		return err
	})
}

func asideHeader(name string, size int64) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: size}
}

// writeTar writes what a tar holds that is of use to a build.
func (s *source) writeTar(ctx context.Context, w contextWriter) error {
	r, err := s.Context()
	if err != nil {
		return err
	}
	defer r.Close()
	defer context.AfterFunc(ctx, func() { r.Close() })() // ends a blocked Read
	archive := tar.NewReader(r)
	for {
		h, err := archive.Next()
		switch {
		case err == io.EOF:
			return nil
		case errors.Is(err, tar.ErrHeader):
			return invalid("build", "", "the build context is no tar", "compressed ones are to be given uncompressed")
		case err != nil:
			return err
		}
		h.Name = path.Clean("/" + h.Name)[1:]
		switch h.Typeflag {
		case tar.TypeReg, tar.TypeDir, tar.TypeSymlink, tar.TypeLink:
		default:
			continue
		}
		if h.Name == "" || isIgnoreFile(h.Name, s.Dockerfile) {
			continue
		}
		plain := &tar.Header{
			Typeflag: h.Typeflag, Name: h.Name, Linkname: h.Linkname, Size: h.Size, Mode: h.Mode, ModTime: h.ModTime, Uid: h.Uid, Gid: h.Gid,
		}
		if h.Typeflag == tar.TypeDir {
			plain.Name += "/"
		}
		err = w.add(plain, func(w io.Writer) error {
			_, err := io.Copy(w, archive)
			return err
		})
		if err != nil {
			return err
		}
	}
}
