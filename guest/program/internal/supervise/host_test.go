//go:build linux

package supervise

import (
	"bytes"
	"io"
	"testing"

	"github.com/sandlot-dev/sandlot/guest/wire"
)

func TestInbox(t *testing.T) {
	var credits bytes.Buffer
	b := newInbox(wire.NewWriter(&credits))
	if b.put([]byte("x")) {
		t.Error("data are taken before any were allowed")
	}
	const window = 64 << 10
	if err := b.open(window); err != nil {
		t.Fatal(err)
	}
	in, out := bytes.Repeat([]byte("0123456789"), 3*window/10), []byte(nil)
	sent := 0
	allowed := 0
	buf := make([]byte, 10007)
	for len(out) < len(in) {
		for credits.Len() > 0 {
			_, payload, err := wire.NewReader(&credits).Next()
			if err != nil {
				t.Fatal(err)
			}
			n, _ := wire.ParseCredit(payload)
			allowed += n
		}
		for sent < len(in) && allowed > 0 { // as much as is allowed
			n := min(allowed, 30011, len(in)-sent)
			if !b.put(in[sent : sent+n]) {
				t.Fatalf("%d bytes refused, %d were allowed", n, allowed)
			}
			sent, allowed = sent+n, allowed-n
		}
		n, err := b.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, buf[:n]...)
	}
	if !bytes.Equal(in, out) {
		t.Error("what comes out is not what went in")
	}
	if b.put(make([]byte, window+1)) {
		t.Error("more than was allowed is taken")
	}
	b.put([]byte("rest"))
	b.end()
	if b.put([]byte("x")) {
		t.Error("data after the end is taken")
	}
	b.abort() // too late
	if rest, err := io.ReadAll(b); err != nil || string(rest) != "rest" {
		t.Errorf("%q, %v", rest, err)
	}
	cut := newInbox(wire.NewWriter(io.Discard))
	_ = cut.open(window)
	cut.put([]byte("half"))
	cut.abort()
	if half, err := io.ReadAll(cut); err != io.ErrUnexpectedEOF || string(half) != "half" {
		t.Errorf("%q, %v", half, err)
	}
}

// Whatever a host sends, listening to it ends, and so do the data of what it asked for.
func FuzzListen(f *testing.F) {
	var good bytes.Buffer
	w := wire.NewWriter(&good)
	_ = w.WriteRequest(wire.Request{Exec: &wire.ExecRequest{Argv: [][]byte{[]byte("a")}}})
	_ = w.Write(wire.TypeData, []byte("data"))
	_ = w.WriteResize(wire.Size{Rows: 1, Cols: 2})
	_ = w.WriteResize(wire.Size{Rows: 3, Cols: 4})
	_ = w.Write(wire.TypeCancel, nil)
	_ = w.Write(wire.TypeCancel, nil)
	_ = w.Write(wire.TypeEOF, nil)
	f.Add(good.Bytes())
	f.Fuzz(func(t *testing.T, stream []byte) {
		c := newChannel(nil)
		c.w = wire.NewWriter(io.Discard)
		c.listen(wire.NewReader(bytes.NewReader(stream)))
		select {
		case next := <-c.requests:
			<-next.host.gone
			if n, err := io.Copy(io.Discard, next.host.data); n > int64(len(stream)) || err != nil && err != io.ErrUnexpectedEOF {
				t.Errorf("%d bytes of data, %v", n, err)
			}
		default:
		}
	})
}

// A supervisor that has answered allows the host nothing more, which would be the next request's, and minds nothing that comes.
func TestClosedInbox(t *testing.T) {
	const window = 64 << 10
	for name, before := range map[string]func(*inbox){"": func(*inbox) {}, "ended": (*inbox).end} {
		var credits bytes.Buffer
		b := newInbox(wire.NewWriter(&credits))
		_ = b.open(window)
		b.put(make([]byte, window/2))
		before(b)
		b.close()
		credits.Reset()
		if !b.put([]byte("late")) {
			t.Errorf("%s: data that come late are not taken", name)
		}
		if got, err := io.ReadAll(b); len(got) != window/2 || name == "ended" && err != nil {
			t.Errorf("%s: got %d bytes, %v", name, len(got), err)
		}
		if err := b.open(window); err == nil || credits.Len() > 0 {
			t.Errorf("%s: opened again: %v, %d bytes said", name, err, credits.Len())
		}
	}
}

// What a host sent for a request before it knew of its end is not taken for the next one's.
func TestLateFrames(t *testing.T) {
	r, out := io.Pipe()
	c := newChannel(nil)
	c.w = wire.NewWriter(io.Discard)
	go c.listen(wire.NewReader(r))
	w := wire.NewWriter(out)
	ask := wire.Request{Exec: &wire.ExecRequest{Argv: [][]byte{[]byte("a")}}}
	for i := range 3 {
		if err := w.WriteRequest(ask); err != nil {
			t.Fatal(err)
		}
		next := <-c.requests
		_ = next.host.data.open(inputWindow)
		_ = w.Write(wire.TypeData, []byte{byte('0' + i)})
		got := make([]byte, 1)
		if _, err := io.ReadFull(next.host.data, got); err != nil || got[0] != byte('0'+i) {
			t.Fatalf("request %d got %q, %v", i, got, err)
		}
		c.finish(func(*host) {})
		_ = w.Write(wire.TypeData, []byte("late"))
		_ = w.Write(wire.TypeCancel, nil)
		_ = w.Write(wire.TypeEOF, nil)
	}
	out.Close()
	<-c.gone
}
