package conformance

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
)

// A put is a call of PutArchive whose archive was read into memory.
type put struct {
	b       *broken
	ctx     context.Context
	id, dir string
	entries []entry
	opts    runtime.PutArchiveOptions
}

// puts does something else instead of each put.
func puts(instead func(p put) (runtime.PutArchiveResult, error)) breaker {
	return func(b *broken) {
		b.put = func(ctx context.Context, id, dir string, archive io.Reader, opts runtime.PutArchiveOptions) (runtime.PutArchiveResult, error) {
			entries, err := readTar(archive)
			if err != nil {
				return runtime.PutArchiveResult{}, &runtime.Error{Op: "broken", Kind: runtime.ErrInvalid, Err: err}
			}
			return instead(put{b, ctx, id, dir, entries, opts})
		}
	}
}

// changed changes each put.
func changed(change func(p *put)) breaker {
	return puts(func(p put) (runtime.PutArchiveResult, error) {
		change(&p)
		return p.do()
	})
}

// each changes each entry, or drops it.
func each(change func(e *entry) (keep bool)) breaker {
	return changed(func(p *put) {
		var out []entry
		for _, e := range p.entries {
			if change(&e) {
				out = append(out, e)
			}
		}
		p.entries = out
	})
}

// afterPut changes the result, or does more.
func afterPut(change func(b *broken, id, dir string, res *runtime.PutArchiveResult, err *error)) breaker {
	return func(b *broken) {
		b.put = func(ctx context.Context, id, dir string, archive io.Reader, opts runtime.PutArchiveOptions) (runtime.PutArchiveResult, error) {
			res, err := b.whole.PutArchive(ctx, id, dir, archive, opts)
			change(b, id, dir, &res, &err)
			return res, err
		}
	}
}

func (p put) do() (runtime.PutArchiveResult, error) {
	for i := range p.entries {
		p.entries[i].Format, p.entries[i].PAXRecords = tar.FormatUnknown, nil
		p.entries[i].Size = int64(len(p.entries[i].Content))
	}
	archive, err := newTar(p.entries...)
	if err != nil {
		return runtime.PutArchiveResult{}, &runtime.Error{Op: "broken", Kind: runtime.ErrInvalid, Err: err}
	}
	return p.b.whole.PutArchive(p.ctx, p.id, p.dir, archive, p.opts)
}

// names are those of the entries of which is true.
func (p put) names(which func(e entry) bool) []string {
	var out []string
	for _, e := range p.entries {
		if which(e) {
			out = append(out, e.Name)
		}
	}
	return out
}

func isDir(e entry) bool { return e.Typeflag == tar.TypeDir }
func noDir(e entry) bool { return !isDir(e) }

// probe runs the probe in the sandbox of a put.
func (p put) probe(user string, args ...string) (ok bool) {
	res, err := p.b.whole.Exec(p.ctx, p.id, probeArgv(args...), runtime.ExecOptions{User: user})
	return err == nil && res.ExitCode == 0
}

// inPlace writes files into what is there.
func (p put) inPlace() (runtime.PutArchiveResult, error) {
	for _, e := range p.entries {
		p.probe("", "write", path.Join(p.dir, e.Name), e.Content)
	}
	return runtime.PutArchiveResult{Entries: len(p.entries)}, nil
}

// escaping puts each entry, at most n of them, into its own directory as soon as it has it, through whatever links.
func escaping(n int) breaker {
	return func(b *broken) {
		b.put = func(ctx context.Context, id, dir string, archive io.Reader, _ runtime.PutArchiveOptions) (runtime.PutArchiveResult, error) {
			var first error
			tr := tar.NewReader(archive)
			for range n {
				h, err := tr.Next()
				if err != nil {
					break
				}
				content, err := io.ReadAll(tr)
				if err != nil {
					break
				}
				name := path.Join(dir, h.Name)
				h.Name = path.Base(name)
				p := put{b, ctx, id, path.Dir(name), []entry{{*h, string(content)}}, runtime.PutArchiveOptions{CreateDir: true}}
				if _, err := p.do(); err != nil && first == nil {
					first = err
				}
			}
			_, _ = io.Copy(io.Discard, archive)
			return runtime.PutArchiveResult{}, first
		}
	}
}

// following reads directories through links that are in a directory.
func following(b *broken) {
	b.get = func(ctx context.Context, id, p string, w io.Writer, opts runtime.GetArchiveOptions) (runtime.GetArchiveResult, error) {
		entries := func(p string, opts runtime.GetArchiveOptions) ([]entry, error) {
			var whole strings.Builder
			if _, err := b.whole.GetArchive(ctx, id, p, &whole, opts); err != nil {
				return nil, err
			}
			return readTar(strings.NewReader(whole.String()))
		}
		all, err := entries(p, opts)
		if err != nil {
			return runtime.GetArchiveResult{}, err
		}
		for _, e := range all {
			if e.Typeflag != tar.TypeSymlink {
				continue
			}
			below, err := entries(path.Join(path.Dir(p), e.Name), runtime.GetArchiveOptions{Follow: true})
			if err != nil {
				continue // it is another thing now
			}
			for _, f := range below {
				f.Name = path.Join(path.Dir(e.Name), f.Name)
				all = append(all, f)
			}
		}
		archive, err := newTar(all...)
		if err != nil {
			return runtime.GetArchiveResult{}, err
		}
		_, err = io.Copy(w, archive)
		return runtime.GetArchiveResult{}, err
	}
}

// linkAt is the target of the symbolic link that is at name, if one is.
func (p put) linkAt(name string) string {
	var b strings.Builder
	opts := runtime.GetArchiveOptions{HeadersOnly: true, Depth: 1}
	if _, err := p.b.whole.GetArchive(p.ctx, p.id, name, &b, opts); err != nil {
		return ""
	}
	h, err := tar.NewReader(strings.NewReader(b.String())).Next()
	if err != nil {
		return ""
	}
	return h.Linkname
}

// noLinks refuses entries that are to be written through links, if they lead to a target that begins with prefix.
func noLinks(prefix string) breaker {
	return puts(func(p put) (runtime.PutArchiveResult, error) {
		for _, e := range p.entries {
			for name := path.Dir(e.Name); name != "."; name = path.Dir(name) {
				if target := p.linkAt(path.Join(p.dir, name)); target != "" && strings.HasPrefix(target, prefix) {
					return runtime.PutArchiveResult{}, &runtime.Error{Op: "broken", Kind: runtime.ErrInvalid}
				}
			}
		}
		return p.do()
	})
}

// forgives says nothing of errors of a kind.
func forgives(of error) breaker {
	return func(b *broken) {
		b.error = func(err error) error {
			if is(err, of) {
				return nil
			}
			return err
		}
	}
}

// opaque gives errors no kind and no cause.
func opaque(b *broken) {
	b.error = func(err error) error { return &runtime.Error{Op: "broken", Message: err.Error()} }
}

// leaves leaves a file behind where a put fails.
func leaves(b *broken, id, dir string, _ *runtime.PutArchiveResult, err *error) {
	if *err != nil {
		p := put{b: b, ctx: context.Background(), id: id, dir: dir, entries: []entry{fileEntry(".half", "")}}
		_, _ = p.do() // where it fails, the case passes and the test fails
	}
}

// lenient writes what there is of an archive that ends early.
func lenient(end error) breaker {
	return func(b *broken) {
		b.put = func(ctx context.Context, id, dir string, archive io.Reader, opts runtime.PutArchiveOptions) (runtime.PutArchiveResult, error) {
			p := put{b: b, ctx: ctx, id: id, dir: dir, opts: opts}
			var bad error
			for tr := tar.NewReader(archive); ; {
				h, err := tr.Next()
				if err != nil {
					if err != io.EOF {
						bad = end
					}
					break
				}
				content, err := io.ReadAll(tr)
				p.entries = append(p.entries, entry{*h, string(content)})
				if err != nil {
					bad = end
					break
				}
			}
			res, err := p.do()
			if err == nil && bad != nil {
				err = &runtime.Error{Op: "broken", Err: bad}
			}
			return res, err
		}
	}
}

// vanishing says that it has written what goes below dir, and has not.
func vanishing(dir string) breaker {
	return changed(func(p *put) {
		var out []entry
		for _, e := range p.entries {
			if !strings.HasPrefix(path.Join(p.dir, e.Name), dir) {
				out = append(out, e)
			}
		}
		p.entries = out
	})
}

// early puts the first half of a file, and then all of it.
func early(b *broken) {
	b.put = func(ctx context.Context, id, dir string, archive io.Reader, opts runtime.PutArchiveOptions) (runtime.PutArchiveResult, error) {
		tr := tar.NewReader(archive)
		h, err := tr.Next()
		if err != nil {
			return runtime.PutArchiveResult{}, err
		}
		part := make([]byte, 1<<20)
		if _, err := io.ReadFull(tr, part); err != nil {
			return runtime.PutArchiveResult{}, err
		}
		p := put{b, ctx, id, dir, []entry{{*h, string(part)}}, opts}
		if _, err := p.do(); err != nil {
			return runtime.PutArchiveResult{}, err
		}
		rest, err := io.ReadAll(tr)
		if err != nil {
			return runtime.PutArchiveResult{}, err
		}
		p.entries[0].Content = string(part) + string(rest)
		return p.do()
	}
}

// alone refuses a put while another is under way.
func alone(b *broken) {
	var busy sync.Mutex
	b.put = func(ctx context.Context, id, dir string, archive io.Reader, opts runtime.PutArchiveOptions) (runtime.PutArchiveResult, error) {
		if !busy.TryLock() {
			return runtime.PutArchiveResult{}, &runtime.Error{Op: "broken", Kind: runtime.ErrInUse}
		}
		defer busy.Unlock()
		return b.whole.PutArchive(ctx, id, dir, archive, opts)
	}
}

// detached does not heed ctx.
func detached(b *broken) {
	b.put = func(ctx context.Context, id, dir string, archive io.Reader, opts runtime.PutArchiveOptions) (runtime.PutArchiveResult, error) {
		return b.whole.PutArchive(context.WithoutCancel(ctx), id, dir, archive, opts)
	}
}

// readOnlyMounts takes everything in a sandbox for read-only whose root is.
func readOnlyMounts(b *broken) {
	var readOnly bool
	b.run = func(_ *context.Context, _ *string, opts *runtime.RunOptions) func(*runtime.RunResult, *error) {
		readOnly = opts.ReadOnlyRoot
		return nil
	}
	b.put = func(context.Context, string, string, io.Reader, runtime.PutArchiveOptions) (runtime.PutArchiveResult, error) {
		if readOnly {
			return runtime.PutArchiveResult{}, &runtime.Error{Op: "broken", Kind: runtime.ErrReadOnly}
		}
		return runtime.PutArchiveResult{}, errors.New("the case makes another sandbox")
	}
}

var longAgo = time.Unix(1, 0)

// writes is a writer that is a function.
type writes func(p []byte) (int, error)

func (w writes) Write(p []byte) (int, error) { return w(p) }
