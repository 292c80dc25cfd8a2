package main

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
)

// pack writes a file or directory of the host as an archive whose root is base, for those whose interface is one.
func pack(w io.Writer, from, base string) error {
	archive := tar.NewWriter(w)
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	if info.IsDir() {
		err = filepath.Walk(from, func(name string, info os.FileInfo, err error) error {
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(from, name)
			if err != nil {
				return err
			}
			return packOne(archive, name, path.Join(base, filepath.ToSlash(rel)), info)
		})
	} else {
		err = packOne(archive, from, base, info)
	}
	if err != nil {
		return err
	}
	return archive.Close()
}

func packOne(archive *tar.Writer, from, name string, info os.FileInfo) error {
	h, err := tar.FileInfoHeader(info, "")
	if err != nil {
		return err
	}
	h.Name = name
	if info.IsDir() {
		h.Name += "/"
	}
	if err := archive.WriteHeader(h); err != nil || info.IsDir() {
		return err
	}
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(archive, f)
	return err
}

// packed is pack as a reader. It must be closed.
func packed(from, base string) io.ReadCloser {
	r, w := io.Pipe()
	go func() { w.CloseWithError(pack(w, from, base)) }()
	return r
}

// unpack writes an archive of one file, or of a directory with what is in it, as the host's file or directory to.
func unpack(r io.Reader, base, to string) error {
	for archive := tar.NewReader(r); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(base, path.Clean(h.Name))
		if err != nil || !filepath.IsLocal(rel) {
			return errors.New("an entry that was not asked for: " + h.Name)
		}
		name := filepath.Join(to, rel)
		if h.Typeflag == tar.TypeDir {
			if err := os.MkdirAll(name, 0o755); err != nil {
				return err
			}
			continue
		}
		if err := writeFile(name, archive); err != nil {
			return err
		}
	}
}

func writeFile(name string, r io.Reader) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}
