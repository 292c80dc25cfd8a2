package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
)

func TestHello(t *testing.T) {
	for _, want := range []Hello{{Sandlot: Version, PID: 1}, {Sandlot: Version, PID: 42, Session: 7}} {
		var stream bytes.Buffer
		if err := NewWriter(&stream).WriteHello(want); err != nil {
			t.Fatal(err)
		}
		typ, payload, err := NewReader(&stream).Next()
		if err != nil || typ != TypeHello {
			t.Fatal(typ, err)
		}
		if got, err := ParseHello(payload); err != nil || got != want {
			t.Errorf("%+v, %v; want %+v", got, err, want)
		}
		// What the first version's host makes of it.
		var first struct{ Sandlot, PID, Session int }
		if err := json.Unmarshal(payload, &first); err != nil || Hello(first) != want {
			t.Errorf("%s: %+v, %v", payload, first, err)
		}
	}
	newer := Version + 1
	for text, version := range map[string]int{
		`{"sandlot":1,"pid":42}`: 1, `{"sandlot":1,"pid":42,"session":7}`: 1, fmt.Sprintf(`{"sandlot":%d`, newer): newer, `{"sandlot":99,"else":[]}`: 99, `{"sandlot":0}`: 0,
	} {
		if got, err := ParseHello([]byte(text)); err != nil || got != (Hello{Sandlot: version}) {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	this := fmt.Sprintf(`{"sandlot":%d`, Version)
	for _, bad := range []string{
		"", "{}", "[]", `{"sandlot":}`, `{"sandlot":-1}`, `{"sandlot":99999999999999999999}`, this, this + `,"pid":1}`,
		this + `,"pid":0,"session":0}`, this + `,"pid":-1,"session":0}`, this + `,"pid":1,"session":0} `, this + `,"pid":1,"session":0`,
	} {
		if got, err := ParseHello([]byte(bad)); !errors.Is(err, ErrFrame) {
			t.Errorf("%q: %+v, %v", bad, got, err)
		}
	}
}
