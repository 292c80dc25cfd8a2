package conformance

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/sandlot-dev/sandlot/conformance/internal/answer"
	"github.com/sandlot-dev/sandlot/runtime"
)

// getEndCases are about large, odd and changing files, and about downloads that do not end well.
func getEndCases() []Case {
	return []Case{
		{
			ID: "archive/get/large", Contract: contractGet,
			Rule: "A file of 100 MiB comes as it is, piece by piece.",
			Run: func(t *T) {
				const size = 100 << 20
				id := t.Sandbox()
				t.MustExec(id, runtime.ExecOptions{}, "noise", "/work/large", fmt.Sprint(size))
				sum, res := t.getSum(id, "/work/large")
				t.Equal("the result", res, runtime.GetArchiveResult{Entries: 1, Bytes: size})
				t.Equal("length and hash", sum, sumOf(answer.Noise(size)))
			},
		},
		{
			ID: "archive/get/sparse", Contract: contractGet,
			Rule: "A file with holes comes as who reads it sees it.",
			Run: func(t *T) {
				const size = 40 << 20
				id := t.Sandbox()
				t.MustExec(id, runtime.ExecOptions{}, "sparse", "/work/sparse", fmt.Sprint(size), "end")
				sum, res := t.getSum(id, "/work/sparse")
				t.Equal("the result", res, runtime.GetArchiveResult{Entries: 1, Bytes: size + 3})
				t.Equal("length and hash", sum, sumOf(io.MultiReader(strings.NewReader(strings.Repeat("\x00", size)), strings.NewReader("end"))))
			},
		},
		{
			ID: "archive/get/many", Contract: contractGet,
			Rule: "A directory may hold 10,000 files.",
			Run: func(t *T) {
				const n = 10000
				id := t.Sandbox()
				t.MustExec(id, runtime.ExecOptions{}, "many", "/work/d", fmt.Sprint(n))
				entries := t.MustGet(id, "/work/d", runtime.GetArchiveOptions{})
				t.Equal("how many entries there are", len(entries), n+1)
				got := map[string]string{}
				for _, e := range entries {
					got[e.Name] = e.Content
				}
				for i := range n {
					if !t.Equal("a content", got[fmt.Sprintf("d/%d", i)], fmt.Sprint(i)) {
						break
					}
				}
			},
		},
		{
			ID: "archive/get/special", Contract: contractGet,
			Rule: "A pipe is an entry without content, and does not hold up the call; a socket is left out.",
			Run: func(t *T) {
				id := t.getTree()
				t.MustExec(id, runtime.ExecOptions{}, "fifo", "/work/d/fifo")
				t.MustExec(id, runtime.ExecOptions{}, "socket", "/work/d/socket")
				t.Equal("the entries", briefly(t.MustGet(id, "/work/d", runtime.GetArchiveOptions{})), []string{
					"d dir", "d/empty dir", "d/f file 1", "d/fifo type 6 ", "d/l link f", "d/sub dir", "d/sub/deep dir", "d/sub/deep/h file 3", "d/sub/g file 2",
				})
				t.Equal("the pipe", briefly(t.MustGet(id, "/work/d/fifo", runtime.GetArchiveOptions{})), []string{"fifo type 6 "})
			},
		},
		{
			ID: "archive/get/shrinking", Contract: contractGet,
			Rule: "A file that becomes shorter or longer while it is read ends in an error, or in a whole archive with what it held before.",
			Run: func(t *T) {
				const size = 32 << 20
				id := t.Sandbox()
				want := sumOf(answer.Noise(size))
				for _, to := range []int64{0, 64 << 20} {
					t.MustExec(id, runtime.ExecOptions{}, "noise", "/work/f", fmt.Sprint(size))
					t.Input("get a file that is cut or grown to %d bytes meanwhile", to)
					r, w := io.Pipe()
					var err error
					var wg sync.WaitGroup
					wg.Go(func() {
						_, err = t.Runtime().GetArchive(t.ctx, id, "/work/f", w, runtime.GetArchiveOptions{})
						w.CloseWithError(err)
					})
					first := make([]byte, 1024)
					var entries []entry
					_, bad := io.ReadFull(r, first)
					if bad == nil {
						t.MustExec(id, runtime.ExecOptions{}, "resize", "/work/f", fmt.Sprint(to))
						entries, bad = readTar(io.MultiReader(strings.NewReader(string(first)), r))
					}
					r.CloseWithError(errors.New("enough"))
					wg.Wait()
					if err != nil {
						var e *runtime.Error
						t.True(errors.As(err, &e), "the error", err, "a *runtime.Error")
						continue
					}
					t.NoError("reading what get wrote as an archive", bad)
					t.Equal("the entries", len(entries), 1)
					t.Equal("the content", sumOf(strings.NewReader(entries[0].Content)), want)
				}
			},
		},
		{
			ID: "archive/get/missing", Contract: contractGet,
			Rule: "A path that does not exist is ErrFileNotFound.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{})
				for _, p := range []string{"/work/missing", "/missing/deep", "missing", "/etc/passwd/below"} {
					for _, opts := range []runtime.GetArchiveOptions{{}, {Follow: true}, {HeadersOnly: true, Depth: 1}} {
						t.ErrorIs("get", t.Get(id, p, opts).Err, runtime.ErrFileNotFound)
					}
				}
			},
		},
		{
			ID: "archive/get/writer-error", Contract: contractGet,
			Rule: "An error of the writer ends the call, is returned and can be matched.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{})
				broken := errors.New("the disk is full")
				t.MustExec(id, runtime.ExecOptions{}, "sparse", "/work/endless", fmt.Sprint(1<<40), "end")
				for _, after := range []int64{0, 1 << 20} {
					t.Input("get to a writer that fails after %d bytes", after)
					_, err := t.Runtime().GetArchive(t.ctx, id, "/work/endless", &filledWriter{left: after, err: broken}, runtime.GetArchiveOptions{})
					t.ErrorIs("get", err, broken)
				}
				t.Equal("a get afterwards", briefly(t.MustGet(id, "/home", runtime.GetArchiveOptions{Depth: 1})), []string{"home dir"})
			},
		},
		{
			ID: "archive/get/ctx-cancelled", Contract: contractRuntime,
			Rule: "A ctx that is cancelled ends a download: the error matches ctx.Err(), and nothing is written after the return.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{})
				t.MustExec(id, runtime.ExecOptions{}, "sparse", "/work/endless", fmt.Sprint(1<<40), "end")
				ctx, cancel := context.WithCancel(t.ctx)
				defer cancel()
				w := &closedWriter{}
				t.Input("get with a ctx that is cancelled after 1 MiB")
				into := io.MultiWriter(&filledWriter{left: 1 << 20, full: cancel}, w)
				_, err := t.Runtime().GetArchive(ctx, id, "/work/endless", into, runtime.GetArchiveOptions{})
				w.close()
				t.ErrorIs("get", err, context.Canceled)
				t.Equal("a get afterwards", briefly(t.MustGet(id, "/home", runtime.GetArchiveOptions{Depth: 1})), []string{"home dir"})
				t.Equal("how often it wrote after its return", w.lateWrites(), 0)
			},
		},
		{
			ID: "archive/get/removed-meanwhile", Contract: contractRuntime,
			Rule: "A sandbox that is removed during a download is ErrConnectionLost.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{})
				t.MustExec(id, runtime.ExecOptions{}, "sparse", "/work/endless", fmt.Sprint(1<<40), "end")
				t.Input("get a file without end and remove the sandbox")
				begun := make(chan struct{})
				w := &filledWriter{left: 1 << 20, full: sync.OnceFunc(func() { close(begun) })}
				var err error
				var wg sync.WaitGroup
				wg.Go(func() { _, err = t.Runtime().GetArchive(t.ctx, id, "/work/endless", w, runtime.GetArchiveOptions{}) })
				select {
				case <-begun:
					t.Remove(id)
				case <-t.ctx.Done():
				}
				wg.Wait()
				t.ErrorIs("get", err, runtime.ErrConnectionLost)
			},
		},
		{
			ID: "archive/get/not-running", Contract: contractRuntime,
			Rule: "A sandbox that does not run is ErrNotRunning.",
			Run: func(t *T) {
				t.Stopper()
				id := t.Run(runtime.RunOptions{})
				t.stop(id, runtime.StopOptions{})
				t.ErrorIs("get", t.Get(id, "/etc/passwd", runtime.GetArchiveOptions{}).Err, runtime.ErrNotRunning)
			},
		},
		{
			ID: "archive/get/no-such-sandbox", Contract: contractRuntime,
			Rule: "For an id that names no container GetArchive returns ErrNotFound.",
			Run: func(t *T) {
				t.ErrorIs("get", t.Get(t.Name(), "/etc/passwd", runtime.GetArchiveOptions{}).Err, runtime.ErrNotFound)
			},
		},
	}
}

// getSum gets a file and keeps only its length and hash.
func (t *T) getSum(id, name string) (answer.Sum, runtime.GetArchiveResult) {
	t.Input("get %q", name)
	r, w := io.Pipe()
	var sum answer.Sum
	var bad error
	var wg sync.WaitGroup
	wg.Go(func() {
		tr := tar.NewReader(r)
		if _, bad = tr.Next(); bad == nil {
			s := newSummer()
			_, bad = io.Copy(s, tr)
			sum = s.sum()
		}
		_, _ = io.Copy(io.Discard, r)
	})
	res, err := t.Runtime().GetArchive(t.ctx, id, name, w, runtime.GetArchiveOptions{})
	w.Close()
	wg.Wait()
	t.NoError("get", err)
	t.NoError("reading what get wrote as an archive", bad)
	return sum, res
}

// A filledWriter takes some bytes, then calls full and fails with err, if they are there.
type filledWriter struct {
	left int64
	full func()
	err  error
}

func (w *filledWriter) Write(p []byte) (int, error) {
	if w.left -= int64(len(p)); w.left >= 0 {
		return len(p), nil
	}
	if w.full != nil {
		w.full()
	}
	if w.err != nil {
		return 0, w.err
	}
	return len(p), nil
}
