package wire

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"reflect"
	"testing"
)

func messages() []Message {
	return []Message{
		&Request{}, &ExecRequest{}, &PutRequest{}, &GetRequest{}, &DialRequest{}, &ChangeRequest{}, &Owner{}, &WatchRequest{}, &StartRequest{},
		&ProcessRequest{}, &ProcessInfo{}, &Result{}, &Failure{}, new(FileEvents), &FileEvent{},
	}
}

// fill gives every field below v a value of its own.
func fill(v reflect.Value, next *int) {
	*next++
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), next)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), next)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 3, 3))
		fallthrough
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), next)
		}
	case reflect.Bool:
		v.SetBool(true)
	case reflect.String:
		v.SetString(fmt.Sprint("\xff\x00", *next))
	case reflect.Uint8:
		v.SetUint(uint64(*next%255 + 1))
	case reflect.Uint16, reflect.Uint32:
		v.SetUint(uint64(*next))
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(-*next))
	default:
		panic("a field of the kind " + v.Kind().String())
	}
}

// leaves calls f with each value below v, which it may change, that is neither made of others nor points to one.
func leaves(v reflect.Value, name string, f func(name string, v reflect.Value)) {
	switch v.Kind() {
	case reflect.Pointer:
		leaves(v.Elem(), name, f)
	case reflect.Struct:
		for i := range v.NumField() {
			leaves(v.Field(i), name+"."+v.Type().Field(i).Name, f)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			leaves(v.Index(i), fmt.Sprintf("%s[%d]", name, i), f)
		}
	default:
		f(name, v)
	}
}

func emptyOf(m Message) Message { return reflect.New(reflect.TypeOf(m).Elem()).Interface().(Message) }

// Every field of every message is written and read, each at a place of its own.
func TestMessages(t *testing.T) {
	for _, m := range messages() {
		for _, full := range []bool{false, true} {
			if full {
				next := 0
				fill(reflect.ValueOf(m).Elem(), &next)
			}
			payload, err := Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			got := emptyOf(m)
			if err := Unmarshal(payload, got); err != nil || !reflect.DeepEqual(got, m) {
				t.Errorf("%T: %+v, %v; want %+v", m, got, err, m)
			}
			for i := range payload {
				if err := Unmarshal(payload[:i], emptyOf(m)); !errors.Is(err, ErrFrame) {
					t.Errorf("%T: %d of %d bytes: %v", m, i, len(payload), err)
				}
			}
			if err := Unmarshal(append(payload, 0), emptyOf(m)); !errors.Is(err, ErrFrame) {
				t.Errorf("%T and a byte: %v", m, err)
			}
		}
		whole, _ := Marshal(m)
		leaves(reflect.ValueOf(m), fmt.Sprintf("%T", m), func(name string, v reflect.Value) {
			was := reflect.ValueOf(v.Interface())
			v.SetZero()
			if less, err := Marshal(m); err != nil || bytes.Equal(less, whole) {
				t.Errorf("%s is not written: %v", name, err)
			}
			v.Set(was)
		})
	}
}

// What is read does not change with the bytes it was read from.
func TestUnmarshalKeepsNothing(t *testing.T) {
	payload, _ := Marshal(&PutRequest{Dir: []byte("dir")})
	var got PutRequest
	if err := Unmarshal(payload, &got); err != nil {
		t.Fatal(err)
	}
	clear(payload)
	if string(got.Dir) != "dir" {
		t.Errorf("%q", got.Dir)
	}
}

func TestCodecBounds(t *testing.T) {
	long := bytes.Repeat([]byte{0xff}, 20)
	for name, try := range map[string]func(c *Codec){
		"a bool of 2":                 func(c *Codec) { c.buf = []byte{2}; c.Bool(new(bool)) },
		"a number without end":        func(c *Codec) { c.buf = long; Int(c, new(int64)) },
		"a port of 65536":             func(c *Codec) { c.buf = varint(1 << 16); Int(c, new(uint16)) },
		"a port of -1":                func(c *Codec) { c.buf = varint(-1); Int(c, new(uint16)) },
		"a mode of 33 bits":           func(c *Codec) { c.buf = varint(1 << 32); Int(c, new(uint32)) },
		"a length without end":        func(c *Codec) { c.buf = long; c.Bytes(new([]byte)) },
		"a length beyond the end":     func(c *Codec) { c.buf = []byte{3, 'a', 'b'}; c.Bytes(new([]byte)) },
		"a length beyond all numbers": func(c *Codec) { c.buf = []byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"); c.Bytes(new([]byte)) },
		"a list beyond the end":       func(c *Codec) { c.buf = []byte{3, 0, 0}; c.ByteLists(new([][]byte)) },
	} {
		c := &Codec{reading: true}
		if try(c); !errors.Is(c.err, ErrFrame) {
			t.Errorf("%s: %v", name, c.err)
		}
	}
	for _, want := range []int64{0, 1, -1, math.MaxInt64, math.MinInt64} {
		var got int64
		c := &Codec{buf: varint(want), reading: true}
		if Int(c, &got); got != want || c.err != nil {
			t.Errorf("%d, %v; want %d", got, c.err, want)
		}
	}
}

func varint(v int64) []byte {
	c := &Codec{}
	Int(c, &v)
	return c.buf
}

// A list of more values than there may be is written by nobody, and read by nobody.
func TestLongLists(t *testing.T) {
	if payload, err := Marshal(&PutRequest{Remove: make([][]byte, maxList)}); err != nil || Unmarshal(payload, &PutRequest{}) != nil {
		t.Errorf("a list of %d: %v", maxList, err)
	}
	if _, err := Marshal(&PutRequest{Remove: make([][]byte, maxList+1)}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a list of %d: %v", maxList+1, err)
	}
	c := &Codec{}
	c.length(maxList + 1)
	c = &Codec{buf: append(c.buf, make([]byte, maxList+1)...), reading: true}
	var list [][]byte
	if c.ByteLists(&list); !errors.Is(c.err, ErrTooLarge) || list != nil {
		t.Errorf("%d values are read, %v", len(list), c.err)
	}
}

// Any bytes are a message, which is what it is when it is written again, or an error.
func FuzzUnmarshal(f *testing.F) {
	for i, m := range messages() {
		payload, _ := Marshal(m)
		f.Add(i, payload)
		next := 0
		fill(reflect.ValueOf(m).Elem(), &next)
		payload, _ = Marshal(m)
		f.Add(i, payload)
	}
	f.Fuzz(func(t *testing.T, which int, payload []byte) {
		all := messages()
		m := all[uint(which)%uint(len(all))]
		if err := Unmarshal(payload, m); err != nil {
			if !errors.Is(err, ErrFrame) && !errors.Is(err, ErrTooLarge) {
				t.Error(err)
			}
			return
		}
		again, err := Marshal(m)
		if err != nil || len(again) > len(payload) {
			t.Fatalf("%d bytes became %d, %v", len(payload), len(again), err)
		}
		got := emptyOf(m)
		if err := Unmarshal(again, got); err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("%+v became %+v, %v", m, got, err)
		}
	})
}
