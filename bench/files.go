package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"

	"github.com/sandlot-dev/sandlot/bench/report"
)

// A load is something to copy.
type load struct {
	id, title string
	host      string // its path
	files     int
	bytes     int64
	rounds    int
}

// measureFiles copies files into the sandbox and back.
func measureFiles(ctx context.Context, b *bench) error {
	dir, err := b.tempDir()
	if err != nil {
		return err
	}
	many := pick(b, 10_000, 200)
	loads := []load{
		{id: "1MiB", title: "a file of 1 MiB", files: 1, bytes: 1 << 20, rounds: 20},
		{id: "100MiB", title: "a file of " + sizeName(pick[int64](b, 100<<20, 4<<20)), files: 1, bytes: pick[int64](b, 100<<20, 4<<20), rounds: 7},
		{id: "many", title: fmt.Sprintf("%d files of 1 KiB in %d directories", many, many/100), files: many, bytes: int64(many) << 10, rounds: 3},
	}
	for _, l := range loads {
		l.host = filepath.Join(dir, l.id)
		if err := l.write(); err != nil {
			return err
		}
		up := b.measurement("files", "files/"+l.id+"/up", "Up: "+l.title, report.Seconds)
		down := b.measurement("files", "files/"+l.id+"/down", "Down: "+l.title, report.Seconds)
		number := 0
		err := b.compare(ctx, b.count(l.rounds), b.with(func(c *contender) bool { return c.put != nil }),
			func(ctx context.Context, c *contender) ([]report.Samples, error) {
				number++
				return l.copy(ctx, c, dir, fmt.Sprint("/work/bench-", number))
			}, up, down)
		if err != nil {
			return err
		}
	}
	return nil
}

// copy copies the load into a new directory of the sandbox, and back. Only that is timed.
func (l load) copy(ctx context.Context, c *contender, hostDir, dir string) (_ []report.Samples, err error) {
	if err := c.exec(ctx, nil, "mkdir", dir); err != nil {
		return nil, err
	}
	defer func() {
		if last := c.remove(context.WithoutCancel(ctx), dir); err == nil {
			err = last
		}
	}()
	there, back := path.Join(dir, l.id), filepath.Join(hostDir, "back")
	defer os.RemoveAll(back)
	up, err := timed(func() error { return c.put(ctx, l.host, there) })
	if err != nil {
		return nil, err
	}
	if l.files > 1 && c.getsFilesOnly {
		return []report.Samples{{up}, nil}, nil
	}
	down, err := timed(func() error { return c.get(ctx, there, back) })
	if err != nil {
		return nil, err
	}
	return one(up, down), l.same(back)
}

// write makes the load on the host. Its content does not compress.
func (l load) write() error {
	random := rand.NewChaCha8([32]byte{})
	content := make([]byte, l.bytes/int64(l.files))
	for i := range l.files {
		name := l.host
		if l.files > 1 {
			name = filepath.Join(l.host, fmt.Sprintf("%03d", i/100), fmt.Sprintf("%02d", i%100))
		}
		random.Read(content)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// same says whether a copy is the load.
func (l load) same(copied string) error {
	files := 0
	err := filepath.WalkDir(copied, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files++
		rel, err := filepath.Rel(copied, name)
		if err != nil {
			return err
		}
		got, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		want, err := os.ReadFile(filepath.Join(l.host, rel))
		if err == nil && !bytes.Equal(got, want) {
			err = fmt.Errorf("%s has come back different", rel)
		}
		return err
	})
	if err == nil && files != l.files {
		err = fmt.Errorf("%d of %d files have come back", files, l.files)
	}
	return err
}
