package sandbox

import (
	"archive/tar"
	"context"
	"errors"
	"io"

	"github.com/sandlot-dev/sandlot/runtime"
)

// transferSize is how much of an archive is passed on at once.
const transferSize = 64 << 10

// PutArchive unpacks a tar stream below dir, as [runtime.Runtime].PutArchive says.
func (s *Sandbox) PutArchive(ctx context.Context, dir string, archive io.Reader, opts runtime.PutArchiveOptions) (runtime.PutArchiveResult, error) {
	if err := s.open("put archive"); err != nil {
		return runtime.PutArchiveResult{}, fileError(err)
	}
	result, err := s.rt.PutArchive(ctx, s.id, dir, archive, opts)
	return result, fileError(s.named(err))
}

// GetArchive writes a file or directory as a tar stream, as [runtime.Runtime].GetArchive says. Whatever ran in the sandbox chose its
// names, links and sizes: unpack it with care, or use [Sandbox.GetDir].
func (s *Sandbox) GetArchive(ctx context.Context, name string, w io.Writer, opts runtime.GetArchiveOptions) (runtime.GetArchiveResult, error) {
	if err := s.open("get archive"); err != nil {
		return runtime.GetArchiveResult{}, fileError(err)
	}
	result, err := s.rt.GetArchive(ctx, s.id, name, w, opts)
	return result, fileError(s.named(err))
}

// entries reads the archive of name and calls visit for each entry, in the caller's goroutine. It returns when the runtime has.
func (s *Sandbox) entries(
	ctx context.Context, name string, opts runtime.GetArchiveOptions, visit func(*tar.Header, io.Reader) error,
) error {
	return pipe(ctx, func(ctx context.Context, w io.Writer) error {
		_, err := s.GetArchive(ctx, name, w, opts)
		return err
	}, func(r io.Reader) error {
		return archiveError(name, readAll(r, visit))
	})
}

// What is wrong with an archive. One without an entry is what a runtime makes of a socket.
var (
	errNoArchive = errors.New("no archive")
	errNoEntry   = errors.New("no entry")
)

// archiveError says what an error of the reader of name's archive means to users.
func archiveError(name string, err error) error {
	switch {
	case errors.Is(err, errNoEntry):
		return invalid("get archive", name, "it is a socket, which archives do not hold", "")
	case errors.Is(err, errNoArchive):
		return unexpected("get archive", name, "what is no archive")
	}
	return err
}

// An archiveReader reads an archive in which there must be an entry.
type archiveReader struct {
	*tar.Reader
	from  counting
	found bool
}

func newArchiveReader(r io.Reader) *archiveReader {
	a := &archiveReader{from: counting{r: r}}
	a.Reader = tar.NewReader(&a.from)
	return a
}

// Next gives the next entry. At io.EOF it has read to the end of what little may come after the archive.
func (a *archiveReader) Next() (*tar.Header, error) {
	header, err := a.Reader.Next()
	switch {
	case err == nil:
		a.found = true
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, tar.ErrHeader), err == io.EOF && a.from.n == 0:
		return nil, errNoArchive
	case err == io.EOF:
		const padding = 1 << 20
		if n, err := io.Copy(io.Discard, io.LimitReader(a.from.r, padding)); err != nil {
			return nil, err
		} else if n == padding {
			return nil, errNoArchive
		}
		if !a.found {
			return nil, errNoEntry
		}
	}
	return header, err
}

// counting counts what is read.
type counting struct {
	r io.Reader
	n int64
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// readAll calls visit for each entry of an archive.
func readAll(r io.Reader, visit func(*tar.Header, io.Reader) error) error {
	archive := newArchiveReader(r)
	for {
		header, err := archive.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := visit(header, archive); err != nil {
			return err
		}
	}
}

// pipe lets use read what write writes, in a goroutine of its own, and returns when both have. Of two errors the first is
// returned, the other being its consequence. When use returns, write's context is done and its writer fails.
func pipe(ctx context.Context, write func(context.Context, io.Writer) error, use func(io.Reader) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r, w := io.Pipe()
	written := make(chan error, 1)
	go func() {
		err := write(ctx, w)
		written <- err // before use can see it
		w.CloseWithError(err)
	}()
	useErr := use(r)
	select {
	case err := <-written:
		if err != nil {
			return err
		}
		return useErr
	default:
	}
	cancel()
	notRead := errors.New("it is not read any more")
	r.CloseWithError(notRead)
	if err := <-written; useErr == nil && !errors.Is(err, notRead) && !errors.Is(err, context.Canceled) {
		return err
	}
	return useErr
}
