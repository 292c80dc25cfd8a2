package guest

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io"
	"sync"

	"github.com/sandlot-dev/sandlot/runtime"
)

//go:generate go run github.com/sandlot-dev/sandlot/internal/genbin -pkg ./program -name guest -out image -max 3145728

//go:embed image
var image embed.FS

// Version identifies the guest program: the hash of what is embedded for arch, 12 hexadecimal digits. Errors are those of [Program].
func Version(arch string) (string, error) {
	packed, err := packed(arch)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(packed)
	return hex.EncodeToString(sum[:6]), nil
}

// Program is the guest's executable for arch, "amd64" or "arm64"; others are errors.ErrUnsupported. The caller must not change it.
// It belongs into the sandbox with mode 0111: what may be executed and not be read cannot be traced.
func Program(arch string) ([]byte, error) {
	switch arch {
	case "amd64":
		return amd64()
	case "arm64":
		return arm64()
	default:
		return unpack(arch)
	}
}

var (
	amd64 = sync.OnceValues(func() ([]byte, error) { return unpack("amd64") })
	arm64 = sync.OnceValues(func() ([]byte, error) { return unpack("arm64") })
)

func packed(arch string) ([]byte, error) {
	if arch != "amd64" && arch != "arm64" {
		return nil, &runtime.Error{
			Op: "guest program", Kind: runtime.ErrUnsupported, Message: fmt.Sprintf("there is no guest for the processor %q", arch),
			Hint: "use an engine on amd64 or arm64",
		}
	}
	file, err := image.ReadFile("image/guest_linux_" + arch + ".gz")
	if err != nil {
		return nil, &runtime.Error{
			Op: "guest program", Kind: runtime.ErrUnsupported, Err: err,
			Message: "this build of Sandlot carries no guest", Hint: "run go generate ./guest, and build anew",
		}
	}
	return file, nil
}

func unpack(arch string) ([]byte, error) {
	packed, err := packed(arch)
	if err != nil {
		return nil, err
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("unpacking the guest: %w", err)
	}
	program, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("unpacking the guest: %w", err)
	}
	return program, nil
}
