//go:build linux

package link

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sandlot-dev/sandlot/guest/wire"
)

// full are messages of which each field has a value.
func full() []wire.Message {
	return []wire.Message{
		&Register{Session: true, Process: &Process{ID: "id", Word: "word"}, Renew: true},
		&Welcome{Dir: []byte("/work"), UID: 1, GID: 2, Answer: &Answer{Taken: true, Full: true, PID: 3, Word: "w", IDs: []string{"a", "b"}}},
		&Deadline{Timeout: time.Second},
	}
}

func emptyOf(m wire.Message) wire.Message {
	return reflect.New(reflect.TypeOf(m).Elem()).Interface().(wire.Message)
}

// hasAll says whether no field has its zero value.
func hasAll(t *testing.T, v reflect.Value) {
	switch {
	case v.IsZero():
		t.Errorf("a %s without a value", v.Type())
	case v.Kind() == reflect.Pointer:
		hasAll(t, v.Elem())
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			hasAll(t, v.Field(i))
		}
	}
}

func TestMessages(t *testing.T) {
	var stream bytes.Buffer
	var all []wire.Message
	for _, m := range full() {
		hasAll(t, reflect.ValueOf(m))
		all = append(all, m, emptyOf(m))
	}
	for _, m := range all {
		if err := Send(&stream, m); err != nil {
			t.Fatal(err)
		}
	}
	r := bufio.NewReaderSize(&stream, 256)
	for _, want := range all {
		got := emptyOf(want)
		if err := Receive(r, got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, %v; want %+v", got, err, want)
		}
	}
	if err := Receive(r, &Deadline{}); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}

func TestLargeMessages(t *testing.T) {
	var stream bytes.Buffer
	if err := Send(&stream, &Process{ID: strings.Repeat("x", 1<<16)}); !errors.Is(err, wire.ErrTooLarge) || stream.Len() > 0 {
		t.Errorf("%v, %d bytes sent", err, stream.Len())
	}
	if err := Send(&stream, &Process{ID: strings.Repeat("x", 300)}); err != nil {
		t.Fatal(err)
	}
	if err := Receive(bufio.NewReaderSize(&stream, 256), &Process{}); err != bufio.ErrBufferFull {
		t.Error(err)
	}
}

// What a command could send to the first process, or in its place.
func FuzzReceive(f *testing.F) {
	for i, m := range full() {
		var stream bytes.Buffer
		_ = Send(&stream, m)
		f.Add(i, stream.Bytes())
	}
	f.Fuzz(func(t *testing.T, which int, stream []byte) {
		all := full()
		m := emptyOf(all[uint(which)%uint(len(all))])
		if err := Receive(bufio.NewReaderSize(bytes.NewReader(stream), 256), m); err != nil {
			return
		}
		var again bytes.Buffer
		if err := Send(&again, m); err != nil {
			t.Fatal(err)
		}
		got := emptyOf(m)
		if err := Receive(bufio.NewReaderSize(&again, 256), got); err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("%+v became %+v, %v", m, got, err)
		}
	})
}
