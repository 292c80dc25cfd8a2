package conformance

import (
	"archive/tar"
	"fmt"
	"io"
	"path"
	"strings"
	"sync"

	"github.com/sandlot-dev/sandlot/conformance/internal/answer"
	"github.com/sandlot-dev/sandlot/runtime"
)

// putContentCases are about what files hold, how many there are and how they are called.
func putContentCases() []Case {
	return []Case{
		{
			ID: "archive/put/file", Contract: contractPutResult,
			Rule: "Files of an archive are in the sandbox when PutArchive returns; the result counts them and their bytes.",
			Run: func(t *T) {
				id := t.Sandbox()
				res := t.MustPut(id, "/work", runtime.PutArchiveOptions{}, fileEntry("a.txt", "content"), fileEntry("b.txt", "more"))
				t.Equal("the result", res, runtime.PutArchiveResult{Entries: 2, Bytes: 11})
				t.Equal("the files", t.Below(id, "/work"), []string{"a.txt file content", "b.txt file more"})
			},
		},
		{
			ID: "archive/put/empty", Contract: contractPut,
			Rule: "An empty file is a file, and an archive without entries writes nothing.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.Equal("the result of nothing", t.MustPut(id, "/work", runtime.PutArchiveOptions{}), runtime.PutArchiveResult{})
				res := t.MustPut(id, "/work", runtime.PutArchiveOptions{}, fileEntry("empty", ""))
				t.Equal("the result", res, runtime.PutArchiveResult{Entries: 1})
				t.Equal("the file", t.Below(id, "/work"), []string{"empty file "})
			},
		},
		{
			ID: "archive/put/binary", Contract: contractPut,
			Rule: "Files of any bytes and any size get there as they are.",
			Run: func(t *T) {
				id := t.Sandbox()
				var entries []entry
				var total int64
				want := map[string]answer.Sum{}
				for _, size := range []int64{1, 511, 512, 513, 1024, 65530, 65531, 65535, 65536, 65537, 1<<20 + 1} {
					name := fmt.Sprint("size-", size)
					entries = append(entries, fileEntry(name, noise(size)))
					want["/work/"+name] = sumOf(answer.Noise(size))
					total += size
				}
				every := string(everyByte())
				entries, total = append(entries, fileEntry("every-byte", every)), total+int64(len(every))
				want["/work/every-byte"] = sumOf(strings.NewReader(every))
				res := t.MustPut(id, "/work", runtime.PutArchiveOptions{}, entries...)
				t.Equal("the result", res, runtime.PutArchiveResult{Entries: len(entries), Bytes: total})
				t.Equal("lengths and hashes", sums(t.Tree(id, "/work")), want)
			},
		},
		{
			ID: "archive/put/large", Contract: contractPut,
			Rule: "A file of 100 MiB gets there as it is.",
			Run: func(t *T) {
				const size = 100 << 20
				id := t.Sandbox()
				t.Input("put a file of %d bytes", size)
				r, w := io.Pipe()
				go func() {
					tw := tar.NewWriter(w)
					err := tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "large", Mode: 0o644, Size: size})
					if err == nil {
						_, err = io.Copy(tw, answer.Noise(size))
					}
					if err == nil {
						err = tw.Close()
					}
					w.CloseWithError(err)
				}()
				defer r.Close()
				res, err := t.Runtime().PutArchive(t.ctx, id, "/work", r, runtime.PutArchiveOptions{})
				t.NoError("put", err)
				t.Equal("the result", res, runtime.PutArchiveResult{Entries: 1, Bytes: size})
				want := map[string]answer.Sum{"/work/large": sumOf(answer.Noise(size))}
				t.Equal("length and hash", sums(t.Tree(id, "/work")), want)
			},
		},
		{
			ID: "archive/put/parents", Contract: contractPutOptions,
			Rule: "Directories that entries need and the archive lacks are made with mode 0755.",
			Run: func(t *T) {
				id := t.Sandbox()
				t.MustPut(id, "/work", runtime.PutArchiveOptions{}, fileEntry("a/b/c/d/e", "deep").with(0o600), linkEntry("l/m/n", "x"))
				for _, f := range t.Tree(id, "/work")[1:] {
					if f.Type == "dir" {
						t.Equal("the mode of "+f.Path, fmt.Sprintf("%#o", f.Mode), "0755")
					}
				}
				t.Equal("the files", t.What(id, "/work/a/b/c/d", "/work/a/b/c/d/e", "/work/l/m/n"), []string{"dir", "file deep", "link x"})
			},
		},
		{
			ID: "archive/put/names", Contract: contractPut,
			Rule: "Files may have any names that Linux has: spaces, line breaks, other scripts, 255 bytes, deep paths.",
			Run: func(t *T) {
				id := t.Sandbox()
				long := strings.Repeat("n", 255)
				names := []string{
					"a b", " first", "last ", "tab\t", "line\nbreak", `back\slash`, "-rf", "--", "ünï ☃", "名前", "é", "e\u0301", `"'`, "*?[a]", "$HOME",
					"...", "..x", "x..", ".hidden", "a:b", "%2f", strings.Repeat("ß", 127), long, path.Join("in", long, long, long, "deep"),
					strings.Repeat("d/", 300) + "deeper",
				}
				var entries []entry
				var paths, want []string
				for i, name := range names {
					entries = append(entries, fileEntry(name, fmt.Sprint(i)))
					paths = append(paths, "/work/"+name)
					want = append(want, fmt.Sprint("file ", i))
				}
				t.MustPut(id, "/work", runtime.PutArchiveOptions{}, entries...)
				for i, got := range t.What(id, paths...) {
					t.Equal(fmt.Sprintf("what is at %q", names[i]), got, want[i])
				}
			},
		},
		{
			ID: "archive/put/formats", Contract: contractPut,
			Rule: "An archive may be of any tar format, and be padded.",
			Run: func(t *T) {
				id := t.Sandbox()
				for name, format := range map[string]tar.Format{"ustar": tar.FormatUSTAR, "pax": tar.FormatPAX, "gnu": tar.FormatGNU} {
					long := path.Join(strings.Repeat("d", 90), strings.Repeat("n", 90))
					e := fileEntry(name+"/"+long, "content")
					e.Format = format
					archive, err := newTar(e)
					t.NoError("making an archive", err)
					t.Input("put an archive of the format %s with 20 empty blocks behind it", name)
					padded := io.MultiReader(archive, strings.NewReader(strings.Repeat("\x00", 20*512)))
					_, err = t.Runtime().PutArchive(t.ctx, id, "/work", padded, runtime.PutArchiveOptions{})
					t.NoError("put", err)
					t.Equal("the file", t.What(id, "/work/"+name+"/"+long), []string{"file content"})
				}
			},
		},
		{
			ID: "archive/put/many", Contract: contractPut,
			Rule: "An archive may hold 10,000 files.",
			Run: func(t *T) {
				const n = 10000
				id := t.Sandbox()
				var entries []entry
				want := map[string]answer.Sum{}
				for i := range n {
					name, content := fmt.Sprintf("d%d/f%d", i%100, i), fmt.Sprint("content ", i)
					entries = append(entries, fileEntry(name, content))
					want["/work/"+name] = sumOf(strings.NewReader(content))
				}
				res := t.MustPut(id, "/work", runtime.PutArchiveOptions{}, entries...)
				t.Equal("the result's entries", res.Entries, n)
				got := sums(t.Tree(id, "/work"))
				t.Equal("how many files there are", len(got), n)
				for name, sum := range want {
					if !t.Equal(name, got[name], sum) {
						break
					}
				}
			},
		},
		{
			ID: "archive/put/concurrent", Contract: contractPut,
			Rule: "Archives put below one directory at the same time do not disturb each other, and one of them is the last to write a file.",
			Run: func(t *T) {
				const n = 12
				id := t.Sandbox()
				t.Input("put of %d archives at once", n)
				errs := make([]error, n)
				var want []string
				var wg sync.WaitGroup
				for i := range n {
					own, both := fmt.Sprintf("own/%02d", i), fmt.Sprintf("content of %d", i)
					want = append(want, "file "+both)
					archive, err := newTar(fileEntry(own, both), fileEntry("shared/file", strings.Repeat(fmt.Sprintf("%x", i), 4000)))
					t.NoError("making an archive", err)
					wg.Go(func() {
						_, errs[i] = t.Runtime().PutArchive(t.ctx, id, "/work", archive, runtime.PutArchiveOptions{})
					})
				}
				wg.Wait()
				var paths []string
				for i, err := range errs {
					t.NoError(fmt.Sprint("put ", i), err)
					paths = append(paths, fmt.Sprintf("/work/own/%02d", i))
				}
				t.Equal("the files", t.What(id, paths...), want)
				shared := t.Lstat(id, "/work/shared/file").Content
				t.True(len(shared) == 4000 && strings.Count(shared, shared[:1]) == 4000, "the file that all wrote", shared, "one of the contents, whole")
				t.Equal("what is with it", len(t.Below(id, "/work/shared")), 1)
			},
		},
	}
}

// sums are lengths and hashes of the regular files, by path.
func sums(files []answer.File) map[string]answer.Sum {
	out := map[string]answer.Sum{}
	for _, f := range files {
		if f.Type == "file" {
			out[f.Path] = answer.Sum{Bytes: f.Size, SHA256: f.SHA256}
		}
	}
	return out
}

func everyByte() []byte {
	out := make([]byte, 256)
	for i := range out {
		out[i] = byte(i)
	}
	return out
}
