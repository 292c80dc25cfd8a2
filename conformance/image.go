package conformance

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"embed"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/sandlot-dev/sandlot/runtime"
)

//go:generate go run github.com/sandlot-dev/sandlot/internal/genbin -pkg ./probe -out image -max 4194304

//go:embed image
var programs embed.FS

// What the suite's image says of itself. Its entry point ends at once, as an image's own may.
const (
	imageEnv        = "FROM_IMAGE=yes"
	imageWorkingDir = "/work"
	imageDockerfile = "FROM scratch\nADD root.tar /\nENV " + imageEnv + "\nWORKDIR " + imageWorkingDir + "\n" +
		"ENTRYPOINT [\"" + probePath + "\", \"exit\", \"3\"]\n"
)

// The users that the suite's image has besides root, with groups of the same names and numbers.
const (
	workerName, workerID = "worker", 1000
	otherName, otherID   = "other", 2000
)

// ImageContext is the build context of the suite's image: a tar stream with a Dockerfile that needs no other image. arch is as Go names
// it; for one that the probe was not built for, the error is ErrUnsupported.
func ImageContext(arch string) (io.Reader, error) {
	content, err := imageContext(arch)
	if err != nil {
		return nil, err
	}
	return bytes.NewReader(content), nil
}

// An Image is an image for runtimes that have images from elsewhere: a root file system, and what an image says besides.
type Image struct {
	Root       []byte // a tar, which all who ask for it share
	Env        []string
	WorkingDir string
	Entrypoint []string // what no sandbox runs
}

// ImageContent is the suite's image without a Dockerfile, for runtimes that cannot build one. Errors are those of [ImageContext].
func ImageContent(arch string) (Image, error) {
	root, err := imageRoot(arch)
	return Image{Root: root, Env: []string{imageEnv}, WorkingDir: imageWorkingDir, Entrypoint: []string{probePath, "exit", "3"}}, err
}

// What is megabytes large and the same for all who ask is made once.
var imageContext, imageRoot = onceEach(makeImageContext), onceEach(makeImageRoot)

// onceEach is f that remembers what it has made for each architecture.
func onceEach(f func(arch string) ([]byte, error)) func(arch string) ([]byte, error) {
	var made sync.Map
	return func(arch string) ([]byte, error) {
		get, _ := made.LoadOrStore(arch, sync.OnceValues(func() ([]byte, error) { return f(arch) }))
		return get.(func() ([]byte, error))()
	}
}

func makeImageContext(arch string) ([]byte, error) {
	root, err := makeImageRoot(arch)
	if err != nil {
		return nil, err
	}
	content, err := newTar(fileEntry("Dockerfile", imageDockerfile), fileEntry("root.tar", string(root)))
	if err != nil {
		return nil, err
	}
	return content.Bytes(), nil
}

// makeImageRoot is the root file system of the suite's image, as a tar.
func makeImageRoot(arch string) ([]byte, error) {
	program, err := probeProgram(arch)
	if err != nil {
		return nil, err
	}
	passwd, group := "root:x:0:0:root:/root:/none\n", "root:x:0:\n"
	for _, u := range []struct {
		name string
		id   int
	}{{workerName, workerID}, {otherName, otherID}} {
		passwd += fmt.Sprintf("%s:x:%d:%d::/home/%s:/none\n", u.name, u.id, u.id, u.name)
		group += fmt.Sprintf("%s:x:%d:\n", u.name, u.id)
	}
	probe := fileEntry(probePath[1:], string(program))
	probe.Mode = 0o755
	home := dirEntry("home/" + workerName)
	home.Uid, home.Gid = workerID, workerID
	r, err := newTar(slices.Concat([]entry{
		probe, dirEntry("etc"), fileEntry("etc/passwd", passwd), fileEntry("etc/group", group), dirEntry("root"), dirEntry("home"), home,
	}, imageDirs())...)
	if err != nil {
		return nil, err
	}
	return r.Bytes(), nil
}

// imageDirs are the directories that cases write to.
func imageDirs() []entry {
	return []entry{dirEntry(imageWorkingDir[1:]), dirEntry("mnt"), dirEntry("tmp").with(0o1777)}
}

// probeProgram is the suite's program.
func probeProgram(arch string) ([]byte, error) {
	f, err := programs.Open("image/probe_linux_" + arch + ".gz")
	if err != nil {
		return nil, &runtime.Error{
			Op: "conformance", Kind: runtime.ErrUnsupported, Message: "the probe was not built for " + arch,
			Hint: "build it with go generate ./conformance",
		}
	}
	defer f.Close()
	r, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("the embedded probe: %w", err)
	}
	return io.ReadAll(r)
}

// An entry is an entry of a tar that a case makes.
type entry struct {
	tar.Header
	Content string
}

// fileEntry is a regular file, mode 0644.
func fileEntry(name, content string) entry {
	return entry{tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(content))}, content}
}

// dirEntry is a directory, mode 0755.
func dirEntry(name string) entry {
	return entry{tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: 0o755}, ""}
}

// newTar is a tar stream of entries.
func newTar(entries ...entry) (*bytes.Buffer, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		if err := w.WriteHeader(&e.Header); err != nil {
			return nil, fmt.Errorf("writing a tar: %w", err)
		}
		if _, err := io.WriteString(w, e.Content); err != nil {
			return nil, fmt.Errorf("writing a tar: %w", err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("writing a tar: %w", err)
	}
	return &b, nil
}
