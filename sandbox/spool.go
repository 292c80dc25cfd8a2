package sandbox

import (
	"bytes"
	"io"
	"os"

	"github.com/hashicorp/go-multierror"
)

// spoolInMemory is how much of a reader of unknown size is kept in memory.
const spoolInMemory = 1 << 20

// spool reads r to its end. done removes what it needed.
func spool(r io.Reader) (spooled io.Reader, size int64, done func() error, err error) {
	var head bytes.Buffer
	size, err = io.Copy(&head, io.LimitReader(r, spoolInMemory))
	if err != nil || size < spoolInMemory {
		return &head, size, func() error { return nil }, err
	}
	f, err := os.CreateTemp("", "sandlot-upload-*")
	if err != nil {
		return nil, 0, nil, err
	}
	done = func() error {
		return multierror.Append(nil, f.Close(), os.Remove(f.Name())).ErrorOrNil()
	}
	rest, err := io.Copy(f, r)
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, 0, nil, multierror.Append(err, done()).ErrorOrNil()
	}
	return io.MultiReader(&head, f), size + rest, done, nil
}
