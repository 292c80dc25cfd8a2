//go:build linux

package namespaces

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/sandlot-dev/sandlot/runtime"
)

// A Config is what an image says besides its files.
type Config struct {
	Env        []string // KEY=VALUE
	User       string   // empty: root
	WorkingDir string   // empty: "/"
}

// An image is one that was imported.
type image struct {
	Ref, ID string
	Config  Config
}

// Import makes an image of a root file system: a tar stream, such as `docker export` writes. ref is what Run takes; an image of that name is
// replaced. dir is as in Open. The id that it returns serves as well as ref.
func Import(dir, ref string, rootfs io.Reader, config Config) (id string, err error) {
	a := &api{dir: dir}
	tmp, err := os.MkdirTemp(a.path("tmp"), "image-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	file, err := os.Create(filepath.Join(tmp, "root.tar"))
	if err != nil {
		return "", err
	}
	defer file.Close()
	sum := sha256.New()
	if err := json.NewEncoder(sum).Encode(config); err != nil {
		return "", err
	}
	if _, err := io.Copy(io.MultiWriter(file, sum), rootfs); err != nil {
		return "", err
	}
	img := image{Ref: ref, ID: "sha256:" + hex.EncodeToString(sum.Sum(nil)), Config: config}
	if err := writeJSON(filepath.Join(tmp, "image.json"), img); err != nil {
		return "", err
	}
	if err := os.RemoveAll(a.imageDir(ref)); err != nil {
		return "", err
	}
	return img.ID, os.Rename(tmp, a.imageDir(ref))
}

func (a *api) imageDir(ref string) string { return a.path("images", url.PathEscape(ref)) }

// image finds an image by its name or id.
func (a *api) image(ref string) (image, error) {
	all, err := records[image](a.path("images"), "image.json")
	for _, img := range all {
		if img.Ref == ref || img.ID == ref {
			return img, nil
		}
	}
	if err == nil {
		err = errorf(runtime.ErrImageNotFound, "there is no image %s", ref)
	}
	return image{}, err
}

// unpackImage unpacks an image into a new directory. Mounting an overlay would be faster, and need cleaning up.
func (a *api) unpackImage(ctx context.Context, img image, dir string) error {
	archive, err := os.Open(filepath.Join(a.imageDir(img.Ref), "root.tar"))
	if err != nil {
		return err
	}
	defer archive.Close()
	if _, err := makeDir(dir); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return unpack(ctx, root, ".", archive)
}

// unpack has the host's tar unpack an archive in a directory below root, which no link leads out of.
func unpack(ctx context.Context, root *os.Root, dir string, archive io.Reader) error {
	into, err := root.Open(dir)
	if err != nil {
		return err
	}
	defer into.Close()
	cmd := exec.CommandContext(ctx, "tar", "-x", "-p", "--numeric-owner", "-C", "/proc/self/fd/3", "-f", "-")
	cmd.Stdin, cmd.ExtraFiles = archive, []*os.File{into}
	if words, err := cmd.CombinedOutput(); err != nil {
		return errorf(nil, "unpacking: %s: %w", words, err)
	}
	return nil
}

// records reads the file of this name in each directory below dir. Directories that come or go meanwhile are left out.
func records[T any](dir, file string) (map[string]T, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	all := make(map[string]T)
	for _, e := range entries {
		var record T
		err := readJSON(filepath.Join(dir, e.Name(), file), &record)
		if err == nil {
			all[filepath.Join(dir, e.Name())] = record
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return all, nil
}

func readJSON(file string, v any) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, v)
}

// writeJSON writes a file that appears when it is whole.
func writeJSON(file string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if err := os.WriteFile(file+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}
