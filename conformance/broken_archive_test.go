package conformance

import (
	"archive/tar"
	"context"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/sandlot-dev/sandlot/runtime"
)

func putBreakers() map[string]breaker {
	return map[string]breaker{
		"archive/put/file":  afterPut(func(_ *broken, _, _ string, res *runtime.PutArchiveResult, _ *error) { res.Bytes = 0 }),
		"archive/put/empty": each(func(e *entry) bool { return e.Content != "" }),
		"archive/put/binary": each(func(e *entry) bool {
			e.Content = strings.ReplaceAll(e.Content, "\n", "\r\n")
			return true
		}),
		"archive/put/large": each(func(e *entry) bool { e.Content = e.Content[:len(e.Content)-1] + "x"; return true }),
		"archive/put/parents": changed(func(p *put) {
			for _, name := range []string{"a", "a/b"} {
				p.entries = slices.Insert(p.entries, 0, dirEntry(name).with(0o700))
			}
		}),
		"archive/put/names": each(func(e *entry) bool { e.Name = strings.TrimSpace(e.Name); return true }),
		"archive/put/formats": puts(func(p put) (runtime.PutArchiveResult, error) {
			if p.entries[0].Format == tar.FormatGNU {
				return runtime.PutArchiveResult{}, &runtime.Error{Op: "broken", Kind: runtime.ErrInvalid}
			}
			return p.do()
		}),
		"archive/put/many":       changed(func(p *put) { p.entries = p.entries[1:] }),
		"archive/put/concurrent": alone,

		"archive/put/overwrite":            puts(put.inPlace),
		"archive/put/link-over-file":       each(func(e *entry) bool { return e.Typeflag == tar.TypeReg }),
		"archive/put/replaced-in-one-step": changed(func(p *put) { p.opts.Remove = p.names(noDir) }),
		"archive/put/appears-whole":        early,
		"archive/put/file-over-directory":  changed(func(p *put) { p.opts.Remove = p.names(noDir) }),
		"archive/put/over-device":          changed(func(p *put) { p.opts.Remove = p.names(noDir) }),
		"archive/put/directory-over-file":  changed(func(p *put) { p.opts.Remove = p.names(isDir) }),
		"archive/put/existing-directory": puts(func(p put) (runtime.PutArchiveResult, error) {
			res, err := p.do()
			p.probe("", "chmod", "0755", "/tmp")
			return res, err
		}),
		"archive/put/others-stay": changed(func(p *put) { p.opts.Remove = p.names(isDir) }),

		"archive/put/mode": each(func(e *entry) bool { e.Mode &= 0o777; return true }),
		"archive/put/mode-of-directories": each(func(e *entry) bool {
			if isDir(*e) {
				e.Mode |= 0o200
			}
			return true
		}),
		"archive/put/owner":      changed(func(p *put) { p.opts.KeepOwner = true }),
		"archive/put/keep-owner": changed(func(p *put) { p.opts.KeepOwner = false }),
		"archive/put/keep-owner-outside": puts(func(p put) (runtime.PutArchiveResult, error) {
			res, err := p.do()
			if is(err, runtime.ErrInvalid) {
				p.opts.KeepOwner = false
				return p.do()
			}
			return res, err
		}),
		"archive/put/mtime": each(func(e *entry) bool {
			if isDir(*e) {
				e.ModTime = longAgo
			}
			return true
		}),
		"archive/put/special": each(func(e *entry) bool { return e.Typeflag == tar.TypeReg || isDir(*e) }),
		"archive/put/no-permission": puts(func(p put) (runtime.PutArchiveResult, error) {
			if !p.probe("", "write", path.Join(p.dir, "f"), "") {
				return runtime.PutArchiveResult{}, &runtime.Error{Op: "broken", Kind: runtime.ErrPermission}
			}
			return p.do()
		}),

		"archive/put/symlink":                 each(func(e *entry) bool { e.Linkname = path.Join(".", e.Linkname); return true }),
		"archive/put/symlink-in-the-way":      puts(put.inPlace),
		"archive/put/symlink-inside":          noLinks(""),
		"archive/put/symlink-absolute-inside": noLinks("/"),
		"archive/put/symlink-outside":         escaping(10),
		"archive/put/symlink-of-the-archive":  escaping(10),
		"archive/put/dot-dot":                 escaping(10),
		"archive/put/absolute-name": changed(func(p *put) {
			if strings.HasPrefix(p.entries[0].Name, "/") {
				p.dir = "/"
			}
		}),
		"archive/put/hard-link": each(func(e *entry) bool {
			if e.Typeflag == tar.TypeLink {
				e.Typeflag, e.Linkname, e.Content = tar.TypeReg, "", "new"
			}
			return true
		}),
		"archive/put/hard-link-outside": forgives(runtime.ErrInvalid),
		"archive/put/hard-link-to-symlink": changed(func(p *put) {
			if e := p.entries[0]; e.Typeflag == tar.TypeLink {
				p.entries = []entry{hardEntry(path.Join(p.dir, e.Name), p.linkAt(path.Join(p.dir, e.Linkname)))}
				p.dir = "/"
			}
		}),

		"archive/put/dir-relative": changed(func(p *put) { p.dir = path.Join("/", p.dir) }),
		"archive/put/dir-through-link": puts(func(p put) (runtime.PutArchiveResult, error) {
			if p.linkAt(p.dir) != "" {
				return runtime.PutArchiveResult{}, &runtime.Error{Op: "broken", Kind: runtime.ErrInvalid}
			}
			return p.do()
		}),
		"archive/put/dir-missing": changed(func(p *put) { p.opts.CreateDir = true }),
		"archive/put/dir-created": changed(func(p *put) { p.probe("0", "mkdir", p.dir) }),
		"archive/put/dir-is-file": kind(runtime.ErrInvalid),
		"archive/put/remove": puts(func(p put) (runtime.PutArchiveResult, error) {
			late := put{b: p.b, ctx: p.ctx, id: p.id, dir: p.dir, opts: runtime.PutArchiveOptions{Remove: p.opts.Remove}}
			p.opts.Remove = nil
			res, err := p.do()
			if err == nil {
				_, err = late.do()
			}
			return res, err
		}),
		"archive/put/remove-outside": puts(func(p put) (runtime.PutArchiveResult, error) {
			res, err := p.do()
			if is(err, runtime.ErrInvalid) {
				p.opts.Remove = nil
				return p.do()
			}
			return res, err
		}),

		"archive/put/read-only-root":        kind(runtime.ErrReadOnly),
		"archive/put/read-only-root-mounts": readOnlyMounts,
		"archive/put/tmpfs":                 vanishing("/mnt/tmpfs"),
		"archive/put/volume":                vanishing("/mnt/volume"),
		"archive/put/volume-read-only":      kind(runtime.ErrReadOnly),
		"archive/put/full":                  afterPut(leaves),
		"archive/put/full-and-slow":         changed(func(*put) {}), // it reads all before it writes

		"archive/put/truncated":         lenient(nil),
		"archive/put/end-missing":       lenient(nil),
		"archive/put/truncated-new":     lenient(io.ErrUnexpectedEOF),
		"archive/put/garbage":           kind(runtime.ErrInvalid),
		"archive/put/reader-error":      opaque,
		"archive/put/ctx-cancelled":     afterPut(leaves),
		"archive/put/ctx-done-before":   detached,
		"archive/put/client-gone":       kind(runtime.ErrClosed),
		"archive/put/removed-meanwhile": kind(runtime.ErrConnectionLost),
		"archive/put/not-running":       kind(runtime.ErrNotRunning),
		"archive/put/no-such-sandbox":   kind(runtime.ErrNotFound),

		"archive/hostile/directory-swapped":  escaping(10),
		"archive/hostile/directory-swapping": escaping(4),
		"archive/hostile/running-program": puts(func(put) (runtime.PutArchiveResult, error) {
			return runtime.PutArchiveResult{}, &runtime.Error{Op: "broken", Kind: runtime.ErrInUse, Message: "text file busy"}
		}),
	}
}

func getBreakers() map[string]breaker {
	return map[string]breaker{
		"archive/get/file":         gets(nil, func(res *runtime.GetArchiveResult, _ *error) { res.Bytes = 0 }),
		"archive/get/directory":    reads(func(all []entry) []entry { slices.Reverse(all); return all }),
		"archive/get/relative":     gets(func(p *string, _ *runtime.GetArchiveOptions) { *p = path.Join("/", *p) }, nil),
		"archive/get/symlink":      gets(func(_ *string, opts *runtime.GetArchiveOptions) { opts.Follow = true }, nil),
		"archive/get/follow":       gets(func(_ *string, opts *runtime.GetArchiveOptions) { opts.Follow = false }, nil),
		"archive/get/headers-only": eachRead(func(e *entry) bool { e.PAXRecords = nil; return true }),
		"archive/get/depth": gets(func(_ *string, opts *runtime.GetArchiveOptions) {
			if opts.Depth > 1 {
				opts.Depth--
			}
		}, nil),
		"archive/get/metadata": eachRead(func(e *entry) bool { e.Uid, e.Gid = 0, 0; return true }),
		"archive/get/no-permission": eachRead(func(e *entry) bool {
			return e.Mode != 0 || isDir(*e)
		}),
		"archive/get/hard-links": eachRead(func(e *entry) bool { return path.Base(e.Name) != "b" }),
		"archive/get/round-trip": eachRead(func(e *entry) bool { e.ModTime = e.ModTime.Truncate(time.Second); return true }),
		"archive/get/large":      eachRead(func(e *entry) bool { e.Content = e.Content[1:] + "x"; return true }),
		"archive/get/sparse":     eachRead(func(e *entry) bool { e.Content = strings.TrimLeft(e.Content, "\x00"); return true }),
		"archive/get/many":       reads(func(all []entry) []entry { return all[:len(all)-1] }),
		"archive/get/special": eachRead(func(e *entry) bool {
			if e.Typeflag == tar.TypeFifo {
				e.Typeflag = tar.TypeReg
			}
			return true
		}),
		"archive/get/shrinking": func(b *broken) {
			b.get = func(ctx context.Context, id, path string, w io.Writer, opts runtime.GetArchiveOptions) (runtime.GetArchiveResult, error) {
				kept := int64(16 << 20)
				res, _ := b.whole.GetArchive(ctx, id, path, writes(func(p []byte) (int, error) {
					zeroed := make([]byte, len(p))
					kept -= int64(copy(zeroed, p[:min(int64(len(p)), kept)]))
					return w.Write(zeroed)
				}), opts)
				return res, nil
			}
		},
		"archive/get/missing":           kind(runtime.ErrFileNotFound),
		"archive/get/writer-error":      opaque,
		"archive/get/ctx-cancelled":     opaque,
		"archive/get/removed-meanwhile": kind(runtime.ErrConnectionLost),
		"archive/get/not-running":       kind(runtime.ErrNotRunning),
		"archive/get/no-such-sandbox":   kind(runtime.ErrNotFound),
		"archive/hostile/get-swapping":  following,
	}
}

// gets changes what each get is asked for, and its result.
func gets(ask func(path *string, opts *runtime.GetArchiveOptions), after func(res *runtime.GetArchiveResult, err *error)) breaker {
	return func(b *broken) {
		b.get = func(ctx context.Context, id, path string, w io.Writer, opts runtime.GetArchiveOptions) (runtime.GetArchiveResult, error) {
			if ask != nil {
				ask(&path, &opts)
			}
			res, err := b.whole.GetArchive(ctx, id, path, w, opts)
			if after != nil {
				after(&res, &err)
			}
			return res, err
		}
	}
}

// reads changes the entries that each get writes.
func reads(change func(all []entry) []entry) breaker {
	return func(b *broken) {
		b.get = func(ctx context.Context, id, path string, w io.Writer, opts runtime.GetArchiveOptions) (runtime.GetArchiveResult, error) {
			var whole strings.Builder
			res, err := b.whole.GetArchive(ctx, id, path, &whole, opts)
			if err != nil {
				return res, err
			}
			all, err := readTar(strings.NewReader(whole.String()))
			if err != nil {
				return res, err
			}
			all = change(all)
			for i := range all {
				all[i].Format, all[i].Size = tar.FormatPAX, int64(len(all[i].Content))
			}
			archive, err := newTar(all...)
			if err != nil {
				return res, err
			}
			_, err = io.Copy(w, archive)
			return res, err
		}
	}
}

// eachRead changes each entry that each get writes, or drops it.
func eachRead(change func(e *entry) (keep bool)) breaker {
	return reads(func(all []entry) []entry {
		var out []entry
		for _, e := range all {
			if change(&e) {
				out = append(out, e)
			}
		}
		return out
	})
}
