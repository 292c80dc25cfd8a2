package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestEdit(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.json")
	const before = `{"hostname":"h","limit":9223372036854771712,"process":{"args":["x"],"capabilities":{"bounding":["CAP_CHOWN","CAP_OF_TOMORROW"],"permitted":null}}}`
	if err := os.WriteFile(file, []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := edit(file, func(spec map[string]any) any { return spec["process"] }); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got, want any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	const after = `{"hostname":"h","limit":9223372036854771712,"process":{"args":["x"],"capabilities":{"bounding":["CAP_CHOWN"],"permitted":[]}}}`
	if err := json.Unmarshal([]byte(after), &want); err != nil {
		t.Fatal(err)
	}
	if !inBoundingSet("CAP_CHOWN") {
		t.Fatal("the test itself may not change owners")
	}
	if p := got.(map[string]any)["process"].(map[string]any)["capabilities"].(map[string]any); p["permitted"] == nil {
		p["permitted"] = []any{}
	}
	if !strings.Contains(string(text), "9223372036854771712") {
		t.Errorf("a number was changed: %s", text)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s, want %s", text, after)
	}
}
