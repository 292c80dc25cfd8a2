package conformance

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"strings"

	"github.com/sandlot-dev/sandlot/runtime"
)

// putEndCases are about uploads that do not end well.
func putEndCases() []Case {
	return []Case{
		{
			ID: "archive/put/truncated", Contract: contractPut,
			Rule: "A stream that ends early is io.ErrUnexpectedEOF: files before that stay, nothing half-written is left, and what was there is.",
			Run: func(t *T) {
				id := t.Sandbox()
				whole, err := newTar(fileEntry("whole", "content"), fileEntry("f", noise(1<<20)))
				t.NoError("making an archive", err)
				const header = 512
				for _, cut := range []int{3*header + 1, 3*header + 512<<10, 2*header + 100, 3 * header} {
					t.MustPut(id, "/work", runtime.PutArchiveOptions{Remove: []string{"whole", "f"}}, fileEntry("f", "old"))
					t.Input("put the first %d bytes of an archive of %d", cut, whole.Len())
					_, err := t.Runtime().PutArchive(t.ctx, id, "/work", bytes.NewReader(whole.Bytes()[:cut]), runtime.PutArchiveOptions{})
					t.ErrorIs("put", err, io.ErrUnexpectedEOF)
					t.Equal("what is there", t.Below(id, "/work"), []string{"f file old", "whole file content"})
				}
			},
		},
		{
			ID: "archive/put/end-missing", Contract: contractPut,
			Rule: "A stream that ends between two entries, without an archive's end, is io.ErrUnexpectedEOF; its files are there.",
			Run: func(t *T) {
				id := t.Sandbox()
				whole, err := newTar(fileEntry("f", "content"), fileEntry("g", ""))
				t.NoError("making an archive", err)
				t.Input("put an archive without its last two blocks")
				_, err = t.Runtime().PutArchive(t.ctx, id, "/work", io.LimitReader(whole, 3*512), runtime.PutArchiveOptions{})
				t.ErrorIs("put", err, io.ErrUnexpectedEOF)
				t.Equal("what is there", t.Below(id, "/work"), []string{"f file content", "g file "})
			},
		},
		{
			ID: "archive/put/truncated-new", Contract: contractPut,
			Rule: "A new file whose content ends early does not appear.",
			Run: func(t *T) {
				id := t.Sandbox()
				whole, err := newTar(fileEntry("f", noise(1<<20)))
				t.NoError("making an archive", err)
				t.Input("put half an archive")
				_, err = t.Runtime().PutArchive(t.ctx, id, "/work", io.LimitReader(whole, 1<<19), runtime.PutArchiveOptions{})
				t.ErrorIs("put", err, io.ErrUnexpectedEOF)
				t.Equal("what is there", t.Below(id, "/work"), []string{})
			},
		},
		{
			ID: "archive/put/garbage", Contract: contractPut,
			Rule: "A stream that is no tar is ErrInvalid, also a compressed one; files before the garbage stay.",
			Run: func(t *T) {
				id := t.Sandbox()
				archive, err := newTar(fileEntry("f", noise(100000)))
				t.NoError("making an archive", err)
				var zipped bytes.Buffer
				z := gzip.NewWriter(&zipped)
				_, err = z.Write(archive.Bytes())
				t.NoError("compressing an archive", errors.Join(err, z.Close()))
				for what, stream := range map[string]string{
					"text": strings.Repeat("This is no tar.\n", 200), "noise": noise(10000), "a compressed archive": zipped.String(),
					"an archive with a wrong checksum": "g" + archive.String()[1:],
				} {
					t.Input("put %s", what)
					_, err := t.Runtime().PutArchive(t.ctx, id, "/work", strings.NewReader(stream), runtime.PutArchiveOptions{})
					t.ErrorIs("put", err, runtime.ErrInvalid)
					t.Equal("what is there", t.Below(id, "/work"), []string{})
				}
				first, err := newTar(fileEntry("first", "content"))
				t.NoError("making an archive", err)
				t.Input("put a file and then noise")
				stream := io.MultiReader(bytes.NewReader(first.Bytes()[:1024]), strings.NewReader(noise(10000)))
				_, err = t.Runtime().PutArchive(t.ctx, id, "/work", stream, runtime.PutArchiveOptions{})
				t.ErrorIs("put", err, runtime.ErrInvalid)
				t.Equal("what is there", t.Below(id, "/work"), []string{"first file content"})
			},
		},
		{
			ID: "archive/put/reader-error", Contract: contractPut,
			Rule: "An error of the archive's reader is returned and can be matched; nothing half-written is left.",
			Run: func(t *T) {
				id := t.Sandbox()
				broken := errors.New("the disk is broken")
				archive, err := newTar(fileEntry("whole", "content"), fileEntry("f", noise(1<<20)))
				t.NoError("making an archive", err)
				t.Input("put from a reader that fails in the midst of a file")
				_, err = t.Runtime().PutArchive(t.ctx, id, "/work", lateReader(archive.String(), 1<<19, broken), runtime.PutArchiveOptions{})
				t.ErrorIs("put", err, broken)
				t.Equal("what is there", t.Below(id, "/work"), []string{"whole file content"})
				t.Input("put from a reader that fails at once")
				_, err = t.Runtime().PutArchive(t.ctx, id, "/work", failingReader{broken}, runtime.PutArchiveOptions{})
				t.ErrorIs("put", err, broken)
			},
		},
		{
			ID: "archive/put/ctx-cancelled", Contract: contractRuntime,
			Rule: "A ctx that is cancelled ends an upload: the error matches ctx.Err(), nothing half-written is left, and what was there is.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.MustExec(id, runtime.ExecOptions{}, "write", "/work/f", "old")
				ctx, cancel := context.WithCancel(t.ctx)
				defer cancel()
				u := t.Upload(ctx, t.Runtime(), id, "/work", runtime.PutArchiveOptions{})
				u.halfWay(fileEntry("f", noise(inFlight)), fileEntry("whole", "content"))
				cancel()
				t.ErrorIs("put", u.Ended(), context.Canceled)
				t.Equal("what is there", t.Below(id, "/work"), []string{"f file old", "whole file content"})
			},
		},
		{
			ID: "archive/put/ctx-done-before", Contract: contractRuntime,
			Rule: "With a ctx that is done already PutArchive returns its error, and nothing is written.",
			Run: func(t *T) {
				id := t.Sandbox()
				ctx, cancel := context.WithCancel(t.ctx)
				cancel()
				archive, err := newTar(fileEntry("f", "x"))
				t.NoError("making an archive", err)
				t.Input("put with a cancelled ctx")
				_, err = t.Runtime().PutArchive(ctx, id, "/work", archive, runtime.PutArchiveOptions{CreateDir: true})
				t.ErrorIs("put", err, context.Canceled)
				t.Equal("what is there", t.Below(id, "/work"), []string{})
			},
		},
		{
			ID: "archive/put/client-gone", Contract: contractClose,
			Rule: "An upload whose Runtime is closed ends with an error, and leaves nothing half-written.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{})
				rt := t.Open()
				u := t.Upload(t.ctx, rt, id, "/work", runtime.PutArchiveOptions{})
				u.halfWay(fileEntry("f", noise(inFlight)), fileEntry("whole", "content"))
				t.Input("close the runtime of an upload")
				t.NoError("closing", rt.Close())
				t.ErrorIs("put", u.Ended(), runtime.ErrClosed)
				for { // nobody is there to wait for the sandbox's side
					below := t.Below(id, "/work")
					if len(below) == 1 {
						t.Equal("what is there", below, []string{"whole file content"})
						return
					}
					if t.ctx.Err() != nil {
						t.Fatalf("what is there\n  got:   %q\n  want:  the whole file alone", below)
					}
				}
			},
		},
		{
			ID: "archive/put/removed-meanwhile", Contract: contractRuntime,
			Rule: "A sandbox that is removed during an upload is ErrConnectionLost.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{})
				u := t.Upload(t.ctx, t.Runtime(), id, "/work", runtime.PutArchiveOptions{})
				u.halfWay(fileEntry("f", noise(inFlight)))
				t.Remove(id)
				t.ErrorIs("put", u.Ended(), runtime.ErrConnectionLost)
			},
		},
		{
			ID: "archive/put/not-running", Contract: contractPut,
			Rule: "A sandbox that does not run is ErrNotRunning.",
			Run: func(t *T) {
				t.Stopper()
				id := t.Run(runtime.RunOptions{})
				t.stop(id, runtime.StopOptions{})
				_, err := t.Put(id, "/work", runtime.PutArchiveOptions{}, fileEntry("f", "x"))
				t.ErrorIs("put", err, runtime.ErrNotRunning)
				t.start(id)
				t.Equal("what is there", t.Below(id, "/work"), []string{})
			},
		},
		{
			ID: "archive/put/no-such-sandbox", Contract: contractRuntime,
			Rule: "For an id that names no container PutArchive returns ErrNotFound.",
			Run: func(t *T) {
				_, err := t.Put(t.Name(), "/work", runtime.PutArchiveOptions{}, fileEntry("f", "x"))
				t.ErrorIs("put", err, runtime.ErrNotFound)
			},
		},
	}
}
