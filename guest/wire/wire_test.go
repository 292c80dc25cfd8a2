package wire

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestFrames(t *testing.T) {
	var stream countingWriter
	w := NewWriter(&stream)
	payloads := [][]byte{{}, []byte("x"), bytes.Repeat([]byte("y"), MaxData), bytes.Repeat([]byte("z"), MaxPayload)}
	for i, p := range payloads {
		if err := w.Write(TypeStdout, p); err != nil {
			t.Fatal(err)
		}
		if stream.writes != i+1 {
			t.Errorf("a frame took %d writes", stream.writes-i)
		}
	}
	if err := w.Write(TypeStdout, make([]byte, MaxPayload+1)); !errors.Is(err, ErrFrame) {
		t.Errorf("a frame too large: %v", err)
	}
	r := NewReader(&stream)
	for _, p := range payloads {
		typ, got, err := r.Next()
		if err != nil || typ != TypeStdout || !bytes.Equal(got, p) {
			t.Errorf("type %d, %d bytes, %v; want %d bytes", typ, len(got), err, len(p))
		}
	}
	if _, _, err := r.Next(); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}

type countingWriter struct {
	bytes.Buffer
	writes int
}

func (c *countingWriter) Write(p []byte) (int, error) {
	c.writes++
	return c.Buffer.Write(p)
}

func TestMalformedFrames(t *testing.T) {
	for stream, want := range map[string]error{
		"\x00\x00\x00\x00\x00":  ErrFrame,
		"\x0f\x00\x00\x00\x00":  ErrFrame,
		"\x0a\x00\x01\x00\x01":  ErrFrame,
		"\x0a\xff\xff\xff\xff":  ErrFrame,
		"\x0a\x00":              io.ErrUnexpectedEOF,
		"\x0a\x00\x00\x00\x02a": io.ErrUnexpectedEOF,
		"\x0a\x00\x00\x00\x02":  io.ErrUnexpectedEOF,
		"":                      io.EOF,
	} {
		if _, _, err := NewReader(strings.NewReader(stream)).Next(); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", stream, err, want)
		}
	}
}

func TestRequest(t *testing.T) {
	for _, want := range []Request{
		{Exec: &ExecRequest{Argv: [][]byte{[]byte("a\xff\x01"), {}}, Env: [][]byte{[]byte("B=")}, Dir: []byte("/x"), Stdin: true, TTY: true, Size: Size{1, 2}, Timeout: time.Second}},
		{Exec: &ExecRequest{Argv: [][]byte{bytes.Repeat([]byte("long"), 1<<20)}}},
		{Put: &PutRequest{Dir: []byte("/x"), KeepOwner: true, CreateDir: true, Remove: [][]byte{[]byte("y")}}},
		{Get: &GetRequest{Path: []byte("/x"), HeadersOnly: true, Depth: 2, Follow: true}},
	} {
		var stream bytes.Buffer
		if err := NewWriter(&stream).WriteRequest(want); err != nil {
			t.Fatal(err)
		}
		stream.WriteString("behind")
		got, err := NewReader(&stream).ReadRequest()
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, %v; want %+v", got, err, want)
		}
		if stream.String() != "behind" {
			t.Errorf("%d bytes are left, want 6", stream.Len())
		}
	}
	large := Request{Exec: &ExecRequest{Argv: [][]byte{make([]byte, MaxRequest)}}}
	if err := NewWriter(io.Discard).WriteRequest(large); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a request too large: %v", err)
	}
	var parts bytes.Buffer
	for range MaxRequest/MaxPayload + 1 {
		_ = NewWriter(&parts).Write(TypePart, make([]byte, MaxPayload))
	}
	if _, err := NewReader(&parts).ReadRequest(); !errors.Is(err, ErrTooLarge) {
		t.Errorf("parts without end: %v", err)
	}
	for _, bad := range []Request{
		{}, {Put: &PutRequest{}, Get: &GetRequest{}}, {Exec: &ExecRequest{}}, {Exec: &ExecRequest{Argv: [][]byte{{'x'}}, Timeout: -1}},
		{Start: &StartRequest{ExecRequest: ExecRequest{Argv: [][]byte{{'x'}}}}}, {Process: &ProcessRequest{Op: "other", ID: "1"}},
		{Change: &ChangeRequest{}, Watch: &WatchRequest{}}, {Process: &ProcessRequest{Op: OpList}, Dial: &DialRequest{}},
	} {
		var stream bytes.Buffer
		_ = NewWriter(&stream).WriteRequest(bad)
		if _, err := NewReader(&stream).ReadRequest(); !errors.Is(err, ErrFrame) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	good, _ := Marshal(&Request{Get: &GetRequest{}})
	for _, bad := range [][]byte{nil, []byte("{}"), good[:len(good)-1], append(good, 1)} {
		var stream bytes.Buffer
		_ = NewWriter(&stream).Write(TypeRequest, bad)
		if _, err := NewReader(&stream).ReadRequest(); !errors.Is(err, ErrFrame) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestLongFailureFitsAFrame(t *testing.T) {
	var stream bytes.Buffer
	err := NewWriter(&stream).WriteResult(Result{Failure: &Failure{Kind: KindInvalid, Message: strings.Repeat("\xff", 1<<20)}})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := NewReader(&stream).Next(); err != nil {
		t.Fatal(err)
	}
}

// What a host could send to a guest.
func FuzzReadRequest(f *testing.F) {
	argv := [][]byte{[]byte("x")}
	for _, r := range []Request{
		{Exec: &ExecRequest{Argv: argv}}, {Put: &PutRequest{}}, {Get: &GetRequest{}}, {Dial: &DialRequest{Port: 80}}, {Change: &ChangeRequest{Owner: &Owner{}}},
		{Watch: &WatchRequest{}}, {Start: &StartRequest{ID: "1", ExecRequest: ExecRequest{Argv: argv}}}, {Process: &ProcessRequest{Op: OpWait, ID: "1"}},
	} {
		var stream bytes.Buffer
		_ = NewWriter(&stream).WriteRequest(r)
		f.Add(stream.Bytes())
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		r, err := NewReader(bytes.NewReader(stream)).ReadRequest()
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := NewWriter(&again).WriteRequest(r); err != nil {
			t.Fatal(err)
		}
		if r2, err := NewReader(&again).ReadRequest(); err != nil || !reflect.DeepEqual(r, r2) {
			t.Errorf("%+v became %+v, %v", r, r2, err)
		}
	})
}
