// Package builtin is the image that Sandlot uses where no other is named. It needs no registry: its build context is carried
// by this package, for linux/amd64 and linux/arm64.
//
// The image holds one static program, a shell (sh, bash) and the usual file, text and process tools, which runs as the user
// sandbox (1000:1000) in /work, a directory of its own. README.md lists the tools.
//
// The package embeds about 5 MB. Nothing else of Sandlot imports it but the command.
package builtin

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"
)

//go:generate go run github.com/sandlot-dev/sandlot/internal/genbin -pkg ./box -out image -max 8388608

//go:embed all:image
var image embed.FS

//go:embed licenses.txt
var licenses []byte

// repository is the image's name without its tag. The host localhost keeps every engine from asking a registry for it.
const repository = "localhost/sandlot/builtin"

const dockerfile = `FROM scratch
ADD rootfs.tar /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
WORKDIR /work
USER 1000:1000
CMD ["sh"]
`

// Context returns the image's build context, an uncompressed tar archive with a Dockerfile, for engines of the architecture
// arch: amd64 or arm64, or x86_64 or aarch64, as some engines say. The same version of this package returns the same bytes
// each time.
//
// The error matches errors.ErrUnsupported if there is no image for arch.
func Context(arch string) (io.Reader, error) {
	packed, err := program(arch)
	if err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("builtin: program for %s: %w", arch, err)
	}
	binary, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("builtin: program for %s: %w", arch, err)
	}
	return bytes.NewReader(buildContext(binary)), nil
}

// Tag returns the image's name, fully qualified, such as localhost/sandlot/builtin:0123456789ab. The tag is derived from the
// content: another version of this package, or another architecture, has another one. So an image of this name that an
// engine has need not be built again.
//
// For an arch that Context has no image for it returns a name that no image has.
func Tag(arch string) string {
	packed, err := program(arch)
	if err != nil {
		return repository + ":none"
	}
	return tagOf(packed)
}

// tagOf lets the packed program stand for the program: unpacking it would take longer than a sandbox's start may.
func tagOf(packed []byte) string {
	sum := sha256.Sum256(buildContext(packed))
	return repository + ":" + hex.EncodeToString(sum[:6])
}

// program returns the gzipped program for arch.
func program(arch string) ([]byte, error) {
	switch arch {
	case "x86_64":
		arch = "amd64"
	case "aarch64":
		arch = "arm64"
	case "amd64", "arm64":
	default:
		return nil, fmt.Errorf("builtin: no image for architecture %q, only for amd64 and arm64: name an image: %w", arch, errors.ErrUnsupported)
	}
	packed, err := image.ReadFile("image/box_linux_" + arch + ".gz")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("builtin: this build does not carry the program for %s: run go generate ./builtin and build again", arch)
	}
	return packed, err
}

// epoch is the time of every file, so that the same content is the same archive.
var epoch = time.Unix(0, 0)

func buildContext(program []byte) []byte {
	return archive(func(w *writer) {
		w.file("Dockerfile", 0o644, 0, []byte(dockerfile))
		w.file("rootfs.tar", 0o644, 0, rootfs(program))
	})
}

// rootfs is what the image holds. Builders unpack a tar archive that is ADDed, with its owners and modes.
func rootfs(program []byte) []byte {
	return archive(func(w *writer) {
		for _, dir := range []string{
			"bin", "dev", "etc", "home", "lib", "opt", "proc", "run", "sbin", "srv", "sys", "usr", "usr/lib",
			"usr/local", "usr/local/bin", "usr/sbin", "usr/share", "usr/share/licenses", "var",
		} {
			w.dir(dir, 0o755, 0)
		}
		w.dir("root", 0o700, 0)
		w.dir("tmp", 0o1777, 0)
		w.dir("var/tmp", 0o1777, 0)
		w.dir("home/sandbox", 0o755, sandboxID)
		w.dir("work", 0o755, sandboxID)
		w.link("usr/bin", "../bin")
		w.link("var/run", "../run")
		w.file("etc/passwd", 0o644, 0, []byte(passwd))
		w.file("etc/group", 0o644, 0, []byte(group))
		w.file("etc/os-release", 0o644, 0, []byte(osRelease))
		w.file("usr/share/licenses/box", 0o644, 0, licenses)
		w.file("bin/box", 0o755, 0, program)
		for _, name := range tools {
			w.link("bin/"+name, "box")
		}
	})
}

const sandboxID = 1000

const (
	passwd = `root:x:0:0:root:/root:/bin/sh
sandbox:x:1000:1000:sandbox:/home/sandbox:/bin/sh
nobody:x:65534:65534:nobody:/:/bin/false
`
	group = `root:x:0:
sandbox:x:1000:
nobody:x:65534:
`
	osRelease = `NAME="Sandlot built-in image"
PRETTY_NAME="Sandlot built-in image"
ID=sandlot
`
)

// writer writes an archive into memory, where writing does not fail.
type writer struct{ *tar.Writer }

func archive(fill func(*writer)) []byte {
	var b bytes.Buffer
	w := &writer{tar.NewWriter(&b)}
	fill(w)
	if err := w.Close(); err != nil {
		panic("builtin: " + err.Error())
	}
	return b.Bytes()
}

func (w *writer) dir(name string, mode int64, owner int) {
	w.add(&tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: mode, Uid: owner, Gid: owner}, nil)
}

func (w *writer) link(name, target string) {
	w.add(&tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777}, nil)
}

func (w *writer) file(name string, mode int64, owner int, content []byte) {
	w.add(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Uid: owner, Gid: owner, Size: int64(len(content))}, content)
}

func (w *writer) add(h *tar.Header, content []byte) {
	h.ModTime = epoch
	h.Format = tar.FormatUSTAR
	err := w.WriteHeader(h)
	if err == nil {
		_, err = w.Write(content)
	}
	if err != nil {
		panic("builtin: " + err.Error()) // a name or a size that does not fit: a mistake in this file
	}
}
