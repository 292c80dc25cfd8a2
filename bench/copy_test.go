package main

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
)

func execStub(err error) func(context.Context, io.Writer, ...string) error {
	return func(context.Context, io.Writer, ...string) error { return err }
}

func TestLoadIsCompared(t *testing.T) {
	dir := t.TempDir()
	l := load{id: "many", host: filepath.Join(dir, "many"), files: 120, bytes: 120 << 10}
	must(t, l.write())
	back := filepath.Join(dir, "back")
	archive := packed(l.host, "x")
	defer archive.Close()
	must(t, unpack(archive, "x", back))
	must(t, l.same(back))

	must(t, os.WriteFile(filepath.Join(back, "000", "07"), []byte("other"), 0o644))
	if l.same(back) == nil {
		t.Error("another content is the same")
	}
	must(t, os.Remove(filepath.Join(back, "000", "07")))
	if l.same(back) == nil {
		t.Error("a file less is the same")
	}
}

func TestUnpackStaysInside(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "f"), []byte("x"), 0o644))
	archive := packed(filepath.Join(dir, "f"), "elsewhere")
	defer archive.Close()
	if unpack(archive, "x", filepath.Join(dir, "back")) == nil {
		t.Error("an entry of another directory is unpacked")
	}
}

func TestServer(t *testing.T) {
	with := func(f func(net.Conn) error) {
		t.Helper()
		l, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		defer l.Close()
		go func() {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			_ = answer(conn)
		}()
		conn, err := net.Dial("tcp", l.Addr().String())
		must(t, err)
		defer conn.Close()
		must(t, f(conn))
	}
	with(func(conn net.Conn) error {
		trips, err := roundTrips(conn, 10)
		if len(trips) != 10 {
			t.Errorf("%d round trips of 10", len(trips))
		}
		return err
	})
	with(func(conn net.Conn) error { return upload(conn, 1<<20) })
	with(func(conn net.Conn) error { return download(conn, 1<<20) })
}
