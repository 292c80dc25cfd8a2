package conformance

import (
	"fmt"
	"strings"

	"github.com/sandlot-dev/sandlot/runtime"
)

// putHostileCases are sandboxes that fight the archives that come and go.
func putHostileCases() []Case {
	users := []runtime.Capability{runtime.CapabilityUser}
	return []Case{
		{
			ID: "archive/hostile/directory-swapped", Contract: contractPut, Needs: users,
			Rule: "A directory that becomes a symbolic link while files go into it leads nothing out of dir.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{User: workerName})
				const home = "/home/" + workerName
				u := t.Upload(t.ctx, t.Runtime(), id, home, runtime.PutArchiveOptions{})
				e := fileEntry("d/half", noise(inFlight))
				w := u.halfWay(e, dirEntry("d"), fileEntry("d/before", "x"))
				t.MustExec(id, runtime.ExecOptions{}, "await", home+"/d/before")
				t.MustExec(id, runtime.ExecOptions{}, "move", home+"/d", home+"/moved")
				t.MustExec(id, runtime.ExecOptions{}, "link", "/mnt", home+"/d")
				// the upload may end at once, so these may fail
				_, _ = w.Write([]byte(e.Content[len(e.Content)/2:]))
				for _, more := range []entry{fileEntry("d/after", "x"), dirEntry("d/new"), linkEntry("d/link", "x"), hardEntry("d/hard", "d/after")} {
					if w.WriteHeader(&more.Header) != nil {
						break
					}
					_, _ = w.Write([]byte(more.Content))
				}
				_ = w.Close()
				if err := u.Wait(); err != nil {
					t.ErrorIs("put", err, runtime.ErrInvalid)
				}
				t.Equal("what is outside", t.Below(id, "/mnt"), []string{})
			},
		},
		{
			ID: "archive/hostile/directory-swapping", Contract: contractPut, Needs: users,
			Rule: "A directory that goes on becoming a symbolic link and back leads nothing out of dir, and nothing away outside of it.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{User: workerName})
				const home = "/home/" + workerName
				t.MustPut(id, "/mnt", runtime.PutArchiveOptions{}, fileEntry("kept/f", "kept"))
				want := t.Everything(id, "/mnt")
				t.MustPut(id, home, runtime.PutArchiveOptions{}, fileEntry("d/f", "x"))
				t.Equal("a file before it begins", t.What(id, home+"/d/f"), []string{"file x"})
				t.Start(id, runtime.ExecOptions{}, "swap", home+"/d", home+"/real", "/mnt/kept").Ready()
				for i := range 8 {
					entries := []entry{dirEntry("d").with(0o777)}
					for j := range 500 {
						entries = append(entries, fileEntry(fmt.Sprintf("d/f%d-%d", i, j), "escaped"))
					}
					// whether it works depends on the moment; that it returns and what is outside does not
					_, err := t.Put(id, home, runtime.PutArchiveOptions{Remove: []string{"d/f"}}, entries...)
					t.True(t.ctx.Err() == nil, "put", err, "an end")
				}
				t.Equal("what is outside", t.Everything(id, "/mnt"), want)
			},
		},
		{
			ID: "archive/hostile/get-swapping", Contract: contractGetOptions + ".Follow", Needs: users,
			Rule: "A directory that goes on becoming a symbolic link and back shows nothing of what the link points to.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{User: workerName})
				const home = "/home/" + workerName
				t.MustPut(id, "/mnt", runtime.PutArchiveOptions{}, fileEntry("secret/f", "secret of "+t.token))
				t.MustExec(id, runtime.ExecOptions{}, "mkdir", home+"/d")
				t.MustExec(id, runtime.ExecOptions{}, "write", home+"/d/f", "open")
				want := []string{workerName + " dir", workerName + "/d dir", workerName + "/d/f file open"}
				t.Equal("the entries before it begins", briefly(t.MustGet(id, home, runtime.GetArchiveOptions{})), want)
				t.Start(id, runtime.ExecOptions{}, "swap", home+"/d", home+"/real", "/mnt/secret").Ready()
				for range 25 {
					got := t.Get(id, home, runtime.GetArchiveOptions{})
					for _, e := range got.Entries {
						t.True(!strings.Contains(e.Content, t.token), e.Name, e.Content, "nothing from outside")
					}
				}
			},
		},
		{
			ID: "archive/hostile/running-program", Contract: contractPutOptions,
			Rule: "A program that runs is replaced as any other file, and goes on.",
			Run: func(t *T) {
				id := t.Run(runtime.RunOptions{})
				program, err := probeProgram(t.Info().Arch)
				t.NoError("reading the probe", err)
				p := t.Start(id, runtime.ExecOptions{}, "stay", t.token).Ready()
				before := t.Lstat(id, probePath)
				t.MustPut(id, "/", runtime.PutArchiveOptions{}, fileEntry(probePath[1:], string(program)).with(0o755))
				after := t.Lstat(id, probePath)
				t.True(after.Inode != before.Inode && after.SHA256 == before.SHA256, "the program", after, "another file of the same content")
				t.Equal("how many of the old one run", len(t.Alive(id, t.token)), 1)
				select {
				case <-p.Done():
					t.Errorf("the old program\n  got:   its end: %+v\n  want:  still under way", p.Wait())
				default:
				}
			},
		},
	}
}
